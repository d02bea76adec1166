use std::borrow::Cow;

use super::{
    Credential, Extractor, Malformed,
    credential::{is_visible, parameter_challenge},
};
use crate::{
    AuthRequest, Carrier, Challenge, Needs,
    config::{self, ConfigError},
};

/// A parameter of the query, percent-decoded.
///
/// The parameter is malformed if it is empty, repeated, or not visible ASCII. The middleware takes it out of the URI before
/// the handler and inner logs see the request. The answer to a request with a good one gets `Cache-Control: private`
/// (RFC 6750, 2.3).
///
/// # Security
/// Proxies, access logs and the browser's history still see the whole URI. Prefer any other carrier (RFC 6750, 5.3).
///
/// # Panics
/// If `name` is empty. Where it comes from a configuration, use [`try_query`].
#[must_use]
#[track_caller]
pub fn query(name: impl Into<Cow<'static, str>>) -> Query {
    config::built(try_query(name))
}

/// As [`query`], for a name that comes from a configuration. It is compared with the decoded name in the query.
///
/// # Errors
/// If `name` is empty.
pub fn try_query(name: impl Into<Cow<'static, str>>) -> Result<Query, ConfigError> {
    config::filled("the name of a query parameter", name).map(Query)
}

/// Made by [`query`].
#[derive(Clone, Debug)]
pub struct Query(Cow<'static, str>);

impl Extractor for Query {
    fn extract<'r>(&self, request: &'r AuthRequest<'_>) -> Result<Option<Credential<'r>>, Malformed> {
        let mut values = request.query_values(&self.0);
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() || !is_visible(&value) {
            return Err(Malformed::new(Carrier::Query, "the parameter is repeated, empty or not visible ASCII"));
        }
        Ok(Some(match value {
            Cow::Borrowed(text) => Credential::borrowed(text, Carrier::Query),
            Cow::Owned(text) => Credential::owned(text, Carrier::Query),
        }))
    }

    fn needs(&self, needs: &mut Needs) {
        needs.add_query_name(self.0.clone());
    }

    /// `Bearer` for `access_token` (RFC 6750, 2.3), otherwise `ApiKey in="query", name="…"`.
    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(parameter_challenge("query", &self.0));
    }
}

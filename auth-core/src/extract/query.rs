use super::{Credential, Extractor, Malformed, is_visible};
use crate::{AuthRequest, Carrier, Needs};

/// A parameter of the query, percent-decoded.
///
/// Empty, repeated or not visible ASCII: malformed. The middleware takes the parameter out of the URI before the
/// handler, or anything that logs below it, sees the request.
///
/// # Security
/// What stands before the middleware (proxies, access logs, the browser's history) still sees the whole URI. Prefer
/// any other carrier (RFC 6750, 5.3).
#[must_use]
pub fn query(name: &'static str) -> Query {
    Query(name)
}

/// Made by [`query`].
#[derive(Clone, Copy, Debug)]
pub struct Query(&'static str);

impl Extractor for Query {
    fn extract<'r>(&self, request: &'r AuthRequest<'_>) -> Result<Option<Credential<'r>>, Malformed> {
        let mut values = request.query_values(self.0);
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() || !is_visible(&value) {
            return Err(Malformed::new(Carrier::Query, "the parameter is repeated, empty or no visible ASCII"));
        }
        Ok(Some(match value {
            std::borrow::Cow::Borrowed(text) => Credential::borrowed(text, Carrier::Query),
            std::borrow::Cow::Owned(text) => Credential::owned(text, Carrier::Query),
        }))
    }

    fn needs(&self, needs: &mut Needs) {
        needs.add_query_name(self.0);
    }

    fn schemes(&self, out: &mut Vec<&'static str>) {
        out.push("Bearer");
    }
}

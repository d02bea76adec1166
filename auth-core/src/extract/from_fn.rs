use std::fmt;

use super::{Credential, Extractor, Malformed};
use crate::{AuthRequest, Carrier, Challenge, Secret};

/// A closure that looks where none of the others does.
///
/// What it finds is handed on as it is: an empty text is a credential too, and a wrong one.
///
/// The carrier must be named, because a handshake depends on it: say [`Carrier::Cookie`] of everything that a browser
/// sends by itself. The query and the subprotocols are read through [`AuthRequest::query_values`] and
/// [`AuthRequest::subprotocols`], which know what a layer further out has taken.
///
/// ```
/// use auth_core::{Carrier, Secret, extract::from_fn};
///
/// /// What the proxy in front of us has written into the request's extensions.
/// #[derive(Clone)]
/// struct ProxyToken(String);
///
/// let extractor = from_fn(Carrier::Header, |request| {
///     let token = request.parts().extensions.get::<ProxyToken>()?;
///     Some(Secret::new(token.0.as_str()))
/// });
/// # let _ = extractor;
/// ```
pub fn from_fn<F>(carrier: Carrier, f: F) -> FromFn<F>
where
    F: Fn(&AuthRequest<'_>) -> Option<Secret> + Send + Sync + 'static,
{
    FromFn { carrier, challenge: None, f }
}

/// Made by [`from_fn`].
pub struct FromFn<F> {
    carrier: Carrier,
    challenge: Option<Challenge>,
    f: F,
}

impl<F> FromFn<F> {
    /// How a client is challenged to send such a credential, without a realm, which the strategy adds. By default it is
    /// `ApiKey in="…"` with the kind of place, and nothing where the carrier is ambient.
    #[must_use]
    pub fn challenge(mut self, challenge: Challenge) -> Self {
        self.challenge = Some(challenge);
        self
    }
}

impl<F> Extractor for FromFn<F>
where
    F: Fn(&AuthRequest<'_>) -> Option<Secret> + Send + Sync + 'static,
{
    fn extract<'r>(&self, request: &'r AuthRequest<'_>) -> Result<Option<Credential<'r>>, Malformed> {
        if request.is_explicit_only() && self.carrier.is_ambient() {
            return Ok(None);
        }
        Ok((self.f)(request).map(|secret| Credential::secret(secret, self.carrier)))
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        let place = match self.carrier {
            Carrier::Header => "header",
            Carrier::Subprotocol => "subprotocol",
            Carrier::Query => "query",
            Carrier::Payload => "body",
            Carrier::Ticket => "ticket",
            Carrier::Cookie | Carrier::ClientCertificate => "",
        };
        let default = || (!place.is_empty()).then(|| Challenge::api_key(place, ""));
        out.extend(self.challenge.clone().or_else(default));
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFn").field("carrier", &self.carrier).finish_non_exhaustive()
    }
}

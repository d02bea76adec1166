use std::fmt;

use super::{Credential, Extractor, Malformed};
use crate::{AuthRequest, Carrier, Challenge, Secret};

/// A closure that looks where no other extractor does.
///
/// What it finds is not checked: an empty text is a credential too, and a wrong one.
///
/// Name the carrier with care, because a handshake depends on it: use [`Carrier::Cookie`] for everything that a browser sends
/// by itself. Read the query and the subprotocols with [`AuthRequest::query_values`] and [`AuthRequest::subprotocols`]: they
/// also find what an outer layer has taken out.
///
/// ```
/// use auth_core::{Carrier, Secret, extract::from_fn};
///
/// /// A layer of ours puts the proxy's token into the request's extensions.
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
    /// Sets the challenge for such a credential, without a realm: the strategy adds it. The default is `ApiKey in="…"` with
    /// the kind of place, and none for an ambient carrier.
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

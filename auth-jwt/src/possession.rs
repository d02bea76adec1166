//! Whether a token is bound to a key of the client (RFC 7800), and whether that is proven.

#[cfg(feature = "dpop")]
use auth_core::extract::auth_scheme;
use auth_core::{AuthRequest, Challenge, Needs, Rejection, extract::Extractor};

#[cfg(feature = "dpop")]
use crate::Dpop;
use crate::token::{Refused, RegisteredClaims};

#[cfg(feature = "dpop")]
const DPOP: &str = "DPoP";

/// How possession of a key is proven; by default it cannot be.
#[derive(Default)]
pub(crate) struct Possession {
    #[cfg(feature = "dpop")]
    dpop: Option<Dpop>,
}

/// Why a token is not taken.
pub(crate) enum Unbound {
    Refused(Refused),
    #[cfg_attr(not(feature = "dpop"), expect(dead_code, reason = "without proofs, none is refused"))]
    Rejected(Rejection),
}

impl Possession {
    #[cfg(feature = "dpop")]
    pub(crate) fn proven_by(dpop: Dpop) -> Self {
        Self { dpop: Some(dpop) }
    }

    /// Where tokens are looked for: where it was, and beside a proof.
    pub(crate) fn extractor(&self, own: Box<dyn Extractor>) -> Box<dyn Extractor> {
        #[cfg(feature = "dpop")]
        if self.dpop.is_some() {
            return Box::new(auth_scheme(DPOP).or(own));
        }
        own
    }

    /// The challenge with what it says of proofs; `None` if it would not help.
    pub(crate) fn complete(&self, challenge: Challenge) -> Option<Challenge> {
        #[cfg(feature = "dpop")]
        if let Some(dpop) = &self.dpop {
            return match challenge.scheme() {
                DPOP => Some(challenge.with("algs", &dpop.algs())),
                _ => (!dpop.is_required()).then_some(challenge),
            };
        }
        Some(challenge)
    }

    pub(crate) fn needs(&self, needs: &mut Needs) {
        #[cfg(feature = "dpop")]
        if self.dpop.is_some() {
            needs.add_header_name(http::HeaderName::from_static("dpop"));
        }
        let _ = needs;
    }

    /// Whether the token may be used as it came.
    pub(crate) fn check(
        &self,
        claims: &RegisteredClaims<'_>,
        token: &str,
        request: &AuthRequest<'_>,
    ) -> Result<(), Unbound> {
        #[cfg(feature = "dpop")]
        if let Some(dpop) = &self.dpop {
            let by_scheme = matches!(auth_scheme(DPOP).extract(request), Ok(Some(_)));
            return match (claims.jkt().map_err(Unbound::Refused)?, by_scheme) {
                (Some(jkt), true) => dpop.check(&jkt, token, request).map_err(|why| Unbound::Rejected(why.into())),
                (Some(_), false) => Err(refused("the token is bound to a key, and was sent as if it were not")),
                (None, true) => Err(refused("the token is bound to no key, and was sent as if it were")),
                (None, false) if dpop.is_required() => Err(refused("the token is bound to no key")),
                (None, false) => Ok(()),
            };
        }
        let _ = (token, request);
        // Who presents such a token has to prove that a key is theirs, and nobody has asked.
        if claims.cnf.is_some() {
            return Err(refused("the token is bound to a key, and possession of it is not proven"));
        }
        Ok(())
    }
}

fn refused(why: &'static str) -> Unbound {
    Unbound::Refused(Refused::invalid(why))
}

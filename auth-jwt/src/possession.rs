//! Tokens that are bound to a client's key (RFC 7800), and proof that the client has the key.

#[cfg(feature = "dpop")]
use auth_core::extract::auth_scheme;
use auth_core::{AuthRequest, Challenge, Needs, Rejection, extract::Extractor};

#[cfg(feature = "dpop")]
use crate::Dpop;
use crate::token::{RegisteredClaims, TokenError};

#[cfg(feature = "dpop")]
const DPOP: &str = "DPoP";

/// How a client proves possession of a key. By default it cannot.
#[derive(Default)]
pub(crate) struct Possession {
    #[cfg(feature = "dpop")]
    dpop: Option<Dpop>,
}

/// Why a token is not accepted as it was sent.
pub(crate) enum PossessionError {
    Token(TokenError),
    #[cfg_attr(not(feature = "dpop"), expect(dead_code, reason = "proofs exist only with this feature"))]
    Proof(Rejection),
}

impl Possession {
    #[cfg(feature = "dpop")]
    pub(crate) fn proven_by(dpop: Dpop) -> Self {
        Self { dpop: Some(dpop) }
    }

    /// Finds tokens beside a proof, and where they were found before.
    pub(crate) fn extractor(&self, own: Box<dyn Extractor>) -> Box<dyn Extractor> {
        #[cfg(feature = "dpop")]
        if self.dpop.is_some() {
            return Box::new(auth_scheme(DPOP).or(own));
        }
        own
    }

    /// Adds the parameters for proofs to a challenge. `None` if the challenge would not help.
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

    /// Checks that the token was sent in the right way: with a proof if it is bound.
    pub(crate) fn check(
        &self,
        claims: &RegisteredClaims<'_>,
        token: &str,
        request: &AuthRequest<'_>,
    ) -> Result<(), PossessionError> {
        #[cfg(feature = "dpop")]
        if let Some(dpop) = &self.dpop {
            let by_scheme = matches!(auth_scheme(DPOP).extract(request), Ok(Some(_)));
            return match (claims.jkt().map_err(PossessionError::Token)?, by_scheme) {
                (Some(jkt), true) => dpop.check(&jkt, token, request).map_err(|why| PossessionError::Proof(why.into())),
                (Some(_), false) => Err(refused("the token is bound to a key, and was sent as a bearer token")),
                (None, true) => Err(refused("the token is not bound to a key, and was sent with the scheme `DPoP`")),
                (None, false) if dpop.is_required() => Err(refused("the token is not bound to a key")),
                (None, false) => Ok(()),
            };
        }
        let _ = (token, request);
        // The client would have to prove possession of the key, and this strategy accepts no proofs.
        if claims.cnf.is_some() {
            return Err(refused("the token is bound to a key, and possession of it is not proven"));
        }
        Ok(())
    }
}

fn refused(why: &'static str) -> PossessionError {
    PossessionError::Token(TokenError::invalid(why))
}

//! The requirements of profiles beyond RFC 7519: access tokens (RFC 9068) and ID tokens (OpenID Connect Core).

use crate::token::{
    RegisteredClaims, TokenError,
    log_text::{ABSENT, quoted_list},
};

/// What a token is for.
pub(crate) enum Profile {
    /// No profile: issuer and application agree on the claims.
    Plain,
    AccessToken {
        audience: String,
    },
    IdToken {
        client_id: String,
    },
}

impl Profile {
    /// The audience that the profile sets.
    pub(crate) fn audience(&self) -> Option<&str> {
        match self {
            Self::AccessToken { audience } => Some(audience),
            Self::IdToken { client_id } => Some(client_id),
            Self::Plain => None,
        }
    }

    pub(crate) fn has_audience(&self) -> bool {
        self.audience().is_some()
    }

    pub(crate) fn is_access_token(&self) -> bool {
        matches!(self, Self::AccessToken { .. })
    }

    /// Checks that all required claims are present. It comes before their values are checked, so that the log names all that
    /// are missing.
    pub(crate) fn check_complete(&self, claims: &RegisteredClaims<'_>) -> Result<(), TokenError> {
        let (why, more) = match self {
            Self::Plain => return Ok(()),
            Self::AccessToken { .. } => {
                let client_id = claims.profile.client_id()?.is_some();
                let more = [("client_id", client_id), ("jti", claims.jti.is_some())];
                ("the access token lacks a claim of RFC 9068", Some(more))
            }
            Self::IdToken { .. } => ("the ID token lacks a claim of OpenID Connect", None),
        };
        let common = [
            ("iss", claims.has_iss),
            ("sub", claims.sub.is_some()),
            ("aud", claims.aud.is_some()),
            ("exp", claims.exp.is_some()),
            ("iat", claims.iat.is_some()),
        ];
        let all = common.into_iter().chain(more.into_iter().flatten());
        let missing: Vec<_> = all.filter(|(_, is_there)| !is_there).map(|(name, _)| name).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(TokenError::invalid(why).because(|| (quoted_list(missing), ABSENT.to_owned())))
    }
}

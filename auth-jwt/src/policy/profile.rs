//! What kinds of tokens demand beyond RFC 7519: access tokens (RFC 9068) and ID tokens (OpenID Connect Core).

use crate::token::{
    Refused, RegisteredClaims,
    refused::{ABSENT, many},
};

/// What a token is for.
pub(crate) enum Profile {
    /// Whatever issuer and application have agreed on.
    Plain,
    AccessToken {
        audience: String,
    },
    IdToken {
        client_id: String,
    },
}

impl Profile {
    /// What is an audience by the profile itself.
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

    /// Whether the claims are there that the profile wants. It comes before they are looked into, so that the log names
    /// all that are missing.
    pub(crate) fn check_complete(&self, claims: &RegisteredClaims<'_>) -> Result<(), Refused> {
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
        Err(Refused::invalid(why).because(|| (many(missing), ABSENT.to_owned())))
    }
}

//! What kinds of tokens demand beyond RFC 7519: access tokens (RFC 9068) and ID tokens (OpenID Connect Core).

use auth_core::ConfigError;

use crate::{
    Jwt,
    audience::Ours,
    jwt::is_plain,
    kind::{check_id_token, check_no_id_token},
    policy::{Policy, TokenType},
    token::{
        Audience, Refused, RegisteredClaims,
        refused::{ABSENT, many},
    },
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

impl<C> Jwt<C> {
    /// Takes access tokens for this audience by the profile of RFC 9068, and no others.
    ///
    /// `typ` must be `at+jwt`, in any case, with or without `application/`; `iss`, `exp`, `aud`, `sub`, `client_id`, `iat`
    /// and `jti` must be there, and `scope`, `acr` and `auth_time` have the types of the RFC if they are. So an ID token or
    /// a logout token of the same issuer is refused. The log names the claims that are missing, at DEBUG.
    ///
    /// `aud` must name this audience, or one of [`audience`](Self::audience). Where an issuer names
    /// [audiences](crate::TrustedIssuer::audience), they count in the place of all these. Name the
    /// [issuer](Self::issuer) beside it.
    ///
    /// ```
    /// # use auth_jwt::{Jwt, VerifyingKey};
    /// # fn build(key: VerifyingKey) {
    /// let jwt = Jwt::<serde_json::Value>::key(key)
    ///     .access_token("https://api.example")
    ///     .issuer("https://id.example");
    /// # let _ = jwt; }
    /// ```
    ///
    /// Of this and [`id_token`](Self::id_token), the last counts, as a whole. [`token_type`](Self::token_type), named after
    /// it, changes the type alone.
    ///
    /// # Security
    /// Many issuers do not write this profile. Without it, nothing tells an access token from an ID token or a logout token
    /// that has the same `aud`. Then give APIs an audience that no client has as its id, and demand what the issuer marks
    /// its access tokens with, by [`require_claim`](Self::require_claim).
    pub fn access_token(mut self, audience: impl Into<String>) -> Self {
        self.policy.token_type = Some(TokenType { name: "at+jwt".into(), required: true });
        self.policy.profile = Profile::AccessToken { audience: audience.into() };
        self
    }

    /// Takes ID tokens that were made for this client (OpenID Connect Core, 2 and 3.1.3.7), and nothing else.
    ///
    /// `typ` must be absent or `JWT`; `iss`, `sub`, `aud`, `exp` and `iat` must be there. `aud` must name the client, and
    /// beside it nobody but those of [`audience`](Self::audience). Where an issuer names
    /// [audiences](crate::TrustedIssuer::audience), they count in the place of those, and the client must be one of them.
    /// `azp` must be the client or an [authorized party](Self::authorized_party) if it is there, and must be there if `aud`
    /// names several. Name the [issuer](Self::issuer) beside it, and the [`nonce`](Self::nonce) where there was one.
    ///
    /// Other tokens of the issuer can have the same claims. They are refused by what issuers mark them with:
    ///
    /// | Claim | Refused | It is |
    /// |---|---|---|
    /// | `events` | whatever it is | a logout token (OpenID Connect Back-Channel Logout, 2.4), or another event (RFC 8417) |
    /// | `token_use` | not `id` | an access token of Amazon Cognito |
    /// | `typ` | `Bearer`, `DPoP`, `Refresh`, `Offline` or `Logout`, in any case | another token of Keycloak |
    /// | `scope`, `scp` | with a scope beyond `openid`, `profile`, `email`, `address`, `phone` and `offline_access`, or of a type that is none for scopes | an access token, as Entra, Okta and others write it |
    ///
    /// The scopes of OpenID Connect itself are no reason to refuse a token: they open no API, and Cloud Foundry's UAA writes
    /// `openid` into its ID tokens.
    ///
    /// Of this and [`access_token`](Self::access_token), the last counts, as a whole.
    ///
    /// # Security
    /// An ID token tells a client who has logged in. It is no key to an API: what takes it from the header of a request
    /// lets everybody in whom any page of the client has seen. Use access tokens for that.
    pub fn id_token(mut self, client_id: impl Into<String>) -> Self {
        self.policy.token_type = None;
        self.policy.profile = Profile::IdToken { client_id: client_id.into() };
        self
    }

    /// Demands the `nonce`, compared exactly: for the one ID token that a log-in has asked for.
    pub fn nonce(mut self, nonce: impl Into<String>) -> Self {
        self.policy.nonce = Some(nonce.into());
        self
    }

    /// Tells clients in the challenge where the metadata of this resource are (RFC 9728, 5.1), so that they find out by
    /// themselves which issuer to ask for a token.
    ///
    /// # Errors
    /// If it is no `https` or `http` URL, or has a blank, a quote, a backslash or anything beyond visible ASCII.
    pub fn resource_metadata(mut self, url: impl Into<String>) -> Result<Self, ConfigError> {
        let url = url.into();
        if !is_plain(&url) || !(url.starts_with("https://") || url.starts_with("http://")) {
            return Err(ConfigError::new(
                "the place of the resource metadata is no URL: give it as `https://…/.well-known/oauth-protected-resource`",
            ));
        }
        self.resource_metadata = Some(url);
        Ok(self)
    }
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
}

impl Policy {
    /// Whether the claims are there that the profile wants. It comes before they are looked into, so that the log names
    /// all that are missing.
    pub(crate) fn check_complete(&self, claims: &RegisteredClaims<'_>) -> Result<(), Refused> {
        let (why, more) = match self.profile {
            Profile::Plain => return Ok(()),
            Profile::AccessToken { .. } => {
                let client_id = claims.profile.client_id()?.is_some();
                let more = [("client_id", client_id), ("jti", claims.jti.is_some())];
                ("the access token lacks a claim of RFC 9068", Some(more))
            }
            Profile::IdToken { .. } => ("the ID token lacks a claim of OpenID Connect", None),
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

    /// What the profile wants beyond what is checked of every token.
    pub(crate) fn check_profile(&self, claims: &RegisteredClaims<'_>, ours: Ours<'_>) -> Result<(), Refused> {
        match &self.profile {
            Profile::Plain => {
                if self.recipients.client_id_as_audience && self.required.values("token_use").is_none() {
                    check_no_id_token(claims.profile)?;
                }
                self.recipients.check_party(claims)
            }
            Profile::AccessToken { .. } => {
                self.scopes.check_type(claims)?;
                self.recipients.check_party(claims)
            }
            Profile::IdToken { client_id } => {
                let aud = claims.aud.as_ref();
                if !aud.is_some_and(|aud| aud.any(|name| name == client_id) && aud.all(|name| ours.contains(name))) {
                    return Err(Refused::invalid("the ID token is not for this client, or for others too")
                        .because(|| (ours.shown(), Audience::shown(aud))));
                }
                self.recipients.check_party_of_id_token(claims, client_id)?;
                check_id_token(claims.profile)
            }
        }
    }
}

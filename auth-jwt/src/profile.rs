//! What kinds of tokens demand beyond RFC 7519: access tokens (RFC 9068) and ID tokens (OpenID Connect Core).

use auth_core::ConfigError;

use crate::{
    Jwt,
    audience::Ours,
    jwt::is_plain,
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
    AccessToken,
    IdToken {
        client_id: String,
    },
}

impl<C> Jwt<C> {
    /// Takes access tokens by the profile of RFC 9068, and no others.
    ///
    /// `typ` must be `at+jwt`, in any case, with or without `application/`; `iss`, `exp`, `aud`, `sub`, `client_id`, `iat`
    /// and `jti` must be there, and `scope`, `acr` and `auth_time` have the types of the RFC if they are. So an ID token of
    /// the same issuer is refused. Name [issuer](Self::issuer) and [audience](Self::audience) beside it: without an
    /// audience every token is refused, since each names one.
    ///
    /// ```
    /// # use auth_jwt::{Jwt, VerifyingKey};
    /// # fn build(key: VerifyingKey) {
    /// let jwt = Jwt::<serde_json::Value>::key(key)
    ///     .access_token()
    ///     .issuer("https://id.example")
    ///     .audience("https://api.example");
    /// # let _ = jwt; }
    /// ```
    ///
    /// Of this and [`id_token`](Self::id_token), the last counts, as a whole. [`token_type`](Self::token_type), named after
    /// it, changes the type alone.
    pub fn access_token(mut self) -> Self {
        self.policy.token_type = Some(TokenType { name: "at+jwt".into(), required: true });
        self.policy.profile = Profile::AccessToken;
        self
    }

    /// Takes ID tokens that were made for this client (OpenID Connect Core, 2 and 3.1.3.7), and nothing else.
    ///
    /// `typ` must be absent or `JWT`; `iss`, `sub`, `aud`, `exp` and `iat` must be there. `aud` must name the client, and
    /// beside it nobody but those of [`audience`](Self::audience). Where an issuer names
    /// [audiences](crate::TrustedIssuer::audience), they count in the place of those, and the client must be one of them.
    /// `azp` must be the client or an [authorized party](Self::authorized_party) if it is there, and must be there if `aud`
    /// names several. Name the [issuer](Self::issuer)
    /// beside it, and the [`nonce`](Self::nonce) where there was one.
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
            Self::IdToken { client_id } => Some(client_id),
            Self::Plain | Self::AccessToken => None,
        }
    }

    pub(crate) fn is_access_token(&self) -> bool {
        matches!(self, Self::AccessToken)
    }
}

impl Policy {
    /// What the profile wants beyond what is checked of every token.
    pub(crate) fn check_profile(&self, claims: &RegisteredClaims<'_>, ours: Ours<'_>) -> Result<(), Refused> {
        match &self.profile {
            Profile::Plain => self.recipients.check_party(claims),
            Profile::AccessToken => {
                let more = [("client_id", claims.profile.client_id()?.is_some()), ("jti", claims.jti.is_some())];
                require_all(claims, &more, "the access token lacks a claim of RFC 9068")?;
                self.scopes.check_type(claims)?;
                self.recipients.check_party(claims)
            }
            Profile::IdToken { client_id } => {
                require_all(claims, &[], "the ID token lacks a claim of OpenID Connect")?;
                let aud = claims.aud.as_ref();
                if !aud.is_some_and(|aud| aud.any(|name| name == client_id) && aud.all(|name| ours.contains(name))) {
                    return Err(Refused::invalid("the ID token is not for this client, or for others too")
                        .because(|| (ours.shown(), Audience::shown(aud))));
                }
                self.recipients.check_party_of_id_token(claims, client_id)
            }
        }
    }
}

/// Refuses a token that lacks a claim of both profiles, or one of `more`: names, and whether the claim is there.
fn require_all(claims: &RegisteredClaims<'_>, more: &[(&str, bool)], otherwise: &'static str) -> Result<(), Refused> {
    let common = [
        ("iss", claims.has_iss),
        ("sub", claims.sub.is_some()),
        ("aud", claims.aud.is_some()),
        ("exp", claims.exp.is_some()),
        ("iat", claims.iat.is_some()),
    ];
    let missing = || common.iter().chain(more).filter(|(_, is_there)| !is_there).map(|&(name, _)| name);
    if missing().next().is_none() {
        return Ok(());
    }
    Err(Refused::invalid(otherwise).because(|| (many(missing()), ABSENT.to_owned())))
}

//! The kind of tokens that are accepted: access tokens or ID tokens.

use crate::{
    Jwt,
    policy::{Profile, TokenType},
};

impl<C> Jwt<C> {
    /// Accepts only access tokens for this audience that follow the profile of RFC 9068.
    ///
    /// `typ` must be `at+jwt`, in any case, with or without `application/`. `iss`, `exp`, `aud`, `sub`, `client_id`, `iat`
    /// and `jti` must be present. `scope`, `acr` and `auth_time` must have the types of the RFC if they are present. So an
    /// ID token or a logout token of the same issuer is refused. Missing claims are logged at DEBUG.
    ///
    /// `aud` must name this audience, or one set by [`audience`](Self::audience). If an issuer has its own
    /// [audiences](crate::TrustedIssuer::audience), they replace all of these. Set the [issuer](Self::issuer) as well.
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
    /// A later call of [`id_token`](Self::id_token) replaces this profile completely. A later call of
    /// [`token_type`](Self::token_type) changes only the type.
    ///
    /// # Security
    /// Many issuers don't follow this profile. Without it, an access token looks like an ID token or a logout token with the
    /// same `aud`. Then give APIs an audience that is not the id of a client, and require a claim that marks the issuer's
    /// access tokens with [`require_claim`](Self::require_claim).
    pub fn access_token(mut self, audience: impl Into<String>) -> Self {
        self.policy.token_type = Some(TokenType { name: "at+jwt".into(), required: true });
        self.policy.profile = Profile::AccessToken { audience: audience.into() };
        self
    }

    /// Accepts only ID tokens that were made for this client (OpenID Connect Core, 2 and 3.1.3.7).
    ///
    /// - `typ` must be absent or `JWT`. `iss`, `sub`, `aud`, `exp` and `iat` must be present.
    /// - `aud` must name the client. It may also name audiences set by [`audience`](Self::audience), and no others. If an
    ///   issuer has its own [audiences](crate::TrustedIssuer::audience), they replace those, and the client must be one of
    ///   them.
    /// - `azp`, if present, must be the client or an [authorized party](Self::authorized_party). It must be present if `aud`
    ///   names several.
    ///
    /// Set the [issuer](Self::issuer) as well, and the [`nonce`](Self::nonce) if the login sent one.
    ///
    /// Other tokens of the issuer can have the same claims. They are refused by the marks that issuers give them:
    ///
    /// | Claim | Refused if | The token is |
    /// |---|---|---|
    /// | `events` | present | a logout token (OpenID Connect Back-Channel Logout, 2.4), or another event (RFC 8417) |
    /// | `token_use` | not `id` | an access token of Amazon Cognito |
    /// | `typ` | `Bearer`, `DPoP`, `Refresh`, `Offline` or `Logout`, in any case | another token of Keycloak |
    /// | `scope`, `scp` | with a scope beyond `openid`, `profile`, `email`, `address`, `phone` and `offline_access`, or of a type that cannot hold scopes | an access token, as Entra, Okta and others write it |
    ///
    /// The scopes of OpenID Connect itself are allowed: they give no access to an API, and Cloud Foundry's UAA writes
    /// `openid` into its ID tokens.
    ///
    /// A later call of [`access_token`](Self::access_token) replaces this profile completely.
    ///
    /// # Security
    /// An ID token tells a client who logged in. Don't use it to protect an API: a server that accepts it in a request header
    /// also accepts ID tokens that any page of the client has seen. Use access tokens for that.
    pub fn id_token(mut self, client_id: impl Into<String>) -> Self {
        self.policy.token_type = None;
        self.policy.profile = Profile::IdToken { client_id: client_id.into() };
        self
    }
}

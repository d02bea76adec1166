//! What kind of tokens are taken.

use crate::{
    Jwt,
    policy::{Profile, TokenType},
};

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
    /// A token is not refused for the scopes of OpenID Connect itself: they open no API, and Cloud Foundry's UAA writes
    /// `openid` into its ID tokens.
    ///
    /// Of this and [`access_token`](Self::access_token), the last counts, as a whole.
    ///
    /// # Security
    /// An ID token tells a client who has logged in. It does not open an API: a server that takes it from the header of a
    /// request lets in everybody whom any page of the client has seen. Use access tokens for that.
    pub fn id_token(mut self, client_id: impl Into<String>) -> Self {
        self.policy.token_type = None;
        self.policy.profile = Profile::IdToken { client_id: client_id.into() };
        self
    }
}

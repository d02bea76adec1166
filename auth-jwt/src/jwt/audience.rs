//! The audience of a token, and the client that it was issued to.

use crate::Jwt;

impl<C> Jwt<C> {
    /// Requires this audience (`aud`), compared exactly with each audience of the token. Called again, it accepts another
    /// one as well.
    ///
    /// Without this setting, a token that names an audience is refused, since it is meant for another service (RFC 7519,
    /// 4.1.3).
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.policy.recipients.audiences.push(audience.into());
        self
    }

    /// Uses `client_id` as the audience of a token that has no `aud`, such as an access token of Amazon Cognito.
    ///
    /// The [`audience`](Self::audience) is then the id of the client. If the token has an `aud`, only that counts. A
    /// `client_id` that is needed and is not a string is refused. A [profile](Self::access_token) still requires `aud`.
    ///
    /// ```
    /// # use auth_jwt::{Jwt, VerifyingKey};
    /// # fn build(key: VerifyingKey) {
    /// let jwt = Jwt::<serde_json::Value>::key(key)
    ///     .issuer("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_example")
    ///     .audience("the id of the app client")
    ///     .client_id_as_audience()
    ///     .require_claim("token_use", "access");
    /// # let _ = jwt; }
    /// ```
    ///
    /// # Security
    /// An issuer that writes no audience makes tokens that are valid at each of its APIs. Only the client is checked; the
    /// API that the token was made for is unknown.
    ///
    /// The ID tokens of Cognito have the same id as `aud`. A token whose `token_use` is `id` is refused, unless you
    /// [require](Self::require_claim) `token_use` with the value `id`. ID tokens of other issuers don't have this mark:
    /// require a claim that only their access tokens have.
    pub fn client_id_as_audience(mut self) -> Self {
        self.policy.recipients.client_id_as_audience = true;
        self
    }

    /// Trusts this client as the authorized party, which is the client that the token was issued to. Called again, it
    /// trusts another one as well.
    ///
    /// | Tokens | Without it | With it |
    /// |---|---|---|
    /// | [ID tokens](Self::id_token) | `azp`, if present, is the client itself | it may also be one of these |
    /// | all others | `azp` and `client_id` are ignored | one of the two is present, and each that is present is one of these |
    ///
    /// A phone app gets ID tokens of Google for its server in this way: `aud` is the client id of the server, and `azp` is
    /// that of the app.
    ///
    /// ```
    /// # use auth_jwt::{Jwt, VerifyingKey};
    /// # fn build(key: VerifyingKey) {
    /// let jwt = Jwt::<serde_json::Value>::key(key)
    ///     .issuer("https://accounts.google.com")
    ///     .id_token("server.apps.googleusercontent.com")
    ///     .authorized_party("android.apps.googleusercontent.com");
    /// # let _ = jwt; }
    /// ```
    pub fn authorized_party(mut self, client_id: impl Into<String>) -> Self {
        self.policy.recipients.authorized_parties.push(client_id.into());
        self
    }

    /// Accepts tokens that name an audience although none is configured. A configured audience is still required.
    ///
    /// # Security
    /// A token for another service of the same issuer is then accepted here as well.
    pub fn dangerous_ignore_audience(mut self) -> Self {
        self.policy.recipients.ignore_audience = true;
        self
    }
}

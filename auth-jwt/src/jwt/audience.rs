//! Whom tokens are for, and the client that they were given to.

use crate::Jwt;

impl<C> Jwt<C> {
    /// Demands the audience (`aud`), compared exactly with each that the token names. Called again, it adds another
    /// that will do as well.
    ///
    /// Without it, a token that names an audience is refused, since it is meant for somebody else (RFC 7519, 4.1.3).
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.policy.recipients.audiences.push(audience.into());
        self
    }

    /// Takes `client_id` as the audience of a token that has no `aud`, as the access tokens of Amazon Cognito are.
    ///
    /// The [`audience`](Self::audience) is then the id of the client. Where there is an `aud`, it alone counts. A
    /// `client_id` that is not a text is refused where it is needed. A [profile](Self::access_token) demands `aud` all
    /// the same.
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
    /// An issuer that writes no audience makes tokens that are good at each of its APIs. Only the client is checked:
    /// which API the token was made for is not known.
    ///
    /// The ID tokens of Cognito have the same id as `aud`. A token whose `token_use` is `id` is refused, unless `token_use` is
    /// [required](Self::require_claim) and `id` will do. ID tokens of others are not known by that: require what marks their
    /// access tokens.
    pub fn client_id_as_audience(mut self) -> Self {
        self.policy.recipients.client_id_as_audience = true;
        self
    }

    /// Trusts this client as the authorized party: the one that the token was given to. Called again, it adds another
    /// that will do as well.
    ///
    /// | Tokens | Without it | With it |
    /// |---|---|---|
    /// | [ID tokens](Self::id_token) | `azp`, if there, is the client itself | it may be one of these too |
    /// | all others | `azp` and `client_id` are not looked at | one of the two is there, and each that is there is one of these |
    ///
    /// An app on a phone gets ID tokens of Google for its server in this way: `aud` is the client id of the server, and
    /// `azp` that of the app.
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

    /// Lets tokens in that name an audience though none is configured. Where one is configured, it still counts.
    ///
    /// # Security
    /// A token that was given to another service of the same issuer then opens this one as well.
    pub fn dangerous_ignore_audience(mut self) -> Self {
        self.policy.recipients.ignore_audience = true;
        self
    }
}

//! Claims that must have a value.

use crate::{Jwt, token::Subject};

impl<C> Jwt<C> {
    /// Demands the subject (`sub`), compared exactly: for tokens of one known machine.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.policy.subject = Some(subject.into());
        self
    }

    /// Takes a `sub` that is an integer, and reads it as its decimal text. The default is to refuse it: RFC 7519, 4.1.2
    /// has a text.
    ///
    /// The integer is one from 0 to 2^64 - 1, written without fraction and exponent. A negative one, `1.0` and `1e3` are
    /// refused. The claims `C` have the text, too, so `sub: String` takes both.
    ///
    /// # Security
    /// The integer `7` and the text `"7"` then name the same user. Do not use it for an issuer that writes both, unless
    /// they mean one user. Integers beyond 2^53 - 1 are changed by some JSON libraries: such an issuer may give two
    /// users one number.
    pub fn allow_numeric_subject(mut self) -> Self {
        self.policy.subject_type = Subject::TextOrInteger;
        self
    }

    /// Demands the token's id (`jti`), compared exactly: for the one token that was agreed on.
    pub fn jwt_id(mut self, id: impl Into<String>) -> Self {
        self.policy.jwt_id = Some(id.into());
        self
    }

    /// Demands the `nonce`, compared exactly: for the one ID token that a log-in has asked for.
    pub fn nonce(mut self, nonce: impl Into<String>) -> Self {
        self.policy.nonce = Some(nonce.into());
        self
    }

    /// Demands a claim with this text, compared exactly. Called again with the same name, it adds another text that will
    /// do as well; with another name, it adds another claim, and both are demanded.
    ///
    /// A claim that is absent, or is not a text, is refused. The name is that of a claim at the top level, to the letter.
    ///
    /// | Issuer | Claim |
    /// |---|---|
    /// | Cognito | `token_use`: `access` |
    /// | Google Workspace | `hd`: the domain |
    /// | Keycloak | `typ`: `Bearer` |
    /// | GitHub Actions | `repository`: `owner/name` |
    ///
    /// ```
    /// # use auth_jwt::{Jwt, VerifyingKey};
    /// # fn build(key: VerifyingKey) {
    /// let jwt = Jwt::<serde_json::Value>::key(key)
    ///     .require_claim("repository", "example/chat")
    ///     .require_claim("ref", "refs/heads/main")
    ///     .require_claim("ref", "refs/heads/next");
    /// # let _ = jwt; }
    /// ```
    pub fn require_claim(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.policy.required.add(name.into(), value.into());
        self
    }
}

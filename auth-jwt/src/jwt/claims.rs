//! Claims that must have a given value.

use crate::{Jwt, token::Subject};

impl<C> Jwt<C> {
    /// Requires this subject (`sub`), compared exactly. For tokens of one known machine.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.policy.subject = Some(subject.into());
        self
    }

    /// Accepts a `sub` that is an integer, and reads it as its decimal text. By default it is refused: RFC 7519, 4.1.2
    /// requires a string.
    ///
    /// It may be from 0 to 2^64 - 1, written without fraction and exponent. Negative numbers, `1.0` and `1e3` are refused.
    /// The claims `C` receive the text as well, so `sub: String` fits both forms.
    ///
    /// # Security
    /// The integer `7` and the text `"7"` then name the same user. Don't use it for an issuer that writes both, unless they
    /// mean one user. Some JSON libraries change integers beyond 2^53 - 1, so such an issuer may give two users one number.
    pub fn allow_numeric_subject(mut self) -> Self {
        self.policy.subject_type = Subject::TextOrInteger;
        self
    }

    /// Requires this token id (`jti`), compared exactly. For one token that was agreed on.
    pub fn jwt_id(mut self, id: impl Into<String>) -> Self {
        self.policy.jwt_id = Some(id.into());
        self
    }

    /// Requires this `nonce`, compared exactly. For the ID token that a login asked for.
    pub fn nonce(mut self, nonce: impl Into<String>) -> Self {
        self.policy.nonce = Some(nonce.into());
        self
    }

    /// Requires a claim with this text, compared exactly. Called again with the same name, it accepts another text as well.
    /// Called with another name, it requires that claim too.
    ///
    /// A claim that is absent or is not a string is refused. The name is that of a top-level claim, compared exactly.
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

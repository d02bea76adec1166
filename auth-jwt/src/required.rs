//! Claims of the issuer's own that must have a value.

use crate::{
    Jwt,
    token::{Refused, RegisteredClaims, json::Value, refused::ABSENT},
};

/// Names of claims, each with the values that will do.
#[derive(Default)]
pub(crate) struct RequiredClaims(Vec<(String, Vec<String>)>);

impl<C> Jwt<C> {
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
        let (name, value) = (name.into(), value.into());
        let required = &mut self.policy.required.0;
        match required.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => required.push((name, vec![value])),
        }
        self
    }
}

impl RequiredClaims {
    pub(crate) fn check(&self, claims: &RegisteredClaims<'_>) -> Result<(), Refused> {
        for (name, values) in &self.0 {
            let found = match claims.find(std::slice::from_ref(name)) {
                Some(Value::Text(text)) if values.iter().any(|value| *value == text) => continue,
                Some(Value::Text(_)) => "another text",
                Some(other) => other.kind(),
                None => ABSENT,
            };
            // The values may be personal, so only the name is told.
            return Err(Refused::invalid("a claim that is required has another value, or is absent")
                .because(|| (format!("`{}` as configured", name.escape_debug()), found.to_owned())));
        }
        Ok(())
    }

    /// The texts that will do for this claim, if it is required.
    pub(crate) fn values(&self, name: &str) -> Option<&[String]> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, values)| values.as_slice())
    }
}

//! Claims that must have a given value.

use crate::token::{RegisteredClaims, TokenError, json::Value, log_text::ABSENT};

/// Names of claims, each with its accepted values.
#[derive(Default)]
pub(crate) struct RequiredClaims(Vec<(String, Vec<String>)>);

impl RequiredClaims {
    /// Requires that the claim has this value, or another one that was added for it.
    pub(crate) fn add(&mut self, name: String, value: String) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => self.0.push((name, vec![value])),
        }
    }

    pub(crate) fn check(&self, claims: &RegisteredClaims<'_>) -> Result<(), TokenError> {
        for (name, values) in &self.0 {
            let found = match claims.find(std::slice::from_ref(name)) {
                Some(Value::Text(text)) if values.iter().any(|value| *value == text) => continue,
                Some(Value::Text(_)) => "another value",
                Some(other) => other.kind(),
                None => ABSENT,
            };
            // The values may be personal, so only the name is logged.
            return Err(TokenError::invalid("a required claim has another value or is absent")
                .because(|| (format!("`{}` as configured", name.escape_debug()), found.to_owned())));
        }
        Ok(())
    }

    /// The accepted values of this claim, if it is required.
    pub(crate) fn values(&self, name: &str) -> Option<&[String]> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, values)| values.as_slice())
    }
}

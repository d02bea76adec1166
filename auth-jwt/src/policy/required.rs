//! Claims of the issuer's own that must have a value.

use crate::token::{Refused, RegisteredClaims, json::Value, refused::ABSENT};

/// Names of claims, each with the values that will do.
#[derive(Default)]
pub(crate) struct RequiredClaims(Vec<(String, Vec<String>)>);

impl RequiredClaims {
    /// Demands that the claim has this value, or another that was named for it.
    pub(crate) fn add(&mut self, name: String, value: String) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => self.0.push((name, vec![value])),
        }
    }

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

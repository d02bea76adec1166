use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::{
    data::Data,
    error::{SessionError, SessionErrorKind},
};

/// How much the application may keep in one session, as JSON, in bytes.
const MAX_DATA_LEN: usize = 16 * 1024;

/// What a handler has inserted and removed. It can be done again on newer data.
#[derive(Clone, Default)]
pub(crate) struct Changes(BTreeMap<String, Option<Json>>);

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether anything would be stored in a new record.
    pub(crate) fn has_inserts(&self) -> bool {
        self.0.values().any(Option::is_some)
    }

    /// The value after the changes.
    pub(crate) fn get<'d>(&'d self, name: &str, data: Option<&'d Data>) -> Option<&'d Json> {
        match self.0.get(name) {
            Some(changed) => changed.as_ref(),
            None => data.and_then(|data| data.get(name)),
        }
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.insert(name.to_owned(), None);
    }

    /// Inserts a value, unless there would be too much data then.
    pub(crate) fn insert(&mut self, name: &str, value: Json, data: Option<&Data>) -> Result<(), SessionError> {
        let mut changed = self.clone();
        changed.0.insert(name.to_owned(), Some(value));
        let mut after = data.cloned().unwrap_or_default();
        changed.write_to(&mut after);
        let json = serde_json::to_vec(&after).map_err(SessionError::not_json)?;
        if json.len() > MAX_DATA_LEN {
            return Err(SessionError::of(SessionErrorKind::TooLarge));
        }
        // What is nested too deep can be written, and not be read.
        serde_json::from_slice::<Data>(&json).map_err(SessionError::not_json)?;
        *self = changed;
        Ok(())
    }

    /// Makes the changes. False if there is too much data now. Don't store it then: another request has filled the session.
    #[must_use]
    pub(crate) fn apply_to(&self, data: &mut Data) -> bool {
        self.write_to(data);
        // Removes alone are always stored.
        !self.has_inserts() || serde_json::to_vec(data).is_ok_and(|json| json.len() <= MAX_DATA_LEN)
    }

    fn write_to(&self, data: &mut Data) {
        for (name, value) in &self.0 {
            match value {
                Some(value) => data.insert(name.clone(), value.clone()),
                None => data.remove(name),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_that_could_not_be_read_again_is_refused() {
        let nested = |depth| (0..depth).fold(Json::from(1), |value, _| Json::from(vec![value]));
        let mut changes = Changes::default();
        changes.insert("a", nested(100), None).unwrap();
        let refused = changes.insert("b", nested(200), None).unwrap_err();
        assert_eq!(refused.kind(), SessionErrorKind::NotJson);
        assert!(changes.get("b", None).is_none());
    }
}

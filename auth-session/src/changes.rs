use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::{
    error::{SessionError, SessionErrorKind},
    value::Data,
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
        if !changed.apply_to(&mut data.cloned().unwrap_or_default()) {
            return Err(SessionError::of(SessionErrorKind::TooLarge));
        }
        *self = changed;
        Ok(())
    }

    /// Makes the changes. False if there is too much data now. Don't store it then: another request has filled the session.
    #[must_use]
    pub(crate) fn apply_to(&self, data: &mut Data) -> bool {
        for (name, value) in &self.0 {
            match value {
                Some(value) => data.insert(name.clone(), value.clone()),
                None => data.remove(name),
            };
        }
        // Removes alone are always stored.
        !self.has_inserts() || serde_json::to_vec(data).is_ok_and(|json| json.len() <= MAX_DATA_LEN)
    }
}

//! The data that an application keeps in a session.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// By name.
pub(crate) type Data = BTreeMap<String, serde_json::Value>;

/// As it is stored. It is read when somebody asks: most requests don't, and in memory it takes ten times as much.
#[derive(Clone, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct StoredData(Box<RawValue>);

impl StoredData {
    /// Empty if it is unreadable: the log says so.
    pub(crate) fn read(&self) -> Data {
        serde_json::from_str(self.0.get()).unwrap_or_else(|cause| {
            tracing::error!(%cause, "the data of a session is unreadable, and counts as lost");
            Data::new()
        })
    }

    /// Returns what `change` returns.
    pub(crate) fn change<T>(&mut self, change: impl FnOnce(&mut Data) -> T) -> T {
        let mut data = self.read();
        let changed = change(&mut data);
        // OK because names and JSON values are JSON.
        if let Ok(json) = to_raw_value(&data) {
            self.0 = json;
        }
        changed
    }

    pub(crate) fn is_object(&self) -> bool {
        self.0.get().starts_with('{')
    }
}

impl Default for StoredData {
    fn default() -> Self {
        // OK because an object without members is JSON.
        Self(to_raw_value(&Data::new()).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

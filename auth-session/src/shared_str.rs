//! How a record stores a `SharedStr`, for `#[serde(with = "shared_str")]`.

use std::borrow::Cow;

use auth_core::SharedStr;
use serde::{Deserialize, Deserializer, Serializer};

pub(crate) fn serialize<S: Serializer>(text: &SharedStr, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SharedStr, D::Error> {
    Cow::<str>::deserialize(deserializer).map(SharedStr::from)
}

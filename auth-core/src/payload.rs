use std::fmt;

use zeroize::Zeroizing;

use crate::{Carrier, extract::Malformed};

/// The top-level fields of a body, of the Socket.IO `auth` object or of an in-band message.
///
/// The adapter that read the message fills it in; strategies see only text fields. A field that is not a text, or is there
/// twice, is kept as such: an extractor must reject it, not overlook it.
#[derive(Clone, Default)]
pub struct Payload(Vec<(String, Value)>);

#[derive(Clone)]
enum Value {
    Text(Zeroizing<String>),
    Null,
    Other,
}

impl Payload {
    /// A payload without fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text field.
    pub fn push_text(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), Value::Text(Zeroizing::new(value.into()))));
    }

    /// Adds a field whose value is `null`.
    pub fn push_null(&mut self, name: impl Into<String>) {
        self.0.push((name.into(), Value::Null));
    }

    /// Adds a field with any other value: a number, a list, an object, or a text that is not valid Unicode.
    pub fn push_other(&mut self, name: impl Into<String>) {
        self.0.push((name.into(), Value::Other));
    }

    /// The text under `name`; `Ok(None)` if there is no such field.
    ///
    /// # Errors
    /// [`Malformed`] if the field is there twice, or is not a text. `null` is not a text.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Malformed> {
        match self.single(name)? {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Null | Value::Other) => Err(Malformed::new(Carrier::Payload, "the field is not a text")),
        }
    }

    /// As [`text`](Self::text), but `null` counts as an absent field: `Ok(None)`.
    ///
    /// # Errors
    /// [`Malformed`] if the field is there twice, or holds neither a text nor `null`.
    pub fn optional_text(&self, name: &str) -> Result<Option<&str>, Malformed> {
        match self.single(name)? {
            Some(Value::Null) => Ok(None),
            _ => self.text(name),
        }
    }

    fn single(&self, name: &str) -> Result<Option<&Value>, Malformed> {
        let mut values = self.0.iter().filter(|(n, _)| n == name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(Malformed::new(Carrier::Payload, "the field is repeated")),
        }
    }
}

impl fmt::Debug for Payload {
    /// Shows only the number of fields: names and values come from the peer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("fields", &self.0.len()).finish_non_exhaustive()
    }
}

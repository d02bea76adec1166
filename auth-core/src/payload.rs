use std::fmt;

use zeroize::Zeroizing;

use crate::{Carrier, extract::Malformed};

/// The top-level fields of a body, of the Socket.IO `auth` object or of an in-band message.
///
/// The adapter that read the message fills it in; strategies see text fields only. A field that is there but is no
/// text, or is there twice, is kept as such, because an extractor must refuse it and not overlook it.
#[derive(Clone, Default)]
pub struct Payload(Vec<(String, Option<Zeroizing<String>>)>);

impl Payload {
    /// A payload without fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text field.
    pub fn push_text(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), Some(Zeroizing::new(value.into()))));
    }

    /// Adds a field whose value is no text: a number, an object, `null`.
    pub fn push_other(&mut self, name: impl Into<String>) {
        self.0.push((name.into(), None));
    }

    /// The text under `name`; `Ok(None)` if there is no such field.
    ///
    /// # Errors
    /// [`Malformed`] if the field is there twice, or holds no text.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Malformed> {
        let mut values = self.0.iter().filter(|(n, _)| n == name);
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some((_, Some(text))), None) => Ok(Some(text)),
            _ => Err(Malformed::new(Carrier::Payload, "the field is repeated or holds no text")),
        }
    }
}

impl fmt::Debug for Payload {
    /// Shows how many fields there are, and neither names nor values: both come from the peer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("fields", &self.0.len()).finish_non_exhaustive()
    }
}

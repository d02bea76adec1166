use std::{borrow::Cow, fmt, ops::Deref, sync::Arc};

/// A text that many values share: the issuer of a name, of an id, of each entry in a registry. It is cheap to clone, and an
/// empty one takes no memory.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SharedStr(Arc<str>);

impl Deref for SharedStr {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for SharedStr {
    fn from(text: &str) -> Self {
        // The default doesn't allocate.
        Self(if text.is_empty() { Arc::default() } else { text.into() })
    }
}

impl From<&String> for SharedStr {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<String> for SharedStr {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<Cow<'_, str>> for SharedStr {
    fn from(text: Cow<'_, str>) -> Self {
        (&*text).into()
    }
}

impl From<Box<str>> for SharedStr {
    fn from(text: Box<str>) -> Self {
        (&*text).into()
    }
}

impl From<Arc<str>> for SharedStr {
    fn from(text: Arc<str>) -> Self {
        Self(text)
    }
}

impl From<&Self> for SharedStr {
    fn from(text: &Self) -> Self {
        text.clone()
    }
}

impl fmt::Debug for SharedStr {
    /// Redacted: it may be personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedStr(<redacted>)")
    }
}

use std::{borrow::Cow, fmt, ops::Deref, sync::Arc};

/// An immutable text that many values share, such as the issuer in a name and in each id. A clone copies no bytes. It may be
/// empty, which takes no memory, and has no limit of length. It derefs to `str`; `==` compares the texts.
///
/// `Debug` is redacted, since it may be personal data. It is not for secrets: use [`Secret`](crate::Secret).
///
/// A user type that keeps its name as a `SharedStr` gives a [`PrincipalId`](crate::PrincipalId) without a copy.
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

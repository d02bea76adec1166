use std::fmt;

/// The longest target that is followed.
const MAX_LEN: usize = 2048;

/// A path of this service to go to after a login. No text leads to another host, in any browser.
///
/// It begins with one slash and has at most 2,048 bytes of visible ASCII without a backslash, and no empty segment (`//`) in its
/// path. A query and a fragment are allowed; anything else must be percent-encoded.
///
/// | Text | |
/// |---|---|
/// | `/inbox?page=2#top` | is local |
/// | `inbox`, `https://evil.example`, the empty text | does not begin with a slash |
/// | `//evil.example`, `/.//evil.example` | browsers read a host, or may after they have shortened the path |
/// | `/\evil.example` | browsers read a backslash as a slash |
/// | a tab, a line break, a blank | browsers drop some of them before they parse |
#[derive(Clone, PartialEq, Eq)]
pub struct ReturnTo(Box<str>);

impl ReturnTo {
    /// `None` if the text is not a local path.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let path = text.split(['?', '#']).next().unwrap_or_default();
        let is_local = path.starts_with('/')
            && !path.contains("//")
            && text.len() <= MAX_LEN
            && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
        is_local.then(|| Self(text.into()))
    }

    /// A path of this crate.
    #[cfg(feature = "password")]
    pub(crate) fn constant(text: &str) -> Self {
        Self(text.into())
    }

    /// The path, for `Location`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ReturnTo {
    /// Redacted: a query may hold a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReturnTo(<redacted>)")
    }
}

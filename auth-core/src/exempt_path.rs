use crate::ConfigError;

/// A path that a rule leaves alone, written as axum writes the path of a route: `/callback`, `/callback/{provider}` or
/// `/hooks/{*rest}`.
#[derive(Clone, Debug)]
pub(crate) struct ExemptPath(Box<[Segment]>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// As it is sent.
    Text(Box<str>),
    /// One that is not empty.
    Any,
    /// At least one, and the first is not empty.
    Rest,
}

impl ExemptPath {
    /// # Errors
    /// If it does not begin with a slash, has a query or fragment, can't be sent as it is written, or has braces anywhere but
    /// around the name of a whole segment.
    pub(crate) fn new(path: &str) -> Result<Self, ConfigError> {
        let error = |why: &str| ConfigError::new(format!("the path {path:?} can't be exempt: {why}"));
        let sent = path.strip_prefix('/').filter(|_| !path.contains(['?', '#', ' ']) && path.is_ascii());
        let sent = sent
            .ok_or_else(|| error("write it as clients send it, percent-encoded and without query, like `/callback`"))?;
        let segments = sent.split('/').map(Segment::new).collect::<Option<Box<[_]>>>();
        let segments =
            segments.ok_or_else(|| error("braces stand around the name of a segment, like `/{provider}`"))?;
        match segments.iter().position(|segment| *segment == Segment::Rest) {
            Some(place) if place + 1 < segments.len() => Err(error("`{*rest}` stands at the end")),
            _ => Ok(Self(segments)),
        }
    }

    /// Whether it covers this path, as a client has sent it.
    pub(crate) fn covers(&self, path: &str) -> bool {
        let Some(sent) = path.strip_prefix('/') else { return false };
        let mut sent = sent.split('/');
        for segment in &self.0 {
            let Some(found) = sent.next() else { return false };
            match segment {
                Segment::Text(text) if **text == *found => {}
                Segment::Any if !found.is_empty() => {}
                Segment::Rest => return !found.is_empty(),
                Segment::Text(_) | Segment::Any => return false,
            }
        }
        sent.next().is_none()
    }
}

impl Segment {
    fn new(text: &str) -> Option<Self> {
        if !text.contains(['{', '}']) {
            return Some(Self::Text(text.into()));
        }
        let name = text.strip_prefix('{')?.strip_suffix('}')?;
        let (segment, name) = name.strip_prefix('*').map_or((Self::Any, name), |name| (Self::Rest, name));
        (!name.is_empty() && !name.contains(['{', '}', '*'])).then_some(segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exempt_path_covers_what_its_route_gets() {
        let cases = [
            ("/", "/", true),
            ("/", "/a", false),
            ("/a", "/a", true),
            ("/a", "/a/", false),
            ("/a", "/A", false),
            ("/a", "/%61", false),
            ("/a", "a", false),
            ("/a/b", "/a//b", false),
            ("/a/{x}", "/a/b", true),
            ("/a/{x}", "/a/%2F", true),
            ("/a/{x}", "/a/", false),
            ("/a/{x}", "/a", false),
            ("/a/{x}", "/a/b/c", false),
            ("/a/{x}", "/a/b/", false),
            ("/{x}/b", "/a/b", true),
            ("/{x}/b", "//b", false),
            ("/{x}/b", "/a/c", false),
            ("/a/{*x}", "/a/b", true),
            ("/a/{*x}", "/a/b/c/", true),
            ("/a/{*x}", "/a/", false),
            ("/a/{*x}", "/a", false),
            ("/a/{*x}", "/b/c", false),
            ("/a/{x}", "*", false),
        ];
        for (path, sent, expected) in cases {
            assert_eq!(ExemptPath::new(path).unwrap().covers(sent), expected, "{path} {sent}");
        }
        for bad in
            ["", "a", "/a?b", "/a#b", "/a b", "/é", "/{}", "/{*}", "/a{x}", "/{x}a", "/{{x}}", "/{*x}/a", "/{x", "/x}"]
        {
            assert!(ExemptPath::new(bad).is_err(), "{bad}");
        }
    }
}

use auth_core::cookie_values;
use http::HeaderMap;

use crate::secret::{CookieValue, Hash};

/// What the request presents under the name of our cookie.
#[derive(Clone, Debug)]
pub(crate) enum Presented {
    Nothing,
    /// Different values: another host of the same site, or another path, may have planted one of them.
    Several,
    /// One value that none of our cookies has.
    Unreadable,
    Cookie(CookieValue),
}

/// What stands under the name of a cookie, unread.
pub(crate) enum Raw<'h> {
    Nothing,
    Several,
    One(&'h [u8]),
}

impl<'h> Raw<'h> {
    /// Empty values don't count.
    pub(crate) fn find(headers: &'h HeaderMap, name: &str) -> Self {
        let mut found: Option<&[u8]> = None;
        for value in cookie_values(headers, name).filter(|value| !value.is_empty()) {
            if found.is_some_and(|known| known != value) {
                return Self::Several;
            }
            found = Some(value);
        }
        found.map_or(Self::Nothing, Self::One)
    }
}

impl Presented {
    /// Reads our cookie. Empty values don't count.
    pub(crate) fn read(headers: &HeaderMap, name: &str) -> Self {
        match Raw::find(headers, name) {
            Raw::Nothing => Self::Nothing,
            Raw::Several => Self::Several,
            Raw::One(value) => CookieValue::parse(value).map_or(Self::Unreadable, Self::Cookie),
        }
    }

    /// Whether these headers present the same.
    pub(crate) fn is_in(&self, headers: &HeaderMap, name: &str) -> bool {
        match (self, Raw::find(headers, name)) {
            (Self::Cookie(known), Raw::One(value)) => known.is(value),
            (Self::Unreadable, Raw::One(value)) => CookieValue::parse(value).is_none(),
            (Self::Nothing, Raw::Nothing) | (Self::Several, Raw::Several) => true,
            _ => false,
        }
    }

    pub(crate) fn hash(&self) -> Option<Hash> {
        match self {
            Self::Cookie(cookie) => Some(cookie.hash()),
            Self::Nothing | Self::Several | Self::Unreadable => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header::COOKIE;

    use super::*;

    const GOOD: &str = "AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn read(lines: &[&[u8]]) -> &'static str {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, http::HeaderValue::from_bytes(line).unwrap());
        }
        match Presented::read(&headers, "session") {
            Presented::Nothing => "nothing",
            Presented::Several => "several",
            Presented::Unreadable => "unreadable",
            Presented::Cookie(_) => "cookie",
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(lines in proptest::collection::vec("(session=|;| |\"|[a-z.=]|\\PC){0,20}", 0..4)) {
            let lines: Vec<_> = lines.iter().map(String::as_bytes).collect();
            let told = read(&lines);
            proptest::prop_assert_ne!(told, "cookie", "nobody guesses one");
        }
    }

    #[test]
    fn cookies_are_read_as_rfc_6265_sends_them() {
        let long = format!("session={}", "A".repeat(8000));
        let cases: [(&[&str], &str); 19] = [
            (&[], "nothing"),
            (&["session="], "nothing"),
            (&["session=\"\""], "nothing"),
            (&["session"], "nothing"),
            (&["xsession=@; sessions=@; Session=@"], "nothing"),
            (&["session=@"], "cookie"),
            (&["session=\"@\""], "cookie"),
            (&["a=b; session=@; c=d"], "cookie"),
            (&["a=b;session=@;c=d"], "cookie"),
            (&["a=b", "session=@"], "cookie"),
            (&[";;; session=@ ;"], "cookie"),
            (&["session=@; session=@"], "cookie"),
            (&["session=; session=@"], "cookie"),
            (&["session=@; session=other"], "several"),
            (&["session=@", "session=other"], "several"),
            (&["session =@"], "nothing"),
            (&["session= @"], "unreadable"),
            (&["session=@@"], "unreadable"),
            (&["session=other"], "unreadable"),
        ];
        for (lines, expected) in cases {
            let lines: Vec<_> = lines.iter().map(|line| line.replace('@', GOOD)).collect();
            let lines: Vec<_> = lines.iter().map(String::as_bytes).collect();
            assert_eq!(read(&lines), expected, "{lines:?}");
        }
        assert_eq!(read(&[long.as_bytes()]), "unreadable");
        assert_eq!(read(&[b"session=\xff\xfe"]), "unreadable");
    }
}

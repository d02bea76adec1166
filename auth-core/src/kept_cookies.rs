use http::{HeaderMap, HeaderValue, header::COOKIE, request::Parts};

use crate::{Needs, cookies::cookie_values};

/// The cookies of a handshake that [strategies keep](Needs::add_kept_cookie) for later decisions about the connection. They must not be
/// credentials.
///
/// For middleware that asks the chain about a credential over an open connection: the head for that decision has no `Cookie`, so that no
/// credential of the handshake counts again. It has these as an extension, and strategies find them by
/// [`AuthRequest::kept_cookie`](crate::AuthRequest::kept_cookie).
#[derive(Clone, Debug, Default)]
pub struct KeptCookies(HeaderMap);

impl KeptCookies {
    /// Those that the strategies have named. Of each name there are at most two: neither counts then.
    #[must_use]
    pub fn of(parts: &Parts, needs: &Needs) -> Self {
        let cookies = needs.kept_cookies().iter().flat_map(|name| {
            let values = cookie_values(&parts.headers, name).take(2);
            values.filter_map(|value| HeaderValue::from_bytes(&[name.as_bytes(), b"=", value].concat()).ok())
        });
        cookies.collect()
    }

    /// Puts them into a head, and removes all other cookies.
    pub fn put_into(self, parts: &mut Parts) {
        parts.headers.remove(COOKIE);
        parts.extensions.insert(self);
    }

    /// Each as a line of the header `Cookie`.
    pub fn lines(&self) -> impl Iterator<Item = &HeaderValue> {
        self.0.values()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.0
    }
}

impl FromIterator<HeaderValue> for KeptCookies {
    /// From [lines](Self::lines).
    fn from_iter<I: IntoIterator<Item = HeaderValue>>(lines: I) -> Self {
        let mut headers = HeaderMap::new();
        for mut line in lines {
            line.set_sensitive(true);
            headers.append(COOKIE, line);
        }
        Self(headers)
    }
}

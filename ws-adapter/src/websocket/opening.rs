use auth_core::{KeptCookies, Needs, Refusal, RequestRecord};
use http::{
    HeaderName, HeaderValue, Method, Request, Uri, Version,
    header::{AUTHORIZATION, CONNECTION, COOKIE, PROXY_AUTHORIZATION, UPGRADE},
    request::Parts,
};

/// The head of a handshake without its credentials, for later decisions about the connection.
///
/// An open socket keeps it, and few sockets use it. So it is one block of text, about as long as the head was; as [`Parts`], a
/// head with one header takes 1.2 KB.
pub(crate) struct Opening(
    /// The place of the version in [`VERSIONS`], in one byte. The method, the target, and the path that was sent, each followed
    /// by a line feed. Then the headers: a mark, the name, a colon, the value and a line feed. None of these texts can hold a line
    /// feed, and a name no colon.
    Box<[u8]>,
);

const VERSIONS: [Version; 5] = [Version::HTTP_09, Version::HTTP_10, Version::HTTP_11, Version::HTTP_2, Version::HTTP_3];

/// The mark of a header whose value is marked as sensitive, and that of any other.
const SENSITIVE: u8 = b'*';
const PLAIN: u8 = b' ';
/// That of a cookie that is no credential.
const KEPT: u8 = b'+';

impl Opening {
    /// Copies the head of a handshake. The copy shares no memory with the request.
    pub(crate) fn of(parts: &Parts, needs: &Needs) -> Self {
        let secret = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, CONNECTION, UPGRADE];
        let is_left_out = |name: &HeaderName| {
            secret.contains(name) || needs.header_names().contains(name) || name.as_str().starts_with("sec-websocket-")
        };
        let record = parts.extensions.get::<RequestRecord>();
        let sent_path = record.map_or_else(|| parts.uri.path(), RequestRecord::sent_path);
        let version = VERSIONS.iter().zip(0..).find(|(version, _)| **version == parts.version);
        let mut text = vec![version.map_or(u8::MAX, |(_, place)| place)];
        for line in [parts.method.as_str(), &parts.uri.to_string(), sent_path] {
            text.extend_from_slice(line.as_bytes());
            text.push(b'\n');
        }
        let plain = parts.headers.iter().filter(|(name, _)| !is_left_out(name));
        let plain = plain.map(|(name, value)| (if value.is_sensitive() { SENSITIVE } else { PLAIN }, name, value));
        let kept = KeptCookies::of(parts, needs);
        for (mark, name, value) in plain.chain(kept.lines().map(|line| (KEPT, &COOKIE, line))) {
            text.push(mark);
            text.extend_from_slice(name.as_str().as_bytes());
            text.push(b':');
            text.extend_from_slice(value.as_bytes());
            text.push(b'\n');
        }
        Self(text.into())
    }

    /// The head, with a record that holds the path that was sent.
    ///
    /// # Errors
    /// 503 if it can't be read. A decision about another head would be worth nothing.
    pub(crate) fn to_parts(&self) -> Result<Parts, Refusal> {
        self.parse().ok_or_else(|| Refusal::unavailable("the head of the handshake can't be read any more"))
    }

    fn parse(&self) -> Option<Parts> {
        let (&version, text) = self.0.split_first()?;
        let mut lines = text.split(|&b| b == b'\n');
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.version = *VERSIONS.get(usize::from(version))?;
        parts.method = Method::from_bytes(lines.next()?).ok()?;
        let target = Uri::try_from(lines.next()?).ok()?;
        // The record notes the target that the request has now. Targets without a path count as `/`.
        parts.uri = Uri::try_from(lines.next()?).unwrap_or_default();
        let _ = RequestRecord::of(&mut parts);
        parts.uri = target;
        let mut kept = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            let (&mark, header) = line.split_first()?;
            let colon = header.iter().position(|&b| b == b':')?;
            let (name, value) = header.split_at_checked(colon)?;
            let mut value = HeaderValue::from_bytes(value.get(1..)?).ok()?;
            if mark == KEPT {
                kept.push(value);
                continue;
            }
            value.set_sensitive(mark == SENSITIVE);
            parts.headers.append(HeaderName::from_bytes(name).ok()?, value);
        }
        if !kept.is_empty() {
            parts.extensions.insert(kept.into_iter().collect::<KeptCookies>());
        }
        Some(parts)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use auth_core::{AuthRequest, Transport};

    use super::*;

    #[test]
    fn kept_head_has_no_header_that_may_hold_a_credential() {
        let request = Request::get("/ws?room=1").header("host", "chat.example").header("accept-language", "de");
        let request =
            request.header("authorization", "Bearer x").header("cookie", "jwt=x; device=7").header("x-key", "x");
        let request = request.header("sec-websocket-protocol", "auth.bearer.x").header("x-tenant", "7");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let mut needs = Needs::default();
        needs.add_header_name(HeaderName::from_static("x-key"));
        needs.add_kept_cookie("device");

        let kept = Opening::of(&parts, &needs).to_parts().unwrap();
        let mut names: Vec<_> = kept.headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept-language", "host", "x-tenant"]);
        assert_eq!(kept.uri, "/ws?room=1");
        let request = AuthRequest::new(&kept, Transport::InBand, SystemTime::UNIX_EPOCH);
        assert_eq!((request.kept_cookie("device"), request.kept_cookie("jwt")), (Some("7"), None));
    }

    #[test]
    fn kept_head_is_the_one_that_was_sent() {
        for (method, target) in [("GET", "/a/ws?q=%3A:"), ("CONNECT", "https://chat.example/a/ws"), ("GET", "*")] {
            let request = Request::builder().method(method).uri(target).version(Version::HTTP_2);
            let request = request.header("x-tenant", "a: b").header("x-empty", "").header("x-tenant", "\u{e9}");
            let (mut parts, ()) = request.body(()).unwrap().into_parts();
            parts.headers.get_mut("x-empty").unwrap().set_sensitive(true);
            let _ = RequestRecord::of(&mut parts);
            let sent_path = parts.uri.path().to_owned();
            // A nested router has removed a prefix.
            parts.uri = target.replace("/a/", "/").parse().unwrap();

            let kept = Opening::of(&parts, &Needs::default()).to_parts().unwrap();
            assert_eq!((&kept.method, &kept.uri, kept.version), (&parts.method, &parts.uri, parts.version));
            assert_eq!(kept.headers, parts.headers);
            assert!(kept.headers["x-empty"].is_sensitive() && !kept.headers["x-tenant"].is_sensitive());
            assert_eq!(kept.extensions.get::<RequestRecord>().unwrap().sent_path(), sent_path);
        }
    }

    #[test]
    fn head_that_cannot_be_read_refuses() {
        let opening = Opening(b"\x02GET\n\n/\n".as_slice().into());
        assert_eq!(opening.to_parts().unwrap_err().code(), "unavailable");
    }
}

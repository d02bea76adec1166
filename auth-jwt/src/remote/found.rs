//! Describes what was found instead of what was expected, for operators.

use http::{HeaderMap, HeaderName, Uri, header};

use crate::token::{
    json::{self, Value},
    log_text::{LONGEST, quoted},
};

/// An untrusted URL without the parts that may be secret: user name, query and fragment.
pub(super) fn untrusted_url(text: &str) -> String {
    let (shown, rest) = text.split_at(text.find(['?', '#']).unwrap_or(text.len()));
    match (shown.rsplit_once('@'), shown.split_once("://")) {
        (Some((_, shown)), _) => quoted(&format!("...@{shown}")),
        // The `?` may be part of a password that begins before it.
        (None, Some((scheme, _))) if rest.contains('@') => quoted(&format!("{scheme}://...")),
        (None, None) if rest.contains('@') => quoted("..."),
        (None, _) => quoted(shown),
    }
}

/// A URL that may be fetched, without the query, which may be secret. The path may come from a document, so it is cut after
/// 200 characters.
pub(super) fn url(uri: &Uri) -> String {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let path = uri.path();
    let (path, more) = match path.split_at_checked(LONGEST) {
        Some((start, rest)) if !rest.is_empty() => (start, "..."),
        _ => (path, ""),
    };
    format!("{}://{authority}{path}{more}", uri.scheme_str().unwrap_or_default())
}

/// Describes a body that is not a JSON object.
pub(super) fn not_an_object(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let what = match body.trim_ascii_start() {
        [b'{', ..] => return None,
        [] => "an empty body",
        [b'<', ..] => "HTML or XML",
        [b'[', ..] => "a JSON array",
        [0xEF, 0xBB, 0xBF, ..] => "a byte order mark before the JSON",
        [0x1F, 0x8B, ..] => "compressed data",
        [b'-', b'-', b'-', b'-', b'-', ..] => "PEM",
        _ => "something that is not a JSON object",
    };
    Some(format!("{what}, {}", declared(headers)))
}

/// Describes a body that is not a JSON object with an array `keys`.
pub(super) fn not_a_jwk_set(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    if let Some(what) = not_an_object(headers, body) {
        return Some(what);
    }
    let mut seen = DocumentShape::default();
    let what = match json::members(body, |name, value| seen.member(name, &value)) {
        Err(why) => return Some(format!("JSON that is broken ({why}), {}", declared(headers))),
        Ok(()) => seen.what()?,
    };
    Some(format!("{what}, {}", declared(headers)))
}

/// The members that distinguish kinds of documents.
#[derive(Default)]
struct DocumentShape {
    is_set: bool,
    has_keys: bool,
    has_jwks_uri: bool,
    has_kty: bool,
    has_error: bool,
    certificates: usize,
    members: usize,
}

impl DocumentShape {
    fn member(&mut self, name: &str, value: &Value<'_>) -> Result<(), json::Broken> {
        self.members += 1;
        match (name, value) {
            ("keys", value) => {
                self.has_keys = true;
                self.is_set = matches!(value, Value::Array(_));
            }
            ("jwks_uri", _) => self.has_jwks_uri = true,
            ("kty", _) => self.has_kty = true,
            ("error" | "errors", _) => self.has_error = true,
            (_, Value::Text(text)) if text.starts_with("-----BEGIN CERTIFICATE") => self.certificates += 1,
            _ => {}
        }
        Ok(())
    }

    fn what(&self) -> Option<&'static str> {
        Some(match self {
            Self { is_set: true, .. } => return None,
            Self { has_keys: true, .. } => "an object whose `keys` is not an array",
            Self { has_jwks_uri: true, .. } => "a discovery document, which is for `RemoteJwks::discover`",
            Self { has_kty: true, .. } => "one key, not a set",
            Self { has_error: true, .. } => "an error in JSON",
            Self { certificates, members, .. } if *certificates > 0 && certificates == members => {
                "a map of X.509 certificates"
            }
            _ => "a JSON object without `keys`",
        })
    }
}

/// The headers that describe the body.
fn declared(headers: &HeaderMap) -> String {
    let mut text = match headers.get(header::CONTENT_TYPE) {
        Some(_) => format!("with the content-type {}", shown(headers, &header::CONTENT_TYPE)),
        None => "without a content-type".to_owned(),
    };
    if headers.contains_key(header::CONTENT_ENCODING) {
        text.push_str(&format!(" and the content-encoding {}", shown(headers, &header::CONTENT_ENCODING)));
    }
    text
}

fn shown(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get(name).map(|value| quoted(&String::from_utf8_lossy(value.as_bytes()))).unwrap_or_default()
}

/// The target of a redirect: only the host, since path and query may be secret.
pub(super) fn redirect(headers: &HeaderMap) -> String {
    let Some(location) = headers.get(header::LOCATION) else { return "without a `Location`".to_owned() };
    match location.to_str().ok().and_then(|text| text.parse::<Uri>().ok()) {
        Some(uri) => match uri.host() {
            Some(host) => format!("to the host {}", quoted(host)),
            None => "to the same host".to_owned(),
        },
        None => "to a `Location` that cannot be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untrusted_url_is_shown_without_user_query_and_fragment() {
        for (text, shown) in [
            ("https://id.example/jwks", "\"https://id.example/jwks\""),
            ("https://user:pass@id.example/jwks?key=secret#secret", "\"...@id.example/jwks\""),
            ("https://user:p@ss@id.example", "\"...@id.example\""),
            ("https:\\\\user:pass@id.example", "\"...@id.example\""),
            // It is unclear where the password ends.
            ("https://user:pa?ss@id.example/jwks", "\"https://...\""),
            ("https://user:pa#ss@id.example/jwks", "\"https://...\""),
            ("user:pa?ss@id.example:8080", "\"...\""),
            ("https://u:p@id.example/jwks?to=a@b.example", "\"...@id.example/jwks\""),
            ("", "\"\""),
        ] {
            assert_eq!(untrusted_url(text), shown);
        }
    }

    #[test]
    fn url_that_is_fetched_is_shown_without_query_and_cut() {
        let shown = |path: usize| url(&format!("https://id.example/{}?secret", "a".repeat(path - 1)).parse().unwrap());
        assert_eq!(shown(200), format!("https://id.example/{}", "a".repeat(199)));
        assert_eq!(shown(201), format!("https://id.example/{}...", "a".repeat(199)));
        assert_eq!(shown(60_000).len(), shown(201).len());
    }

    #[test]
    fn redirect_error_names_only_the_host() {
        let of = |location: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, http::HeaderValue::from_bytes(location).unwrap());
            redirect(&headers)
        };
        assert_eq!(redirect(&HeaderMap::new()), "without a `Location`");
        assert_eq!(of(b"https://u:p@login.example/secret?secret"), "to the host \"login.example\"");
        assert_eq!(of(b"/secret"), "to the same host");
        assert_eq!(of(b"//login.example\xff"), "to a `Location` that cannot be read");
        assert_eq!(of(b"://"), "to a `Location` that cannot be read");
    }
}

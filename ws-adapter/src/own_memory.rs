//! What is kept of a request for long, in memory of its own. A header or target that came from the network holds on to the
//! whole buffer that it was read into: 8 KiB of HTTP/1.1 at the least.

use auth_core::RequestRecord;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, request::Parts};

/// Copies the head of a request into memory of its own.
pub fn copy_head(parts: &mut Parts) {
    parts.headers = headers(&parts.headers);
    parts.uri = uri(&parts.uri);
    if let Some(record) = parts.extensions.get_mut::<RequestRecord>() {
        *record = record.in_own_memory();
    }
    #[cfg(feature = "axum")]
    if let Some(axum::extract::OriginalUri(original)) = parts.extensions.get_mut() {
        *original = uri(original);
    }
}

pub(crate) fn headers<'h>(headers: impl IntoIterator<Item = (&'h HeaderName, &'h HeaderValue)>) -> HeaderMap {
    headers.into_iter().map(|(name, value)| (self::name(name), self::value(value))).collect()
}

pub(crate) fn uri(uri: &Uri) -> Uri {
    // OK because it was one before.
    uri.to_string().parse().unwrap_or_else(|_| uri.clone())
}

pub(crate) fn value(value: &HeaderValue) -> HeaderValue {
    let Ok(mut own) = HeaderValue::from_bytes(value.as_bytes()) else { return value.clone() };
    own.set_sensitive(value.is_sensitive());
    own
}

fn name(name: &HeaderName) -> HeaderName {
    HeaderName::from_bytes(name.as_str().as_bytes()).unwrap_or_else(|_| name.clone())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;

    use super::*;

    #[test]
    fn head_is_the_same_and_leaves_the_buffer_that_it_was_read_into() {
        let buffer = Bytes::from(b"/ws?a=%20bx-tenant7secret".to_vec());
        let take = |range: std::ops::Range<usize>| buffer.slice(range);
        let mut request = Request::new(());
        *request.uri_mut() = Uri::from_maybe_shared(take(0..10)).unwrap();
        let headers = request.headers_mut();
        headers.append("x-tenant", HeaderValue::from_maybe_shared(take(18..19)).unwrap());
        headers.append("x-tenant", "8".parse().unwrap());
        let mut secret = HeaderValue::from_maybe_shared(take(19..25)).unwrap();
        secret.set_sensitive(true);
        headers.append("authorization", secret);
        let (mut parts, ()) = request.into_parts();
        #[cfg(feature = "axum")]
        parts.extensions.insert(axum::extract::OriginalUri(parts.uri.clone()));
        let _ = RequestRecord::of(&mut parts);
        let before = (parts.uri.clone(), parts.headers.clone());
        copy_head(&mut parts);
        assert_eq!((&parts.uri, &parts.headers), (&before.0, &before.1));
        assert!(parts.headers["authorization"].is_sensitive());
        assert!(!buffer.is_unique());
        drop(before);
        assert!(buffer.is_unique(), "nothing else holds on to it");
    }
}

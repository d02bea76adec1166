use auth_core::Refusal;
use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};

/// The kinds of body that a strategy can look into. Other bodies go to the handler unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Form,
}

impl Format {
    /// The format that `Content-Type` names; `None` if it names another one, or is absent.
    ///
    /// # Errors
    /// 400 `invalid_body` if the request names several types, one of them such a format: the handler might use another one.
    /// The same if the body is encoded, since the layer does not decode it.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Self>, Refusal> {
        // A proxy may join the lines with a comma.
        let lines = headers.get_all(CONTENT_TYPE).into_iter().map(http::HeaderValue::as_bytes);
        let types: Vec<_> = lines.flat_map(|line| line.split(|&b| b == b',')).map(Self::named).collect();
        match types.as_slice() {
            [Some(format)] if !is_encoded(headers) => Ok(Some(*format)),
            types if types.iter().all(Option::is_none) => Ok(None),
            _ => Err(invalid()),
        }
    }

    /// The format of one media type: the types of JSON as in MIME Sniffing, 4.6, and forms.
    fn named(media_type: &[u8]) -> Option<Self> {
        let essence = media_type.trim_ascii_start();
        let essence = essence.split(|b| matches!(b, b';' | b' ' | b'\t')).next()?.to_ascii_lowercase();
        match essence.as_slice() {
            b"application/json" | b"text/json" => Some(Self::Json),
            // axum takes every type with this prefix for a form.
            form if form.starts_with(b"application/x-www-form-urlencoded") => Some(Self::Form),
            other => (other.contains(&b'/') && other.ends_with(b"+json")).then_some(Self::Json),
        }
    }
}

/// Whether any content coding but `identity` is named (RFC 9110, 8.4).
fn is_encoded(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(CONTENT_ENCODING).into_iter().map(http::HeaderValue::as_bytes);
    let mut codings = lines.flat_map(|line| line.split(|&b| b == b',')).map(<[u8]>::trim_ascii);
    codings.any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
}

/// Refuses a body that we cannot read. A credential in it would be overlooked.
pub(super) fn invalid() -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "invalid_body")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The format of these lines of `Content-Type`; [`Err`] is a 400.
    fn format(content_types: &[&str], content_encodings: &[&str]) -> Result<Option<Format>, u16> {
        let mut headers = HeaderMap::new();
        for line in content_types {
            headers.append(CONTENT_TYPE, line.parse().unwrap());
        }
        for line in content_encodings {
            headers.append(CONTENT_ENCODING, line.parse().unwrap());
        }
        Format::of(&headers).map_err(|refusal| refusal.status().as_u16())
    }

    #[test]
    fn json_and_form_are_read_in_any_case_and_with_parameters() {
        for json in
            ["application/json", "Application/JSON; charset=utf-8", "text/json;x", "application/ld+json", "a/b+JSON"]
        {
            assert_eq!(format(&[json], &[]), Ok(Some(Format::Json)), "{json}");
        }
        for form in [
            "application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded2",
            "Application/X-www-form-urlencoded+x;a",
        ] {
            assert_eq!(format(&[form], &[]), Ok(Some(Format::Form)), "{form}");
        }
    }

    #[test]
    fn invalid_bytes_in_a_parameter_do_not_hide_the_type() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, http::HeaderValue::from_bytes(b"application/json; x=\xff").unwrap());
        assert_eq!(Format::of(&headers).unwrap(), Some(Format::Json));
    }

    #[test]
    fn other_types_are_left_alone() {
        for other in ["text/plain", "application/xml", "application/json+x", "application/jsonl", "+json", "", ","] {
            assert_eq!(format(&[other], &["gzip"]), Ok(None), "{other}");
        }
        assert_eq!(format(&["multipart/form-data; boundary=x"], &[]), Ok(None));
        assert_eq!(format(&["text/plain", "text/html"], &[]), Ok(None));
        assert_eq!(format(&[], &[]), Ok(None));
    }

    #[test]
    fn several_types_are_a_400_if_one_is_a_format() {
        for lines in [
            &["application/json", "application/json"][..],
            &["text/plain", "application/x-www-form-urlencoded"],
            &["application/json", ""],
            &["text/plain, application/json"],
            &["application/json,"],
        ] {
            assert_eq!(format(lines, &[]), Err(400), "{lines:?}");
        }
    }

    #[test]
    fn encoded_body_is_a_400_and_identity_is_not_an_encoding() {
        for lines in [&["gzip"][..], &["identity", "br"], &["identity,x"], &["identity gzip"]] {
            assert_eq!(format(&["application/json"], lines), Err(400), "{lines:?}");
        }
        for lines in [&["identity"][..], &["Identity, identity"], &[""]] {
            assert_eq!(format(&["application/json"], lines), Ok(Some(Format::Json)), "{lines:?}");
        }
    }
}

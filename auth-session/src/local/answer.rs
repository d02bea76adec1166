//! How the routes answer: a page is sent elsewhere, a program reads a status and a code.

use auth_core::Refusal;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{axum::with_status, body::Kind, return_to::ReturnTo};

pub(super) fn no_content() -> Response {
    with_status(StatusCode::NO_CONTENT)
}

/// What a program reads after a login: 204, or where the session says to go.
pub(super) fn logged_in(return_to: Option<&ReturnTo>) -> Response {
    let Some(target) = return_to else { return no_content() };
    let mut response = with_status(StatusCode::OK);
    *response.body_mut() = serde_json::json!({ "returnTo": target.as_str() }).to_string().into();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(super) fn see_other(target: &str) -> Response {
    let mut response = with_status(StatusCode::SEE_OTHER);
    // A local path is visible ASCII.
    if let Ok(location) = HeaderValue::from_str(target) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// Sends a page to the failure path with the code, and answers a program with the refusal. Both have the refusal in their
/// extensions.
pub(super) fn failed(kind: Kind, refusal: Refusal, failure: &ReturnTo, return_to: Option<&ReturnTo>) -> Response {
    if kind == Kind::Json {
        return crate::axum::respond(refusal);
    }
    refusal.log_once(auth_core::Transport::Http);
    let separator = if failure.as_str().contains('?') { '&' } else { '?' };
    let mut target = format!("{}{separator}error={}", failure.as_str(), refusal.code());
    if let Some(wait) = refusal.retry_after().filter(|_| refusal.status() == StatusCode::TOO_MANY_REQUESTS) {
        target += &format!("&retryAfter={}", wait.as_secs());
    }
    if let Some(return_to) = return_to {
        target += "&returnTo=";
        target.extend(utf8_percent_encode(return_to.as_str(), NON_ALPHANUMERIC));
    }
    let mut response = see_other(&target);
    response.extensions_mut().insert(refusal);
    response
}

/// Whether a page has sent a form, rather than a program.
pub(super) fn is_page(headers: &HeaderMap) -> bool {
    let accepts_html = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accepts_html.is_some_and(|accept| accept.contains("text/html"))
}

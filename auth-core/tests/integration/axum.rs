//! The extractors for axum handlers.

use std::error::Error as _;

use auth_core::{Anonymous, Authenticated, AuthenticatedRejection, Chain};
use axum_core::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse as _, Response},
};
use http::request::Parts;
use test_support::log::captured;

use crate::support::{BEARER, Name, Say, ask, head, header_lines, jwt, refusal};

type User = Authenticated<Name>;

async fn required(parts: &mut Parts) -> Result<User, Response> {
    <User as FromRequestParts<()>>::from_request_parts(parts, &()).await.map_err(AuthenticatedRejection::into_response)
}

async fn optional(parts: &mut Parts) -> Result<Option<User>, Response> {
    let user = <User as OptionalFromRequestParts<()>>::from_request_parts(parts, &()).await;
    user.map_err(AuthenticatedRejection::into_response)
}

/// The extension of a required layer.
async fn with_evidence() -> Parts {
    let mut parts = head("/", &[]);
    parts.extensions.insert(ask(&Chain::new().or(jwt(Say::Accept))).await.unwrap());
    parts
}

/// The extension of an optional layer without a user.
async fn with_nobody() -> Parts {
    let mut parts = head("/", &[]);
    parts.extensions.insert(Anonymous::<Name>::new(refusal(&Chain::new().or(jwt(Say::Absent))).await));
    parts
}

#[tokio::test]
async fn handler_gets_the_evidence_that_the_layer_left() {
    let mut parts = with_evidence().await;
    assert_eq!(*required(&mut parts).await.unwrap(), "jwt");
    assert_eq!(*optional(&mut parts).await.unwrap().unwrap(), "jwt");
    assert_eq!(*required(&mut parts).await.unwrap(), "jwt", "a second argument of the handler gets it too");
}

#[tokio::test]
async fn optional_user_is_none_under_an_optional_layer_without_a_user() {
    assert!(optional(&mut with_nobody().await).await.unwrap().is_none());
}

#[tokio::test]
async fn required_user_under_an_optional_layer_is_the_401_of_the_chain() {
    let response = required(&mut with_nobody().await).await.unwrap_err();
    assert_eq!(response.status(), 401);
    assert_eq!(header_lines(response.headers()), [BEARER]);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let refusal: &auth_core::Refusal = response.extensions().get().expect("layers further out see the refusal");
    assert_eq!(refusal.code(), "missing_credentials");
}

#[tokio::test]
async fn rejection_of_the_extractor_answers_with_its_refusal() {
    let mut parts = head("/", &[]);
    parts.extensions.insert(Anonymous::<Name>::new(refusal(&Chain::new().or(jwt(Say::Error))).await));
    let rejection = <User as FromRequestParts<()>>::from_request_parts(&mut parts, &()).await.unwrap_err();
    assert_eq!((rejection.to_string(), rejection.refusal().code()), ("unavailable".into(), "unavailable"));
    assert_eq!(rejection.source().unwrap().to_string(), "the store is down");
}

#[tokio::test]
async fn evidence_counts_even_if_an_outer_layer_found_nobody() {
    let mut parts = with_evidence().await;
    parts.extensions.insert(Anonymous::<Name>::new(refusal(&Chain::new().or(jwt(Say::Absent))).await));
    assert!(required(&mut parts).await.is_ok());
}

#[tokio::test]
async fn handler_without_its_layer_answers_500_and_the_log_says_so() {
    for wants_user in [true, false] {
        let (response, log) = captured(async {
            let mut parts = head("/", &[]);
            match wants_user {
                true => required(&mut parts).await.unwrap_err(),
                false => optional(&mut parts).await.unwrap_err(),
            }
        })
        .await;
        assert_eq!(response.status(), 500);
        assert!(log.contains("AuthLayer") && log.contains("&str"), "{log}");
    }
}

#[tokio::test]
async fn evidence_for_another_user_type_does_not_count() {
    let mut parts = head("/", &[]);
    parts.extensions.insert(ask(&Chain::new().or(jwt(Say::Accept)).map_user(str::to_uppercase)).await.unwrap());
    assert_eq!(required(&mut parts).await.unwrap_err().status(), 500);
    assert_eq!(optional(&mut parts).await.unwrap_err().status(), 500);
}

#[tokio::test]
async fn rejection_is_an_error_that_shows_the_refusal() {
    let rejection =
        <User as FromRequestParts<()>>::from_request_parts(&mut with_nobody().await, &()).await.unwrap_err();
    assert_eq!(
        (rejection.refusal().code(), rejection.to_string()),
        ("missing_credentials", "missing_credentials".into())
    );
    assert!(std::error::Error::source(&rejection).is_none());
}

//! Rows 89: where to go after a login. Local paths only.

use auth_session::ReturnTo;
use proptest::prelude::*;
use url::Url;

use crate::support::*;

#[test]
fn only_local_paths_are_followed() {
    for good in [
        "/",
        "/inbox",
        "/inbox?page=2#top",
        "/a/b/",
        "/?next=//evil.example",
        "/a#//b",
        "/%2F%2Fevil.example",
        "/a:b@c",
    ] {
        assert_eq!(ReturnTo::parse(good).unwrap().as_str(), good);
    }
    let long = format!("/{}", "a".repeat(2048));
    for bad in [
        "",
        "inbox",
        "https://evil.example",
        "javascript:alert(1)",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        "/\n/evil.example",
        " /inbox",
        "/in box",
        "/./\\evil.example",
        "/.//evil.example",
        "/a/..//evil.example",
        "/%2e%2e//evil.example",
        "/inbox\r\nset-cookie: a=b",
        "/in\u{7f}box",
        "/inb\u{f6}x",
        "/\u{2215}evil.example",
        "?a",
        "#a",
        &long,
    ] {
        assert!(ReturnTo::parse(bad).is_none(), "{bad:?}");
    }
    assert_eq!(format!("{:?}", ReturnTo::parse("/reset?token=secret").unwrap()), "ReturnTo(<redacted>)");
}

/// Where a browser goes.
fn leaves(base: &Url, target: &str) -> bool {
    base.join(target).is_ok_and(|url| url.origin() != base.origin() || !url.username().is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn no_text_leads_to_another_host(text in r"[/\\.\t\n\r :@?#%a2fFeE]{0,12}|/\PC{0,12}|(/|//|/\.|/\.\./|/%2e){0,4}evil\.example") {
        let base = Url::parse("https://app.example/login/form").unwrap();
        if let Some(target) = ReturnTo::parse(&text) {
            prop_assert!(!leaves(&base, target.as_str()));
            // Even if somebody shortens the path first, as browsers do.
            let shortened = base.join(target.as_str()).unwrap();
            prop_assert!(!leaves(&base, shortened.path()));
        }
    }
}

#[tokio::test]
async fn target_of_the_session_is_taken_once() {
    use auth_session::Session;
    use axum::routing::{get, post};
    let app = App::new();
    let router = axum::Router::new()
        .route(
            "/keep",
            post(|session: Session<User>, target: String| async move {
                session.set_return_to(&target).map(|kept| kept.to_string())
            }),
        )
        .route(
            "/take",
            get(|session: Session<User>| async move {
                format!("{:?}", session.take_return_to().map(|target| target.as_str().to_owned()))
            }),
        )
        .layer(app.sessions.layer());
    let mut browser = Browser::of(router);
    for (target, kept) in [("https://evil.example", "false"), ("//evil.example", "false"), ("/inbox", "true")] {
        assert_eq!(browser.send_body("POST", "/keep", &[], target).await.body, kept, "{target}");
    }
    assert_eq!(browser.get("/take").await.body, "Some(\"/inbox\")");
    assert_eq!(browser.get("/take").await.body, "None");
}

//! The behaviours of Passport's Basic strategy, row by row. If we differ, the test says how.

use auth_basic::Basic;
use auth_core::{Carrier, RefusalKind};

use crate::support::{
    Seen, assert_malformed, basic, challenges, everybody, everybody_of, only_bob, request, run, run_parts,
};

#[tokio::test]
async fn row_50_scheme_ignores_case() {
    for scheme in ["Basic", "BASIC", "basic", "bAsIc"] {
        let user = run(&only_bob(), basic("bob:secret").replace("Basic", scheme)).await.unwrap();
        assert_eq!(*user, Seen::new("bob", "secret"));
        assert_eq!((user.evidence().strategy(), user.evidence().carrier()), ("basic", Carrier::Header));
    }
}

#[tokio::test]
async fn row_50_rejection_by_verify_gets_the_challenge() {
    let refusal = run(&only_bob(), basic("bob:wrong")).await.unwrap_err();
    assert_eq!((refusal.status().as_u16(), refusal.code()), (401, "invalid_credentials"));
    assert_eq!(challenges(&refusal), [r#"Basic realm="demo", charset="UTF-8""#]);
}

#[tokio::test]
async fn row_50_error_of_verify_is_an_error_not_a_rejection() {
    let refusal = run(&only_bob(), basic("eve:secret")).await.unwrap_err();
    assert_eq!((refusal.status().as_u16(), refusal.code()), (503, "unavailable"));
    assert!(refusal.challenges().is_empty());
    assert!(refusal.retry_after().is_some());
}

#[tokio::test]
async fn row_51_realm_is_quoted_and_escaped() {
    for (realm, challenge) in [
        ("Users", r#"Basic realm="Users", charset="UTF-8""#),
        (r#"the "inner" \ area"#, r#"Basic realm="the \"inner\" \\ area", charset="UTF-8""#),
        ("a\", realm=\"b", r#"Basic realm="a\", realm=\"b", charset="UTF-8""#),
        ("two\r\nX-Lines: 1", r#"Basic realm="twoX-Lines: 1", charset="UTF-8""#),
        ("Zoë", r#"Basic realm="Zoë", charset="UTF-8""#),
        ("", r#"Basic realm="", charset="UTF-8""#),
    ] {
        let refusal = run_parts(&everybody_of(Basic::new(realm)), &request::<&str>(&[]), None).await.unwrap_err();
        let response = refusal.to_response();
        let lines: Vec<_> = response.headers().get_all("www-authenticate").iter().collect();
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].as_bytes(), challenge.as_bytes());
    }
}

#[tokio::test]
async fn row_52_no_header_or_another_scheme_is_absent() {
    for authorization in [&[][..], &["Bearer abc"], &["Digest username=\"bob\""], &["bob:secret"], &[""]] {
        let refusal = run_parts(&everybody(), &request(authorization), None).await.unwrap_err();
        assert_eq!((refusal.kind(), refusal.status().as_u16()), (RefusalKind::Missing, 401), "{authorization:?}");
        assert_eq!(challenges(&refusal), [r#"Basic realm="demo", charset="UTF-8""#]);
    }
}

#[tokio::test]
async fn row_53_another_scheme_alone_is_absent_not_malformed() {
    let refusal = run(&everybody(), "Negotiate").await.unwrap_err();
    assert_eq!((refusal.kind(), refusal.status().as_u16()), (RefusalKind::Missing, 401));
}

#[tokio::test]
async fn row_54_empty_password_and_empty_user_name_reach_verify() {
    for (user_pass, seen) in
        [("bob:", Seen::new("bob", "")), (":secret", Seen::new("", "secret")), (":", Seen::new("", ""))]
    {
        assert_eq!(*run(&everybody(), basic(user_pass)).await.unwrap(), seen);
    }
}

#[tokio::test]
async fn row_55_scheme_without_base64_is_malformed() {
    assert_malformed("Basic", "the scheme alone").await;
    assert_malformed("Basic *****", "no base64").await;
}

#[tokio::test]
async fn row_56_later_colons_belong_to_the_password() {
    assert_eq!(*run(&everybody(), basic("a:b:c")).await.unwrap(), Seen::new("a", "b:c"));
    assert_eq!(*run(&everybody(), basic("a:::")).await.unwrap(), Seen::new("a", "::"));
}

#[tokio::test]
async fn row_57_scheme_that_only_contains_basic_is_another_one() {
    for scheme in ["XBasicX", "xBasic", "Basically", "Basic:", "\"Basic\""] {
        let refusal = run(&everybody(), basic("bob:secret").replace("Basic", scheme)).await.unwrap_err();
        assert_eq!(refusal.kind(), RefusalKind::Missing, "{scheme}");
    }
}

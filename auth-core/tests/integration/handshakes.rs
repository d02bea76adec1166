//! Which pages may open sockets.

use auth_core::{
    ConfigError, OriginPolicy,
    OriginVerdict::{self, *},
};
use http::Request;

fn judge(policy: &OriginPolicy, headers: &[(&str, &str)]) -> OriginVerdict {
    let mut builder = Request::get("/ws");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    policy.judge_handshake(&builder.body(()).unwrap().into_parts().0)
}

fn list(origins: &[&str]) -> Result<OriginPolicy, ConfigError> {
    OriginPolicy::default().allow(origins.iter().copied())
}

fn same_host(host: &str, origin: &str) -> OriginVerdict {
    judge(&OriginPolicy::default(), &[("host", host), ("origin", origin)])
}

#[test]
fn same_host_and_port_is_allowed_under_either_scheme() {
    assert_eq!(same_host("app.example:3000", "http://app.example:3000"), Allowed);
    assert_eq!(same_host("app.example:3000", "https://app.example:3000"), Allowed);
    assert_eq!(same_host("App.Example", "https://app.example"), Allowed);
    assert_eq!(same_host("app.example:443", "https://app.example"), Allowed);
    assert_eq!(same_host("[::1]:3000", "http://[::1]:3000"), Allowed);
}

#[test]
fn another_host_or_port_is_foreign() {
    assert_eq!(same_host("app.example", "https://evil.example"), Foreign);
    assert_eq!(same_host("app.example", "https://app.example.evil.example"), Foreign);
    assert_eq!(same_host("app.example", "https://sub.app.example"), Foreign);
    assert_eq!(same_host("app.example:3000", "http://app.example:3001"), Foreign);
    assert_eq!(same_host("app.example", "http://app.example:443"), Foreign);
}

#[test]
fn anything_but_a_single_origin_is_foreign() {
    for origin in ["null", "", "app.example", "https://app.example/", "file://app.example"] {
        assert_eq!(same_host("app.example", origin), Foreign, "{origin}");
    }
}

#[test]
fn invalid_port_is_foreign_on_either_side() {
    for port in ["", "+443", "65536", "99999999999"] {
        let (host, origin) = (format!("app.example:{port}"), format!("https://app.example:{port}"));
        assert_eq!(same_host(&host, "https://app.example"), Foreign, "{host}");
        assert_eq!(same_host("app.example", &origin), Foreign, "{origin}");
        assert_eq!(same_host(&host, &origin), Foreign, "{host}");
    }
}

#[test]
fn repeated_origin_or_host_is_foreign() {
    let origin = ("origin", "https://app.example");
    let host = ("host", "app.example");
    assert_eq!(judge(&OriginPolicy::default(), &[host, origin, origin]), Foreign);
    assert_eq!(judge(&OriginPolicy::default(), &[host, host, origin]), Foreign);
    assert_eq!(judge(&OriginPolicy::default(), &[origin]), Foreign);
}

#[test]
fn authority_of_the_target_takes_precedence_over_host() {
    let request = Request::get("http://app.example/ws").header("host", "evil.example");
    let parts = request.header("origin", "http://evil.example").body(()).unwrap().into_parts().0;
    assert_eq!(OriginPolicy::default().judge_handshake(&parts), Foreign);
}

#[test]
fn missing_origin_is_absent_unless_the_browser_vouches_for_same_origin() {
    let host = ("host", "app.example");
    assert_eq!(judge(&OriginPolicy::default(), &[host]), Absent);
    assert_eq!(judge(&OriginPolicy::default(), &[host, ("sec-fetch-site", "same-origin")]), Allowed);
    assert_eq!(judge(&OriginPolicy::default(), &[host, ("sec-fetch-site", "same-site")]), Absent);
}

#[test]
fn list_is_exact_in_scheme_host_and_port() {
    let list = list(&["https://app.example", "http://localhost:3000"]).unwrap();
    let judge = |origin| judge(&list, &[("host", "api.example"), ("origin", origin)]);
    assert_eq!(judge("https://app.example"), Allowed);
    assert_eq!(judge("https://app.example:443"), Allowed);
    assert_eq!(judge("http://localhost:3000"), Allowed);
    assert_eq!(judge("http://app.example"), Foreign);
    assert_eq!(judge("https://app.example:8443"), Foreign);
    assert_eq!(judge("https://api.example"), Foreign);
}

#[test]
fn same_origin_header_counts_only_if_the_own_origin_is_allowed() {
    let request = [("host", "app.example"), ("sec-fetch-site", "same-origin")];
    assert_eq!(judge(&list(&["https://app.example"]).unwrap(), &request), Allowed);
    assert_eq!(judge(&list(&["https://other.example"]).unwrap(), &request), Absent);
}

#[test]
fn allow_any_accepts_every_origin_and_a_missing_one() {
    let any = list(&["https://app.example"]).unwrap().dangerous_allow_any_handshake();
    for headers in [&[("origin", "https://evil.example")][..], &[("origin", "null")], &[("origin", "")], &[]] {
        assert_eq!(judge(&any, headers), Allowed, "{headers:?}");
    }
}

#[test]
fn public_origin_is_exact_and_combines_with_a_list() {
    let public = OriginPolicy::default().public("https://app.example").unwrap();
    let judge = |policy: &OriginPolicy, origin| judge(policy, &[("host", "inner:8080"), ("origin", origin)]);
    assert_eq!(judge(&public, "https://app.example"), Allowed);
    assert_eq!(judge(&public, "http://app.example"), Foreign);
    assert_eq!(judge(&public, "http://inner:8080"), Foreign);
    let listed = list(&["https://partner.example"]).unwrap().public("https://app.example").unwrap();
    for policy in [public.allow(["https://partner.example"]).unwrap(), listed] {
        assert_eq!(judge(&policy, "https://app.example"), Allowed);
        assert_eq!(judge(&policy, "https://partner.example"), Allowed);
    }
}

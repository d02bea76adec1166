//! Which plain requests come from our pages. A test for each line of the table at `OriginPolicy::judge_write`.

use auth_core::{
    OriginPolicy,
    SiteVerdict::{self, *},
    Transport,
};
use http::{Method, Request, request::Parts};
use proptest::prelude::*;
use test_support::log::logged;

const SITE: &str = "sec-fetch-site";
const HOST: (&str, &str) = ("host", "app.example");
const OWN: (&str, &str) = ("origin", "https://app.example");
const EVIL: (&str, &str) = ("origin", "https://evil.example");
const PARTNER: (&str, &str) = ("origin", "https://partner.example");

type Headers<'h> = &'h [(&'h str, &'h str)];

fn head(method: &str, headers: Headers<'_>) -> Parts {
    let request = Request::builder().method(method).uri("/transfer");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(()).unwrap().into_parts().0
}

fn same_host() -> OriginPolicy {
    OriginPolicy::default()
}

fn public() -> OriginPolicy {
    same_host().public("https://app.example").unwrap()
}

fn listed() -> OriginPolicy {
    same_host().allow(["https://partner.example", "https://*.preview.example"]).unwrap()
}

fn everything() -> [OriginPolicy; 3] {
    [same_host(), public(), listed()]
}

fn post(policy: &OriginPolicy, headers: Headers<'_>) -> SiteVerdict {
    policy.judge_write(&head("POST", headers))
}

#[test]
fn safe_methods_are_not_judged() {
    for policy in everything() {
        for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
            assert_eq!(policy.judge_write(&head(method, &[HOST, (SITE, "cross-site"), EVIL])), Ours, "{method}");
        }
    }
}

#[test]
fn every_other_method_as_sent_is_judged() {
    for method in ["POST", "PUT", "PATCH", "DELETE", "CONNECT", "PROPFIND", "QUERY", "get", "Get", "GETT"] {
        assert_eq!(same_host().judge_write(&head(method, &[HOST, EVIL])), CrossSite, "{method}");
        assert_eq!(same_host().judge_write(&head(method, &[HOST])), Unsaid, "{method}");
    }
    let overridden = [HOST, EVIL, ("x-http-method-override", "DELETE")];
    assert_eq!(same_host().judge_write(&head("GET", &overridden)), Ours, "the application's own affair");
}

#[test]
fn same_origin_is_ours_whatever_host_a_proxy_sends() {
    for policy in everything() {
        for host in ["app.example", "inner:8080"] {
            for origin in [&[][..], &[OWN]] {
                let headers = [&[("host", host), (SITE, "same-origin")], origin].concat();
                assert_eq!(post(&policy, &headers), Ours, "{headers:?}");
            }
        }
    }
}

#[test]
fn request_by_hand_is_ours() {
    for policy in everything() {
        assert_eq!(post(&policy, &[HOST, (SITE, "none")]), Ours);
    }
}

#[test]
fn another_site_is_ours_only_if_its_origin_is_named() {
    for site in ["same-site", "cross-site"] {
        let site = (SITE, site);
        for policy in everything() {
            for origin in [&[][..], &[EVIL], &[("origin", "null")], &[("origin", "")], &[PARTNER, PARTNER]] {
                let headers = [&[HOST, site], origin].concat();
                assert_eq!(post(&policy, &headers), CrossSite, "{headers:?}");
            }
            assert_eq!(post(&policy, &[HOST, site, ("referer", "https://partner.example/")]), CrossSite);
        }
        assert_eq!(post(&listed(), &[HOST, site, PARTNER]), Ours);
        assert_eq!(post(&listed(), &[HOST, site, ("origin", "https://pr-7.preview.example")]), Ours);
        assert_eq!(post(&public(), &[("host", "api.example"), site, OWN]), Ours, "another name of this server");
        assert_eq!(post(&public(), &[HOST, site, PARTNER]), CrossSite);
    }
}

#[test]
fn own_host_is_no_proof_beside_another_site() {
    for site in ["same-site", "cross-site"] {
        assert_eq!(post(&same_host(), &[HOST, (SITE, site), ("origin", "http://app.example")]), CrossSite);
        assert_eq!(post(&same_host(), &[HOST, (SITE, site), OWN]), CrossSite);
    }
}

#[test]
fn unknown_or_repeated_fetch_site_is_cross_site() {
    for policy in everything() {
        for site in ["", "Same-Origin", "same-origin, none", "same-origin;x", "same_origin", "\u{e4}"] {
            assert_eq!(post(&policy, &[HOST, (SITE, site), OWN]), CrossSite, "{site}");
        }
        for twice in [["same-origin"; 2], ["none"; 2], ["same-origin", "cross-site"], ["cross-site", "same-origin"]] {
            let headers = [HOST, OWN, (SITE, twice[0]), (SITE, twice[1])];
            assert_eq!(post(&policy, &headers), CrossSite, "{twice:?}");
        }
    }
}

#[test]
fn without_fetch_site_the_origin_decides() {
    assert_eq!(post(&same_host(), &[HOST, OWN]), Ours);
    assert_eq!(post(&same_host(), &[HOST, ("origin", "http://app.example")]), Ours, "the scheme is unknown here");
    assert_eq!(post(&public(), &[("host", "inner:8080"), OWN]), Ours);
    assert_eq!(post(&public(), &[HOST, ("origin", "http://app.example")]), CrossSite);
    assert_eq!(post(&listed(), &[HOST, PARTNER]), Ours);
    assert_eq!(post(&listed(), &[HOST, OWN]), CrossSite, "the list replaces the own host");
}

#[test]
fn unreadable_or_foreign_origin_is_cross_site_beside_any_referer() {
    let referer = ("referer", "https://app.example/");
    for policy in everything() {
        for origin in
            ["null", "", "https://evil.example", "https://app.example/", "app.example", "https://app.example:x"]
        {
            assert_eq!(post(&policy, &[HOST, ("origin", origin), referer]), CrossSite, "{origin}");
        }
        assert_eq!(post(&policy, &[HOST, OWN, OWN]), CrossSite);
        assert_eq!(post(&policy, &[HOST, OWN, EVIL]), CrossSite);
    }
    assert_eq!(post(&same_host(), &[OWN]), CrossSite, "without a host");
    assert_eq!(post(&same_host(), &[HOST, HOST, OWN]), CrossSite);
}

#[test]
fn without_both_the_referer_decides() {
    let from = |policy: &OriginPolicy, url| post(policy, &[HOST, ("referer", url)]);
    for own in ["https://app.example", "https://app.example/", "https://app.example/a?b#c", "https://app.example?b"] {
        assert_eq!(from(&same_host(), own), Ours, "{own}");
        assert_eq!(from(&public(), own), Ours, "{own}");
        assert_eq!(from(&listed(), own), CrossSite, "{own}");
    }
    assert_eq!(from(&listed(), "https://partner.example/page"), Ours);
    for foreign in [
        "",
        "about:blank",
        "/page",
        "//app.example/",
        "https://evil.example/https://app.example/",
        "https://evil.example?https://app.example/",
        "https://app.example.evil.example/",
        "https://app.example@evil.example/",
        "https://user@app.example/",
        "https://app.example\\@evil.example/",
        "https://evil.example\\@app.example/",
        "data://app.example/",
    ] {
        for policy in everything() {
            assert_eq!(from(&policy, foreign), CrossSite, "{foreign}");
        }
    }
    let twice = [HOST, ("referer", "https://app.example/"), ("referer", "https://app.example/")];
    assert_eq!(post(&same_host(), &twice), CrossSite);
}

#[test]
fn request_that_says_nothing_is_unsaid() {
    for policy in everything() {
        assert_eq!(post(&policy, &[HOST]), Unsaid);
        assert_eq!(post(&policy, &[]), Unsaid);
    }
}

#[test]
fn allowing_any_handshake_allows_no_write() {
    for policy in everything().map(OriginPolicy::dangerous_allow_any_handshake) {
        assert_eq!(post(&policy, &[HOST, EVIL]), CrossSite);
        assert_eq!(post(&policy, &[HOST, (SITE, "cross-site"), EVIL]), CrossSite);
    }
}

#[test]
fn refusal_names_what_was_sent_and_what_is_allowed() {
    let request = head("POST", &[HOST, (SITE, "cross-site"), EVIL, ("referer", "https://evil.example/?secret")]);
    for (policy, allowed) in [
        (same_host(), "pages of the host `app.example`"),
        (public(), "`https://app.example`"),
        (listed().public("https://app.example").unwrap(), "`https://app.example`, `https://partner.example`, "),
    ] {
        let refusal = policy.refuse_write(&request);
        assert_eq!((refusal.status().as_u16(), refusal.code()), (403, "cross_site"));
        assert!(!refusal.is_wrong_credential() && refusal.challenges().is_empty());
        let detail = logged(|| refusal.log_once(Transport::Http));
        for part in ["`cross-site`", "`https://evil.example`", allowed] {
            assert!(detail.contains(part), "{detail}");
        }
        assert!(!detail.contains("secret"), "{detail}");
    }
}

#[test]
fn exempt_paths_and_the_opt_out_are_about_plain_requests_alone() {
    let exempt = public().csrf_exempt(["/in/callback"]).unwrap().csrf_exempt(["/%C3%A9"]).unwrap();
    let judge = |policy: &OriginPolicy, method: &str, path: &str, headers: &[(&str, &str)]| {
        let mut request = head(method, headers);
        request.uri = path.parse().unwrap();
        policy.judge_write(&request)
    };
    for headers in [&[HOST, EVIL][..], &[HOST]] {
        for (path, is_exempt) in [
            ("/in/callback", true),
            ("/in/callback?code=1", true),
            ("/%C3%A9", true),
            ("/in/callback/", false),
            ("/in/%63allback", false),
            ("/callback", false),
        ] {
            let is_ours = judge(&exempt, "POST", path, headers) == Ours;
            assert_eq!(is_ours, is_exempt, "{path} {headers:?}");
        }
        let open = public().dangerous_allow_any_write();
        assert_eq!(judge(&open, "POST", "/any", headers), Ours);
    }
    let handshake = head("GET", &[HOST, EVIL]);
    for policy in [exempt, public().dangerous_allow_any_write()] {
        assert_eq!(policy.judge_handshake(&handshake), auth_core::OriginVerdict::Foreign);
    }
    assert!(public().csrf_exempt(["callback"]).is_err() && public().csrf_exempt([]).is_ok());
}

#[test]
fn app_is_not_a_public_origin() {
    assert!(same_host().public("tauri://localhost").unwrap_err().to_string().contains("allow_origins"));
    assert!(same_host().allow([]).is_err() && same_host().allow(["null"]).is_err());
}

/// What a browser may send for a page, whichever headers it knows, and whatever the page asks it to leave out. `host` is that
/// of this server.
fn from_page(page: &str, site: &'static str, shows: [bool; 3], is_null: bool) -> Vec<(&'static str, String)> {
    let [fetch_site, origin, referer] = shows;
    let mut headers = vec![("host", "app.example".to_owned())];
    headers.extend(fetch_site.then(|| (SITE, site.to_owned())));
    headers.extend(origin.then(|| ("origin", if is_null { "null".to_owned() } else { page.to_owned() })));
    headers.extend(referer.then(|| ("referer", format!("{page}/https://app.example/?https://app.example"))));
    headers
}

fn judged(policy: &OriginPolicy, headers: &[(&str, String)]) -> SiteVerdict {
    post(policy, &headers.iter().map(|(name, value)| (*name, &**value)).collect::<Vec<_>>())
}

fn foreign() -> impl Strategy<Value = String> {
    let hosts = prop_oneof![
        Just("evil.example".to_owned()),
        Just("app.example.evil.example".to_owned()),
        Just("preview.example".to_owned()),
        Just("a.b.preview.example".to_owned()),
        Just("xpartner.example".to_owned()),
        "[a-z]{1,6}\\.app\\.example",
        "[a-z]{1,6}\\.test",
    ];
    (hosts, prop_oneof![Just(""), Just(":81"), Just(":8443")]).prop_map(|(host, port)| format!("https://{host}{port}"))
}

proptest! {
    #[test]
    fn no_header_that_a_foreign_page_causes_makes_it_ours(
        page in foreign(),
        site in prop_oneof![Just("same-site"), Just("cross-site")],
        shows in any::<[bool; 3]>(),
        is_null in any::<bool>(),
        policy in 0..4_usize,
    ) {
        let [same_host, public, listed] = everything();
        let policy = [same_host, public, listed.clone(), listed.public("https://app.example").unwrap()][policy].clone();
        let verdict = judged(&policy, &from_page(&page, site, shows, is_null));
        prop_assert_eq!(verdict, if shows == [false; 3] { Unsaid } else { CrossSite });
    }

    #[test]
    fn our_own_page_is_never_cross_site(shows in any::<[bool; 3]>(), is_public in any::<bool>()) {
        let policy = if is_public { public() } else { same_host() };
        let verdict = judged(&policy, &from_page("https://app.example", "same-origin", shows, false));
        prop_assert_eq!(verdict, if shows == [false; 3] { Unsaid } else { Ours });
    }

    #[test]
    fn any_bytes_are_judged_without_a_panic_and_safe_methods_pass(
        values in proptest::collection::vec((0..4_usize, proptest::collection::vec(any::<u8>(), 0..40)), 0..6),
        method in prop_oneof![Just(Method::GET), Just(Method::POST), Just(Method::DELETE)],
    ) {
        let names = ["host", SITE, "origin", "referer"];
        let mut parts = head("POST", &[]);
        parts.method = method;
        for (name, value) in &values {
            if let Ok(value) = http::HeaderValue::from_bytes(value) {
                parts.headers.append(names[*name], value);
            }
        }
        let says = ["sec-fetch-site", "origin", "referer"].iter().any(|name| parts.headers.contains_key(*name));
        let verdict = same_host().judge_write(&parts);
        prop_assert_eq!(verdict == Unsaid, !parts.method.is_safe() && !says);
        prop_assert!(!parts.method.is_safe() || verdict == Ours);
    }
}

//! Cross-site request forgery: which plain requests pass after the chain has accepted them. A test for each cell of the table at
//! `AuthLayer`. What counts as our page is tested at `OriginPolicy`.

use std::sync::Arc;

use auth_core::{
    Accept, Anonymous, AuthRequest, Authenticated, BoxError, Carrier, Chain, Challenge, Outcome, Strategy, async_trait,
};
use axum::{
    Extension, Router,
    routing::{any, post},
};
use reqwest::Method;
use ws_adapter::AuthLayer;

use crate::support::*;

const SITE: &str = "sec-fetch-site";
const PUBLIC: &str = "https://app.example";
const OURS: &[(&str, &str)] = &[("origin", PUBLIC)];
const UNSAID: &[(&str, &str)] = &[];
const FOREIGN: [&[(&str, &str)]; 6] = [
    &[("origin", "https://evil.example")],
    &[("origin", "null")],
    &[(SITE, "cross-site")],
    &[(SITE, "same-site"), ("origin", "https://evil.app.example")],
    &[(SITE, "cross-site"), ("referer", "https://app.example/")],
    &[("referer", "https://evil.example/")],
];

/// Accepts every request, by this carrier.
struct By(Carrier);

#[async_trait]
impl Strategy for By {
    type User = User;

    fn name(&self) -> &str {
        "by"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::new("By"));
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<User>, BoxError> {
        if request.is_explicit_only() && self.0.is_ambient() {
            return Ok(Outcome::Absent);
        }
        Ok(Outcome::Accept(Accept::new(User("ann".into()), self.0)))
    }
}

fn by(carrier: Carrier) -> Chain<User> {
    Chain::new().or(By(carrier))
}

fn guarded(chain: Chain<User>) -> AuthLayer<User> {
    layer(chain).public_origin(PUBLIC).unwrap()
}

fn cookie_of(secs: i64) -> String {
    format!("jwt={}", token("ann", secs))
}

/// The status and code of the response to a `POST /me`.
async fn posts(server: &Server, headers: &[&[(&str, &str)]]) -> (u16, String) {
    asks(server, Method::POST, headers).await
}

async fn asks(server: &Server, method: Method, headers: &[&[(&str, &str)]]) -> (u16, String) {
    let answer = server.send(method, "/me", &headers.concat(), "").await;
    (answer.status, if answer.status == 200 { answer.body } else { answer.code() })
}

fn passed() -> (u16, String) {
    (200, "ann".into())
}

fn cross_site() -> (u16, String) {
    (403, "cross_site".into())
}

#[tokio::test]
async fn ambient_credential_passes_from_our_pages_only() {
    let cookie = cookie_of(60);
    for (chain, credential) in [
        (jwt_or_basic(), vec![("cookie", &*cookie)]),
        (by(Carrier::Cookie), vec![]),
        (by(Carrier::ClientCertificate), vec![]),
    ] {
        let server = Server::start(app(guarded(chain))).await;
        assert_eq!(posts(&server, &[&credential, OURS]).await, passed());
        assert_eq!(posts(&server, &[&credential, &[(SITE, "same-origin")]]).await, passed());
        assert_eq!(posts(&server, &[&credential, UNSAID]).await, cross_site());
        for foreign in FOREIGN {
            assert_eq!(posts(&server, &[&credential, foreign]).await, cross_site(), "{foreign:?}");
        }
    }
}

#[tokio::test]
async fn cookie_as_half_of_an_and_is_ambient() {
    let first = |accept: Accept<(User, User)>| Ok(Outcome::Accept(accept.map_user(|(user, _)| user)));
    let both = Chain::new().or(jwt()).and(basic()).and_then(first);
    let server = Server::start(app(guarded(both))).await;
    let cookie = cookie_of(60);
    let credentials = [("cookie", &*cookie), ("authorization", FOREVER)];
    assert_eq!(posts(&server, &[&credentials, OURS]).await, passed());
    assert_eq!(posts(&server, &[&credentials, UNSAID]).await, cross_site());
    assert_eq!(posts(&server, &[&credentials, FOREIGN[0]]).await, cross_site());
}

#[tokio::test]
async fn explicit_credentials_are_not_touched() {
    let bearer = bearer_of("ann");
    let cookie = cookie_of(60);
    let jwt = jwt_or_basic();
    for (chain, credential) in [
        (jwt.clone(), vec![("authorization", &*bearer)]),
        (jwt, vec![("authorization", &*bearer), ("cookie", &*cookie)]),
        (by(Carrier::Header), vec![("authorization", &*bearer)]),
        (by(Carrier::Ticket), vec![("authorization", FOREVER)]),
        (by(Carrier::Payload), vec![("authorization", FOREVER)]),
        (by(Carrier::Query), vec![]),
        (by(Carrier::Subprotocol), vec![]),
        (by(Carrier::Header), vec![]),
        (by(Carrier::Header), vec![("authorization", "BasicX YW5u")]),
    ] {
        let server = Server::start(app(guarded(chain))).await;
        for site in [&[UNSAID, OURS][..], &FOREIGN].concat() {
            assert_eq!(posts(&server, &[&credential, site]).await, passed(), "{credential:?} {site:?}");
        }
    }
}

#[tokio::test]
async fn remembered_scheme_is_refused_if_the_request_says_cross_site() {
    let server = Server::start(app(guarded(jwt_or_basic()))).await;
    let lower = FOREVER.replace("Basic", "bAsIC");
    for basic in [FOREVER, &lower] {
        let basic: &[_] = &[("authorization", basic)];
        assert_eq!(posts(&server, &[basic, OURS]).await, passed());
        assert_eq!(posts(&server, &[basic, UNSAID]).await, passed());
        for foreign in FOREIGN {
            assert_eq!(posts(&server, &[basic, foreign]).await, cross_site(), "{foreign:?}");
        }
    }
    let server = Server::start(app(guarded(by(Carrier::Header)))).await;
    for scheme in ["Digest username=\"ann\"", "digest x", "Negotiate YII=", "NEGOTIATE YII=", "NTLM TlRM", "ntlm"] {
        let credential: &[_] = &[("authorization", scheme)];
        assert_eq!(posts(&server, &[credential, UNSAID]).await, passed(), "{scheme}");
        assert_eq!(posts(&server, &[credential, FOREIGN[0]]).await, cross_site(), "{scheme}");
    }
}

#[tokio::test]
async fn only_methods_that_change_something_are_judged() {
    let server = Server::start(app(guarded(by(Carrier::Cookie)))).await;
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, "PROPFIND".parse().unwrap()] {
        assert_eq!(asks(&server, method.clone(), &[FOREIGN[0]]).await, cross_site(), "{method}");
        assert_eq!(asks(&server, method.clone(), &[UNSAID]).await, cross_site(), "{method}");
        assert_eq!(asks(&server, method.clone(), &[OURS]).await, passed(), "{method}");
    }
    for method in [Method::GET, Method::OPTIONS, Method::TRACE] {
        assert_eq!(asks(&server, method.clone(), &[FOREIGN[2]]).await, passed(), "{method}");
    }
    assert_eq!(server.send(Method::HEAD, "/me", FOREIGN[2], "").await.status, 200);
}

#[tokio::test]
async fn wrong_ambient_credential_stays_a_401() {
    let optional = AuthLayer::optional(jwt_or_basic()).timer(clock()).public_origin(PUBLIC).unwrap();
    let expired = cookie_of(-120);
    for layer in [guarded(jwt_or_basic()), optional] {
        let server = Server::start(app(layer)).await;
        for site in [&[UNSAID, OURS][..], &FOREIGN].concat() {
            let wrong = posts(&server, &[&[("cookie", "jwt=wrong")], site]).await;
            assert_eq!(wrong.0, 401, "{wrong:?}");
            let late = posts(&server, &[&[("cookie", &*expired)], site]).await;
            assert_eq!(late, (401, "token_expired".into()));
            let password = posts(&server, &[&[("authorization", "Basic YW5uOndyb25n")], site]).await;
            assert_eq!(password, (401, "invalid_credentials".into()));
        }
    }
    let server = Server::start(app(guarded(jwt_or_basic()))).await;
    assert_eq!(posts(&server, &[FOREIGN[0]]).await, (401, "missing_credentials".into()));
}

#[tokio::test]
async fn optional_layer_refuses_the_cookie_and_lets_anonymous_requests_pass() {
    async fn who(user: Option<Authenticated<User>>, anonymous: Option<Extension<Anonymous<User>>>) -> String {
        match (user, anonymous) {
            (Some(user), None) => user.0.clone(),
            (None, Some(_)) => "nobody".into(),
            _ => "unclear".into(),
        }
    }
    let layer = AuthLayer::optional(jwt_or_basic()).timer(clock()).public_origin(PUBLIC).unwrap();
    let server = Server::start(Router::new().route("/me", any(who)).layer(layer)).await;
    let cookie = cookie_of(60);
    let cookie: &[_] = &[("cookie", &*cookie)];
    assert_eq!(posts(&server, &[cookie, OURS]).await, passed());
    assert_eq!(posts(&server, &[cookie, FOREIGN[0]]).await, cross_site());
    assert_eq!(posts(&server, &[cookie, UNSAID]).await, cross_site());
    assert_eq!(posts(&server, &[FOREIGN[0]]).await, (200, "nobody".into()));
}

#[tokio::test]
async fn without_settings_pages_of_the_same_host_are_ours() {
    let server = Server::start(app(layer(by(Carrier::Cookie)))).await;
    let own = server.url("");
    let own = own.trim_end_matches('/');
    let page = format!("{own}/page");
    assert_eq!(posts(&server, &[&[("origin", own)]]).await, passed());
    assert_eq!(posts(&server, &[&[("referer", &*page)]]).await, passed());
    assert_eq!(posts(&server, &[&[("origin", PUBLIC)]]).await, cross_site());
    assert_eq!(posts(&server, &[&[(SITE, "cross-site"), ("origin", own)]]).await, cross_site());
}

#[tokio::test]
async fn allowed_origins_count_for_plain_requests_too() {
    let listed = guarded(by(Carrier::Cookie)).allow_origins(["https://partner.example"]).unwrap();
    let server = Server::start(app(listed)).await;
    for site in [&[][..], &[(SITE, "cross-site")]] {
        assert_eq!(posts(&server, &[site, &[("origin", "https://partner.example")]]).await, passed());
        assert_eq!(posts(&server, &[site, OURS]).await, passed());
        assert_eq!(posts(&server, &[site, FOREIGN[0]]).await, cross_site());
    }
}

#[tokio::test]
async fn any_origin_for_sockets_is_not_any_origin_for_requests() {
    let server = Server::start(app(guarded(jwt_or_basic()).dangerous_allow_any_origin())).await;
    let cookie = cookie_of(60);
    let evil = [("cookie", &*cookie), FOREIGN[0][0]];
    assert!(server.connect("/ws", &evil).await.is_ok());
    assert_eq!(posts(&server, &[&evil]).await, cross_site());
}

#[tokio::test]
async fn turned_off_rule_lets_requests_pass_and_refuses_sockets() {
    let server = Server::start(app(guarded(jwt_or_basic()).dangerous_allow_cross_site())).await;
    let cookie = cookie_of(60);
    for site in [&[UNSAID, OURS][..], &FOREIGN].concat() {
        assert_eq!(posts(&server, &[&[("cookie", &*cookie)], site]).await, passed(), "{site:?}");
    }
    let evil = [("cookie", &*cookie), FOREIGN[0][0]];
    assert!(server.refused(&evil).await.is(403, "origin_not_allowed"));
}

#[tokio::test]
async fn exempt_paths_are_compared_as_they_are_sent() {
    let layer =
        guarded(by(Carrier::Cookie)).csrf_exempt(["/in/callback", "/in/%C3%A9", "/in/from/{provider}"]).unwrap();
    let layer = layer.csrf_exempt(["/in/more"]).unwrap();
    let inner = Router::new().fallback(me).layer(layer.clone());
    let server = Server::start(Router::new().nest("/in", inner).fallback(me).layer(layer)).await;
    for (path, passes) in [
        ("/in/callback", true),
        ("/in/callback?code=1", true),
        ("/in/%C3%A9", true),
        ("/in/more", true),
        ("/in/from/apple", true),
        ("/in/from/", false),
        ("/in/from/apple/x", false),
        ("/callback", false),
        ("/in/callback/", false),
        ("/in/callback/x", false),
        ("/in//callback", false),
        ("/in/Callback", false),
        ("/in/%63allback", false),
        ("/in/%c3%a9", false),
        ("/in/other", false),
    ] {
        for site in [FOREIGN[0], FOREIGN[2], UNSAID] {
            let answer = server.send(Method::POST, path, site, "").await;
            assert_eq!(answer.status, if passes { 200 } else { 403 }, "{path}");
        }
    }
}

#[tokio::test]
async fn exemption_is_for_the_rule_alone() {
    let server = Server::start(app(guarded(jwt_or_basic()).csrf_exempt(["/me", "/ws"]).unwrap())).await;
    let cookie = cookie_of(60);
    assert_eq!(posts(&server, &[&[("cookie", &*cookie)], FOREIGN[0]]).await, passed());
    assert_eq!(posts(&server, &[&[("cookie", "jwt=wrong")], FOREIGN[0]]).await.0, 401);
    assert!(server.refused(&[("cookie", &*cookie), FOREIGN[0][0]]).await.is(403, "origin_not_allowed"));
}

#[test]
fn path_that_cannot_be_sent_is_a_configuration_error() {
    for path in ["", "callback", "/callback?x", "/callback#x", "/a b", "/\u{e9}", "https://app.example/callback"] {
        let error = layer(jwt_or_basic()).csrf_exempt([path]).unwrap_err().to_string();
        assert!(error.contains("percent-encoded"), "{error}");
    }
    assert!(layer(jwt_or_basic()).csrf_exempt([]).is_ok());
}

#[tokio::test]
async fn refused_request_reaches_no_handler_and_the_hook_answers() {
    let calls = Counter::default();
    let counted = Arc::clone(&calls);
    let handler = move || {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        async { "reached" }
    };
    let hook = |refusal: &auth_core::Refusal, _: &http::request::Parts| {
        http::Response::new(format!("{}: {:?}", refusal.code(), refusal.kind()))
    };
    let layer = guarded(by(Carrier::Cookie)).on_refusal(hook);
    let server = Server::start(Router::new().route("/me", post(handler)).layer(layer)).await;
    let answer = server.send(Method::POST, "/me", FOREIGN[0], "").await;
    assert_eq!((answer.status, &*answer.body), (403, "cross_site: Middleware"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.challenges().is_empty());
    assert_eq!(calls.load(std::sync::atomic::Ordering::Relaxed), 0);
}

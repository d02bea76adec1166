//! Login and logout with a password, over HTTP.

use auth_basic::Password;
use auth_session::{LocalLogin, LoginOverflow, PasswordPolicy, Session, Sessions};
use axum::{Router, routing::post};
use test_support::server::{Answer, Server};

use crate::{ann::*, support::*};

fn location(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.header("location").unwrap_or_default())
}

async fn send(server: &Server, headers: &[(&str, &str)], body: impl Into<String>) -> Answer {
    server.send(http::Method::POST, "/login", headers, body.into()).await
}

/// Whether the cookie of the answer is that of Ann's login.
async fn is_ann(server: &Server, answer: &Answer) -> bool {
    let Some(set) = answer.header("set-cookie") else { return false };
    server.get("/app/me", &[("cookie", set.split(';').next().unwrap())]).await.body == "ann"
}

#[tokio::test]
async fn form_logs_in_and_goes_where_the_page_says() {
    let server = Local::new().await.serve().await;
    for (target, goes) in [
        ("", "/inbox"),
        ("&returnTo=%2Fnews%3Fpage%3D2", "/news?page=2"),
        ("&returnTo=https%3A%2F%2Fevil.example", "/inbox"),
        ("&returnTo=%2F%2Fevil.example", "/inbox"),
        ("&returnTo=%2F%5Cevil.example", "/inbox"),
        ("&returnTo=%2F%09%2Fevil.example", "/inbox"),
        ("&returnTo=%FF", "/inbox"),
        ("&remember=on", "/inbox"),
    ] {
        let answer = send(&server, &[FORM, OURS], right() + target).await;
        assert_eq!(location(&answer), (303, goes), "{target}");
        assert!(is_ann(&server, &answer).await);
        let is_persistent = answer.header("set-cookie").unwrap().contains("Max-Age=2592000");
        assert_eq!(is_persistent, target.contains("remember"));
    }
}

#[tokio::test]
async fn json_logs_in() {
    let server = Local::new().await.serve().await;
    for (rest, is_remembered) in [("", false), (r#","remember":false"#, false), (r#","remember":true"#, true)] {
        let body = format!(r#"{{"username":"ann","password":"{PASSWORD}"{rest}}}"#);
        let answer = send(&server, &[("content-type", "Application/JSON; charset=utf-8"), OURS], body).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""));
        assert!(is_ann(&server, &answer).await);
        assert_eq!(answer.header("set-cookie").unwrap().contains("Max-Age"), is_remembered);
    }
}

// Rows 90 and 91: codes, and the page has the words.
#[tokio::test]
async fn unknown_user_and_wrong_password_have_the_same_answer() {
    let local = Local::new().await;
    let server = local.serve().await;
    let mut answers = Vec::new();
    for (username, password) in [("ann", "wrong"), ("eve", PASSWORD), ("", PASSWORD), ("ann", ""), ("a\0nn", PASSWORD)]
    {
        let form = send(&server, &[FORM, OURS], typed(username, password)).await;
        let body = serde_json::json!({ "username": username, "password": password }).to_string();
        let json = send(&server, &[JSON, OURS], body).await;
        assert_eq!(location(&form), (303, "/login?error=invalid_credentials"));
        assert!(json.is(401, "invalid_credentials"), "{json:?}");
        assert_eq!(json.challenges(), ["Session"]);
        let mut headers = [form.headers, json.headers];
        headers.iter_mut().for_each(|headers| drop(headers.remove("date")));
        answers.push((headers, form.body, json.body));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert!(!local.ann.0.lock().unwrap().asked.iter().any(|name| name.contains('\0')));
    let answer = send(&server, &[FORM, OURS], typed("ann", "wrong") + "&returnTo=%2Fa%3Fb%26c").await;
    assert_eq!(location(&answer), (303, "/login?error=invalid_credentials&returnTo=%2Fa%3Fb%26c"));
}

/// Outside of a runtime the work itself fails at once. So every name gets as far as the work.
#[test]
fn unknown_user_gets_as_far_as_the_work() {
    use futures_util::FutureExt as _;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let local = runtime.block_on(Local::new());
    for name in ["ann", "eve", "", "a\0nn", &"a".repeat(257)] {
        let password = Password::new("guess");
        let verified = local.login.verify(name, &password).now_or_never().expect("nothing to wait for");
        assert_eq!(verified.unwrap_err().to_string(), "there is no tokio runtime", "{name:?}");
    }
}

#[tokio::test]
async fn malformed_bodies_are_refused_with_a_code() {
    let local = Local::new().await;
    let server = local.serve().await;
    let (good, long) = (right(), "a".repeat(16 * 1024 + 1));
    for body in [
        "",
        "username=ann",
        "password=x",
        "username=ann&username=eve&password=x",
        "username=%FF&password=x",
        "username=ann&password=%ff",
    ] {
        assert_eq!(
            location(&send(&server, &[FORM, OURS], body).await),
            (303, "/login?error=invalid_request"),
            "{body}"
        );
    }
    for body in [
        "",
        "{}",
        "[]",
        "null",
        r#"{"username":"ann"}"#,
        r#"{"username":1,"password":"x"}"#,
        r#"{"username":"a","username":"b","password":"x"}"#,
        &good,
    ] {
        assert!(send(&server, &[JSON, OURS], body).await.is(400, "invalid_request"), "{body}");
    }
    for (kind, body) in [(FORM, &long), (JSON, &long)] {
        assert!(send(&server, &[kind, OURS], body).await.is(413, "payload_too_large"));
    }
    for kind in ["text/plain", "multipart/form-data; boundary=x", "application/jsonx", ""] {
        assert!(
            send(&server, &[("content-type", kind), OURS], good.as_str()).await.is(415, "unsupported_media_type"),
            "{kind}"
        );
    }
    assert!(send(&server, &[OURS], good.as_str()).await.is(415, "unsupported_media_type"));
    assert!(local.ann.0.lock().unwrap().asked.is_empty());
    assert_eq!(server.get("/login", &[]).await.status, 405);
}

#[tokio::test]
async fn no_body_is_answered_with_a_5xx() {
    let local = Local::new().await;
    let mut seed = 1_u64;
    for _ in 0..500 {
        let parts = [
            "username=",
            "password=",
            "&",
            "%",
            "%0",
            "\u{0}",
            "+",
            "{",
            "}",
            "\"username\":",
            "\"a\"",
            ",",
            "remember=",
            "é",
            "[",
            "returnTo=/",
            "=",
            "ann",
            "null",
        ];
        let body: String = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            parts[(seed >> 33) as usize % parts.len()]
        })
        .take(9)
        .collect();
        for kind in [FORM, JSON] {
            let answer = local.app.browser().send_body("POST", "/login", &[kind, OURS], body.clone()).await;
            assert!(answer.status < 500, "{body:?} {answer:?}");
        }
    }
}

#[tokio::test]
async fn form_of_a_foreign_page_is_refused() {
    let local = Local::new().await;
    let server = local.serve().await;
    let cookie = ("cookie", "theme=dark");
    let foreign: [&[(&str, &str)]; 6] = [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("referer", "https://evil.example/")],
        &[cookie],
    ];
    for headers in foreign {
        for path in ["/login", "/logout"] {
            let headers = [&[FORM], headers].concat();
            let answer = server.send(http::Method::POST, path, &headers, right()).await;
            assert!(answer.is(403, "cross_site"), "{headers:?} {answer:?}");
            assert_eq!(answer.header("set-cookie"), None);
        }
    }
    assert!(local.ann.0.lock().unwrap().asked.is_empty());
    let own: [&[(&str, &str)]; 4] =
        [&[OURS, cookie], &[("origin", ORIGIN)], &[("referer", "http://localhost:3000/a")], &[]];
    for headers in own {
        let headers = [&[FORM], headers].concat();
        assert_eq!(location(&send(&server, &headers, right()).await), (303, "/inbox"), "{headers:?}");
    }
}

#[tokio::test]
async fn logout_answers_a_page_and_a_program() {
    let local = Local::new().await;
    let server = local.serve().await;
    let cases: [(&[(&str, &str)], (u16, &str)); 4] = [
        (&[FORM], (303, "/bye")),
        (&[("accept", "text/html,*/*")], (303, "/bye")),
        (&[JSON], (204, "")),
        (&[], (204, "")),
    ];
    for (headers, expected) in cases {
        let set = send(&server, &[FORM, OURS], right()).await;
        let cookie = set.header("set-cookie").unwrap().split(';').next().unwrap();
        let headers = [headers, &[OURS, ("cookie", cookie)]].concat();
        let answer = server.send(http::Method::POST, "/logout", &headers, "").await;
        assert_eq!(location(&answer), expected);
        assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
        assert!(server.get("/app/me", &[("cookie", cookie)]).await.is(401, "session_expired"));
        let answer = server.send(http::Method::POST, "/logout", &headers, "").await;
        assert_eq!(location(&answer), expected, "again");
    }
    let set = send(&server, &[FORM, OURS], right()).await;
    let cookie = set.header("set-cookie").unwrap().split(';').next().unwrap();
    local.app.store.break_calls(&["raise"]);
    let answer = server.send(http::Method::POST, "/logout", &[FORM, OURS, ("cookie", cookie)], "").await;
    assert!(answer.is(503, "unavailable"));
    assert_eq!(answer.header("set-cookie"), None);
}

#[tokio::test]
async fn outage_is_told_and_nobody_is_logged_in() {
    let local = Local::new().await;
    let server = local.serve().await;
    let json = serde_json::json!({ "username": "ann", "password": PASSWORD }).to_string();
    local.app.store.break_calls(&["create"]);
    for _ in ["the store", "the users"] {
        let form = send(&server, &[FORM, OURS], right()).await;
        assert_eq!((location(&form), form.header("set-cookie")), ((303, "/login?error=unavailable"), None));
        let answer = send(&server, &[JSON, OURS], json.as_str()).await;
        assert!(answer.is(503, "unavailable"));
        assert_eq!(answer.header("set-cookie"), None);
        local.app.store.mend();
        local.ann.0.lock().unwrap().is_down = true;
    }
}

#[tokio::test]
async fn missing_layer_is_told_and_logged() {
    let (log, _guard) = test_support::everything();
    let local = Local::new().await;
    let server = Server::start(local.login.routes()).await;
    let json = serde_json::json!({ "username": "ann", "password": PASSWORD }).to_string();
    assert!(send(&server, &[JSON, OURS], json).await.is(500, "internal_error"));
    assert!(log.text().contains("no `SessionLayer` is around its route"));
}

#[tokio::test]
async fn session_says_where_to_go_and_its_data_is_kept_where_asked() {
    let local = Local::with(LocalLogin::keep_data).await;
    let mut browser = local.app.browser();
    browser.post("/app/put/auth.return_to/!").await;
    let mut kept = local.app.browser();
    let keep = post(|session: Session<User>| async move {
        session.insert("cart", "books").unwrap();
        session.set_return_to("/checkout").unwrap();
    });
    let mut page = Browser::of(Router::new().route("/", keep).layer(local.app.sessions.layer()));
    page.post("/").await;
    kept.cookie = page.cookie.clone();
    let answer = kept.send_body("POST", "/login", &[FORM, OURS], right()).await;
    assert_eq!(location(&answer), (303, "/checkout"));
    assert_eq!(kept.get("/app/get/cart").await.body, "books");
    assert_eq!(kept.get("/app/get/auth.return_to").await.body, "-", "it is taken");
    // What is not a path is not followed.
    let answer = browser.send_body("POST", "/login", &[FORM, OURS], right()).await;
    assert_eq!(location(&answer), (303, "/inbox"));
}

#[tokio::test]
async fn program_reads_where_the_session_says_to_go_once() {
    let local = Local::new().await;
    let keep =
        post(|session: Session<User>| async move { session.set_return_to("/checkout?a=%22b%22").unwrap().to_string() });
    let mut page = Browser::of(Router::new().route("/", keep).layer(local.app.sessions.layer()));
    page.post("/").await;
    let mut browser = local.app.browser();
    browser.cookie = page.cookie;
    let json = serde_json::json!({ "username": "ann", "password": PASSWORD }).to_string();
    let answer = browser.send_body("POST", "/login", &[JSON, OURS], json.clone()).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"returnTo":"/checkout?a=%22b%22"}"#));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(browser.send_body("POST", "/login", &[JSON, OURS], json).await.status, 204, "once");
}

#[tokio::test]
async fn login_is_labelled_by_what_the_client_says() {
    let local = Local::new().await;
    for (agent, label) in [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", Some("Firefox on Linux")),
        ("<script>alert(1)</script>", None),
    ] {
        let mut browser = local.app.browser();
        browser.send_body("POST", "/login", &[FORM, OURS, ("user-agent", agent)], right()).await;
        let logins = local.app.sessions.logins(&User("ann".to_owned())).await.unwrap();
        assert_eq!(logins.first().unwrap().label(), label, "{agent}");
        browser.post("/logout").await;
    }
}

#[tokio::test]
async fn paths_of_the_routes_are_local() {
    let local = Local::new().await;
    for bad in ["", "inbox", "//evil.example", "https://evil.example", "/a b"] {
        let login = || local.login.clone();
        assert!(login().after_login(bad).is_err(), "{bad}");
        assert!(login().after_logout(bad).is_err());
        assert!(login().failure(bad).is_err());
        assert!(login().paths(bad, "/logout").is_err());
    }
    assert!(local.login.clone().failure("/login#top").is_err());
    let login = local.login.clone().failure("/start?tab=login").unwrap().paths("/in", "/out").unwrap();
    let page = Router::new().route("/in", axum::routing::get(|| async { "a form" }));
    let server = Server::start(page.merge(login.routes()).layer(local.app.sessions.layer())).await;
    assert_eq!(server.get("/in", &[]).await.body, "a form", "the page may have the same path");
    let answer = server.send(http::Method::POST, "/in", &[FORM, OURS], typed("ann", "wrong")).await;
    assert_eq!(location(&answer), (303, "/start?tab=login&error=invalid_credentials"));
    assert_eq!(server.send(http::Method::POST, "/out", &[OURS], "").await.status, 204);
}

#[tokio::test]
async fn password_and_name_are_in_no_log_or_answer() {
    let (log, _guard) = test_support::everything();
    let local = Local::new().await;
    let (name, password) = ("marker-name", "marker-password-of-mine");
    let mut browser = local.app.browser();
    let mut seen = String::new();
    for kind in [FORM, JSON] {
        let body = match kind {
            FORM => typed(name, password),
            _ => serde_json::json!({ "username": name, "password": password }).to_string(),
        };
        for body in [body.clone(), body.replace("username", "user"), body + "&"] {
            seen += &format!("{:?}", browser.send_body("POST", "/login", &[kind, OURS], body).await);
        }
    }
    seen += &format!("{:?} {:?}", local.login, PasswordPolicy::alone());
    assert!(log.text().contains("login failed"));
    for (what, text) in [("the log", log.text()), ("an answer", seen)] {
        test_support::log::assert_clean(what, &text, password);
        test_support::log::assert_clean(what, &text, name);
    }
}

#[tokio::test]
async fn form_and_json_say_that_there_are_too_many_logins() {
    let local = Local::new().await;
    let builder = Sessions::builder(local.app.store.clone(), local.app.users.clone(), ORIGIN);
    let sessions = builder.clock(local.app.clock.clone()).max_logins(1, LoginOverflow::RefuseNew).build().unwrap();
    let login = LocalLogin::new(sessions.clone(), local.ann.clone()).passwords(cheap());
    let server = Server::start(login.routes().layer(sessions.layer())).await;
    assert_eq!(send(&server, &[FORM, OURS], right()).await.status, 303);
    let form = send(&server, &[FORM, OURS], right()).await;
    assert_eq!(location(&form), (303, "/login?error=too_many_logins"));
    let json = serde_json::json!({"username": "ann", "password": PASSWORD}).to_string();
    let answer = send(&server, &[JSON, OURS], json).await;
    assert!(answer.is(409, "too_many_logins"), "{answer:?}");
    let wrong = send(&server, &[FORM, OURS], typed("ann", "guess")).await;
    assert_eq!(location(&wrong), (303, "/login?error=invalid_credentials"), "a guess learns nothing");
    assert!([&form, &answer, &wrong].iter().all(|answer| answer.header("set-cookie").is_none()));
}

use demo::TUTORIAL_TOKEN;
use reqwest::Method;

use crate::support::*;

const ME_BY_JWT: &str = r#"{"id":"1001","name":"admin","strategy":"jwt"}"#;

#[tokio::test]
async fn tutorial_token_works_as_printed() {
    let demo = Demo::start().await;
    let answer = demo.get("/api/me", Some(&format!("Bearer {TUTORIAL_TOKEN}"))).await;
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, ME_BY_JWT));
}

#[tokio::test]
async fn basic_works_on_the_same_route() {
    let demo = Demo::start().await;
    let answer = demo.get("/api/me", Some(BASIC)).await.text().await.unwrap();
    assert_eq!(answer, r#"{"id":"1001","name":"admin","strategy":"basic"}"#);
}

#[tokio::test]
async fn without_credentials_answers_401_with_both_challenges() {
    let demo = Demo::start().await;
    let answer = demo.get("/api/me", None).await;
    assert_eq!(challenges(&answer), [r#"Bearer realm="demo""#, r#"Basic realm="demo", charset="UTF-8""#]);
    assert_eq!(code(answer).await, (401, "missing_credentials".into()));
}

#[tokio::test]
async fn only_the_page_and_health_are_open_with_any_method() {
    let demo = Demo::start().await;
    for path in ["/", "/style.css", "/app.js", "/websocket.js", "/socketio.js", "/vendor/socket.io.min.js", "/health"] {
        assert_eq!(demo.get(path, None).await.status(), 200, "{path}");
    }
    for path in ["/api/me", "/api/ws-ticket", "/api/logout", "/api/token", "/ws", "/ws-first-message"] {
        for method in [Method::GET, Method::POST, Method::DELETE, Method::OPTIONS] {
            let answer = demo.request(method.clone(), path).send().await.unwrap();
            assert_eq!(answer.status(), 401, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn bad_token_answers_401_with_an_error_on_bearer_only() {
    let demo = Demo::start().await;
    let answer = demo.get("/api/me", Some("Bearer a.b.c")).await;
    let bearer = r#"Bearer realm="demo", error="invalid_token", error_description="The credentials are invalid""#;
    assert_eq!(challenges(&answer), [bearer, r#"Basic realm="demo", charset="UTF-8""#]);
    assert_eq!(code(answer).await, (401, "invalid_credentials".into()));
}

#[tokio::test]
async fn unknown_user_and_wrong_password_get_the_same_answer() {
    let demo = Demo::start().await;
    // `nobody:guess`
    let mut unknown = demo.get("/api/me", Some("Basic bm9ib2R5Omd1ZXNz")).await;
    let mut wrong = demo.get("/api/me", Some(WRONG_BASIC)).await;
    for answer in [&mut unknown, &mut wrong] {
        answer.headers_mut().remove("date");
    }
    assert_eq!(unknown.headers(), wrong.headers());
    assert_eq!(code(unknown).await, (401, "invalid_credentials".into()));
    assert_eq!(code(wrong).await, (401, "invalid_credentials".into()));
}

#[tokio::test]
async fn token_of_an_unknown_user_answers_401() {
    let demo = Demo::start().await;
    let forged = auth_jwt::Signer::hs256(auth_jwt::HmacSecret::from("secret").dangerous_allow_short_secret()).unwrap();
    let token = forged.sign(&serde_json::json!({ "sub": "1002" })).unwrap();
    let answer = demo.get("/api/me", Some(&format!("Bearer {}", token.expose()))).await;
    assert_eq!(code(answer).await, (401, "invalid_credentials".into()));
}

#[tokio::test]
async fn two_authorization_headers_answer_400() {
    let demo = Demo::start().await;
    let request = demo.request(Method::GET, "/api/me").header("authorization", BASIC).header("authorization", BASIC);
    assert_eq!(code(request.send().await.unwrap()).await, (400, "invalid_request".into()));
}

#[tokio::test]
async fn token_route_issues_a_token_that_works_until_it_expires() {
    let demo = Demo::start().await;
    let request = demo.request(Method::POST, "/api/token").header("authorization", BASIC);
    let answer: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer.get("expires_in"), Some(&900.into()));
    let bearer = format!("Bearer {}", answer.get("token").unwrap().as_str().unwrap());
    assert_eq!(demo.get("/api/me", Some(&bearer)).await.status(), 200);
    // After the leeway of sixty seconds, the token has expired.
    demo.advance(900 + 60);
    assert_eq!(code(demo.get("/api/me", Some(&bearer)).await).await, (401, "token_expired".into()));
}

/// The tokens of a new login.
async fn tokens(demo: &Demo) -> (String, String) {
    pair(demo.request(Method::POST, "/api/token").header("authorization", BASIC)).await
}

async fn pair(request: reqwest::RequestBuilder) -> (String, String) {
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers().get("cache-control").unwrap(), "no-store");
    let answer: serde_json::Value = answer.json().await.unwrap();
    let text = |name: &str| answer.get(name).map(|text| text.as_str().unwrap().to_owned());
    assert_eq!(answer.get("expires_in"), Some(&900.into()));
    // The route for the next tokens uses the names of RFC 6749.
    let access = text("token").or_else(|| text("access_token")).unwrap();
    (format!("Bearer {access}"), text("refresh_token").unwrap())
}

fn refresh(demo: &Demo, token: &str) -> reqwest::RequestBuilder {
    demo.request(Method::POST, "/api/refresh").json(&serde_json::json!({ "refresh_token": token }))
}

#[tokio::test]
async fn refresh_token_gets_the_next_tokens_of_the_login() {
    let demo = Demo::start().await;
    let (first, one) = tokens(&demo).await;
    demo.advance(3600);
    assert_eq!(code(demo.get("/api/me", Some(&first)).await).await, (401, "token_expired".into()));
    let (second, two) = pair(refresh(&demo, &one)).await;
    let me = demo.get("/api/me", Some(&second)).await.text().await.unwrap();
    assert!(me.starts_with(r#"{"id":"1001","name":"admin","strategy":"jwt","expires_in":"#), "{me}");
    assert_eq!(pair(refresh(&demo, &one)).await.1, two, "the answer may have been lost");
    assert_ne!(pair(refresh(&demo, &two)).await.1, two);
}

#[tokio::test]
async fn old_refresh_token_ends_the_login_and_its_socket() {
    let demo = Demo::start().await;
    let (_, one) = tokens(&demo).await;
    let (access, two) = pair(refresh(&demo, &one)).await;
    let mut socket = demo.connect("authorization", &access).await.unwrap();
    assert_eq!(socket.says("hello").await, "server response: hello");
    demo.advance(301);
    assert_eq!(code(refresh(&demo, &one).send().await.unwrap()).await, (400, "invalid_grant".into()));
    assert_eq!(socket.closed().await, Some((4403, "revoked".into())));
    assert_eq!(code(demo.get("/api/me", Some(&access)).await).await, (401, "revoked".into()));
    assert_eq!(code(refresh(&demo, &two).send().await.unwrap()).await, (400, "invalid_grant".into()));
}

#[tokio::test]
async fn logout_with_a_token_ends_its_login() {
    let demo = Demo::start().await;
    let ((access, next), (other, others)) = (tokens(&demo).await, tokens(&demo).await);
    let out = demo.request(Method::POST, "/api/logout").header("authorization", &access).send().await.unwrap();
    assert_eq!(out.text().await.unwrap(), r#"{"revoked":"login"}"#);
    assert_eq!(code(refresh(&demo, &next).send().await.unwrap()).await, (400, "invalid_grant".into()));
    assert_eq!(code(demo.get("/api/me", Some(&access)).await).await, (401, "revoked".into()));
    assert_eq!(demo.get("/api/me", Some(&other)).await.status(), 200);
    assert!(!pair(refresh(&demo, &others)).await.1.is_empty());
}

#[tokio::test]
async fn token_route_does_not_accept_a_token() {
    let demo = Demo::start().await;
    let request = demo.request(Method::POST, "/api/token").header("authorization", demo.bearer(60));
    let answer = request.send().await.unwrap();
    assert_eq!(challenges(&answer), [r#"Basic realm="demo", charset="UTF-8""#]);
    assert_eq!(code(answer).await, (401, "missing_credentials".into()));
}

#[tokio::test]
async fn health_is_open() {
    assert_eq!(Demo::start().await.get("/health", None).await.status(), 200);
}

#[tokio::test]
async fn page_and_its_files_load_nothing_from_elsewhere() {
    let demo = Demo::start().await;
    let scripts = ["/app.js", "/websocket.js", "/socketio.js"].map(|path| (path, "text/javascript"));
    for (path, kind) in [("/", "text/html"), ("/style.css", "text/css")].into_iter().chain(scripts) {
        let answer = demo.get(path, None).await;
        let header = |name| answer.headers().get(name).unwrap().to_str().unwrap().to_owned();
        assert!(header("content-type").starts_with(kind));
        assert!(header("content-security-policy").starts_with("default-src 'none'"));
        let text = answer.text().await.unwrap();
        assert!(!text.contains("//cdn") && !text.contains("https://"), "{path}");
    }
}

#[tokio::test]
async fn client_library_is_served_with_its_licence_named() {
    let answer = Demo::start().await.get("/vendor/socket.io.min.js", None).await;
    assert_eq!(answer.headers().get("content-type").unwrap(), "text/javascript; charset=utf-8");
    assert!(answer.text().await.unwrap().contains("Released under the MIT License."));
}

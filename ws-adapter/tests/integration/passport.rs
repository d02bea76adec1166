//! Behaviours of Passport that need a server to show. The others are tested with the strategies.

use std::sync::Arc;

use auth_core::{Authenticated, Refusal, RefusalKind};
use axum::{Extension, Router, extract::Path, routing::get};
use http::request::Parts;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::support::*;

#[tokio::test]
async fn row_5_two_chains_of_different_user_types_share_one_route() {
    struct Account(String);
    impl auth_core::Principal for Account {
        fn principal_id(&self) -> Option<auth_core::PrincipalId> {
            None
        }
    }
    async fn connect(user: Authenticated<User>, account: Authenticated<Account>) -> String {
        format!("{} gets {}", user.0, account.user().0)
    }
    let login = layer(auth_core::Chain::new().or(basic()));
    let account = layer(
        auth_core::Chain::new().or(jwt_from(auth_core::extract::header("x-account"))).map_user(|user| Account(user.0)),
    );
    let server = Server::start(Router::new().route("/", get(connect)).layer(account).layer(login)).await;
    let headers = [("authorization", "Basic YWRtaW46cGFzc3dvcmQ="), ("x-account", &*token("github-17", 60))];
    assert_eq!(server.get("/", &headers).await.body, "admin gets github-17");
}

#[tokio::test]
async fn row_16_handler_runs_the_chain_itself_and_sees_the_result() {
    async fn handler(Extension(chain): Extension<auth_core::Chain<User>>, parts: Parts) -> String {
        let request = auth_core::AuthRequest::new(&parts, auth_core::Transport::Http, *START);
        match chain.authenticate(&request).await {
            Ok(user) => format!("user {}", user.0),
            Err(refusal) => format!("{} {} challenges", refusal.code(), refusal.challenges().len()),
        }
    }
    let server = Server::start(Router::new().route("/", get(handler)).layer(Extension(jwt_or_basic()))).await;
    assert_eq!(server.get("/", &[]).await.body, "missing_credentials 2 challenges");
    assert_eq!(server.get("/", &[("authorization", &bearer_of("ann"))]).await.body, "user ann");
}

#[tokio::test]
async fn row_17_failure_redirect_is_a_hook() {
    let hook = |refusal: &Refusal, _: &Parts| {
        let to_login = matches!(refusal.kind(), RefusalKind::Missing);
        let response = http::Response::builder();
        let response = if to_login { response.status(302).header("location", "/login") } else { response };
        response.body("").unwrap()
    };
    let server = Server::start(app(layer(jwt_or_basic()).on_refusal(hook))).await;
    assert_eq!(server.get("/me", &[]).await.header("location"), Some("/login"));
    assert_eq!(server.get("/me", &[("authorization", "Bearer a.b.c")]).await.status, 401);
}

#[tokio::test]
async fn row_18_hook_receives_the_typed_refusal() {
    let hook = |refusal: &Refusal, _: &Parts| http::Response::new(format!("{:?}", refusal.kind()));
    let server = Server::start(app(layer(jwt_or_basic()).on_refusal(hook))).await;
    assert_eq!(server.get("/me", &[]).await.body, "Missing");
    assert_eq!(server.get("/me", &[("authorization", "Bearer eyJhbGciOiJIUzI1NiJ9.b.c")]).await.body, "Rejected");
    assert_eq!(server.get("/me", &[("authorization", "Bearer opaque")]).await.body, "Unrecognized");
    assert_eq!(server.get("/me", &[("authorization", &bearer_of("broken"))]).await.body, "Unavailable");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_21_a_thousand_concurrent_requests_never_swap_users() {
    let app = Router::new()
        .route(
            "/{name}",
            get(|Path(name): Path<String>, user: Authenticated<User>| async move { (name == user.0).to_string() }),
        )
        .layer(layer(jwt_or_basic()));
    let server = Arc::new(Server::start(app).await);
    let at_once = Arc::new(Semaphore::new(100));
    let mut asked = JoinSet::new();
    for i in 0..1000 {
        let (server, at_once) = (Arc::clone(&server), Arc::clone(&at_once));
        asked.spawn(async move {
            let _permit = at_once.acquire().await.unwrap();
            let name = format!("user{i}");
            server.get(&format!("/{name}"), &[("authorization", &bearer_of(&name))]).await.body
        });
    }
    let answers = asked.join_all().await;
    assert_eq!(answers.len(), 1000);
    assert!(answers.iter().all(|answer| answer == "true"));
}

#[tokio::test]
async fn row_22_callback_that_fails_never_hangs_the_request() {
    let server = Server::start(app(layer(jwt_or_basic()))).await;
    for (user, status) in [("broken", 503), ("panic", 500), ("ann", 200)] {
        let headers = [("authorization", &*bearer_of(user))];
        let answer = tokio::time::timeout(std::time::Duration::from_secs(2), server.get("/me", &headers)).await;
        assert_eq!(answer.unwrap().status, status);
    }
}

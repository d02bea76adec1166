//! Secrets and passwords are in no log, with Redis behind the logins.

use auth_basic::{Argon2Passwords, Password};
use auth_session::{LocalLogin, Sessions};
use axum::Router;
use test_support::{
    log::assert_clean,
    redis::{Kind, Server},
};

use super::{TIMEOUT, plain};
use crate::{ann::*, support::*};

#[tokio::test]
async fn secrets_and_passwords_are_in_no_log_with_redis() {
    let Some(mut redis) = Server::start_as(Kind::WithUser).await else { return };
    let (log, _guard) = test_support::everything();
    let (clock, ann) = (clock(), Ann::default());
    let passwords = Argon2Passwords::with_params_of(CHEAP).unwrap();
    ann.0.lock().unwrap().hash = passwords.hash(&Password::new(PASSWORD)).await.unwrap();
    let store = plain(&redis.url()).timeout(TIMEOUT).clock(clock.clone());
    let sessions = Sessions::builder(store, Users::default(), ORIGIN).clock(clock.clone()).build().unwrap();
    let login = LocalLogin::new(sessions.clone(), ann).passwords(passwords);
    let app = Router::new().nest("/app", routes(&sessions, &clock));
    let app = app.merge(login.routes().layer(sessions.layer()));

    let mut browser = Browser::of(app);
    let mut secrets = vec![PASSWORD.to_owned(), "MARKER".to_owned(), "app:secret".to_owned()];
    let mut seen = String::new();
    let wrong = typed("ann", "MARKER of a password");
    let mut post = async |browser: &mut Browser, path: &str, body: &str| {
        let answer = browser.send_body("POST", path, &[FORM, OURS], body.to_owned()).await;
        secrets.extend(browser.cookie.iter().cloned());
        seen += &format!("{} {} {:?}\n", answer.status, answer.body, answer.headers.get("location"));
        answer.status
    };
    assert_eq!(post(&mut browser, "/login", &wrong).await, 303);
    assert_eq!(post(&mut browser, "/login", &right()).await, 303);
    for path in ["/app/put/a/b", "/app/step-up", "/app/login/ann?remember", "/app/end-others"] {
        assert_eq!(post(&mut browser, path, "").await, 204, "{path}");
    }
    clock.advance(secs(120));
    assert_eq!(browser.get("/app/me").await.body, "ann");
    let live = browser.clone();
    assert_eq!(post(&mut browser, "/app/logout", "").await, 204);
    browser.cookie = live.cookie;
    assert_eq!(browser.get("/app/me").await.status, 401);
    assert_eq!(post(&mut browser, "/login", &right()).await, 303);
    redis.kill();
    for (path, body) in [("/app/put/a/b", ""), ("/app/logout", ""), ("/login", &wrong), ("/login", &right())] {
        let status = post(&mut browser, path, body).await;
        assert!(status == 503 || status == 303, "{path}: {status}");
    }

    let log = log.text();
    for told in ["logged in", "logged out", "Redis"] {
        assert!(log.contains(told), "the test must see something: {told}");
    }
    let secrets = secrets.iter().map(|secret| secret.split_once('.').map_or(secret.as_str(), |(_, secret)| secret));
    for secret in secrets {
        assert_clean("the log", &log, secret);
        assert_clean("an answer", &seen, secret);
    }
}

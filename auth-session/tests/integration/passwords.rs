//! New passwords, and new hashes of old ones.

use auth_basic::{Argon2Passwords, Password};
use auth_session::{NewPasswordErrorKind, PasswordPolicy, Session};
use axum::{Router, routing::post};

use crate::{ann::*, support::*};

#[tokio::test]
async fn hash_is_replaced_when_the_parameters_have_grown() {
    let stronger = Argon2Passwords::with_params_of(CHEAPER).unwrap();
    let local = Local::with(|login| login.passwords(stronger.clone())).await;
    let hash = || local.ann.0.lock().unwrap().hash.clone();
    assert!(stronger.has_outgrown(&hash()));
    local.ann.0.lock().unwrap().refuses = true;
    assert!(local.login.verify("ann", &Password::new(PASSWORD)).await.unwrap().is_some(), "the login goes on");
    local.ann.0.lock().unwrap().refuses = false;
    assert!(local.login.verify("ann", &Password::new("wrong")).await.unwrap().is_none());
    assert_eq!(local.ann.0.lock().unwrap().stored, 0);
    for _ in 0..2 {
        assert!(local.login.verify("ann", &Password::new(PASSWORD)).await.unwrap().is_some());
        assert!(!stronger.has_outgrown(&hash()));
        assert_eq!(local.ann.0.lock().unwrap().stored, 1);
    }
}

#[tokio::test]
async fn stronger_hash_stays_when_the_parameters_have_shrunk() {
    let local = Local::new().await;
    let stronger = Argon2Passwords::with_params_of(CHEAPER).unwrap().hash(&Password::new(PASSWORD)).await.unwrap();
    local.ann.0.lock().unwrap().hash = stronger.clone();
    assert!(local.login.verify("ann", &Password::new(PASSWORD)).await.unwrap().is_some());
    let kept = local.ann.0.lock().unwrap();
    assert_eq!((kept.stored, &kept.hash), (0, &stronger));
}

#[tokio::test]
async fn rehash_does_not_undo_a_change_of_the_password_meanwhile() {
    let stronger = Argon2Passwords::with_params_of(CHEAPER).unwrap();
    let local = Local::with(|login| login.passwords(stronger.clone())).await;
    local.ann.0.lock().unwrap().changes_to = Some("the hash of the new password".to_owned());
    assert!(local.login.verify("ann", &Password::new(PASSWORD)).await.unwrap().is_some());
    assert_eq!(local.ann.0.lock().unwrap().hash, "the hash of the new password");
}

#[tokio::test]
async fn change_of_the_password_ends_a_login_that_was_being_checked() {
    let local = Local::new().await;
    let began = now();
    local.ann.0.lock().unwrap().clock = Some(local.app.clock.clone());
    let mut browser = local.app.browser();
    assert_eq!(browser.send_body("POST", "/login", &[FORM, OURS], right()).await.status, 303);
    // The change came after the look at the hash, and before the login.
    local.app.clock.set(began + std::time::Duration::from_millis(500));
    local.app.sessions.end_all(&User("ann".to_owned())).await.unwrap();
    local.app.clock.set(began + secs(2));
    assert_eq!(local.app.sids("ann").await.len(), 0);
}

#[tokio::test]
async fn changed_password_ends_the_other_logins() {
    let local = Local::new().await;
    let (mut current, mut other) = (local.app.browser(), local.app.browser());
    for browser in [&mut current, &mut other] {
        browser.send_body("POST", "/login", &[FORM, OURS], right()).await;
    }
    local.app.clock.advance(secs(1));
    let login = local.login.clone();
    let change = post(move |session: Session<User>, body: String| async move {
        let (current, new) = body.split_once('|').unwrap();
        login.change_password(&session, "ann", &Password::new(current), &Password::new(new)).await
    });
    let mut page = Browser::of(Router::new().route("/", change).layer(local.app.sessions.layer()));
    page.cookie = current.cookie.clone();
    let new = "a long new password";
    for (body, status, code) in [
        (format!("wrong|{new}"), 401, "invalid_credentials"),
        (format!("{PASSWORD}|short"), 422, "password_too_short"),
        (format!("{PASSWORD}|{}", "x".repeat(1025)), 422, "password_too_long"),
    ] {
        assert!(page.send_body("POST", "/", &[], body).await.is(status, code));
    }
    assert_eq!(current.clone().get("/app/me").await.body, "ann");
    // Nobody can change a password in another user's session.
    let mut bob = local.app.browser();
    bob.post("/app/login/bob").await;
    let mut bobs = page.clone();
    bobs.cookie = bob.cookie;
    assert!(bobs.send_body("POST", "/", &[], format!("{PASSWORD}|{new}")).await.is(401, "invalid_credentials"));

    let answer = page.send_body("POST", "/", &[], format!("{PASSWORD}|{new}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_ne!(page.cookie, current.cookie, "the secret is replaced");
    current.cookie = page.cookie;
    assert_eq!(current.get("/app/me").await.body, "ann");
    assert!(other.get("/app/me").await.is(401, "session_expired"));
    assert!(local.login.verify("ann", &Password::new(new)).await.unwrap().is_some());
    assert!(local.login.verify("ann", &Password::new(PASSWORD)).await.unwrap().is_none());
}

#[tokio::test]
async fn logout_during_a_change_of_the_password_is_no_outage() {
    let local = Local::new().await;
    let mut tab = local.app.browser();
    tab.send_body("POST", "/login", &[FORM, OURS], right()).await;
    let login = local.login.clone();
    let change = post(move |session: Session<User>| async move {
        login.change_password(&session, "ann", &Password::new(PASSWORD), &Password::new("a long new password")).await
    });
    let mut page = Browser::of(Router::new().route("/", change).layer(local.app.sessions.layer()));
    page.cookie = tab.cookie.clone();
    local.app.store.before("save", async move {
        assert_eq!(tab.post("/app/logout").await.status, 204);
    });
    assert!(page.post("/").await.is(401, "missing_credentials"));
    assert!(local.login.verify("ann", &Password::new("a long new password")).await.unwrap().is_some());
}

#[tokio::test]
async fn new_passwords_follow_nist() {
    let kind = async |policy: &PasswordPolicy, text: &str| {
        policy.check("longest-name-ever", &Password::new(text)).await.map_err(|error| error.kind())
    };
    let (alone, beside) = (PasswordPolicy::alone(), PasswordPolicy::beside_second_factor());
    use NewPasswordErrorKind::{Blocked, TooLong, TooShort, Unavailable};
    for (policy, least) in [(&alone, 15), (&beside, 8)] {
        // Code points, not bytes.
        for c in ["a", "é", "密", "🔑", " "] {
            assert_eq!(kind(policy, &c.repeat(least - 1)).await, Err(TooShort));
            assert_eq!(kind(policy, &c.repeat(least)).await, Ok(()));
        }
        assert_eq!(kind(policy, &"🔑".repeat(64)).await, Ok(()), "at least 64 characters");
        assert_eq!(kind(policy, &"a".repeat(1024)).await, Ok(()));
        assert_eq!(kind(policy, &"a".repeat(1025)).await, Err(TooLong));
        assert_eq!(kind(policy, "LONGEST-name-ever").await, Err(Blocked));
    }
    assert_eq!(kind(&alone.clone().max_bytes(1), &"🔑".repeat(64)).await, Ok(()));
    let listed = alone.clone().block_list(|password| async move { Ok(password.expose().starts_with("password")) });
    assert_eq!(kind(&listed, "password12345678").await, Err(Blocked));
    assert_eq!(kind(&listed, "passwort12345678").await, Ok(()));
    let down = alone.block_list(|_| async { Err("the list is down".into()) });
    assert_eq!(kind(&down, "password12345678").await, Err(Unavailable));
    assert_eq!(kind(&down, "short").await, Err(TooShort), "it is not asked");
}

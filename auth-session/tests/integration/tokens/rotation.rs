//! How tokens follow each other.

use auth_core::Clock as _;
use auth_store::{RecordKey, Records as _, SavedEnd};

use super::*;

#[tokio::test]
async fn each_refresh_gives_the_next_token_and_a_good_access_token() {
    let tokens = Tokens::new();
    let server = tokens.serve().await;
    let mut phone = Phone::log_in((&server).into(), "ann").await;
    assert_eq!((phone.generation(), phone.api().await), (1, is("ann")));
    let first = phone.clone();
    for generation in 2..20 {
        tokens.advance(600);
        assert_eq!(phone.api().await, refused(401, "token_expired"));
        assert_eq!(phone.refresh().await, Ok(generation));
        assert_eq!((phone.api().await, phone.sid()), (is("ann"), first.sid()));
    }
    assert_eq!(tokens.app.sids("ann").await, [first.sid()], "it is one login in the list");
}

#[tokio::test]
async fn two_tabs_get_the_same_successor() {
    let tokens = Tokens::new();
    let mut tab = tokens.phone("ann").await;
    let mut other = tab.clone();
    assert_eq!(tab.refresh().await, Ok(2));
    tokens.advance(10);
    assert_eq!(other.refresh().await, Ok(2));
    assert_eq!(tab.refresh, other.refresh);
    assert_ne!(tab.access, other.access);
    assert_eq!((tab.api().await, other.api().await), (is("ann"), is("ann")));
}

#[tokio::test]
async fn tab_that_is_late_by_seconds_gets_the_newest_token() {
    let tokens = Tokens::new();
    let mut tab = tokens.phone("ann").await;
    let mut other = tab.clone();
    for generation in 2..5 {
        assert_eq!(tab.refresh().await, Ok(generation));
        tokens.advance(3);
    }
    assert_eq!(other.refresh().await, Ok(4));
    assert_eq!(other.refresh, tab.refresh);
}

#[tokio::test]
async fn lost_answer_is_given_again_for_five_minutes() {
    for (after, expected) in [(0, Ok(2)), (11, Ok(2)), (300, Ok(2)), (301, invalid_grant())] {
        let tokens = Tokens::new();
        let mut phone = tokens.phone("ann").await;
        let lost = phone.send().await;
        assert_eq!(lost.status, 200);
        tokens.advance(after);
        assert_eq!(phone.refresh().await, expected, "{after}");
        if expected.is_ok() {
            assert!(lost.body.contains(&phone.refresh));
        }
        assert_eq!(tokens.app.sids("ann").await.len(), usize::from(expected.is_ok()), "{after}");
    }
}

/// The successor is used, so the answer was not lost.
#[tokio::test]
async fn predecessor_of_a_used_token_has_ten_seconds() {
    for (after, expected) in [(10, Ok(3)), (11, invalid_grant())] {
        let tokens = Tokens::new();
        let mut phone = tokens.phone("ann").await;
        let mut old = phone.clone();
        phone.refresh().await.unwrap();
        phone.refresh().await.unwrap();
        tokens.advance(after);
        assert_eq!(old.refresh().await, expected);
    }
}

#[tokio::test]
async fn failover_that_loses_a_rotation_ends_nothing() {
    let tokens = Tokens::new();
    let mut phone = tokens.phone("ann").await;
    let (store, id) = (&tokens.app.store, RecordKey::of_id("login", &phone.sid()));
    let old = store.load(&id).await.unwrap().unwrap();
    for _ in 0..3 {
        phone.refresh().await.unwrap();
        tokens.advance(60);
    }
    let mut newest = store.load(&id).await.unwrap().unwrap();
    newest.value = old.value;
    store.save(&newest, SavedEnd::Keep).await.unwrap();
    assert_eq!((phone.generation(), phone.refresh().await), (4, Ok(5)));
    tokens.advance(60);
    assert_eq!(phone.refresh().await, Ok(6));
    assert_eq!(phone.api().await, is("ann"));
}

#[tokio::test]
async fn refresh_counts_as_use_of_the_login() {
    let tokens = Tokens::new();
    let mut phone = tokens.phone("ann").await;
    for _ in 0..3 {
        tokens.advance(9 * 86_400);
        assert!(phone.refresh().await.is_ok());
        let login = tokens.app.sessions.logins(&User("ann".to_owned())).await.unwrap().remove(0);
        assert_eq!(login.used_at(), tokens.app.clock.now());
    }
    // The absolute end.
    tokens.advance(3 * 86_400);
    assert_eq!(phone.refresh().await, invalid_grant());
    let mut idle = tokens.phone("ann").await;
    tokens.advance(14 * 86_400);
    assert_eq!(idle.refresh().await, invalid_grant());
}

#[tokio::test]
async fn clock_that_was_set_back_ends_nothing() {
    let tokens = Tokens::new();
    tokens.advance(3600);
    let mut phone = tokens.phone("ann").await;
    let mut late = phone.clone();
    phone.refresh().await.unwrap();
    tokens.app.clock.set(now());
    assert_eq!(late.refresh().await, Ok(2));
    assert_eq!(phone.refresh().await, Ok(3));
    tokens.advance(3600);
    assert_eq!(phone.refresh().await, Ok(4));
}

#[tokio::test]
async fn cookie_of_a_login_with_tokens_does_not_exist() {
    let tokens = Tokens::new();
    let phone = tokens.phone("ann").await;
    let mut browser = tokens.app.browser();
    let parts: Vec<_> = phone.refresh.split('.').collect();
    for secret in [parts[2], &"A".repeat(43)] {
        browser.cookie = Some(format!("session={}.{secret}", phone.sid()));
        assert_eq!(browser.me().await.unwrap_err().0, 401);
    }
    assert!(!tokens.app.store.told().contains(parts[2]), "the store never learns a token");
}

/// A login by cookie has the same kind of id.
#[tokio::test]
async fn login_by_cookie_has_no_refresh_token() {
    let tokens = Tokens::new();
    let mut browser = tokens.app.logged_in("ann").await;
    let sid = browser.get("/sid").await.body;
    let message = [b"auth-session refresh token 1\0", sid.as_bytes(), b".1"].concat();
    let mac = {
        use aws_lc_rs::hmac;
        use base64::Engine as _;
        let key = hmac::Key::new(hmac::HMAC_SHA256, key("k").expose().as_bytes());
        base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, &message))
    };
    let mut phone = tokens.phone("eve").await;
    phone.refresh = format!("{sid}.1.{mac}");
    assert_eq!(phone.refresh().await, invalid_grant());
    assert_eq!(browser.me().await, is("ann"));
}

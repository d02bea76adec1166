//! A store that is down: 503, and nothing ends.

use super::*;

#[tokio::test]
async fn store_that_is_down_is_503_and_ends_no_login() {
    let all = ["create", "load", "touch", "save", "end", "end_owned", "owned", "raise", "publish", "marks"];
    for broken in [&all[..], &["load"], &["save"], &["marks"]] {
        let tokens = Tokens::new();
        let mut phone = tokens.phone("ann").await;
        tokens.app.store.break_calls(broken);
        for _ in 0..3 {
            let answer = phone.send().await;
            assert!(answer.is(503, "unavailable"), "{broken:?}: {answer:?}");
            assert_eq!(answer.header("retry-after"), Some("5"));
        }
        tokens.app.store.mend();
        tokens.advance(600);
        assert_eq!((phone.refresh().await, phone.api().await), (Ok(2), is("ann")), "{broken:?}");
    }
}

#[tokio::test]
async fn login_and_logout_on_a_store_that_is_down_are_503() {
    let tokens = Tokens::new();
    let mut phone = tokens.phone("ann").await;
    tokens.app.store.break_calls(&["create", "raise"]);
    let asks: Asked = tokens.router.clone().into();
    let answer = asks.send("POST", "/token/ann", &[], "").await;
    assert!(answer.is(503, "unavailable") && !answer.body.contains("token"), "{answer:?}");
    assert_eq!(phone.log_out().await, 503);
    assert!(tokens.tokens.end(&phone.refresh).await.is_err());
    tokens.app.store.mend();
    assert_eq!(phone.refresh().await, Ok(2));
    assert_eq!(phone.log_out().await, 204);
}

#[tokio::test]
async fn save_that_was_stored_and_fails_gives_the_same_successor_again() {
    let tokens = Tokens::new();
    let mut phone = tokens.phone("ann").await;
    tokens.app.store.lose_answers(&["save"]);
    assert_eq!(phone.refresh().await, refused(503, "unavailable"));
    tokens.advance(240);
    assert_eq!(phone.refresh().await, Ok(2), "nothing has to be saved");
    tokens.app.store.mend();
    assert_eq!(phone.refresh().await, Ok(3));
}

#[tokio::test]
async fn theft_that_cannot_be_stored_is_503_and_is_found_again() {
    for broken in ["raise", "end"] {
        let tokens = Tokens::new();
        let mut phone = tokens.phone("ann").await;
        let mut thief = phone.clone();
        phone.refresh().await.unwrap();
        tokens.advance(301);
        tokens.app.store.break_calls(&[broken]);
        assert_eq!(thief.refresh().await, refused(503, "unavailable"), "{broken}");
        tokens.app.store.mend();
        assert_eq!(thief.refresh().await, invalid_grant(), "{broken}");
        assert_eq!((phone.refresh().await, phone.api().await), (invalid_grant(), refused(401, "revoked")), "{broken}");
    }
}

#[tokio::test]
async fn users_that_cannot_be_asked_are_503_and_nothing_is_rotated() {
    let tokens = Tokens::new();
    let mut phone = tokens.phone("ann").await;
    tokens.app.users.set("ann", "broken");
    assert_eq!(phone.refresh().await, refused(503, "unavailable"));
    tokens.advance(3600);
    tokens.app.users.set("ann", "");
    assert_eq!(phone.refresh().await, Ok(2));
}

#[tokio::test]
async fn unreadable_record_ends_for_the_client_alone() {
    use auth_store::{RecordKey, Records as _, SavedEnd};
    let tokens = Tokens::new();
    let mut phone = tokens.phone("ann").await;
    let key = RecordKey::of_id("login", &phone.sid());
    let mut record = tokens.app.store.load(&key).await.unwrap().unwrap();
    record.value = b"{}".to_vec().into();
    tokens.app.store.save(&record, SavedEnd::Keep).await.unwrap();
    assert_eq!(phone.refresh().await, invalid_grant());
}

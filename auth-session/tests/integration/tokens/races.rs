//! Requests at the same moment.

use std::sync::Arc;

use futures_util::{FutureExt as _, future::join};
use tokio::sync::Notify;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_races_of_two_tabs_lose_no_login_and_make_no_branch() {
    let tokens = Tokens::new();
    let mut tab = tokens.phone("ann").await;
    for round in 0..1_000 {
        let (mut one, mut two) = (tab.clone(), tab.clone());
        let (one, two) = join(
            tokio::spawn(async move { (one.refresh().await, one) }),
            tokio::spawn(async move { (two.refresh().await, two) }),
        )
        .await;
        let ((first, one), (second, two)) = (one.unwrap(), two.unwrap());
        assert_eq!((first, second), (Ok(round + 2), Ok(round + 2)));
        assert_eq!(one.refresh, two.refresh);
        tab = if round % 2 == 0 { one } else { two };
        tokens.advance(20);
    }
    assert_eq!((tab.api().await, tokens.app.sids("ann").await), (is("ann"), vec![tab.sid()]));
}

#[tokio::test]
async fn many_tabs_at_once_in_many_orders_get_one_successor() {
    for seed in 0..50 {
        let tokens = Tokens::new();
        let tab = tokens.phone("ann").await;
        tokens.app.store.take_turns(seed);
        let tabs: Vec<_> = (0..8).map(|_| tab.clone()).collect();
        let asked = tabs.into_iter().map(|mut tab| tokio::spawn(async move { (tab.refresh().await, tab.refresh) }));
        let mut answers = Vec::new();
        for task in asked.collect::<Vec<_>>() {
            let (refreshed, token) = task.await.unwrap();
            assert_eq!(refreshed, Ok(2), "{seed}");
            answers.push(token);
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{seed}");
    }
}

#[tokio::test]
async fn logout_that_races_a_refresh_stays() {
    let (mut refreshed, mut refused) = (0, 0);
    for seed in 0..200 {
        let tokens = Tokens::new();
        let phone = tokens.phone("ann").await;
        tokens.app.store.take_turns(seed);
        let (mut tab, other) = (phone.clone(), phone.clone());
        let refresh = tokio::spawn(async move { (tab.refresh().await, tab) });
        let logout = tokio::spawn(async move {
            for _ in 0..seed % 40 {
                tokio::task::yield_now().await;
            }
            other.log_out().await
        });
        let ((answer, mut tab), ended) = (refresh.await.unwrap(), logout.await.unwrap());
        assert_eq!(ended, 204, "{seed}");
        match answer {
            Ok(2) => refreshed += 1,
            answer => {
                assert_eq!(answer, invalid_grant(), "{seed}");
                refused += 1;
            }
        }
        assert_eq!(tab.api().await, crate::support::refused(401, "revoked"), "{seed}: what was issued is dead");
        assert_eq!(tab.refresh().await, invalid_grant(), "{seed}");
        assert!(tokens.app.sids("ann").await.is_empty(), "{seed}");
    }
    assert!(refreshed > 10 && refused > 10, "{refreshed} {refused}");
}

#[tokio::test]
async fn end_of_all_that_races_a_refresh_stays() {
    for seed in 0..100 {
        let tokens = Tokens::new();
        let phone = tokens.phone("ann").await;
        tokens.app.store.take_turns(seed);
        let (mut tab, sessions) = (phone.clone(), tokens.app.sessions.clone());
        let refresh = tokio::spawn(async move { (tab.refresh().await, tab) });
        let end = tokio::spawn(async move { sessions.end_all(&User("ann".to_owned())).await.is_ok() });
        let ((answer, mut tab), ended) = (refresh.await.unwrap(), end.await.unwrap());
        assert!(ended && (answer == Ok(2) || answer == invalid_grant()), "{seed}: {answer:?}");
        assert_eq!(tab.api().await, refused(401, "revoked"), "{seed}");
        assert_eq!(tab.refresh().await, invalid_grant(), "{seed}");
    }
}

#[tokio::test]
async fn end_of_all_between_save_and_answer_hands_out_nothing() {
    let tokens = Tokens::new();
    let mut phone = tokens.phone("ann").await;
    tokens.advance(60);
    let (sessions, store) = (tokens.app.sessions.clone(), tokens.app.store.clone());
    tokens.app.store.before("save", async move {
        store.before("marks", async move { sessions.end_all(&User("ann".to_owned())).await.unwrap() });
    });
    assert_eq!(phone.refresh().await, invalid_grant());
    assert_eq!(phone.refresh().await, invalid_grant());
}

#[tokio::test]
async fn client_that_goes_during_the_save_gets_the_same_successor() {
    for is_stored in [false, true] {
        let tokens = Tokens::new();
        let mut phone = tokens.phone("ann").await;
        let (store, waits) = (tokens.app.store.clone(), Arc::new(Notify::new()));
        let wait = Arc::clone(&waits);
        tokens.app.store.before("save", async move {
            if is_stored {
                // The save is done, and then the request waits.
                store.before("marks", async move { wait.notified().await });
            } else {
                wait.notified().await;
            }
        });
        assert!(phone.send().now_or_never().is_none(), "the request waits, and is dropped");
        tokens.app.store.stop_meanwhile();
        tokens.advance(11);
        assert_eq!(phone.refresh().await, Ok(2));
        assert_eq!(phone.refresh().await, Ok(3));
        drop(waits);
    }
}

#[tokio::test]
async fn refresh_that_others_precede_each_time_is_409_and_ends_nothing() {
    let tokens = Tokens::new();
    let mut phone = tokens.phone("ann").await;
    /// Another request saves the record just before each save.
    fn save_before(store: &crate::watched::Watched, sid: String) {
        let (next, key) = (store.clone(), auth_store::RecordKey::of_id("login", &sid));
        store.before("save", async move {
            use auth_store::Records as _;
            let record = next.load(&key).await.unwrap().unwrap();
            next.save(&record, auth_store::SavedEnd::Keep).await.unwrap();
            save_before(&next, sid);
        });
    }
    save_before(&tokens.app.store, phone.sid());
    assert_eq!(phone.refresh().await, refused(409, "session_conflict"));
    tokens.app.store.stop_meanwhile();
    assert_eq!(phone.refresh().await, Ok(2));
}

/// A browser opens six tabs at once, and one request is slow.
#[tokio::test]
async fn six_tabs_in_a_second_do_not_end_the_login_of_their_owner() {
    let tokens = Tokens::new();
    let slow = tokens.phone("ann").await;
    let mut jar = slow.clone();
    for generation in 2..7 {
        assert_eq!(jar.refresh().await, Ok(generation));
        tokens.app.clock.advance(std::time::Duration::from_millis(150));
    }
    assert_eq!(slow.clone().refresh().await, Ok(6));
}

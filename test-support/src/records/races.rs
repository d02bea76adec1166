use std::time::SystemTime;

use auth_store::{Record, RecordKey, Records, Saved, SavedEnd};

use super::fixture::{at, created, is_gone, key, keys_indexed, keys_owned, loaded, owned_by, owner, sorted};

pub async fn late_save_never_resurrects<R: Records + Clone>(store: &R, rounds: usize) {
    let (now, owner) = (SystemTime::now(), owner());
    for round in 0..rounds {
        let read = created(store, owned_by(now, &owner)).await;
        let (saved, ended) = both(
            store,
            round,
            {
                let read = read.clone();
                move |store: R| async move { store.save(&read, SavedEnd::Replace).await.unwrap() }
            },
            {
                let key = read.key.clone();
                move |store: R| async move { store.end(&key).await.unwrap() }
            },
        )
        .await;
        assert!(ended && saved != Saved::Conflict, "{round}: {saved:?}");
        assert!(is_gone(store, &read).await, "{round}: {saved:?}");
    }
    assert_eq!(keys_owned(store, &owner).await, []);
}

pub async fn late_touch_never_resurrects<R: Records + Clone>(store: &R, rounds: usize) {
    let (now, owner) = (SystemTime::now(), owner());
    for round in 0..rounds {
        let read = created(store, owned_by(now, &owner)).await;
        let (touch, end) = (read.key.clone(), read.key.clone());
        let touch = move |store: R| async move { store.touch(&touch, at(now, 1), at(now, 9000)).await.unwrap() };
        let (_, ended) = both(store, round, touch, move |store: R| async move { store.end(&end).await.unwrap() }).await;
        assert!(ended && is_gone(store, &read).await, "{round}");
    }
}

pub async fn of_two_savers_one_wins_each_version<R: Records + Clone>(store: &R, rounds: usize) {
    let mut read = created(store, owned_by(SystemTime::now(), &owner())).await;
    for round in 0..rounds {
        let save = |by: u8| {
            let mine = Record { value: vec![by].into(), ..read.clone() };
            move |store: R| async move { store.save(&mine, SavedEnd::Keep).await.unwrap() }
        };
        let saved = both(store, round, save(1), save(2)).await;
        let next = Saved::As(read.version + 1);
        let winner = match saved {
            (saved, Saved::Conflict) if saved == next => 1,
            (Saved::Conflict, saved) if saved == next => 2,
            other => panic!("{round}: {other:?}"),
        };
        read = loaded(store, &read).await;
        assert_eq!((read.version, &*read.value), (round as u64 + 2, [winner].as_slice()));
    }
}

/// A step up makes a login later than a mark that is written at the same moment. It counts only if it was first.
pub async fn save_that_changes_since_never_escapes_a_mark<R: Records + Clone>(store: &R, rounds: usize) {
    let now = SystemTime::now();
    for round in 0..rounds {
        let owner = owner();
        let read = created(store, owned_by(now, &owner)).await;
        let newer = Record { since: at(now, 60), ..read.clone() };
        let save = move |store: R| async move { store.save(&newer, SavedEnd::Keep).await.unwrap() };
        let end = move |store: R| async move { store.end_owned(&owner, at(now, 1), at(now, 7200)).await.unwrap() };
        let (saved, ()) = both(store, round, save, end).await;
        assert_eq!(saved == Saved::Ended, is_gone(store, &read).await, "{round}: {saved:?}");
    }
}

/// A list that is read meanwhile must not remove what it takes for stale.
pub async fn records_stay_listed_while_they_change<R: Records + Clone>(store: &R, rounds: usize) {
    let now = SystemTime::now();
    let (one, index): (RecordKey, RecordKey) = (owner(), key("index"));
    let mut keys = Vec::new();
    for round in 0..rounds.div_ceil(5) {
        let new = Record { indexes: vec![index.clone()], ..owned_by(now, &one) };
        keys.push(new.key.clone());
        let create = move |store: R| async move { store.create(&new).await.unwrap() };
        let (by, also) = (one.clone(), index.clone());
        let list =
            move |store: R| async move { (store.owned(&by).await.unwrap(), store.indexed(&also).await.unwrap()) };
        assert!(both(store, round, create, list).await.0);
        if keys.len() == 10 {
            let keys = sorted(keys.drain(..));
            assert_eq!(
                (keys_owned(store, &one).await, keys_indexed(store, &index).await),
                (keys.clone(), keys.clone())
            );
            for key in keys {
                store.end(&key).await.unwrap();
            }
        }
    }
}

/// Runs both at once, in turns the one or the other first.
async fn both<R, A, B, FA, FB>(
    store: &R,
    round: usize,
    first: impl FnOnce(R) -> FA,
    second: impl FnOnce(R) -> FB,
) -> (A, B)
where
    R: Records + Clone,
    A: Send + 'static,
    B: Send + 'static,
    FA: Future<Output = A> + Send + 'static,
    FB: Future<Output = B> + Send + 'static,
{
    let (first, second) = (first(store.clone()), second(store.clone()));
    let (first, second) = if round.is_multiple_of(2) {
        let first = tokio::spawn(first);
        (first, tokio::spawn(second))
    } else {
        let second = tokio::spawn(second);
        (tokio::spawn(first), second)
    };
    (first.await.unwrap(), second.await.unwrap())
}

use std::time::SystemTime;

use auth_store::{Record, Records, Saved, SavedEnd};

use super::fixture::{
    at, created, is_gone, key, keys_indexed, keys_owned, load, loaded, owned_by, owner, record, sorted,
};

pub async fn owner_finds_its_records_and_no_others<R: Records + Clone>(store: &R) {
    let (now, owner, other) = (SystemTime::now(), owner(), owner());
    let mut mine = Vec::new();
    for _ in 0..100 {
        mine.push(created(store, owned_by(now, &owner)).await);
    }
    created(store, owned_by(now, &other)).await;
    created(store, record(now)).await;
    assert_eq!(keys_owned(store, &owner).await, sorted(mine.iter().map(|record| record.key.clone())));
    for record in mine.split_off(2) {
        store.end(&record.key).await.unwrap();
    }
    let mut listed = store.owned(&owner).await.unwrap();
    listed.sort_by(|a, b| a.key.cmp(&b.key));
    mine.sort_by(|a, b| a.key.cmp(&b.key));
    assert!(listed == mine);
    assert_eq!(keys_owned(store, &key("owner")).await, []);
}

pub async fn index_finds_its_records_and_no_others<R: Records + Clone>(store: &R) {
    let (now, one, two) = (SystemTime::now(), key("index"), key("index"));
    let both = created(store, Record { indexes: vec![one.clone(), two.clone()], ..owned_by(now, &owner()) }).await;
    let first = created(store, Record { indexes: vec![one.clone()], ..record(now) }).await;
    created(store, record(now)).await;
    assert_eq!(keys_indexed(store, &one).await, sorted([both.key.clone(), first.key.clone()]));
    assert_eq!(keys_indexed(store, &two).await, std::slice::from_ref(&both.key));
    assert!(store.indexed(&two).await.unwrap() == [both.clone()]);
    store.end(&both.key).await.unwrap();
    assert_eq!((keys_indexed(store, &one).await, keys_indexed(store, &two).await), (vec![first.key], vec![]));
}

pub async fn owner_and_index_with_one_key_differ<R: Records + Clone>(store: &R) {
    let (now, key) = (SystemTime::now(), owner());
    let (owned, indexed) = (
        created(store, owned_by(now, &key)).await,
        created(store, Record { indexes: vec![key.clone()], ..record(now) }).await,
    );
    assert_eq!(keys_owned(store, &key).await, std::slice::from_ref(&owned.key));
    assert_eq!(keys_indexed(store, &key).await, [indexed.key]);
    store.end_owned(&key, now, now + std::time::Duration::from_secs(7200)).await.unwrap();
    assert_eq!((keys_owned(store, &key).await.len(), keys_indexed(store, &key).await.len()), (0, 1));
}

/// Also for what was never there, what is over by its time, and after each change. A store that does not know answers `None`.
pub async fn what_is_known_at_once_is_what_load_answers<R: Records + Clone>(store: &R) {
    let (now, by) = (SystemTime::now(), owner());
    assert!(is_gone(store, &record(now)).await);
    // A store may keep it a few minutes longer.
    let over = created(store, Record { used_at: at(now, -60), ends_at: at(now, -1), ..record(now) }).await;
    load(store, &over.key).await;
    let long_over = created(store, Record { used_at: at(now, -9000), ends_at: at(now, -7200), ..record(now) }).await;
    load(store, &long_over.key).await;

    let live = created(store, owned_by(now, &by)).await;
    assert!(loaded(store, &live).await == live);
    assert!(store.touch(&live.key, at(now, 60), at(now, 7200)).await.unwrap());
    assert_eq!(loaded(store, &live).await.used_at, at(now, 60));
    let new = Record { value: b"new".to_vec().into(), ..live.clone() };
    assert_eq!(store.save(&new, SavedEnd::Keep).await.unwrap(), Saved::As(2));
    assert!(loaded(store, &live).await.value == new.value);
    assert_eq!(store.save(&new, SavedEnd::Keep).await.unwrap(), Saved::Conflict);
    assert!(loaded(store, &live).await.value == new.value);

    let (covered, later) = (created(store, owned_by(at(now, -1), &by)).await, at(now, 7200));
    store.end_owned(&by, at(now, -1), later).await.unwrap();
    assert!(is_gone(store, &covered).await && !is_gone(store, &live).await);
    let late = created(store, owned_by(at(now, -2), &by)).await;
    assert!(is_gone(store, &late).await);
    assert!(store.end(&live.key).await.unwrap());
    assert!(is_gone(store, &live).await);
}

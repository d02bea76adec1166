use std::time::SystemTime;

use auth_store::{Record, Records, Saved, SavedEnd};

use super::fixture::{at, created, is_gone, key, keys_indexed, keys_owned, loaded, owned_by, owner, record};

pub async fn create_keeps_everything_and_begins_with_version_one<R: Records + Clone>(store: &R) {
    let now = SystemTime::now();
    let values = [Vec::new(), vec![0, 255, b'\r', b'\n'], vec![7; 64 * 1024]];
    for value in values {
        let new = Record {
            indexes: vec![key("index"), key("index")],
            since: at(now, -60),
            used_at: at(now, -30),
            version: 9,
            value: value.into(),
            ..owned_by(now, &owner())
        };
        created(store, new.clone()).await;
        assert!(loaded(store, &new).await == Record { version: 1, ..new });
    }
    let bare = created(store, record(now)).await;
    assert!(loaded(store, &bare).await == bare);
    assert!(is_gone(store, &record(now)).await);
}

pub async fn value_over_64_kib_is_an_error_and_changes_nothing(store: &impl Records) {
    let now = SystemTime::now();
    let long = Record { value: vec![7; Record::MAX_VALUE_LEN + 1].into(), ..record(now) };
    assert!(store.create(&long).await.is_err());
    assert!(is_gone(store, &long).await);

    let kept = created(store, record(now)).await;
    assert!(store.save(&Record { value: long.value, ..kept.clone() }, SavedEnd::Keep).await.is_err());
    assert!(loaded(store, &kept).await == kept);
}

pub async fn create_never_replaces_another<R: Records + Clone>(store: &R) {
    let now = SystemTime::now();
    let first = created(store, owned_by(now, &owner())).await;
    let second = Record { key: first.key.clone(), value: b"other".to_vec().into(), ..owned_by(now, &owner()) };
    assert!(!store.create(&second).await.unwrap());
    assert!(loaded(store, &first).await == first);
    assert_eq!(keys_owned(store, &second.owner.unwrap()).await, []);
}

pub async fn of_many_creations_one_succeeds<R: Records + Clone>(store: &R) {
    let new = record(SystemTime::now());
    let tasks = (0..20).map(|task| {
        let (store, new) = (store.clone(), Record { value: vec![task].into(), ..new.clone() });
        tokio::spawn(async move { store.create(&new).await.unwrap().then_some(new.value) })
    });
    let mut winners = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        winners.extend(task.await.unwrap());
    }
    assert_eq!(winners, [loaded(store, &new).await.value]);
}

pub async fn save_with_the_version_that_was_read_succeeds<R: Records + Clone>(store: &R) {
    let mut record = created(store, record(SystemTime::now())).await;
    for version in 2..5 {
        record.value = vec![b'v', u8::try_from(version).unwrap()].into();
        assert_eq!(store.save(&record, SavedEnd::Keep).await.unwrap(), Saved::As(version));
        record.version = version;
        assert!(loaded(store, &record).await == record);
    }
}

pub async fn save_with_an_older_version_is_a_conflict<R: Records + Clone>(store: &R) {
    let old = created(store, record(SystemTime::now())).await;
    let new = Record { value: b"new".to_vec().into(), ..old.clone() };
    assert_eq!(store.save(&new, SavedEnd::Keep).await.unwrap(), Saved::As(2));
    for end in [SavedEnd::Keep, SavedEnd::Replace] {
        for version in [1, 3] {
            let late = Record { version, ends_at: at(old.ends_at, 60), owner: Some(owner()), ..old.clone() };
            assert_eq!(store.save(&late, end).await.unwrap(), Saved::Conflict);
            assert_eq!(keys_owned(store, &late.owner.unwrap()).await, []);
        }
    }
    assert!(loaded(store, &old).await == Record { version: 2, ..new });
}

pub async fn save_of_an_ended_record_changes_nothing<R: Records + Clone>(store: &R) {
    let now = SystemTime::now();
    let ended = created(store, owned_by(now, &owner())).await;
    assert!(store.end(&ended.key).await.unwrap());
    for end in [SavedEnd::Keep, SavedEnd::Replace] {
        for never in [&ended, &record(now)] {
            assert_eq!(store.save(never, end).await.unwrap(), Saved::Ended);
            assert!(is_gone(store, never).await);
        }
    }
    assert_eq!(keys_owned(store, &ended.owner.unwrap()).await, []);
}

pub async fn save_replaces_owner_indexes_and_since<R: Records + Clone>(store: &R) {
    let (now, one, two) = (SystemTime::now(), owner(), owner());
    let (old_index, new_index) = (key("index"), key("index"));
    let old = created(store, Record { indexes: vec![old_index.clone()], ..owned_by(at(now, -60), &one) }).await;
    let mut new = Record { indexes: vec![new_index.clone()], since: now, owner: Some(two.clone()), ..old };
    assert_eq!(store.save(&new, SavedEnd::Keep).await.unwrap(), Saved::As(2));
    new.version = 2;
    assert!(loaded(store, &new).await == new);
    assert_eq!((keys_owned(store, &one).await, keys_owned(store, &two).await), (vec![], vec![new.key.clone()]));
    assert_eq!(keys_indexed(store, &old_index).await, []);
    assert_eq!(keys_indexed(store, &new_index).await, [new.key.clone()]);

    let bare = Record { indexes: Vec::new(), owner: None, ..new.clone() };
    assert_eq!(store.save(&bare, SavedEnd::Keep).await.unwrap(), Saved::As(3));
    assert_eq!((keys_owned(store, &two).await, keys_indexed(store, &new_index).await), (vec![], vec![]));

    // And back to the first owner, which had it before.
    let back = Record { owner: Some(one.clone()), version: 3, ..bare };
    assert_eq!(store.save(&back, SavedEnd::Keep).await.unwrap(), Saved::As(4));
    assert_eq!(keys_owned(store, &one).await, [back.key]);
}

pub async fn save_that_keeps_the_end_keeps_what_a_touch_moved<R: Records + Clone>(store: &R) {
    let now = SystemTime::now();
    let read = created(store, record(now)).await;
    assert!(store.touch(&read.key, at(now, 60), at(now, 7200)).await.unwrap());
    let by = owner();
    let saved = Record { value: b"new".to_vec().into(), owner: Some(by.clone()), ..read.clone() };
    assert_eq!(store.save(&saved, SavedEnd::Keep).await.unwrap(), Saved::As(2));
    let expected = Record { used_at: at(now, 60), ends_at: at(now, 7200), version: 2, ..saved };
    assert!(loaded(store, &read).await == expected);
    assert!(store.owned(&by).await.unwrap() == [expected]);
}

pub async fn save_that_replaces_the_end_may_shorten_it<R: Records + Clone>(store: &R) {
    let now = SystemTime::now();
    let mut record = created(store, record(now)).await;
    for (version, secs) in [(2, 60), (3, 7200)] {
        record = Record { used_at: at(now, secs - 50), ends_at: at(now, secs), ..record };
        // The second use is after the first end, so it is reported at a time before it.
        record.used_at = record.used_at.min(at(now, 59));
        assert_eq!(store.save(&record, SavedEnd::Replace).await.unwrap(), Saved::As(version));
        record.version = version;
        assert!(loaded(store, &record).await == record);
    }
}

pub async fn save_after_the_end_moves_no_end<R: Records + Clone>(store: &R) {
    let now = SystemTime::now();
    let old = created(store, record(now)).await;
    for used_at in [old.ends_at, at(old.ends_at, 1)] {
        let late = Record { used_at, ends_at: at(used_at, 3600), ..old.clone() };
        assert_eq!(store.save(&late, SavedEnd::Replace).await.unwrap(), Saved::Ended);
    }
    assert!(loaded(store, &old).await == old);
}

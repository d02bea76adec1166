use std::time::SystemTime;

use auth_store::{Record, Records, Saved, SavedEnd};

use super::fixture::{at, created, is_gone, keys_owned, loaded, owned_by, owner, record};

pub async fn touch_moves_only_to_later_and_leaves_the_version<R: Records + Clone>(store: &R) {
    let now = SystemTime::now();
    let mut expected = created(store, owned_by(now, &owner())).await;
    let touches = [(60, 7200), (30, 9000), (90, 1800), (20, 10)];
    let kept = [(60, 7200), (60, 9000), (90, 9000), (90, 9000)];
    for ((used, ends), (kept_used, kept_ends)) in touches.into_iter().zip(kept) {
        assert!(store.touch(&expected.key, at(now, used), at(now, ends)).await.unwrap());
        expected = Record { used_at: at(now, kept_used), ends_at: at(now, kept_ends), ..expected };
        assert!(loaded(store, &expected).await == expected);
    }
    let saved = Record { value: b"new".to_vec().into(), ..expected };
    assert_eq!(store.save(&saved, SavedEnd::Keep).await.unwrap(), Saved::As(2));
}

pub async fn touch_after_the_end_moves_no_end<R: Records + Clone>(store: &R) {
    let record = created(store, record(SystemTime::now())).await;
    for used_at in [record.ends_at, at(record.ends_at, 1)] {
        assert!(!store.touch(&record.key, used_at, at(used_at, 3600)).await.unwrap());
    }
    assert!(loaded(store, &record).await == record);
}

pub async fn touch_of_an_ended_record_changes_nothing<R: Records + Clone>(store: &R) {
    let now = SystemTime::now();
    let ended = created(store, owned_by(now, &owner())).await;
    store.end(&ended.key).await.unwrap();
    for never in [&ended, &record(now)] {
        assert!(!store.touch(&never.key, now, at(now, 7200)).await.unwrap());
        assert!(is_gone(store, never).await);
    }
    assert_eq!(keys_owned(store, &ended.owner.unwrap()).await, []);
}

pub async fn end_is_reported_once<R: Records + Clone>(store: &R) {
    let (now, owner) = (SystemTime::now(), owner());
    let (ended, other) = (created(store, owned_by(now, &owner)).await, created(store, owned_by(now, &owner)).await);
    assert!(store.end(&ended.key).await.unwrap());
    assert!(!store.end(&ended.key).await.unwrap());
    assert!(!store.end(&record(now).key).await.unwrap());
    assert!(is_gone(store, &ended).await);
    assert_eq!(keys_owned(store, &owner).await, [other.key]);
}

pub async fn ended_key_can_be_created_again<R: Records + Clone>(store: &R) {
    let (now, owner) = (SystemTime::now(), owner());
    let first = created(store, owned_by(now, &owner)).await;
    store.end(&first.key).await.unwrap();
    let second = created(store, Record { value: b"second".to_vec().into(), ..first }).await;
    assert!(store.owned(&owner).await.unwrap() == [second]);
}

/// `until` is inclusive.
pub async fn mark_ends_what_is_not_later<R: Records + Clone>(store: &R) {
    let (now, owner) = (SystemTime::now(), owner());
    let (before, at_it) =
        (created(store, owned_by(at(now, -1), &owner)).await, created(store, owned_by(now, &owner)).await);
    let after = created(store, owned_by(now + std::time::Duration::from_micros(1), &owner)).await;
    store.end_owned(&owner, now, at(now, 7200)).await.unwrap();
    assert!(is_gone(store, &before).await && is_gone(store, &at_it).await);
    assert!(loaded(store, &after).await == after);
    assert_eq!(keys_owned(store, &owner).await, [after.key]);
}

pub async fn mark_ends_what_is_created_afterwards<R: Records + Clone>(store: &R) {
    let (now, owner) = (SystemTime::now(), owner());
    store.end_owned(&owner, now, at(now, 7200)).await.unwrap();
    let late = created(store, owned_by(at(now, -1), &owner)).await;
    let fresh = created(store, owned_by(at(now, 1), &owner)).await;
    assert!(is_gone(store, &late).await);
    assert_eq!(keys_owned(store, &owner).await, [fresh.key]);
}

pub async fn mark_never_goes_back<R: Records + Clone>(store: &R) {
    let (now, owner) = (SystemTime::now(), owner());
    store.end_owned(&owner, now, at(now, 7200)).await.unwrap();
    store.end_owned(&owner, at(now, -60), at(now, 60)).await.unwrap();
    let late = created(store, owned_by(now, &owner)).await;
    assert!(is_gone(store, &late).await);
    store.end_owned(&owner, at(now, 60), at(now, 7200)).await.unwrap();
    let later = created(store, owned_by(at(now, 60), &owner)).await;
    assert!(is_gone(store, &later).await);
}

pub async fn mark_leaves_other_owners_alone<R: Records + Clone>(store: &R) {
    let now = SystemTime::now();
    let (other, nobodys) = (created(store, owned_by(now, &owner())).await, created(store, record(now)).await);
    store.end_owned(&owner(), at(now, 60), at(now, 7200)).await.unwrap();
    assert!(loaded(store, &other).await == other && loaded(store, &nobodys).await == nobodys);
}

pub async fn mark_counts_for_the_owner_at_the_time<R: Records + Clone>(store: &R) {
    let (now, one, two) = (SystemTime::now(), owner(), owner());
    let record = created(store, owned_by(now, &one)).await;
    let moved = Record { owner: Some(two.clone()), ..record };
    assert_eq!(store.save(&moved, SavedEnd::Keep).await.unwrap(), Saved::As(2));
    store.end_owned(&one, now, at(now, 7200)).await.unwrap();
    assert!(loaded(store, &moved).await.owner == Some(two.clone()));
    store.end_owned(&two, now, at(now, 7200)).await.unwrap();
    assert!(is_gone(store, &moved).await);
}

/// Neither as it was, nor with a later [`Record::since`] or another owner.
pub async fn save_does_not_bring_back_what_a_mark_ended<R: Records + Clone>(store: &R) {
    let (now, owner, other) = (SystemTime::now(), owner(), owner());
    let read = created(store, owned_by(now, &owner)).await;
    store.end_owned(&owner, at(now, 1), at(now, 7200)).await.unwrap();
    for owner in [Some(owner), Some(other), None] {
        for since in [now, at(now, 60)] {
            for end in [SavedEnd::Keep, SavedEnd::Replace] {
                let late = Record { since, owner: owner.clone(), ..read.clone() };
                assert_eq!(store.save(&late, end).await.unwrap(), Saved::Ended);
                assert!(is_gone(store, &late).await);
            }
        }
    }
}

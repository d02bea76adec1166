use std::hash::{BuildHasherDefault, Hasher};

use auth_core::{AuthRequest, Chain, Transport, extract::bearer};
use test_support::users::{START, jwt_from, principal, token_with_id};

use super::*;
use crate::{
    Close, ConnectionId, Connections,
    connections::{Counts, Credential, End},
};

struct Nothing;

impl End for Nothing {
    fn end(&self, _: Close) {}
}

/// A token of this user with this id.
async fn credential(user: &str, id: &str) -> Credential {
    let authorization = format!("Bearer {}", token_with_id(user, 60, id));
    let (parts, ()) = http::Request::builder().header("authorization", authorization).body(()).unwrap().into_parts();
    let request = AuthRequest::new(&parts, Transport::WebSocket, *START);
    let chain = Chain::new().or(jwt_from(bearer()));
    Credential::of(&chain.authenticate(&request).await.ok().unwrap())
}

async fn enter<S: BuildHasher>(index: &mut Index<S>, user: &str, id: &str) -> Arc<Member> {
    let (name, credential) = (ConnectionId::new().unwrap(), credential(user, id).await);
    index.enter(|seat| Arc::new(Member::new(name, seat, credential, Arc::new(Nothing), Counts::ALL)))
}

/// What covers the connection: its user, its credential, its session and its id.
fn revocations(user: &str, id: &str, name: ConnectionId) -> [Revocation; 4] {
    [
        Revocation::user(principal(user), *START),
        Revocation::credential("", id),
        Revocation::session("", format!("session of {id}")),
        Revocation::connection(name.as_str()),
    ]
}

#[tokio::test]
async fn late_leave_spares_the_member_that_took_the_slot() {
    let mut index = Index::<RandomState>::default();
    let other = enter(&mut index, "eve", "other").await;
    let left = enter(&mut index, "ann", "one").await;
    index.remove(&left);
    let next = enter(&mut index, "bob", "two").await;
    assert_eq!(next.seat().slot, left.seat().slot);
    let (keys, new) = (index.keys(), credential("bob", "three").await);
    index.remove(&left);
    index.rekey(&left, || left.credentials().push(new));
    index.remove(&left);
    assert_eq!((index.len(), index.keys()), (2, keys));
    for revocation in revocations("bob", "two", next.id()) {
        let covered = index.covered_by(&revocation);
        assert!(covered.len() == 1 && Arc::ptr_eq(&covered[0], &next), "{revocation:?}");
    }
    assert_eq!(index.covered_by(&Revocation::credential("", "three")).len(), 0);
    index.remove(&next);
    index.remove(&other);
    assert_eq!((index.len(), index.keys(), index.all().count()), (0, 0, 0));
}

#[tokio::test]
async fn dropped_registration_that_left_before_spares_the_next() {
    let connections = Connections::new();
    let register = async |user, id| {
        let (name, credential) = (ConnectionId::new().unwrap(), credential(user, id).await);
        connections.register(name, credential, Arc::new(Nothing), Counts::ALL).ok().unwrap()
    };
    let left = register("ann", "one").await;
    let last = left.clone();
    left.leave();
    drop(left);
    let _next = register("bob", "two").await;
    last.change(|credentials| credentials.retain(|_| false));
    drop(last);
    assert_eq!((connections.count(), connections.count_of(&principal("bob"))), (1, 1));
    assert_eq!(connections.close(&Revocation::credential("", "two"), &Close::REVOKED), 1);
}

/// All keys have the same hash.
#[derive(Default)]
struct Same;

impl Hasher for Same {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, _: &[u8]) {}
}

#[tokio::test]
async fn members_whose_hashes_collide_are_told_apart() {
    let mut index = Index::<BuildHasherDefault<Same>>::default();
    let ann = enter(&mut index, "ann", "one").await;
    let bob = enter(&mut index, "bob", "two").await;
    assert_eq!(index.of_user(&principal("ann")).count(), 1);
    assert_eq!(index.of_user(&principal("eve")).count(), 0);
    for (user, id, member) in [("ann", "one", &ann), ("bob", "two", &bob)] {
        for revocation in revocations(user, id, member.id()) {
            let covered = index.covered_by(&revocation);
            assert!(covered.len() == 1 && Arc::ptr_eq(&covered[0], member), "{revocation:?}");
        }
    }
    index.remove(&ann);
    assert_eq!(index.of_user(&principal("ann")).count(), 0);
    assert_eq!(index.of_user(&principal("bob")).count(), 1);
    index.remove(&bob);
    assert_eq!((index.len(), index.keys()), (0, 0));
}

#[tokio::test]
async fn empty_index_keeps_no_slots() {
    let mut index = Index::<RandomState>::default();
    for _ in 0..2 {
        let (one, two) = (enter(&mut index, "ann", "one").await, enter(&mut index, "ann", "two").await);
        assert_eq!((one.seat().slot, two.seat().slot), (0, 1));
        assert!(one.seat().order < two.seat().order);
        index.remove(&one);
        index.remove(&two);
        assert_eq!(index.members.capacity(), 0);
    }
}

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::{BuildHasher as _, Hash},
    sync::Arc,
};

use auth_core::{Evidence, IdKind, PrincipalId, Revocation, RevocationTarget};

use super::member::Member;

/// The open connections, by everything that can be revoked.
///
/// A key is a hash, so that nothing is stored twice. Two things may have the same hash, so lookups check the evidence of what they
/// find.
#[derive(Default)]
pub(super) struct Index {
    all: HashMap<u64, Arc<Member>>,
    counted: usize,
    by_key: HashMap<u64, Vec<Arc<Member>>>,
    hasher: RandomState,
    entered: u64,
}

#[derive(Hash)]
enum Key<'k> {
    User(&'k PrincipalId),
    Credential(&'k str),
    Session(&'k str),
    Connection(&'k str),
}

impl Index {
    pub(super) fn len(&self) -> usize {
        self.counted
    }

    /// How many keys there are; for the tests.
    pub(super) fn keys(&self) -> usize {
        self.by_key.len()
    }

    /// The next place in the order in which connections come.
    pub(super) fn next_order(&mut self) -> u64 {
        self.entered += 1;
        self.entered
    }

    pub(super) fn insert(&mut self, member: &Arc<Member>) {
        self.all.insert(member.order(), Arc::clone(member));
        self.counted += usize::from(member.counts().as_connection);
        self.add_keys(member);
    }

    pub(super) fn remove(&mut self, member: &Member) {
        if self.all.remove(&member.order()).is_some() {
            self.counted -= usize::from(member.counts().as_connection);
            self.remove_keys(member);
        }
    }

    /// Lets `change` change the credentials of a connection.
    pub(super) fn rekey(&mut self, member: &Arc<Member>, change: impl FnOnce()) {
        let is_in = self.all.contains_key(&member.order());
        if is_in {
            self.remove_keys(member);
        }
        change();
        if is_in {
            self.add_keys(member);
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Member>> {
        self.all.values()
    }

    /// The connections of a user, the oldest first.
    pub(super) fn of_user<'i>(&'i self, user: &'i PrincipalId) -> impl Iterator<Item = &'i Arc<Member>> {
        let counted = self.under(Key::User(user)).filter(|member| member.counts().of_user);
        counted.filter(|member| member.any(|evidence| names(evidence, user)))
    }

    /// What a revocation covers.
    pub(super) fn covered_by(&self, revocation: &Revocation) -> Vec<Arc<Member>> {
        let key = match revocation.target() {
            RevocationTarget::Credential { id, .. } => Key::Credential(id),
            RevocationTarget::Session { id, .. } => Key::Session(id),
            RevocationTarget::User { user, .. } => Key::User(user),
            RevocationTarget::Connection { id } => {
                let named = self.under(Key::Connection(id)).filter(|member| member.id().as_str() == id);
                return named.cloned().collect();
            }
            // What is not known here cannot be found by a key.
            _ => return self.all().filter(|member| member.any(|e| revocation.covers(e))).cloned().collect(),
        };
        self.under(key).filter(|member| member.any(|e| revocation.covers(e))).cloned().collect()
    }

    fn under(&self, key: Key<'_>) -> impl Iterator<Item = &Arc<Member>> + use<'_> {
        self.by_key.get(&self.hasher.hash_one(key)).into_iter().flatten()
    }

    fn add_keys(&mut self, member: &Arc<Member>) {
        for key in self.keys_of(member) {
            let members = self.by_key.entry(key).or_insert_with(|| Vec::with_capacity(1));
            // In the order in which they came, so that they are found again without looking at each.
            let place = members.partition_point(|other| other.order() < member.order());
            members.insert(place, Arc::clone(member));
        }
    }

    fn remove_keys(&mut self, member: &Member) {
        for key in self.keys_of(member) {
            let Some(members) = self.by_key.get_mut(&key) else {
                continue;
            };
            let place = members.partition_point(|other| other.order() < member.order());
            if members.get(place).is_some_and(|found| found.order() == member.order()) {
                members.remove(place);
            }
            if members.is_empty() {
                self.by_key.remove(&key);
            }
        }
    }

    fn keys_of(&self, member: &Member) -> Vec<u64> {
        let mut keys = vec![self.hasher.hash_one(Key::Connection(member.id().as_str()))];
        member.any(|evidence| {
            self.collect_keys(evidence, &mut keys);
            false
        });
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    fn collect_keys(&self, evidence: &Evidence, keys: &mut Vec<u64>) {
        let ids = evidence.ids().iter().filter_map(|id| match id.kind() {
            IdKind::Credential | IdKind::Parent => Some(Key::Credential(id.id())),
            IdKind::Session => Some(Key::Session(id.id())),
            _ => None,
        });
        let names = evidence.names().iter().map(Key::User);
        keys.extend(ids.chain(names).map(|key| self.hasher.hash_one(&key)));
        evidence.parts().iter().for_each(|part| self.collect_keys(part, keys));
    }
}

/// Whether the evidence counts for this user; for an `and` of several users, whether one of its parts does.
fn names(evidence: &Evidence, user: &PrincipalId) -> bool {
    match evidence.principal() {
        Some(principal) => principal == user,
        None => evidence.parts().iter().any(|part| names(part, user)),
    }
}

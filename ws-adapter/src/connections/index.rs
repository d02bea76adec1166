#[cfg(test)]
mod tests;

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hash},
    sync::Arc,
};

use auth_core::{Evidence, IdKind, PrincipalId, Revocation, RevocationTarget};

use super::{
    keys::Keys,
    member::{Member, Seat},
    members::Members,
};

/// The open connections, by everything that can be revoked.
///
/// A key is a hash, so that nothing is stored twice. Two things may have the same hash, so lookups check the evidence of what they
/// find.
#[derive(Default)]
pub(super) struct Index<S = RandomState> {
    members: Members,
    counted: usize,
    by_connection: Keys,
    by_key: Keys,
    hasher: S,
}

#[derive(Hash)]
enum Key<'k> {
    User(&'k PrincipalId),
    Credential(&'k str),
    Session(&'k str),
}

impl<S: BuildHasher> Index<S> {
    pub(super) fn len(&self) -> usize {
        self.counted
    }

    /// How many keys there are; for the tests.
    pub(super) fn keys(&self) -> usize {
        self.by_connection.len() + self.by_key.len()
    }

    /// Enters the connection that `member` makes for its seat.
    pub(super) fn enter(&mut self, member: impl FnOnce(Seat) -> Arc<Member>) -> Arc<Member> {
        let member = self.members.enter(member);
        let key = self.hash(member.id().as_str());
        self.by_connection.add(key, member.seat(), |slot| self.members.seat_of(slot));
        self.counted += usize::from(member.counts().as_connection);
        self.add_keys(&member);
        member
    }

    pub(super) fn remove(&mut self, member: &Member) {
        if self.members.remove(member.seat()).is_some() {
            let key = self.hash(member.id().as_str());
            self.by_connection.remove(key, member.seat());
            self.counted -= usize::from(member.counts().as_connection);
            self.remove_keys(member);
        }
    }

    /// Lets `change` change the credentials of a connection.
    pub(super) fn rekey(&mut self, member: &Member, change: impl FnOnce()) {
        let is_in = self.members.has(member.seat());
        if is_in {
            self.remove_keys(member);
        }
        change();
        if is_in {
            self.add_keys(member);
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Member>> {
        self.members.iter()
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
            RevocationTarget::Connection { id } => return self.named(id).cloned().collect(),
            // What is not known here cannot be found by a key.
            _ => return self.all().filter(|member| member.any(|e| revocation.covers(e))).cloned().collect(),
        };
        self.under(key).filter(|member| member.any(|e| revocation.covers(e))).cloned().collect()
    }

    /// The entries of the connection with this id: one for each layer that entered it.
    fn named<'i>(&'i self, id: &'i str) -> impl Iterator<Item = &'i Arc<Member>> {
        let members = self.by_connection.slots(self.hash(id)).filter_map(|slot| self.members.at(slot));
        members.filter(move |member| member.id().as_str() == id)
    }

    fn under(&self, key: Key<'_>) -> impl Iterator<Item = &Arc<Member>> + use<'_, S> {
        self.by_key.slots(self.hash(key)).filter_map(|slot| self.members.at(slot))
    }

    fn add_keys(&mut self, member: &Member) {
        for key in self.keys_of(member) {
            self.by_key.add(key, member.seat(), |slot| self.members.seat_of(slot));
        }
    }

    fn remove_keys(&mut self, member: &Member) {
        for key in self.keys_of(member) {
            self.by_key.remove(key, member.seat());
        }
    }

    /// Half of the hash. With 3 million keys, about 1,000 pairs share an entry, and look-ups check the evidence anyway.
    fn hash(&self, key: impl Hash) -> u32 {
        (self.hasher.hash_one(key) >> 32) as u32
    }

    fn keys_of(&self, member: &Member) -> Vec<u32> {
        let mut keys = Vec::new();
        member.any(|evidence| {
            self.collect_keys(evidence, &mut keys);
            false
        });
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    fn collect_keys(&self, evidence: &Evidence, keys: &mut Vec<u32>) {
        let ids = evidence.ids().iter().filter_map(|id| match id.kind() {
            IdKind::Credential | IdKind::Parent => Some(Key::Credential(id.id())),
            IdKind::Session => Some(Key::Session(id.id())),
            _ => None,
        });
        let names = evidence.names().iter().map(Key::User);
        keys.extend(ids.chain(names).map(|key| self.hash(&key)));
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

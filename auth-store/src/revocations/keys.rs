//! The keys under which a revocation is stored, and those to look up for evidence.

use auth_core::{Evidence, Id, IdKind, PrincipalId, RevocationTarget};

use crate::{Store, instant::to_nanos, opaque::ShortKey};

/// The mark of a revocation that does not depend on the time of issue.
const ALL: u64 = u64::MAX;

const CREDENTIAL: &str = "credential";
const SESSION: &str = "session";
const USER: &str = "user";

/// The most keys that a store is asked for without waiting.
const MAX_KEYS: usize = 4;

/// Key and mark: the instant up to which the key is revoked. `None` for a revocation that is not stored.
pub(super) fn of(target: &RevocationTarget) -> Option<(String, u64)> {
    Some(match target {
        RevocationTarget::Credential { issuer, id } => (credential(issuer, id), ALL),
        RevocationTarget::Session { issuer, id } => (session(issuer, id), ALL),
        RevocationTarget::User { user: id, until } => (user(id), to_nanos(*until)),
        // A connection, or anything else that is not a credential.
        _ => return None,
    })
}

/// The keys to look up for evidence, each with the instant from which it counts.
///
/// It must match [`Revocation::covers`](auth_core::Revocation::covers) exactly.
#[derive(Default)]
pub(super) struct Marks {
    keys: Vec<String>,
    from: Vec<u64>,
}

impl Marks {
    pub(super) fn of(evidence: &Evidence) -> Self {
        let mut marks = Self::default();
        marks.add(evidence);
        marks
    }

    /// Asks the store about a single credential with few ids and names, if it knows without waiting. `None` otherwise.
    pub(super) fn revoke_at_once(evidence: &Evidence, store: &dyn Store) -> Option<bool> {
        if store.has_no_marks() {
            return Some(false);
        }
        if !evidence.parts().is_empty() {
            return None;
        }
        let made;
        // A login that is asked about again and again keeps its keys, which take two hashes.
        let keys = match evidence.derived(FewKeys::of) {
            Some(kept) => kept,
            None => {
                made = FewKeys::of(evidence.names(), evidence.ids());
                &made
            }
        };
        let keys = keys.get()?;
        let mut marks = [("", to_nanos(evidence.counts_from())); MAX_KEYS];
        for (mark, key) in marks.iter_mut().zip(keys) {
            mark.0 = key.as_str();
        }
        store.reaches_at_once(marks.get(..keys.len())?)
    }

    pub(super) fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Whether one of the marks, in the order of the keys, revokes.
    pub(super) fn revoke(&self, found: &[Option<u64>]) -> bool {
        self.from.iter().zip(found).any(|(from, until)| until.is_some_and(|until| *from <= until))
    }

    fn add(&mut self, evidence: &Evidence) {
        let keys = keys_of(evidence.names(), evidence.ids()).map(|key| key.as_str().to_owned());
        self.keys.extend(keys);
        self.from.resize(self.keys.len(), to_nanos(evidence.counts_from()));
        evidence.parts().iter().for_each(|part| self.add(part));
    }
}

/// The keys to look up for a few ids and names.
struct FewKeys {
    keys: [ShortKey; MAX_KEYS],
    len: usize,
}

impl FewKeys {
    fn of(names: &[PrincipalId], ids: &[Id]) -> Self {
        let mut few = Self { keys: [ShortKey::EMPTY; MAX_KEYS], len: 0 };
        for key in keys_of(names, ids) {
            if let Some(free) = few.keys.get_mut(few.len) {
                *free = key;
            }
            few.len += 1;
        }
        few
    }

    /// `None` if there are too many.
    fn get(&self) -> Option<&[ShortKey]> {
        self.keys.get(..self.len)
    }
}

/// The keys of a session and of a credential with this id.
pub(super) fn of_id(issuer: &str, id: &str) -> [String; 2] {
    id_keys([issuer, id]).map(|key| text(&key))
}

/// The keys of all ids and names of evidence, without its parts.
fn keys_of<'e>(names: &'e [PrincipalId], ids: &'e [Id]) -> impl Iterator<Item = ShortKey> + use<'e> {
    // A login has its id as a session and as a credential: one hash.
    let mut last = None;
    let ids = ids.iter().filter_map(move |id| {
        let parts = [id.issuer(), id.id()];
        let (_, [session, credential]) = match last {
            Some(last @ (same, _)) if same == parts => last,
            _ => *last.insert((parts, id_keys(parts))),
        };
        match id.kind() {
            IdKind::Credential | IdKind::Parent => Some(credential),
            IdKind::Session => Some(session),
            _ => None,
        }
    });
    ids.chain(names.iter().map(user_key))
}

/// The keys of a session and of a credential with this issuer and id. Only a hash goes to the store: a careless strategy may have
/// made its secret the id.
fn id_keys(parts: [&str; 2]) -> [ShortKey; 2] {
    ShortKey::of([SESSION, CREDENTIAL], &parts)
}

fn user_key(user: &PrincipalId) -> ShortKey {
    let [key] = ShortKey::of([USER], &[user.issuer(), user.subject()]);
    key
}

fn credential(issuer: &str, id: &str) -> String {
    let [_, credential] = of_id(issuer, id);
    credential
}

fn session(issuer: &str, id: &str) -> String {
    let [session, _] = of_id(issuer, id);
    session
}

pub(super) fn user(user: &PrincipalId) -> String {
    text(&user_key(user))
}

fn text(key: &ShortKey) -> String {
    key.as_str().to_owned()
}

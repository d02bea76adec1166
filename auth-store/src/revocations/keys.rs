//! The keys under which a revocation is stored, and those to look up for evidence.

use auth_core::{Evidence, IdKind, PrincipalId, RevocationTarget};

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
        if !evidence.parts().is_empty() {
            return None;
        }
        let (mut keys, mut len) = ([ShortKey::EMPTY; MAX_KEYS], 0);
        for key in keys_of(evidence) {
            *keys.get_mut(len)? = key;
            len += 1;
        }
        let mut marks = [("", to_nanos(evidence.counts_from())); MAX_KEYS];
        for (mark, key) in marks.iter_mut().zip(&keys).take(len) {
            mark.0 = key.as_str()?;
        }
        store.reaches_at_once(marks.get(..len)?)
    }

    pub(super) fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Whether one of the marks, in the order of the keys, revokes.
    pub(super) fn revoke(&self, found: &[Option<u64>]) -> bool {
        self.from.iter().zip(found).any(|(from, until)| until.is_some_and(|until| *from <= until))
    }

    fn add(&mut self, evidence: &Evidence) {
        let keys = keys_of(evidence).filter_map(|key| key.as_str().map(str::to_owned));
        self.keys.extend(keys);
        self.from.resize(self.keys.len(), to_nanos(evidence.counts_from()));
        evidence.parts().iter().for_each(|part| self.add(part));
    }
}

/// The keys of a session and of a credential with this id.
pub(super) fn of_id(issuer: &str, id: &str) -> [String; 2] {
    id_keys([issuer, id]).map(|key| text(&key))
}

/// The keys of all ids and names of evidence, without its parts.
fn keys_of(evidence: &Evidence) -> impl Iterator<Item = ShortKey> {
    // A login has its id as a session and as a credential: one hash.
    let mut last = None;
    let ids = evidence.ids().iter().filter_map(move |id| {
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
    ids.chain(evidence.names().iter().map(user_key))
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
    key.as_str().unwrap_or_default().to_owned()
}

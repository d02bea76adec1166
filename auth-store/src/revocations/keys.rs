//! The keys under which a revocation is stored, and those to look up for evidence.

use auth_core::{Evidence, IdKind, PrincipalId, RevocationTarget};

use crate::{
    Store,
    instant::to_nanos,
    opaque::{self, ShortKey},
};

/// The mark of a revocation that does not depend on the time of issue.
const ALL: u64 = u64::MAX;

const CREDENTIAL: &str = "credential";
const SESSION: &str = "session";
const USER: &str = "user";

/// About how many keys a store is asked at once.
const AT_ONCE: usize = 4;

/// 16 bytes in base64url.
const PLAIN_LEN: usize = 22;

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
        let (mut keys, mut len) = ([ShortKey::EMPTY; AT_ONCE], 0);
        for key in keys_of(evidence) {
            *keys.get_mut(len)? = key;
            len += 1;
        }
        let mut marks = [("", to_nanos(evidence.counts_from())); AT_ONCE];
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
    [session(issuer, id), credential(issuer, id)]
}

/// The keys of all ids and names of evidence, without its parts.
fn keys_of(evidence: &Evidence) -> impl Iterator<Item = ShortKey> {
    let ids = evidence.ids().iter().filter_map(|id| match id.kind() {
        IdKind::Credential | IdKind::Parent => Some(id_key(CREDENTIAL, id.issuer(), id.id())),
        IdKind::Session => Some(id_key(SESSION, id.issuer(), id.id())),
        _ => None,
    });
    ids.chain(evidence.names().iter().map(user_key))
}

/// An id of a login of this service, or another one of that form, is random and not secret: it is not hashed. Every request with
/// such a login asks for it.
fn id_key(kind: &str, issuer: &str, id: &str) -> ShortKey {
    if issuer.is_empty() && id.len() == PLAIN_LEN && opaque::is_base64url(id) {
        return ShortKey::plain(kind, id);
    }
    let [key] = ShortKey::of([kind], &[issuer, id]);
    key
}

fn user_key(user: &PrincipalId) -> ShortKey {
    let [key] = ShortKey::of([USER], &[user.issuer(), user.subject()]);
    key
}

fn credential(issuer: &str, id: &str) -> String {
    text(&id_key(CREDENTIAL, issuer, id))
}

fn session(issuer: &str, id: &str) -> String {
    text(&id_key(SESSION, issuer, id))
}

pub(super) fn user(user: &PrincipalId) -> String {
    text(&user_key(user))
}

fn text(key: &ShortKey) -> String {
    key.as_str().unwrap_or_default().to_owned()
}

//! The keys under which a revocation is stored, and those to look up for evidence.

use auth_core::{Evidence, Id, IdKind, PrincipalId, RevocationTarget};

use crate::{instant::to_nanos, opaque};

/// The mark of a revocation that does not depend on the time of issue.
const ALL: u64 = u64::MAX;

const CREDENTIAL: &str = "credential";
const SESSION: &str = "session";

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

    pub(super) fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Whether one of the marks, in the order of the keys, revokes.
    pub(super) fn revoke(&self, found: &[Option<u64>]) -> bool {
        self.from.iter().zip(found).any(|(from, until)| until.is_some_and(|until| *from <= until))
    }

    fn add(&mut self, evidence: &Evidence) {
        let ids = evidence.ids();
        self.keys.reserve(ids.len() + evidence.names().len());
        match ids {
            // The id of a login is its session and its credential: one hash for both.
            [one, other]
                if one.kind() == IdKind::Session && other.kind() == IdKind::Credential && is_same(one, other) =>
            {
                self.keys.extend(of_id(one.issuer(), one.id()));
            }
            ids => self.keys.extend(ids.iter().filter_map(|id| match id.kind() {
                IdKind::Credential | IdKind::Parent => Some(credential(id.issuer(), id.id())),
                IdKind::Session => Some(session(id.issuer(), id.id())),
                _ => None,
            })),
        }
        self.keys.extend(evidence.names().iter().map(user));
        self.from.resize(self.keys.len(), to_nanos(evidence.counts_from()));
        evidence.parts().iter().for_each(|part| self.add(part));
    }
}

/// The keys of a session and of a credential with this id.
pub(super) fn of_id(issuer: &str, id: &str) -> [String; 2] {
    opaque::keys([SESSION, CREDENTIAL], &[issuer, id])
}

fn is_same(one: &Id, other: &Id) -> bool {
    one.id() == other.id() && one.issuer() == other.issuer()
}

fn credential(issuer: &str, id: &str) -> String {
    opaque::key(CREDENTIAL, &[issuer, id])
}

fn session(issuer: &str, id: &str) -> String {
    opaque::key(SESSION, &[issuer, id])
}

pub(super) fn user(user: &PrincipalId) -> String {
    opaque::key("user", &[user.issuer(), user.subject()])
}

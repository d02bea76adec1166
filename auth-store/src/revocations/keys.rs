//! Under which keys a revocation is written down, and under which evidence is looked for.

use auth_core::{Evidence, PrincipalId, RevocationTarget};

use crate::{instant::to_nanos, opaque};

/// The mark of what is revoked whenever it was issued.
const ALL: u64 = u64::MAX;

/// Key and mark: up to which instant what the key names is revoked. `None` for what is not remembered.
pub(super) fn of(target: &RevocationTarget) -> Option<(String, u64)> {
    Some(match target {
        RevocationTarget::Credential { issuer, id } => (credential(issuer, id), ALL),
        RevocationTarget::Session { issuer, id } => (session(issuer, id), ALL),
        RevocationTarget::User { user: id, until } => (user(id), to_nanos(*until)),
        // A connection, and whatever else is not of credentials.
        _ => return None,
    })
}

/// The keys that evidence has to be looked for under, each with the instant from which it counts.
///
/// It must find exactly what [`Revocation::covers`](auth_core::Revocation::covers) says.
#[derive(Default)]
pub(super) struct Marks {
    keys: Vec<String>,
    from: Vec<u64>,
}

impl Marks {
    pub(super) fn of(evidence: &Evidence) -> Self {
        let mut marks = Self::default();
        marks.add(evidence, None);
        marks
    }

    pub(super) fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Whether one of the marks that were found, in the order of the keys, revokes.
    pub(super) fn revoke(&self, found: &[Option<u64>]) -> bool {
        self.from.iter().zip(found).any(|(from, until)| until.is_some_and(|until| *from <= until))
    }

    /// The parts of an `and` belong to the principal of the whole, if they name none.
    fn add(&mut self, evidence: &Evidence, whole: Option<&PrincipalId>) {
        let principal = evidence.principal().or(whole);
        let issuer = principal.map_or("", PrincipalId::issuer);
        let ids = [evidence.credential_id(), evidence.parent()].into_iter().flatten().map(|id| credential(issuer, id));
        let session = evidence.session_id().map(|id| session(issuer, id));
        let user = principal.map(user);
        let keys = ids.chain(session).chain(user);

        self.keys.extend(keys);
        self.from.resize(self.keys.len(), to_nanos(evidence.counts_from()));
        evidence.parts().iter().for_each(|part| self.add(part, principal));
    }
}

fn credential(issuer: &str, id: &str) -> String {
    opaque::key("credential", &[issuer, id])
}

fn session(issuer: &str, id: &str) -> String {
    opaque::key("session", &[issuer, id])
}

fn user(user: &PrincipalId) -> String {
    opaque::key("user", &[user.issuer(), user.subject()])
}

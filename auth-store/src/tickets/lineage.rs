use std::time::SystemTime;

use auth_core::{Evidence, Id, PrincipalId};

/// The credentials and users that a ticket comes from. A revocation of one of them revokes the ticket.
pub(super) struct Lineage {
    /// Ids of credentials, of their parents and of sessions.
    pub(super) ids: Vec<Id>,
    /// Comparisons of two users use the first name.
    pub(super) names: Vec<PrincipalId>,
    /// The earliest instant from which any of them counts.
    pub(super) counts_from: SystemTime,
}

impl Lineage {
    /// Collects everything that `evidence` and its parts name. `user` is the ticket's user.
    pub(super) fn of(evidence: &Evidence, user: &PrincipalId) -> Self {
        let mut lineage = Self { ids: Vec::new(), names: vec![user.clone()], counts_from: evidence.counts_from() };
        // An `and` has no time of issue; its parts have.
        let mut open = vec![evidence];
        while let Some(evidence) = open.pop() {
            push_new(&mut lineage.ids, evidence.ids());
            push_new(&mut lineage.names, evidence.names());
            lineage.counts_from = lineage.counts_from.min(evidence.counts_from());
            open.extend(evidence.parts());
        }
        lineage
    }
}

fn push_new<T: Clone + PartialEq>(list: &mut Vec<T>, new: &[T]) {
    for value in new {
        if !list.contains(value) {
            list.push(value.clone());
        }
    }
}

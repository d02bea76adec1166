use std::time::SystemTime;

use auth_core::{Evidence, Id, PrincipalId};

/// What a ticket comes from, so that it can be revoked with it.
pub(super) struct Lineage {
    /// Ids of credentials, of their parents and of sessions.
    pub(super) ids: Vec<Id>,
    /// The name that counts where two users are compared comes first.
    pub(super) names: Vec<PrincipalId>,
    /// The earliest instant from which any of it counts.
    pub(super) counts_from: SystemTime,
}

impl Lineage {
    /// Everything that `evidence` names, including its parts; `user` is the ticket's owner.
    pub(super) fn of(evidence: &Evidence, user: &PrincipalId) -> Self {
        let mut lineage = Self { ids: Vec::new(), names: vec![user.clone()], counts_from: evidence.counts_from() };
        // An `and` itself was issued at no time; its parts were.
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

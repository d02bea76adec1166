use std::time::SystemTime;

use auth_core::Evidence;

/// What a ticket comes from, so that it can be revoked with it.
pub(super) struct Lineage {
    /// One or two; evidence has room for no more.
    pub(super) ids: Vec<String>,
    pub(super) session: Option<String>,
    /// The earliest instant from which any of it counts.
    pub(super) counts_from: SystemTime,
}

impl Lineage {
    /// `None` if there are more ids than evidence has room for: a ticket must not outlive any of them.
    pub(super) fn of(evidence: &Evidence) -> Option<Self> {
        let (mut ids, mut sessions, mut counts_from) = (Vec::new(), Vec::new(), evidence.counts_from());
        // An `and` itself was issued at no time; its parts were.
        let mut open = vec![evidence];
        while let Some(evidence) = open.pop() {
            push_new(&mut ids, evidence.credential_id());
            push_new(&mut ids, evidence.parent());
            push_new(&mut sessions, evidence.session_id());
            counts_from = counts_from.min(evidence.counts_from());
            open.extend(evidence.parts());
        }
        let fits = ids.len() <= 2 && sessions.len() <= 1;
        fits.then(|| Self { ids, session: sessions.pop(), counts_from })
    }
}

fn push_new(list: &mut Vec<String>, id: Option<&str>) {
    if let Some(id) = id
        && !list.iter().any(|known| known == id)
    {
        list.push(id.to_owned());
    }
}

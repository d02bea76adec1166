use std::collections::HashMap;

use auth_core::{Authenticated, Evidence};

use ws_adapter::adapter::{Entered, Lifetime, Moment};

/// Who a transport belongs to, and how long it lives. All of it changes under one lock, and is judged there by one clock: of a
/// refresh and an expiry, one comes first.
pub(super) struct SessionState {
    /// What the transport was opened with is in the slot [`OPENED_BY`]. What let its client into a namespace is in the slot of
    /// that admission's number.
    pub(super) time: Lifetime,
    /// What the transport was opened with, or what has replaced it.
    pub(super) opened_by: Option<HeldEvidence>,
    /// Who was let into each namespace.
    pub(super) users: HashMap<String, HeldEvidence>,
    /// Whether its client has been in a namespace.
    pub(super) has_connected: bool,
    /// How many answers to polls the client has not taken yet.
    pub(super) untaken: usize,
    /// Whether its client is in a namespace, as far as anybody knows. If not, and it is in none at the next look either, the
    /// transport ends.
    pub(super) connected: bool,
    /// How many admissions there were.
    pub(super) admitted: u64,
    /// Whether the end was seen, by us or by engine.io.
    pub(super) closed: bool,
}

/// The slot of what a transport was opened with. Admissions are numbered from one.
pub(super) const OPENED_BY: u64 = 0;

/// The evidence of a namespace or of the transport.
pub(super) struct HeldEvidence {
    /// `None` where a client without evidence was let in.
    entered: Option<Entered>,
    /// Whether it is what the transport was opened with.
    pub(super) of_transport: bool,
    /// Which admission to a namespace it belongs to.
    pub(super) number: u64,
    /// Whether the client has come into the namespace. Until then socketioxide does not know its socket.
    pub(super) arrived: bool,
}

/// By what a client is let into a namespace.
pub(crate) enum Admission {
    /// By a credential of its own.
    Own(Entered),
    /// By what the transport lives by.
    OfTransport,
    /// Without evidence.
    Nobody,
}

impl HeldEvidence {
    pub(super) fn new(entered: Option<Entered>, number: u64) -> Self {
        Self { entered, of_transport: false, number, arrived: false }
    }

    /// The transport's evidence, for a namespace that lives by it.
    fn for_namespace(&self, number: u64) -> Self {
        Self { of_transport: true, ..Self::new(self.entered.clone(), number) }
    }

    pub(super) fn entered(&self) -> Option<&Entered> {
        self.entered.as_ref()
    }

    pub(super) fn user<U: 'static>(&self) -> Option<Authenticated<U>> {
        self.entered.as_ref()?.user().cloned()
    }

    pub(super) fn evidence(&self) -> Option<&Evidence> {
        self.entered.as_ref().map(Entered::evidence)
    }

    /// Puts other evidence in the place of this.
    pub(super) fn renew(&mut self, entered: &Entered, of_transport: bool) {
        (self.entered, self.of_transport) = (Some(entered.clone()), of_transport);
    }
}

impl SessionState {
    pub(super) fn new(time: Lifetime) -> Self {
        Self {
            time,
            opened_by: None,
            users: HashMap::new(),
            has_connected: false,
            untaken: 0,
            connected: false,
            admitted: 0,
            closed: false,
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.time.ended().is_some()
    }

    pub(super) fn is_over(&self, now: Moment) -> bool {
        self.time.is_over(now)
    }

    /// Whether it costs memory after its end: socketioxide keeps one without a good `CONNECT` until the deadline for that.
    pub(super) fn costs_memory(&self) -> bool {
        !self.has_connected || self.untaken > 0
    }

    /// Whether it is a user's, and no guest is left in it.
    pub(super) fn is_settled(&self, owner: Option<&Evidence>) -> bool {
        let is_owners =
            |held: &HeldEvidence, owner| held.evidence().is_some_and(|evidence| evidence.is_same_user(owner));
        owner.is_some_and(|owner| self.users.values().all(|held| is_owners(held, owner)))
    }

    /// The namespaces that the client has come into. It may have left them.
    pub(super) fn arrived(&self) -> impl Iterator<Item = (&String, &HeldEvidence)> {
        self.users.iter().filter(|(_, held)| held.arrived)
    }

    /// Lets the client into a namespace, in place of an earlier admission. `None` if the transport has no evidence to share.
    pub(super) fn admit(&mut self, namespace: &str, admission: Admission, now: Moment) -> Option<&HeldEvidence> {
        self.admitted += 1;
        let number = self.admitted;
        let held = match (admission, &self.opened_by) {
            (Admission::Own(entered), _) => HeldEvidence::new(Some(entered), number),
            (Admission::Nobody, _) => HeldEvidence::new(None, number),
            (Admission::OfTransport, opened_by) => opened_by.as_ref()?.for_namespace(number),
        };
        match held.evidence() {
            Some(evidence) if !held.of_transport => self.time.hold(number, evidence, now),
            // It ends with the transport's.
            Some(_) => self.time.hold(number, None, now),
            None => {}
        }
        if let Some(old) = self.users.insert(namespace.to_owned(), held) {
            self.time.release(old.number, now);
        }
        self.users.get(namespace)
    }

    /// The evidence that the slot of the lifetime is for.
    pub(super) fn evidence_in(&self, slot: u64) -> Option<&Evidence> {
        if slot == OPENED_BY {
            return self.opened_by.as_ref()?.evidence();
        }
        self.users.values().find(|held| held.number == slot)?.evidence()
    }

    /// The client is not in the namespace that it was let into by this admission, or no longer.
    pub(super) fn take_back(&mut self, namespace: &str, number: u64, now: Moment) {
        if self.users.get(namespace).is_some_and(|held| held.number == number) {
            self.users.remove(namespace);
            self.time.release(number, now);
        }
    }
}

use std::{any::Any, collections::HashMap, sync::Arc};

use auth_core::{Authenticated, Evidence};

use crate::{
    connections::{Credential, KeptGuard, PendingGuard, Registration},
    lifetime::{Lifetime, Moment},
    telemetry::Gauge,
};

/// Who a transport belongs to, and how long it lives. All of it is changed under one lock, and judged there by one clock: of
/// a refresh and an expiry, one comes first.
pub(super) struct Life {
    /// How long it lives. What it was opened with is in the slot [`OPENED_BY`], and what let its client into a namespace in the
    /// slot of that admission's number.
    pub(super) time: Lifetime,
    /// Whether there is a transport, and not only somebody who asks for one.
    pub(super) begun: bool,
    /// What the transport was opened with, or what has taken its place.
    pub(super) opened_by: Option<Held>,
    /// Who was let into each namespace.
    pub(super) users: HashMap<String, Held>,
    /// Its place in the registry, once it is known whose it is.
    pub(super) place: Option<Place>,
    /// It is one of those of whom nobody knows yet whose they are.
    pub(super) pending: Option<(PendingGuard, Gauge)>,
    /// Its client has come into a namespace at some time.
    pub(super) has_connected: bool,
    /// How many answers to polls are there that its client has not taken.
    pub(super) untaken: usize,
    /// It counts for the user who has opened it, until its client comes into a namespace.
    pub(super) kept: Option<KeptGuard>,
    /// It has ended, and still costs memory.
    pub(super) lingers: Option<Lingers>,
    /// Whether its client has come into a namespace, and nothing tells that it has left. If not, and it is in none at the
    /// next look either, the transport ends.
    pub(super) connected: bool,
    pub(super) admitted: u64,
    /// Whoever owns the transport has seen that it has ended.
    pub(super) closed: bool,
}

/// The slot of what a transport was opened with. Admissions are numbered from one.
pub(super) const OPENED_BY: u64 = 0;

/// The evidence of a namespace or of the transport.
pub(super) struct Held {
    /// The `Authenticated<U>` and its entry; `None` where nobody in particular was let in.
    who: Option<(Box<dyn Any + Send + Sync>, Credential)>,
    /// Whether it is what the transport was opened with.
    pub(super) of_transport: bool,
    /// Which admission to a namespace it belongs to.
    pub(super) number: u64,
    /// Whether the client has come into the namespace. Until then socketioxide does not know its socket.
    pub(super) arrived: bool,
}

impl Held {
    /// `number` is that of the admission to a namespace, if it belongs to one.
    pub(super) fn new<U: Send + Sync + 'static>(user: &Authenticated<U>, credential: &Credential, number: u64) -> Self {
        let who: (Box<dyn Any + Send + Sync>, _) = (Box::new(user.clone()), credential.clone());
        Self { who: Some(who), of_transport: false, number, arrived: false }
    }

    pub(super) fn nobody(number: u64) -> Self {
        Self { who: None, of_transport: false, number, arrived: false }
    }

    /// The transport's evidence, for a namespace that lives by it; `None` if it is no `U`'s.
    pub(super) fn for_namespace<U: Send + Sync + 'static>(&self, number: u64) -> Option<Self> {
        let (_, credential) = self.who.as_ref()?;
        Some(Self { of_transport: true, ..Self::new(&self.user::<U>()?, credential, number) })
    }

    pub(super) fn user<U: Send + Sync + 'static>(&self) -> Option<Authenticated<U>> {
        self.who.as_ref()?.0.downcast_ref().cloned()
    }

    pub(super) fn evidence(&self) -> Option<&Evidence> {
        self.who.as_ref().map(|(_, credential)| credential.evidence())
    }

    /// Puts other evidence in the place of this, and gives what was there.
    pub(super) fn renew<U: Send + Sync + 'static>(
        &mut self,
        user: &Authenticated<U>,
        credential: &Credential,
        of_transport: bool,
    ) -> Self {
        let Self { number, arrived, .. } = *self;
        let new = Self { of_transport, arrived, ..Self::new(user, credential, number) };
        std::mem::replace(self, new)
    }
}

/// For what a transport counts that has ended and still costs memory.
#[expect(dead_code, reason = "each is held until it is dropped")]
pub(super) enum Lingers {
    OfAddress(PendingGuard),
    OfUser(KeptGuard),
}

/// The place of a transport in the registry.
pub(super) struct Place {
    pub(super) registration: Arc<Registration>,
    pub(super) _open: Gauge,
}

impl Life {
    pub(super) fn new(time: Lifetime) -> Self {
        Self {
            time,
            begun: false,
            opened_by: None,
            users: HashMap::new(),
            place: None,
            pending: None,
            has_connected: false,
            untaken: 0,
            kept: None,
            lingers: None,
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

    /// It leaves its place among those of whom nobody knows whose they are, once it is a user's and no guest is left in it.
    pub(super) fn settle(&mut self, owner: Option<&Evidence>) -> Option<(PendingGuard, Gauge)> {
        let owner = owner?;
        let is_owners = |held: &Held| held.evidence().is_some_and(|evidence| owner.is_same_user(evidence));
        if self.users.values().all(is_owners) { self.pending.take() } else { None }
    }

    /// The namespaces that the client has come into. It may have left them.
    pub(super) fn arrived(&self) -> impl Iterator<Item = (&String, &Held)> {
        self.users.iter().filter(|(_, held)| held.arrived)
    }

    /// Puts it into a namespace, in the place of whoever was let in before, and gives its number.
    pub(super) fn put_into(&mut self, namespace: &str, held: Held, now: Moment) -> u64 {
        let number = held.number;
        if let Some(evidence) = held.evidence() {
            self.time.hold(number, evidence.expires_at(), now);
        }
        if let Some(old) = self.users.insert(namespace.to_owned(), held) {
            self.time.release(old.number, now);
            self.drop_credential(&old);
        }
        number
    }

    /// The client is not in the namespace that it was let into by this admission, or not any more. Gives what it was let in
    /// by.
    pub(super) fn take_back(&mut self, namespace: &str, number: u64, now: Moment) -> Option<Held> {
        self.users.get(namespace).filter(|held| held.number == number)?;
        let held = self.users.remove(namespace)?;
        self.time.release(number, now);
        self.drop_credential(&held);
        Some(held)
    }

    /// Evidence holds no more. What the transport was opened with stays, as long as the transport holds it.
    pub(super) fn drop_credential(&mut self, held: &Held) {
        if let Some((_, credential)) = held.who.as_ref().filter(|_| !held.of_transport) {
            self.withdraw(credential);
        }
    }

    /// A credential holds no more. With the last of them the transport leaves the registry.
    pub(super) fn withdraw(&mut self, credential: &Credential) {
        let is_bare = self.place.as_ref().is_some_and(|place| place.registration.remove(credential));
        if is_bare {
            self.place = None;
        }
    }
}

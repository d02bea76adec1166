use std::{
    any::Any,
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use auth_core::Authenticated;

use crate::{
    Close,
    connections::{Credential, PendingGuard, Registration},
    telemetry::Gauge,
};

/// What a transport lives by, and until when. All of it is changed under one lock, and judged there by one clock: of a
/// refresh and an expiry, one comes first.
#[derive(Default)]
pub(super) struct Life {
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
    /// When it is looked whether its client is in a namespace; `None` is never.
    pub(super) look_at: Option<SystemTime>,
    /// Whether its client has come into a namespace, and nothing tells that it has left. If not, and it is in none at the
    /// next look either, the transport ends.
    pub(super) connected: bool,
    pub(super) notice: Notice,
    /// How many credentials in a row were wrong that were to take the place of another.
    pub(super) failures: u8,
    pub(super) admitted: u64,
    /// Why it has to end at once.
    pub(super) doomed: Option<Close>,
    /// Nobody is let in any more.
    pub(super) ended: bool,
}

/// The evidence of a namespace or of the transport.
pub(super) struct Held {
    /// The `Authenticated<U>`.
    user: Box<dyn Any + Send + Sync>,
    pub(super) credential: Credential,
    /// Whether it is what the transport was opened with.
    pub(super) of_transport: bool,
    /// Which admission to a namespace it belongs to.
    pub(super) number: u64,
    /// Whether the client has come into the namespace. Until then socketioxide does not know its socket.
    pub(super) arrived: bool,
    /// Whether a credential is being looked at that may take its place.
    pub(super) refreshing: bool,
}

impl Held {
    /// `number` is that of the admission to a namespace, if it belongs to one.
    pub(super) fn new<U: Send + Sync + 'static>(user: &Authenticated<U>, credential: &Credential, number: u64) -> Self {
        let (user, credential) = (Box::new(user.clone()), credential.clone());
        Self { user, credential, of_transport: false, number, arrived: false, refreshing: false }
    }

    /// The transport's evidence, for a namespace that lives by it; `None` if it is no `U`'s.
    pub(super) fn for_namespace<U: Send + Sync + 'static>(&self, number: u64) -> Option<Self> {
        Some(Self { of_transport: true, ..Self::new(self.user::<U>()?, &self.credential, number) })
    }

    pub(super) fn user<U: Send + Sync + 'static>(&self) -> Option<&Authenticated<U>> {
        self.user.downcast_ref()
    }

    /// Puts other evidence in the place of this, and gives what was there. Whoever looks at a credential goes on to.
    pub(super) fn renew<U: Send + Sync + 'static>(
        &mut self,
        user: &Authenticated<U>,
        credential: &Credential,
        of_transport: bool,
    ) -> Self {
        let Self { number, arrived, refreshing, .. } = *self;
        let new = Self { of_transport, arrived, refreshing, ..Self::new(user, credential, number) };
        std::mem::replace(self, new)
    }

    fn expires_at(&self) -> Option<SystemTime> {
        self.credential.evidence().expires_at()
    }
}

/// The place of a transport in the registry.
pub(super) struct Place {
    pub(super) registration: Arc<Registration>,
    pub(super) _open: Gauge,
}

/// When the client is to be told that the end is near.
#[derive(Default)]
pub(super) struct Notice {
    /// Which end that is.
    of: Option<SystemTime>,
    pub(super) at: Option<SystemTime>,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The first of the credentials ends.
    End,
    /// The server goes down.
    Drain,
    /// It is looked whether the client is in a namespace.
    Look,
    /// The first of the credentials will end soon.
    Notice,
}

impl Life {
    /// When the first of its credentials ends.
    pub(super) fn ends_at(&self) -> Option<SystemTime> {
        self.opened_by.iter().chain(self.users.values()).filter_map(Held::expires_at).min()
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended || self.doomed.is_some()
    }

    pub(super) fn has_expired(&self, now: SystemTime) -> bool {
        self.ends_at().is_some_and(|end| end <= now)
    }

    pub(super) fn is_over(&self, now: SystemTime) -> bool {
        self.is_ended() || self.has_expired(now)
    }

    /// The namespaces that the client has come into. It may have left them.
    pub(super) fn arrived(&self) -> impl Iterator<Item = (&String, &Held)> {
        self.users.iter().filter(|(_, held)| held.arrived)
    }

    /// The client is not in the namespace that it was let into by this admission, or not any more. Gives what it was let in
    /// by.
    pub(super) fn take_back(&mut self, namespace: &str, number: u64) -> Option<Held> {
        self.users.get(namespace).filter(|held| held.number == number)?;
        let held = self.users.remove(namespace)?;
        self.drop_credential(&held);
        Some(held)
    }

    /// Evidence holds no more. What the transport was opened with stays, as long as the transport holds it.
    pub(super) fn drop_credential(&mut self, held: &Held) {
        if !held.of_transport {
            self.withdraw(&held.credential);
        }
    }

    /// A credential holds no more. With the last of them the transport leaves the registry.
    pub(super) fn withdraw(&mut self, credential: &Credential) {
        let is_bare = self.place.as_ref().is_some_and(|place| place.registration.remove(credential));
        if is_bare {
            self.place = None;
        }
    }

    /// Plans the notice anew if the end has moved: as long before as `before` says, and of a short life in the middle.
    pub(super) fn plan_notice(&mut self, before: Duration, now: SystemTime) {
        let end = self.ends_at();
        if self.notice.of == end {
            return;
        }
        let at = end.and_then(|end| {
            let left = end.duration_since(now).unwrap_or_default();
            end.checked_sub(before.min(left / 2))
        });
        self.notice = Notice { of: end, at };
    }

    /// What comes first, and when; of several at once, what ends the transport. `drain_at` is when it is to go while the
    /// server goes down.
    pub(super) fn next(&self, drain_at: Option<SystemTime>) -> Option<(SystemTime, Due)> {
        let all = [
            (self.ends_at(), Due::End),
            (drain_at, Due::Drain),
            (self.look_at, Due::Look),
            (self.notice.at, Due::Notice),
        ];
        all.into_iter().filter_map(|(at, due)| Some((at?, due))).min_by_key(|(at, _)| *at)
    }
}

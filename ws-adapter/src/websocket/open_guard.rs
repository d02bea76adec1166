use auth_core::Evidence;

use crate::{
    connections::{LingeringGuard, Registration},
    few::Few,
    telemetry::Gauge,
};

/// Counts a socket as open: in the gauge and in the registries.
pub(super) struct OpenGuard {
    gauge: Option<Gauge>,
    /// The place in each registry, by slot.
    registrations: Few<Option<Registration>>,
}

impl OpenGuard {
    pub(super) fn new(registrations: Few<Option<Registration>>) -> Self {
        registrations.iter().flatten().for_each(|registration| registration.opened());
        Self { gauge: Some(Gauge::open()), registrations }
    }

    /// Stops counting the socket, and counts its handler while the result is held.
    pub(super) fn linger(&mut self) -> Vec<LingeringGuard> {
        self.leave();
        self.registrations.iter().flatten().filter_map(Registration::linger).collect()
    }

    /// Stops counting the socket. The registry can no longer end it.
    pub(super) fn leave(&mut self) {
        self.gauge = None;
        self.registrations.iter().flatten().for_each(Registration::leave);
    }

    /// The evidence in this slot.
    pub(super) fn evidence(&self, slot: u64) -> Option<Evidence> {
        let slot = usize::try_from(slot).ok()?;
        self.registrations.get(slot)?.as_ref()?.evidence()
    }
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        // Dropping the registrations is not enough: others may still hold them.
        self.leave();
    }
}

use crate::{
    connections::{LingeringGuard, Registration},
    few::Few,
    telemetry::Gauge,
};

/// Counts a socket as open: in the gauge and in the registries.
pub(super) struct OpenGuard {
    gauge: Option<Gauge>,
    registrations: Few<Registration>,
}

impl OpenGuard {
    pub(super) fn new(registrations: Few<Registration>) -> Self {
        registrations.iter().for_each(|registration| registration.opened());
        Self { gauge: Some(Gauge::open()), registrations }
    }

    /// Stops counting the socket, and counts its handler while the result is held.
    pub(super) fn linger(&mut self) -> Vec<LingeringGuard> {
        self.leave();
        self.registrations.iter().filter_map(|registration| registration.linger()).collect()
    }

    /// Stops counting the socket. The registry can no longer end it.
    pub(super) fn leave(&mut self) {
        self.gauge = None;
        self.registrations.iter().for_each(|registration| registration.leave());
    }
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        // Dropping the registrations is not enough: others may still hold them.
        self.leave();
    }
}

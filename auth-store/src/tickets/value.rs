//! The ticket itself, as the client holds it.

use auth_core::{BoxError, Secret};

use crate::opaque;

/// The bytes of a ticket: 256 bits.
const BYTES: usize = 32;

pub(super) fn random() -> Result<Secret, BoxError> {
    opaque::random::<BYTES>().map(Secret::new)
}

/// Whether a text has the form of a ticket.
pub(super) fn is_ticket(text: &str) -> bool {
    opaque::is_random::<BYTES>(text)
}

/// The key of a ticket in the store: its hash.
pub(super) fn key(ticket: &str) -> String {
    opaque::key("ticket", &[ticket])
}

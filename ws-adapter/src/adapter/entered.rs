use std::{fmt, sync::Arc};

use auth_core::{Authenticated, Evidence, Transport};

use super::Place;
use crate::{connections::Credential, telemetry};

/// A credential that a connection lives by, in the registry. Clones are one credential, which leaves the registry when the
/// last of them is dropped. With its last credential the connection leaves too.
#[must_use = "the credential leaves the registry when this is dropped"]
#[derive(Clone)]
pub struct Entered(Arc<Entry>);

struct Entry {
    place: Arc<Place>,
    credential: Credential,
}

impl Entered {
    pub(super) fn new(place: &Arc<Place>, credential: Credential) -> Self {
        Self(Arc::new(Entry { place: Arc::clone(place), credential }))
    }

    /// The evidence.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        self.0.credential.evidence()
    }

    /// The user; `None` if it is not a `U`.
    #[must_use]
    pub fn user<U: 'static>(&self) -> Option<&Authenticated<U>> {
        self.0.credential.user()
    }

    /// Logs that the connection lives by this credential from now on. Call it once for each decision.
    pub fn log_accepted(&self, transport: Transport) {
        telemetry::accepted(transport, self.evidence());
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.place.withdraw(&self.credential);
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entered").field("evidence", self.evidence()).finish_non_exhaustive()
    }
}

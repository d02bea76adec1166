use std::{fmt, time::SystemTime};

use auth_core::{BoxError, Origin, PrincipalId};
use serde::{Deserialize, Serialize};

use super::lineage::Lineage;
use crate::instant::{from_nanos, to_nanos};

/// What a ticket says of its user, for the verify callback. `Debug` shows nothing of it.
pub struct TicketGrant {
    id: String,
    principal: PrincipalId,
    expires_at: Option<SystemTime>,
}

impl TicketGrant {
    /// Whose ticket it is.
    #[must_use]
    pub fn principal(&self) -> &PrincipalId {
        &self.principal
    }

    /// The ticket's public id, which is not the ticket.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// When the credential ends that it was bought with, and so whatever is opened by it.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }
}

impl fmt::Debug for TicketGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketGrant").finish_non_exhaustive()
    }
}

/// What the store holds of a ticket, as JSON.
#[derive(Deserialize, Serialize)]
pub(super) struct Record {
    id: String,
    issuer: String,
    subject: String,
    pub(super) path: String,
    pub(super) origin: Option<String>,
    pub(super) ids: Vec<String>,
    pub(super) session: Option<String>,
    issued_unix_nanos: u64,
    expires_unix_nanos: Option<u64>,
}

impl Record {
    pub(super) fn new(
        id: String,
        principal: &PrincipalId,
        path: &str,
        origin: Option<&Origin>,
        lineage: Lineage,
        expires_at: Option<SystemTime>,
    ) -> Self {
        Self {
            id,
            issuer: principal.issuer().to_owned(),
            subject: principal.subject().to_owned(),
            path: path.to_owned(),
            origin: origin.map(Origin::to_string),
            ids: lineage.ids,
            session: lineage.session,
            issued_unix_nanos: to_nanos(lineage.counts_from),
            expires_unix_nanos: expires_at.map(to_nanos),
        }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, BoxError> {
        Ok(serde_json::to_vec(self)?)
    }

    /// `None` if it is no record, or says what cannot be kept.
    pub(super) fn decode(json: &[u8]) -> Option<Self> {
        let record: Self = serde_json::from_slice(json).ok()?;
        (record.ids.len() <= 2).then_some(record)
    }

    pub(super) fn grant(&self) -> TicketGrant {
        TicketGrant {
            id: self.id.clone(),
            principal: PrincipalId::new(&self.issuer, &self.subject),
            expires_at: self.expires_at(),
        }
    }

    pub(super) fn issued_at(&self) -> Option<SystemTime> {
        from_nanos(self.issued_unix_nanos)
    }

    pub(super) fn expires_at(&self) -> Option<SystemTime> {
        self.expires_unix_nanos.and_then(from_nanos)
    }
}

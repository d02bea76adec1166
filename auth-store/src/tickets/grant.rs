use std::{fmt, time::SystemTime};

use auth_core::{Accept, BoxError, Id, IdKind, Origin, PrincipalId};
use serde::{Deserialize, Serialize};

use super::lineage::Lineage;
use crate::instant::{from_nanos, to_nanos};

/// What a ticket says about its user, for the verify callback. `Debug` shows none of it.
pub struct TicketGrant {
    id: String,
    principal: PrincipalId,
    expires_at: Option<SystemTime>,
}

impl TicketGrant {
    /// The user of the ticket.
    #[must_use]
    pub fn principal(&self) -> &PrincipalId {
        &self.principal
    }

    /// The ticket's public id. It is not the ticket itself.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// When its parent credential ends, and with it everything that the ticket opens. `None` if it has no end.
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

/// The stored record of a ticket, as JSON.
#[derive(Deserialize, Serialize)]
pub(super) struct Record {
    id: String,
    /// Issuer and subject, the principal first.
    names: Vec<(String, String)>,
    pub(super) path: String,
    pub(super) origin: Option<String>,
    /// Issuer and id of the parent credentials.
    parents: Vec<(String, String)>,
    /// Issuer and id.
    sessions: Vec<(String, String)>,
    issued_unix_nanos: u64,
    expires_unix_nanos: Option<u64>,
}

impl Record {
    pub(super) fn new(
        id: String,
        path: &str,
        origin: Option<&Origin>,
        lineage: &Lineage,
        expires_at: Option<SystemTime>,
    ) -> Self {
        let names = lineage.names.iter().map(|name| (name.issuer().to_owned(), name.subject().to_owned()));
        let (sessions, parents): (Vec<_>, Vec<_>) = lineage.ids.iter().partition(|id| id.kind() == IdKind::Session);
        let pairs = |ids: Vec<&Id>| ids.into_iter().map(|id| (id.issuer().to_owned(), id.id().to_owned())).collect();
        Self {
            id,
            names: names.collect(),
            path: path.to_owned(),
            origin: origin.map(Origin::to_string),
            parents: pairs(parents),
            sessions: pairs(sessions),
            issued_unix_nanos: to_nanos(lineage.counts_from),
            expires_unix_nanos: expires_at.map(to_nanos),
        }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, BoxError> {
        Ok(serde_json::to_vec(self)?)
    }

    /// `None` if it is not a record, or names no user.
    pub(super) fn decode(json: &[u8]) -> Option<Self> {
        let record: Self = serde_json::from_slice(json).ok()?;
        (!record.names.is_empty()).then_some(record)
    }

    pub(super) fn grant(&self) -> Option<TicketGrant> {
        let principal = self.names().next()?;
        Some(TicketGrant { id: self.id.clone(), principal, expires_at: self.expires_at() })
    }

    /// Adds the record to the acceptance. This service is the issuer of the ticket's id; parents and sessions keep theirs.
    pub(super) fn added_to<U>(&self, accept: Accept<U>) -> Accept<U> {
        let accept = accept.credential_id("", &self.id);
        let accept = self.names().fold(accept, Accept::add_name);
        let accept = self.parents.iter().fold(accept, |accept, (issuer, id)| accept.parent(issuer, id));
        let mut accept = self.sessions.iter().fold(accept, |accept, (issuer, id)| accept.session_id(issuer, id));
        accept = match from_nanos(self.issued_unix_nanos) {
            Some(at) => accept.issued_at(at),
            None => accept.issued_at_unknown_time(),
        };
        match self.expires_at() {
            Some(at) => accept.expires_at(at),
            None => accept,
        }
    }

    pub(super) fn expires_at(&self) -> Option<SystemTime> {
        self.expires_unix_nanos.and_then(from_nanos)
    }

    fn names(&self) -> impl Iterator<Item = PrincipalId> {
        self.names.iter().map(|(issuer, subject)| PrincipalId::new(issuer, subject))
    }
}

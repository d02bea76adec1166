//! What was revoked, who is asked, and how the news of it gets about.

use std::{fmt, time::SystemTime};

use crate::{BoxError, Carrier, Evidence, PrincipalId};

/// Something that was revoked: a credential, a session, everything of a user up to an instant, or one connection.
///
/// It is no secret, but it tells of a person: `Debug` shows its kind alone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Revocation {
    target: RevocationTarget,
    /// When what is revoked would have ended by itself.
    ends_at: Option<SystemTime>,
}

/// What a [`Revocation`] is about.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevocationTarget {
    /// A credential by its id, and whatever was made from it. Ids are told apart by the issuer of the principal.
    Credential {
        /// The issuer of the principal; empty if it has none.
        issuer: String,
        /// The id, such as the `jti` of a token.
        id: String,
    },
    /// Every credential of a session.
    Session {
        /// The issuer of the principal; empty if it has none.
        issuer: String,
        /// The id, such as the `sid` of a token.
        id: String,
    },
    /// Every credential of a user that was issued up to an instant, inclusive. A credential that does not say when it was
    /// issued counts from when it was checked.
    User {
        /// Whose they are.
        user: PrincipalId,
        /// The last instant that counts.
        until: SystemTime,
    },
    /// One open connection, by its public name. Nothing is remembered of it, so that its client may come again.
    Connection {
        /// The name.
        id: String,
    },
}

impl Revocation {
    /// A credential by its id; `issuer` is that of its principal, or empty.
    pub fn credential(issuer: impl Into<String>, id: impl Into<String>) -> Self {
        Self::of_target(RevocationTarget::Credential { issuer: issuer.into(), id: id.into() })
    }

    /// Every credential of a session; `issuer` is that of its principal, or empty.
    pub fn session(issuer: impl Into<String>, id: impl Into<String>) -> Self {
        Self::of_target(RevocationTarget::Session { issuer: issuer.into(), id: id.into() })
    }

    /// Every credential of `user` that was issued up to the instant `until`, inclusive.
    ///
    /// Tokens tell the second in which they were issued, and no more: one of the same second is revoked too.
    #[must_use]
    pub fn user(user: PrincipalId, until: SystemTime) -> Self {
        Self::of_target(RevocationTarget::User { user, until })
    }

    /// One open connection, by the public name that its handler knows.
    pub fn connection(id: impl Into<String>) -> Self {
        Self::of_target(RevocationTarget::Connection { id: id.into() })
    }

    /// What a log-out at the instant `now` revokes: the credential itself if it has an id, else everything of its user up
    /// to now. `None` if the evidence names neither. Of a ticket, which is spent, it is the credential that it was bought
    /// with.
    ///
    /// It lasts until the end that the strategy has found, also where the application has given the evidence an earlier one.
    #[must_use]
    pub fn of(evidence: &Evidence, now: SystemTime) -> Option<Self> {
        let (id, ends_at) = match evidence.carrier() {
            Carrier::Ticket => (evidence.parent(), None),
            _ => (evidence.credential_id(), evidence.credential_end),
        };
        match id {
            Some(id) => {
                let issuer = evidence.principal().map_or("", PrincipalId::issuer);
                Some(Self { ends_at, ..Self::credential(issuer, id) })
            }
            None => Some(Self::user(evidence.principal()?.clone(), now)),
        }
    }

    /// Says when what is revoked would have ended by itself, so that a store may forget the revocation some time later.
    #[must_use]
    pub fn ends_at(mut self, at: SystemTime) -> Self {
        self.ends_at = Some(at);
        self
    }

    /// What it is about.
    #[must_use]
    pub fn target(&self) -> &RevocationTarget {
        &self.target
    }

    /// When what is revoked would have ended by itself; `None` if that is not known.
    #[must_use]
    pub fn end(&self) -> Option<SystemTime> {
        self.ends_at
    }

    /// Whether the credential behind `evidence`, or of an `and` one of them, is revoked by this. A connection is none.
    #[must_use]
    pub fn covers(&self, evidence: &Evidence) -> bool {
        self.covers_as(evidence, evidence.principal())
    }

    /// The parts of an `and` belong to the principal of the whole, if they name none.
    fn covers_as(&self, evidence: &Evidence, whole: Option<&PrincipalId>) -> bool {
        let principal = evidence.principal().or(whole);
        let issued_by = |issuer: &str| principal.map_or("", PrincipalId::issuer) == issuer;
        let itself = match &self.target {
            RevocationTarget::Credential { issuer, id } => {
                let ids = [evidence.credential_id(), evidence.parent()];
                ids.contains(&Some(id)) && issued_by(issuer)
            }
            RevocationTarget::Session { issuer, id } => evidence.session_id() == Some(id) && issued_by(issuer),
            RevocationTarget::User { user, until } => principal == Some(user) && evidence.counts_from() <= *until,
            RevocationTarget::Connection { .. } => false,
        };
        itself || evidence.parts().iter().any(|part| self.covers_as(part, principal))
    }

    fn of_target(target: RevocationTarget) -> Self {
        Self { target, ends_at: None }
    }
}

impl fmt::Debug for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Revocation").field(&self.target).finish()
    }
}

impl fmt::Debug for RevocationTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credential { .. } => "Credential(<redacted>)",
            Self::Session { .. } => "Session(<redacted>)",
            Self::User { .. } => "User(<redacted>)",
            Self::Connection { .. } => "Connection(<redacted>)",
        })
    }
}

/// Asks whether a credential that is good in itself was revoked.
#[async_trait::async_trait]
pub trait RevocationCheck: Send + Sync + 'static {
    /// Whether the credential behind `evidence` was revoked. For an `and`, it is asked once for the whole and once for
    /// each part.
    ///
    /// # Errors
    /// If the store failed: 503. Doubt never lets anybody in.
    async fn is_revoked(&self, evidence: &Evidence) -> Result<bool, BoxError>;
}

#[async_trait::async_trait]
impl<C: RevocationCheck + ?Sized> RevocationCheck for std::sync::Arc<C> {
    async fn is_revoked(&self, evidence: &Evidence) -> Result<bool, BoxError> {
        (**self).is_revoked(evidence).await
    }
}

impl Evidence {
    /// Whether `check` takes the whole of it, or of an `and` one part, for revoked.
    ///
    /// # Errors
    /// If the store failed.
    pub async fn is_revoked_by(&self, check: &dyn RevocationCheck) -> Result<bool, BoxError> {
        let mut open = vec![self];
        while let Some(evidence) = open.pop() {
            if check.is_revoked(evidence).await? {
                return Ok(true);
            }
            open.extend(evidence.parts());
        }
        Ok(false)
    }
}

/// A check that also tells of revocations as they happen, here and on other nodes. Whoever holds connections open
/// listens to it.
///
/// A revocation must be visible to [`is_revoked`](RevocationCheck::is_revoked) before the news of it goes out: a
/// connection that has been entered into a registry meanwhile is then found by the one or by the other.
#[async_trait::async_trait]
pub trait RevocationFeed: RevocationCheck {
    /// Begins to listen. What happens from now on is told.
    async fn listen(&self) -> Box<dyn RevocationListener>;
}

/// One who listens to a [`RevocationFeed`].
#[async_trait::async_trait]
pub trait RevocationListener: Send {
    /// Waits for the next news; `None` if there will be no more.
    async fn next(&mut self) -> Option<RevocationNews>;
}

/// What a [`RevocationListener`] hears.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevocationNews {
    /// This was revoked.
    Revoked(Revocation),
    /// Something may have been revoked that was not told: the bus was away, or the listener too slow. Every connection has
    /// to be checked anew.
    Missed,
}

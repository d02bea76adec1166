//! What was revoked, and how the news of it gets about. [`RevocationCheck`] stands beside [`Evidence`].

use std::{fmt, time::SystemTime};

use crate::{Carrier, Evidence, Id, IdKind, PrincipalId, RevocationCheck};

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
    /// A credential by its id, and whatever was made from it.
    Credential {
        /// Who gave the id: the `iss` of a token; empty for the service itself.
        issuer: String,
        /// The id, such as the `jti` of a token.
        id: String,
    },
    /// Every credential of a session.
    Session {
        /// Who keeps the session: the `iss` of a token; empty for the service itself.
        issuer: String,
        /// The id, such as the `sid` of a token.
        id: String,
    },
    /// Every credential of a user that was issued up to an instant, inclusive. A password or an API key counts from when it
    /// was checked, a token that does not say when it was issued from the beginning of time:
    /// [`Evidence::counts_from`].
    User {
        /// Whose they are, by any of the user's [names](Evidence::names).
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
    /// A credential by its id, and by the issuer that gave the id.
    pub fn credential(issuer: impl Into<String>, id: impl Into<String>) -> Self {
        Self::of_target(RevocationTarget::Credential { issuer: issuer.into(), id: id.into() })
    }

    /// Every credential of a session, by its id and by the issuer that gave the id.
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

    /// Everything that a log-out at the instant `now` has to revoke. For each credential behind the evidence (an `and` has
    /// several) that is:
    ///
    /// | The credential | Revoked is |
    /// |---|---|
    /// | has an id | the credential |
    /// | is a ticket, which is spent | the credentials that it was bought with |
    /// | has neither: a password, a token without `jti` | everything of its user up to `now`. Not for a guest; and not for a part of an `and` that is of another user than the whole, if something else can be revoked: many may share it |
    ///
    /// The list is empty where nothing can be revoked: a guest without an id. Tell the client so, and do not answer that
    /// it is logged out.
    ///
    /// A revocation of a credential lasts until the end that its strategy has found, also where the application has given
    /// the evidence an earlier one.
    #[must_use]
    pub fn of(evidence: &Evidence, now: SystemTime) -> Vec<Self> {
        let whole = evidence.principal();
        let (mut by_id, mut users) = (Vec::new(), Vec::new());
        Self::collect(evidence, whole, &mut by_id, &mut users);
        // Another part may be a program's key that many users share: it goes only where nothing else can be revoked.
        let counts = |user: &&PrincipalId| by_id.is_empty() || whole == Some(*user);
        let by_user: Vec<_> = users.into_iter().filter(counts).map(|user| Self::user(user.clone(), now)).collect();
        let mut all: Vec<Self> = Vec::new();
        for revocation in by_id.into_iter().chain(by_user) {
            if !all.contains(&revocation) {
                all.push(revocation);
            }
        }
        all
    }

    /// The credentials that have an id, and the users of the others. A part without a name belongs to the user of the whole.
    fn collect<'e>(
        evidence: &'e Evidence,
        whole: Option<&'e PrincipalId>,
        by_id: &mut Vec<Self>,
        users: &mut Vec<&'e PrincipalId>,
    ) {
        // What a new acceptance was built from is the user's whom that names.
        let user = if evidence.behind { whole.or(evidence.principal()) } else { evidence.principal().or(whole) };
        let (kind, ends_at) = match evidence.carrier() {
            Carrier::Ticket => (IdKind::Parent, None),
            _ => (IdKind::Credential, evidence.credential_end),
        };
        let mut ids = evidence.ids().iter().filter(|id| id.kind() == kind).peekable();
        // What an acceptance was built from is revoked, and so is the acceptance.
        if ids.peek().is_none() && evidence.parts().is_empty() {
            users.extend(user);
        }
        by_id.extend(ids.map(|id| Self { ends_at, ..Self::credential(id.issuer(), id.id()) }));
        evidence.parts().iter().for_each(|part| Self::collect(part, user, by_id, users));
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

    /// Whether the credential behind `evidence`, or of an `and` one of them, is revoked by this. Always false for a
    /// connection.
    ///
    /// A credential or a session matches by id and issuer, a user by any name.
    #[must_use]
    pub fn covers(&self, evidence: &Evidence) -> bool {
        let has_id = |kinds: &[IdKind], issuer: &str, id: &str| {
            let is_it = |own: &Id| kinds.contains(&own.kind()) && own.issuer() == issuer && own.id() == id;
            evidence.ids().iter().any(is_it)
        };
        let itself = match &self.target {
            RevocationTarget::Credential { issuer, id } => has_id(&[IdKind::Credential, IdKind::Parent], issuer, id),
            RevocationTarget::Session { issuer, id } => has_id(&[IdKind::Session], issuer, id),
            RevocationTarget::User { user, until } => {
                evidence.names().contains(user) && evidence.counts_from() <= *until
            }
            RevocationTarget::Connection { .. } => false,
        };
        itself || evidence.parts().iter().any(|part| self.covers(part))
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
    async fn next(&mut self) -> Option<RevocationEvent>;
}

/// What a [`RevocationListener`] hears.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevocationEvent {
    /// This was revoked.
    Revoked(Revocation),
    /// Something may have been revoked that was not told: the bus was away, or the listener too slow. Every connection has
    /// to be checked anew.
    Missed,
}

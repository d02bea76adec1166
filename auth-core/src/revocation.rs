//! What was revoked, and how other nodes learn of it. [`RevocationCheck`] is defined beside [`Evidence`].

use std::{fmt, time::SystemTime};

use crate::{Carrier, Evidence, Id, IdKind, PrincipalId, RevocationCheck};

/// Something that was revoked: a credential, a session, everything of a user up to an instant, or one connection.
///
/// It is personal data, but not secret: `Debug` shows only its kind.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Revocation {
    target: RevocationTarget,
    /// When what is revoked would have ended by itself.
    ends_at: Option<SystemTime>,
}

/// What a [`Revocation`] covers.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevocationTarget {
    /// A credential by its id, and everything that was made from it.
    Credential {
        /// The issuer of the id: the `iss` of a token; empty for this service itself.
        issuer: String,
        /// The id, such as the `jti` of a token.
        id: String,
    },
    /// Every credential of a session.
    Session {
        /// The issuer of the session: the `iss` of a token; empty for this service itself.
        issuer: String,
        /// The id, such as the `sid` of a token.
        id: String,
    },
    /// Every credential of a user that was issued up to an instant, inclusive. A password or an API key counts as issued when
    /// it was checked. A token that does not say when it was issued counts from the beginning of time. See
    /// [`Evidence::counts_from`].
    User {
        /// The user, by any of the user's [names](Evidence::names).
        user: PrincipalId,
        /// The last instant that is covered.
        until: SystemTime,
    },
    /// One open connection, by its public name. No store keeps it, so its client may connect again.
    Connection {
        /// The name.
        id: String,
    },
}

impl Revocation {
    /// Revokes a credential by its id and the issuer of that id.
    pub fn credential(issuer: impl Into<String>, id: impl Into<String>) -> Self {
        Self::of_target(RevocationTarget::Credential { issuer: issuer.into(), id: id.into() })
    }

    /// Revokes every credential of a session, by its id and the issuer of that id.
    pub fn session(issuer: impl Into<String>, id: impl Into<String>) -> Self {
        Self::of_target(RevocationTarget::Session { issuer: issuer.into(), id: id.into() })
    }

    /// Revokes every credential of `user` that was issued up to the instant `until`, inclusive.
    ///
    /// Tokens give their time of issue in whole seconds. A token of the same second is revoked too.
    #[must_use]
    pub fn user(user: PrincipalId, until: SystemTime) -> Self {
        Self::of_target(RevocationTarget::User { user, until })
    }

    /// Ends one open connection, by the public name that its handler knows.
    pub fn connection(id: impl Into<String>) -> Self {
        Self::of_target(RevocationTarget::Connection { id: id.into() })
    }

    /// Everything that a logout at the instant `now` must revoke. For each credential in the evidence (an `and` has several):
    ///
    /// | The credential | What is revoked |
    /// |---|---|
    /// | has an id | the credential |
    /// | is a ticket, which is used up | its parent credentials |
    /// | has no id: a password, a token without `jti` | everything of its user up to `now`. Nothing for a guest. Nothing for a part of an `and` that belongs to another user than the whole, if something else can be revoked: many users may share it |
    ///
    /// The list is empty if nothing can be revoked: a guest without an id. Tell the client so; don't answer that it is logged
    /// out.
    ///
    /// A revocation of a credential lasts until the end that its strategy set, even if the application set an earlier one.
    #[must_use]
    pub fn of(evidence: &Evidence, now: SystemTime) -> Vec<Self> {
        let whole = evidence.principal();
        let (mut by_id, mut users) = (Vec::new(), Vec::new());
        Self::collect(evidence, whole, &mut by_id, &mut users);
        // Another part may be a program's key that many users share. Revoke it only if nothing else can be revoked.
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

    /// Collects the credentials that have an id, and the users of the others. A part without a name belongs to the user of the
    /// whole.
    fn collect<'e>(
        evidence: &'e Evidence,
        whole: Option<&'e PrincipalId>,
        by_id: &mut Vec<Self>,
        users: &mut Vec<&'e PrincipalId>,
    ) {
        // What a new acceptance was built from belongs to the user of the new one.
        let user = if evidence.is_behind() { whole.or(evidence.principal()) } else { evidence.principal().or(whole) };
        let (kind, ends_at) = match evidence.carrier() {
            Carrier::Ticket => (IdKind::Parent, None),
            // Not the end that is known now: a use may move it.
            _ => {
                let end = match evidence.ending() {
                    Some((check, extras)) => check.latest_end(extras),
                    None => evidence.credential_end(),
                };
                (IdKind::Credential, end)
            }
        };
        let mut ids = evidence.ids().iter().filter(|id| id.kind() == kind).peekable();
        // If it was built from others, their revocation covers it too.
        if ids.peek().is_none() && evidence.parts().is_empty() {
            users.extend(user);
        }
        by_id.extend(ids.map(|id| Self { ends_at, ..Self::credential(id.issuer(), id.id()) }));
        evidence.parts().iter().for_each(|part| Self::collect(part, user, by_id, users));
    }

    /// Sets when the revoked credential ends by itself, so that a store may forget the revocation some time later. If its end may
    /// move, as that of a login does with each use, it must be the latest one, and not [`Evidence::expires_at`].
    #[must_use]
    pub fn ends_at(mut self, at: SystemTime) -> Self {
        self.ends_at = Some(at);
        self
    }

    /// What it covers.
    #[must_use]
    pub fn target(&self) -> &RevocationTarget {
        &self.target
    }

    /// When the revoked credential ends by itself; `None` if unknown.
    #[must_use]
    pub fn end(&self) -> Option<SystemTime> {
        self.ends_at
    }

    /// Whether this revokes the credential in `evidence`, or one of those of an `and`. Always false for a connection.
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

/// A check that also announces revocations as they happen, on this node and on others. Registries of open connections listen
/// to it.
///
/// A revocation must be visible to [`is_revoked`](RevocationCheck::is_revoked) before it is announced. Then a connection that
/// is registered meanwhile is found by one or the other.
#[async_trait::async_trait]
pub trait RevocationFeed: RevocationCheck {
    /// Starts to listen. The listener receives every revocation from now on.
    async fn listen(&self) -> Box<dyn RevocationListener>;
}

/// Listens to a [`RevocationFeed`].
#[async_trait::async_trait]
pub trait RevocationListener: Send {
    /// Waits for the next event; `None` if there will be no more.
    async fn next(&mut self) -> Option<RevocationEvent>;
}

/// What a [`RevocationListener`] receives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevocationEvent {
    /// This was revoked.
    Revoked(Revocation),
    /// Revocations may have been missed: the bus was down, or the listener was too slow. Check every connection again.
    Missed,
}

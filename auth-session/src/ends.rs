//! How logins end before their time.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use auth_core::{BoxError, PrincipalId, Revocation};
use auth_store::{RecordKey, Saved};

use crate::{
    core::{Core, TRIES},
    detached::detached,
    error::SessionError,
    events::{self, Ended},
    login::Login,
    presented::Presented,
    secret::NewSecret,
    settings::LONGEST,
    value::Value,
};

/// How far the current login is moved beyond the mark that ends all others. Stores keep nanoseconds.
const BEYOND: Duration = Duration::from_nanos(1);

impl Core {
    /// Ends a login on all nodes: the revocation first, then the record. It continues if the client disconnects.
    pub(crate) async fn end(self: &Arc<Self>, login: &Login, why: Ended) -> Result<(), BoxError> {
        let (core, sid, key) = (Arc::clone(self), login.value.sid.clone(), login.record.key.clone());
        let nobodys = login.value.user.is_none().then(|| login.clone());
        // Another request may have logged in on this record meanwhile, for longer than it was made for.
        let now = self.now();
        let last = now.checked_add(self.settings.longest()).unwrap_or(now).max(login.value.absolute_end);
        detached(async move {
            if let Some(login) = nobodys
                && let Some(has_ended) = core.end_nobodys(login).await?
            {
                if has_ended {
                    events::ended(&sid, why);
                }
                return Ok(());
            }
            core.revocations.revoke_all(&core.revocations_of(&sid, last).collect::<Vec<_>>()).await?;
            if core.records.end(&key).await? {
                events::ended(&sid, why);
            }
            Ok(())
        })
        .await
    }

    /// The revocations of everything that holds the id of a login: one for each issuer.
    fn revocations_of<'s>(&'s self, sid: &'s str, last: SystemTime) -> impl Iterator<Item = Revocation> + 's {
        let issuers = std::iter::once("").chain(self.settings.token_issuers.iter().map(String::as_str));
        issuers.map(move |issuer| Revocation::session(issuer, sid).ends_at(last))
    }

    /// Revokes the access tokens of the logins that an end of all covers, by the ids of the logins. A refresh that has looked before the
    /// mark was written may have issued one that is newer than the mark. It is stored, so it is listed here.
    #[cfg(feature = "tokens")]
    async fn revoke_newer_tokens(
        &self,
        owner: &RecordKey,
        until: SystemTime,
        kept: Option<&str>,
    ) -> Result<(), BoxError> {
        let last = until.checked_add(self.settings.longest()).unwrap_or(until);
        let mut all = Vec::new();
        for record in self.records.owned(owner).await? {
            let Ok(login) = Login::read(record) else { continue };
            let is_covered = login.record.since <= until && kept != Some(login.sid());
            if is_covered && login.value.refresh().is_some() {
                all.extend(self.revocations_of(login.sid(), last));
            }
        }
        Ok(self.revocations.revoke_all(&all).await?)
    }

    /// Ends a session of nobody. Nothing hangs on it, so it needs no revocation: visitors could fill the store with them. False if
    /// another request has ended it meanwhile; `None`, and it goes on, if a user has logged in.
    async fn end_nobodys(&self, mut login: Login) -> Result<Option<bool>, BoxError> {
        for _ in 0..TRIES {
            if login.value.user.is_some() {
                return Ok(None);
            }
            // First nobody knows its secret any more, so no login can begin on it.
            let secret = NewSecret::random()?;
            let value = Value::new(login.sid(), self.now(), self.settings.lifetime(false), secret.hash);
            match self.save(&login, value, login.record.since, None).await? {
                (Saved::As(_), _) => return self.records.end(&login.record.key).await.map(Some),
                (Saved::Ended, _) => return Ok(Some(false)),
                (Saved::Conflict, _) => match self.load(login.sid(), self.now()).await? {
                    Some(newest) => login = newest,
                    None => return Ok(Some(false)),
                },
            }
        }
        Ok(None)
    }

    /// Ends all logins of a user that began up to now. `kept` was moved beyond it, and lives on.
    pub(crate) async fn end_all(
        self: &Arc<Self>,
        user: &PrincipalId,
        until: SystemTime,
        kept: Option<Box<str>>,
    ) -> Result<(), BoxError> {
        let (core, user) = (Arc::clone(self), user.clone());
        detached(async move {
            core.revocations.revoke(&Revocation::user(user.clone(), until)).await?;
            #[cfg(feature = "tokens")]
            core.revoke_newer_tokens(&RecordKey::owner(&user), until, kept.as_deref()).await?;
            // Nodes may have other settings, and earlier ones may have been longer.
            let keep_until = until.checked_add(LONGEST).unwrap_or(until);
            let owner = RecordKey::owner(&user);
            core.records.end_owned(&owner, until, keep_until).await?;
            core.end_moved(&owner, until, kept.as_deref()).await?;
            events::all_ended(kept.as_deref());
            Ok(())
        })
        .await
    }

    /// Ends the logins that began up to `until` and that another request has moved beyond it, before the mark was written.
    async fn end_moved(
        self: &Arc<Self>,
        owner: &RecordKey,
        until: SystemTime,
        kept: Option<&str>,
    ) -> Result<(), BoxError> {
        for record in self.records.owned(owner).await? {
            let Ok(login) = Login::read(record) else { continue };
            let began = login.value.user.as_ref().map(|user| user.logged_in);
            if kept != Some(login.sid()) && began.is_some_and(|began| began <= until) {
                self.end(&login, Ended::All).await?;
            }
        }
        Ok(())
    }

    /// Moves a login beyond the mark that ends all of its user up to `until`. `None` if it has ended.
    pub(crate) async fn move_beyond(
        self: &Arc<Self>,
        login: &Login,
        presented: &Presented,
        until: SystemTime,
    ) -> Result<Option<Login>, SessionError> {
        let beyond = until.checked_add(BEYOND).unwrap_or(until);
        let changed = self.change(login, presented, until, false, |login| login.record.since.max(beyond), |_| true);
        let Some(changed) = changed.await? else { return Ok(None) };
        let login = *changed.login;
        // A later end of all logins has ended this one too.
        if self.is_ended_with_all(&login, login.record.since).await.map_err(SessionError::unavailable)? {
            return Ok(None);
        }
        // This login must not escape an earlier one, which writes its mark and then lists. Here it is stored, and then looks. So one
        // of the two sees the other.
        if self.is_ended_with_all(&login, changed.was_since).await.map_err(SessionError::unavailable)? {
            self.end(&login, Ended::All).await.map_err(SessionError::unavailable)?;
            return Ok(None);
        }
        Ok(Some(login))
    }

    /// Why a live login lets nobody in any more: it was revoked by its id, or with all of its user.
    pub(crate) async fn why_revoked(&self, login: &Login) -> Result<Option<Ended>, BoxError> {
        if self.is_ended_with_all(login, login.record.since).await? {
            return Ok(Some(Ended::All));
        }
        Ok(self.revocations.is_id_revoked("", login.sid()).await?.then_some(Ended::ById))
    }

    /// Whether all logins of the user have ended up to an instant that covers this one, which counts from `since`.
    async fn is_ended_with_all(&self, login: &Login, since: SystemTime) -> Result<bool, BoxError> {
        let Some(user) = &login.value.user else { return Ok(false) };
        self.is_covered(user, since).await
    }
}

use auth_basic::Password;
use auth_core::Principal;

use super::{
    LocalLogin,
    policy::{NewPasswordError, NewPasswordErrorKind},
};
use crate::{detached::detached, session::Session};

impl<U: Principal> LocalLogin<U> {
    /// Changes the password of the user who is logged in, who has to prove the current one. Then it ends all other logins of the
    /// user (ASVS 7.4.3), and replaces the secret of this one.
    ///
    /// With a [`throttle`](Self::throttle), whoever has stolen a session can't guess the current password without limit: ten failures
    /// for a login, and thirty for all logins and known devices of the user. Strangers who guess do not use that up.
    ///
    /// # Errors
    /// Why the password was not changed. [`Unavailable`](NewPasswordErrorKind::Unavailable) can also mean that it has changed, and
    /// that others may still be logged in: try again with the new password, or call
    /// [`Session::end_others`](crate::Session::end_others).
    pub async fn change_password(
        &self,
        session: &Session<U>,
        username: &str,
        current: &Password,
        new: &Password,
    ) -> Result<(), NewPasswordError> {
        session.check_site().map_err(NewPasswordError::cross_site)?;
        let wrong = || NewPasswordError::of(NewPasswordErrorKind::WrongCurrent);
        // Nobody guesses the password of another user here, and no failure counts for one.
        let found = self.find(username).await.map_err(NewPasswordError::unavailable)?.ok_or_else(wrong)?;
        let principal = self.0.sessions.principal(&found.0).map_err(NewPasswordError::unavailable)?;
        let sid = session.sid().filter(|_| session.principal() == Some(principal)).ok_or_else(wrong)?;
        let permit = match &self.0.guard {
            Some(guard) => {
                let taken = guard.take_in_session(&self.0.users.account(username), &sid).await;
                Some(taken.map_err(NewPasswordError::throttled)?)
            }
            None => None,
        };
        let checked = self.check_found(Some(found), current).await;
        match permit {
            Some(permit) if matches!(checked, Ok(None)) => permit.failed().await,
            Some(permit) => permit.succeeded().await,
            None => {}
        }
        let (user, old) = checked.map_err(NewPasswordError::unavailable)?.ok_or_else(wrong)?;
        let hash = self.hash_new(username, new).await?;
        // If the client disconnects now, nobody who knows the old password stays logged in.
        let (local, session) = (self.clone(), session.share());
        detached(async move {
            if !local.0.users.store_hash(&user, &old, &hash).await.map_err(NewPasswordError::unavailable)? {
                // Somebody has changed it meanwhile.
                return Err(wrong());
            }
            session.end_others().await.map_err(NewPasswordError::after_change)?;
            session.step_up(&["pwd"], None).await.map_err(NewPasswordError::after_change)
        })
        .await
    }
}

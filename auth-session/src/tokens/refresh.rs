//! How a token becomes the next one.

use std::time::SystemTime;

use auth_core::{Principal, Refusal};
use auth_store::Saved;
use http::StatusCode;
use serde_json::{Map, Value as Json};

use super::{
    decision::{Decision, decide},
    inner::Inner,
    issued::IssuedTokens,
    keys::RefreshToken,
};
use crate::{
    core::TRIES,
    error::{SessionError, SessionErrorKind},
    events::{self, Ended},
    login::Login,
    value::{Refresh, UserPart, Value},
};

/// The refusal of a token (RFC 6749, 5.2). The detail is for the log.
pub(super) fn invalid_grant(detail: &'static str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "invalid_grant").with_detail(detail)
}

impl<U: Principal> Inner<U> {
    /// The next tokens. A save counts only on the version that was read: of several requests at once one rotates, and the others
    /// look again.
    pub(super) async fn refresh(&self, token: &RefreshToken) -> Result<IssuedTokens, Refusal> {
        let now = self.sessions.now();
        let mut claims = None;
        for _ in 0..TRIES {
            let login = self.live(token, now).await?;
            let (user, refresh) = login.value.user.as_ref().zip(login.value.refresh()).ok_or_else(no_tokens)?;
            let decision = decide(token.generation, refresh, now);
            if decision == Decision::End {
                return Err(self.end_reused(&login, token.generation, refresh.generation).await);
            }
            // Before anything has changed, since the users may be down.
            let known = match claims.take() {
                Some(known) => known,
                None => self.claims_now(&login, user).await?,
            };
            let issued = if decision == Decision::Rotate {
                let next = refresh.after_use(token.generation, now);
                let Some(login) = self.rotate(&login, next.clone(), now).await? else {
                    claims = Some(known);
                    continue;
                };
                self.check_revoked(&login).await?;
                events::refreshed(login.sid(), next.generation, "rotated");
                self.issue(&login, next.generation, known, now)
            } else {
                if decision == Decision::RepeatLate {
                    events::repeated_late(login.sid(), token.generation);
                }
                events::refreshed(login.sid(), refresh.generation, "repeated");
                self.issue(&login, refresh.generation, known, now)
            };
            return issued?.ok_or_else(|| invalid_grant("the login ends in less than a second"));
        }
        Err(SessionError::of(SessionErrorKind::Busy).into())
    }

    /// Ends the login of a token: the client logs out. False if it has ended before.
    pub(super) async fn end(&self, token: &RefreshToken) -> Result<bool, SessionError> {
        let core = self.sessions.core();
        let found = core.load(&token.sid, core.now()).await.map_err(SessionError::unavailable)?;
        let Some(login) = found else { return Ok(false) };
        core.end(&login, Ended::Logout).await.map_err(SessionError::unavailable)?;
        Ok(true)
    }

    /// The login of a token, if it lets its user in.
    async fn live(&self, token: &RefreshToken, now: SystemTime) -> Result<Login, Refusal> {
        let found = self.sessions.core().load(&token.sid, now).await.map_err(Refusal::unavailable)?;
        let login = found.ok_or_else(ended)?;
        self.check_revoked(&login).await?;
        Ok(login)
    }

    async fn check_revoked(&self, login: &Login) -> Result<(), Refusal> {
        match self.sessions.core().why_revoked(login).await.map_err(Refusal::unavailable)? {
            Some(_) => Err(invalid_grant("the login was revoked")),
            None => Ok(()),
        }
    }

    /// What the application says about the user now. The login ends if there is no such user any more.
    async fn claims_now(&self, login: &Login, user: &UserPart) -> Result<Map<String, Json>, Refusal> {
        match self.sessions.users().find(&user.id).await.map_err(Refusal::unavailable)? {
            Some(user) => Ok(self.claims_of(&user)?),
            None => {
                self.sessions.core().end(login, Ended::UserGone).await.map_err(Refusal::unavailable)?;
                Err(invalid_grant("the user of the login is gone"))
            }
        }
    }

    /// Stores the next generation, which counts as a use of the login. `None` if somebody has saved it meanwhile.
    async fn rotate(&self, login: &Login, next: Refresh, now: SystemTime) -> Result<Option<Login>, Refusal> {
        let mut value = Value::clone(&login.value);
        value.set_refresh(Some(next));
        let (since, used_at) = (login.record.since, login.record.used_at.max(now));
        let saved = self.sessions.core().save(login, value, since, Some(used_at)).await;
        match saved.map_err(Refusal::unavailable)? {
            (Saved::As(_), stored) => Ok(stored),
            (Saved::Conflict, _) => Ok(None),
            (Saved::Ended, _) => Err(ended()),
        }
    }

    /// Ends a login of which an old token was presented. Whoever has a newer one is out too, and so is what hangs on the login.
    async fn end_reused(&self, login: &Login, generation: u64, newest: u64) -> Refusal {
        events::token_reused(login.sid(), generation, newest);
        match self.sessions.core().end(login, Ended::TokenReuse).await {
            Ok(()) => invalid_grant("an old refresh token was presented"),
            Err(cause) => Refusal::unavailable(cause),
        }
    }
}

fn ended() -> Refusal {
    invalid_grant("the login has ended")
}

fn no_tokens() -> Refusal {
    invalid_grant("the login has no refresh tokens")
}

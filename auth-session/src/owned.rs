//! The logins of one user.

use std::{cmp::Reverse, sync::Arc};

use auth_core::BoxError;
use auth_store::RecordKey;

use crate::{core::Core, events::Ended, login::Login, secret};

impl Core {
    /// The live logins of a user, the last used one first.
    pub(crate) async fn logins_of(&self, owner: &RecordKey) -> Result<Vec<Login>, BoxError> {
        let now = self.now();
        let mut logins = Vec::new();
        for record in self.records.owned(owner).await? {
            let Ok(login) = Login::read(record) else { continue };
            if login.value.user.is_some() && !login.is_over_at(now) {
                logins.push(login);
            }
        }
        logins.sort_by_key(|login| Reverse(login.record.used_at));
        Ok(logins)
    }

    /// Ends the login with this id. False if there is none, or if it is not one of `owner`. `None`: anybody's.
    pub(crate) async fn end_by_id(self: &Arc<Self>, sid: &str, owner: Option<&RecordKey>) -> Result<bool, BoxError> {
        if !secret::is_sid(sid) {
            return Ok(false);
        }
        let Some(login) = self.load(sid, self.now()).await? else { return Ok(false) };
        if owner.is_some() && login.record.owner.as_ref() != owner {
            return Ok(false);
        }
        self.end(&login, Ended::ById).await?;
        Ok(true)
    }
}

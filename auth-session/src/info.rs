use std::{fmt, sync::Arc, time::SystemTime};

use crate::{
    login::Login,
    value::{UserPart, Value},
};

/// What is known about one login, for a list of a user's logins, and as an extra of the evidence. It holds no secret.
#[derive(Clone)]
pub struct LoginInfo {
    value: Arc<Value>,
    used_at: SystemTime,
    ends_at: SystemTime,
}

impl LoginInfo {
    pub(crate) fn new(login: &Login) -> Self {
        Self { value: Arc::clone(&login.value), used_at: login.record.used_at, ends_at: login.ends_at() }
    }

    fn user(&self) -> Option<&UserPart> {
        self.value.user.as_ref()
    }

    /// The public id of the login: 22 characters of base64url. It is safe in lists, logs and tokens.
    #[must_use]
    pub fn sid(&self) -> &str {
        &self.value.sid
    }

    /// When the session began, perhaps before the login.
    #[must_use]
    pub fn created_at(&self) -> SystemTime {
        self.value.created
    }

    /// When it was last used. It is noted at most once a minute.
    #[must_use]
    pub fn used_at(&self) -> SystemTime {
        self.used_at
    }

    /// When it ends if it is not used again, exclusive.
    #[must_use]
    pub fn ends_at(&self) -> SystemTime {
        self.ends_at
    }

    /// When it ends in any case, exclusive.
    #[must_use]
    pub fn absolute_end(&self) -> SystemTime {
        self.value.absolute_end
    }

    /// Whether the user asked to be remembered.
    #[must_use]
    pub fn is_remembered(&self) -> bool {
        self.value.remember
    }

    /// When the user last proved who it is: the login, or a later step up.
    #[must_use]
    pub fn auth_time(&self) -> SystemTime {
        self.user().map_or(self.value.created, |user| user.auth_time)
    }

    /// How the user did that (RFC 8176): `pwd`, `otp`, `hwk`.
    #[must_use]
    pub fn amr(&self) -> &[String] {
        self.user().map(|user| &*user.amr).unwrap_or_default()
    }

    /// A name of the client, if the application has given one.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.user()?.label.as_deref()
    }
}

impl PartialEq for LoginInfo {
    /// Whether all that can be read of both is equal.
    fn eq(&self, other: &Self) -> bool {
        let all = |info: &Self| {
            let times = [info.created_at(), info.used_at, info.ends_at, info.absolute_end(), info.auth_time()];
            (times, info.is_remembered())
        };
        let texts = |info: &Self| (info.sid().to_owned(), info.amr().to_vec(), info.label().map(str::to_owned));
        all(self) == all(other) && texts(self) == texts(other)
    }
}

impl Eq for LoginInfo {}

impl fmt::Debug for LoginInfo {
    /// Omits what belongs to a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginInfo")
            .field("sid", &self.sid())
            .field("remember", &self.is_remembered())
            .finish_non_exhaustive()
    }
}

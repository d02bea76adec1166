use std::{fmt, time::SystemTime};

use auth_core::{PrincipalId, SharedStr, UserAuthentication};
use auth_store::RecordKey;

use crate::{
    login::Login,
    value::{UserPart, Value},
};

/// What is known about one login, for a list of a user's logins, and as an extra of the evidence. It holds no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginInfo {
    sid: SharedStr,
    /// `None` as long as nobody has logged in.
    user: Option<PrincipalId>,
    created: SystemTime,
    logged_in: SystemTime,
    used_at: SystemTime,
    ends_at: SystemTime,
    absolute_end: SystemTime,
    remember: bool,
    authentication: UserAuthentication,
    label: Option<String>,
    is_current: bool,
}

impl LoginInfo {
    pub(crate) fn new(login: &Login) -> Self {
        let Value { sid, user, created, absolute_end, remember, .. } = &**login.value;
        Self {
            sid: sid.clone(),
            user: user.as_ref().map(UserPart::principal),
            created: *created,
            logged_in: user.as_ref().map_or(*created, |user| user.logged_in),
            used_at: login.record.used_at,
            ends_at: login.ends_at(),
            absolute_end: *absolute_end,
            remember: *remember,
            authentication: user.as_ref().map(UserPart::authentication).unwrap_or_default(),
            label: user.as_ref().and_then(|user| user.label.clone()),
            is_current: false,
        }
    }

    /// The same for a requirement of a chain.
    pub(crate) fn authentication(&self) -> &UserAuthentication {
        &self.authentication
    }

    /// The same, as the login of the request or not.
    pub(crate) fn current(mut self, is_current: bool) -> Self {
        self.is_current = is_current;
        self
    }

    /// What owns the record.
    pub(crate) fn owner(&self) -> Option<RecordKey> {
        self.user.as_ref().map(RecordKey::owner)
    }

    /// The public id of the login: 22 characters of base64url. It is safe in lists, logs and tokens.
    #[must_use]
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// When the session began, perhaps before the login.
    #[must_use]
    pub fn created_at(&self) -> SystemTime {
        self.created
    }

    /// When the user logged in. A [step up](crate::Session::step_up) doesn't move it.
    #[must_use]
    pub fn logged_in_at(&self) -> SystemTime {
        self.logged_in
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
        self.absolute_end
    }

    /// Whether the user asked to be remembered.
    #[must_use]
    pub fn is_remembered(&self) -> bool {
        self.remember
    }

    /// When the user last proved who it is: the login, or a later step up.
    #[must_use]
    pub fn auth_time(&self) -> SystemTime {
        self.authentication.time().unwrap_or(self.created)
    }

    /// How the user did that (RFC 8176): `pwd`, `otp`, `hwk`.
    #[must_use]
    pub fn amr(&self) -> &[String] {
        self.authentication.amr()
    }

    /// Whether the request came with the cookie of this login. Always false in a list of
    /// [`Sessions::logins`](crate::Sessions::logins), which knows no request. It counts in `==`.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.is_current
    }

    /// A name of the client, if the application has given one.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }
}

impl fmt::Debug for LoginInfo {
    /// Omits what belongs to a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginInfo")
            .field("sid", &self.sid())
            .field("remember", &self.is_remembered())
            .finish_non_exhaustive()
    }
}

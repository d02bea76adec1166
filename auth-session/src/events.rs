//! What operators see: events through `tracing`, and with the feature `metrics` counters.
//!
//! An event names the public id of a login. It never names a user, and never holds a secret.

/// Why a login has ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Logout,
    /// Another user has logged in over it.
    OtherUser,
    /// The application does not know the user any more.
    UserGone,
    /// The application, or its user from another login, has ended it by its id.
    ById,
    /// Its user has logged in elsewhere, beyond the limit of logins.
    Limit,
    /// An old refresh token was presented again: it was stolen, or its owner's was.
    #[cfg(feature = "tokens")]
    TokenReuse,
    /// It was about to escape the end of all logins of its user.
    All,
}

impl Ended {
    fn reason(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::OtherUser => "other_user",
            Self::UserGone => "user_gone",
            Self::ById => "by_id",
            Self::Limit => "limit",
            #[cfg(feature = "tokens")]
            Self::TokenReuse => "refresh_token_reuse",
            Self::All => "all",
        }
    }
}

/// A user has logged in; `step_up` if with one more factor.
pub(crate) fn logged_in(sid: &str, remember: bool, is_step_up: bool) {
    let kind = if is_step_up { "step_up" } else { "login" };
    tracing::info!(sid, remember, kind, "logged in");
    count("auth_logins_total", "kind", kind);
}

/// A login has failed. `code` is a constant, never anything that a client has sent.
#[cfg(feature = "password")]
pub(crate) fn login_failed(code: &'static str) {
    tracing::info!(code, "login failed");
    count("auth_logins_failed_total", "code", code);
}

/// A client has got new tokens. `result` is a constant.
#[cfg(feature = "tokens")]
pub(crate) fn refreshed(sid: &str, generation: u64, result: &'static str) {
    tracing::debug!(sid, generation, result, "tokens were refreshed");
    count("auth_token_refreshes_total", "result", result);
}

/// A client has sent a token again after more than a moment.
#[cfg(feature = "tokens")]
pub(crate) fn repeated_late(sid: &str, generation: u64) {
    tracing::info!(sid, generation, "a refresh token was presented again: an answer was lost, or somebody else has it");
}

/// A client has got none. `code` is a constant.
#[cfg(feature = "tokens")]
pub(crate) fn refresh_refused(code: &'static str) {
    count("auth_token_refreshes_total", "result", code);
}

/// An old refresh token was presented. Its login is about to end.
#[cfg(feature = "tokens")]
pub(crate) fn token_reused(sid: &str, generation: u64, newest: u64) {
    tracing::warn!(sid, generation, newest, "an old refresh token was presented: it may be stolen, so its login ends");
}

/// One login has ended. It is not counted if it belongs to an end of all logins: that counts once, in [`all_ended`].
pub(crate) fn ended(sid: &str, why: Ended) {
    let reason = why.reason();
    match why {
        Ended::Logout => tracing::info!(sid, reason, "logged out"),
        _ => tracing::info!(sid, reason, "login ended"),
    }
    if why != Ended::All {
        count("auth_logins_ended_total", "reason", reason);
    }
}

/// All logins of a user have ended, or all but one. How many is unknown: the store keeps one mark for all.
pub(crate) fn all_ended(kept: Option<&str>) {
    let reason = if kept.is_some() { "others" } else { "all" };
    tracing::info!(kept, reason, "logins of a user ended");
    count("auth_logins_ended_total", "reason", reason);
}

#[cfg(feature = "metrics")]
fn count(counter: &'static str, label: &'static str, value: &'static str) {
    metrics::counter!(counter, label => value).increment(1);
}

#[cfg(not(feature = "metrics"))]
fn count(_: &'static str, _: &'static str, _: &'static str) {}

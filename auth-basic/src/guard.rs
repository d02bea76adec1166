//! The throttle in front of the verify callback.

use std::{fmt, sync::Arc};

use auth_core::{AuthRequest, BoxError, ClientAddress, Rejection, RejectionKind};
use auth_store::{Guess, Permit, Throttle, Throttled};

/// By which the throttle knows a device.
pub(crate) const DEVICE_COOKIES: [&str; 2] = [Throttle::DEVICE_COOKIE, Throttle::DEVICE_COOKIE_ON_LOOPBACK];

#[derive(Clone, Debug)]
pub(crate) struct Guard {
    throttle: Throttle,
    address: ClientAddress,
}

impl Guard {
    pub(crate) fn new(throttle: Throttle, address: ClientAddress) -> Self {
        Self { throttle, address }
    }

    /// The right to call the callback, or the answer that there is none.
    ///
    /// # Errors
    /// If the store is down.
    pub(crate) async fn take(
        &self,
        account: &str,
        request: &AuthRequest<'_>,
    ) -> Result<Result<Permit, Rejection>, BoxError> {
        let guess = Guess::new(account).address(self.address.of(request.parts())).device(device(request));
        match self.throttle.take(&guess).await {
            Ok(permit) => Ok(Ok(permit)),
            Err(Throttled::TooMany { retry_after, .. }) => Ok(Err(Rejection::too_many_attempts(retry_after))),
            Err(unavailable) => Err(unavailable.into()),
        }
    }
}

/// The token of a device that a password form has known: `Basic` gives none out.
///
/// The name for a loopback counts on HTTPS too. A neighbour may plant that cookie. But a token is signed for realm and account, so a good
/// one is from somebody who has logged in to this account, and who could send it without the owner's browser. A planted one that is used
/// up, or good for another account, is as none.
fn device<'r>(request: &'r AuthRequest<'_>) -> Option<&'r str> {
    DEVICE_COOKIES.into_iter().find_map(|name| request.kept_cookie(name))
}

/// Says how the guess went. If the callback has failed, pass no rejection: the client has learned nothing.
pub(crate) async fn settle(permit: Permit, rejection: Option<&Rejection>) {
    match rejection.map(Rejection::kind) {
        None
        | Some(
            RejectionKind::InsufficientScope
            | RejectionKind::InsufficientUserAuthentication
            | RejectionKind::Forbidden
            | RejectionKind::TooManyRequests,
        ) => permit.succeeded().await,
        Some(_) => permit.failed().await,
    }
}

/// The account of a user name.
#[derive(Clone)]
pub(crate) struct Account(Arc<dyn Fn(&str) -> String + Send + Sync>);

impl Account {
    pub(crate) fn new(account: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(account))
    }

    pub(crate) fn of(&self, username: &str) -> String {
        (self.0)(username)
    }
}

impl Default for Account {
    fn default() -> Self {
        Self::new(str::to_lowercase)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Account")
    }
}

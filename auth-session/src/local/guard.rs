//! The throttle in front of the password form, and the cookie by which it knows a device.

use auth_core::{ClientAddress, Refusal, single_cookie};
use auth_store::{Guess, Permit, Throttle, Throttled};
use cookie::SameSite;
use http::{HeaderMap, HeaderValue, request::Parts};

use crate::set_cookie::set_cookie;

#[derive(Clone)]
pub(super) struct Guard {
    throttle: Throttle,
    address: ClientAddress,
    is_secure: bool,
}

impl Guard {
    pub(super) fn new(throttle: Throttle, address: ClientAddress, is_secure: bool) -> Self {
        Self { throttle, address, is_secure }
    }

    /// Before the password is hashed.
    pub(super) async fn take(&self, parts: &Parts, account: &str) -> Result<Permit, Refusal> {
        let address = self.address.of(parts);
        let guess = Guess::new(account).address(address).device(self.token(&parts.headers));
        Ok(self.throttle.take(&guess).await?)
    }

    /// The same for somebody who is logged in.
    pub(super) async fn take_in_session(&self, account: &str, sid: &str) -> Result<Permit, Throttled> {
        self.throttle.take(&Guess::new(account).in_session(sid)).await
    }

    /// `Set-Cookie` after a login. Without it, the login works all the same.
    pub(super) fn cookie(&self, headers: &HeaderMap, account: &str) -> Option<HeaderValue> {
        let token = match self.throttle.device_token(account, self.token(headers)) {
            Ok(token) => token?,
            Err(error) => {
                tracing::warn!(%error, "a device gets no token");
                return None;
            }
        };
        // Only a form of our own page sends the password, so `Strict` costs nothing.
        set_cookie(self.name(), token.expose(), SameSite::Strict, self.is_secure, Some(Throttle::DEVICE_MAX_AGE))
    }

    fn name(&self) -> &'static str {
        if self.is_secure { Throttle::DEVICE_COOKIE } else { Throttle::DEVICE_COOKIE_ON_LOOPBACK }
    }

    /// Of two cookies, a neighbour may have set one: neither counts.
    fn token<'r>(&self, headers: &'r HeaderMap) -> Option<&'r str> {
        single_cookie(headers, self.name())
    }
}

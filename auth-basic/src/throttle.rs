//! The settings of a throttle.

use auth_core::ClientAddress;
use auth_store::Throttle;

use crate::{
    guard::{Account, Guard},
    strategy::Basic,
};

impl Basic {
    /// Limits how often somebody may guess. `address` says how the address of a client is found.
    ///
    /// A place is taken when the login has been read, and before the verify callback is called. If none is left, the callback is not
    /// called: 429 `too_many_attempts` with `Retry-After`, for unknown names too. If the store of the throttle is down, nobody is
    /// let in: 503. It holds on every transport, with the address of the handshake where a login comes over an open connection.
    ///
    /// | The callback says | It counts as |
    /// |---|---|
    /// | a user | right |
    /// | no user; a rejection because the credential is malformed, wrong, expired or revoked | a failure |
    /// | a rejection of another kind, such as `forbidden`: the password is right, or was not looked at | right |
    /// | an error: nobody has learned anything | right |
    /// | nothing: it panics, or the client has gone | a failure, after one to two minutes |
    ///
    /// A name counts in lower case: see [`throttle_account`](Self::throttle_account). A clone of the throttle in front of a password
    /// form counts the same failures.
    ///
    /// The device cookie of such a form counts too ([`Throttle::DEVICE_COOKIE`], [`Throttle::DEVICE_COOKIE_ON_LOOPBACK`]): a browser that
    /// has it logs in while strangers use up the account. Over an open connection it is the cookie of the handshake. `Basic` sets none.
    ///
    /// # Strangers can lock out a program
    /// A program that has `Basic` alone has no cookie. Strangers from ten addresses can use up its account, and it reads 429 although
    /// its password is right. Give programs tokens, or a throttle with a [realm](Throttle::realm) of its own whose
    /// [account](Throttle::account) gets its failures back sooner.
    ///
    /// # More than a pair has places
    /// Right logins give their places back. But an account has only ten at a time from one address, each for as long as the callback
    /// takes. A program that sends more requests at once is refused with `Retry-After: 1`. Make the throttle
    /// [patient](Throttle::patient), or its [pair](Throttle::pair) larger, or better: let the program trade the password for a token.
    pub fn throttle(mut self, throttle: Throttle, address: ClientAddress) -> Self {
        self.guard = Some(Guard::new(throttle, address));
        self
    }

    /// Sets the account under which failures for a user name are counted, with a [throttle](Self::throttle): the same for all user names
    /// that log in one user. The default is the name in lower case.
    ///
    /// # Security
    /// If your look-up normalizes more than that (it trims, or ignores dots), do the same here. Otherwise each spelling has a budget.
    /// It must not ask whether there is such a user.
    pub fn throttle_account(mut self, account: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        self.account = Account::new(account);
        self
    }
}

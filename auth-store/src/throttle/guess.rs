use std::{fmt, net::IpAddr};

/// A secret that somebody presents, for an account or without one, before it is checked.
#[derive(Clone, Copy)]
pub struct Guess<'a> {
    pub(super) account: Option<&'a str>,
    pub(super) address: Option<IpAddr>,
    pub(super) device: Option<&'a str>,
    pub(super) session: Option<&'a str>,
}

impl<'a> Guess<'a> {
    /// A guess for the account with this name, from a client whose address is unknown and that has no token.
    ///
    /// It is the name that was sent, whether there is such an account or not, in the form in which your accounts are found: in lower
    /// case, say. Two spellings that find one account must be one name here, or each has a budget.
    #[must_use]
    pub fn new(account: &'a str) -> Self {
        Self { account: Some(account), address: None, device: None, session: None }
    }

    /// A guess of a secret that names no account: a refresh token, an API key. It counts by its address alone.
    ///
    /// # Security
    /// Use it for random secrets of 128 bits or more. Somebody with many addresses has the budget of each. If the
    /// [address](Self::address) is unknown too, the guess counts with all others without an address: together they have the budget of
    /// one address. So a server that does not tell addresses refuses everybody after 30 failures, and lets nobody guess without limit.
    #[must_use]
    pub fn without_account() -> Self {
        Self { account: None, address: None, device: None, session: None }
    }

    /// The address of the client; see [`ClientAddress::of`](auth_core::ClientAddress::of). If it is unknown, only the account counts.
    #[must_use]
    pub fn address(self, address: Option<IpAddr>) -> Self {
        Self { address, ..self }
    }

    /// The [token](super::Throttle::device_token) that the browser has sent, if any. An invalid one, or one for another account, counts
    /// as no token. Without an account, no token counts.
    #[must_use]
    pub fn device(self, token: Option<&'a str>) -> Self {
        Self { device: token, ..self }
    }

    /// Somebody who is logged in as this account proves the password once more, for example to change it. It counts like a guess of a known
    /// device, whose id is this public id of the login: ten failures, and thirty together with all devices and logins of the account.
    /// So strangers who have used up the account do not keep its owner from changing the password. And a stolen session does not allow
    /// guesses without limit. If no place is left, it is refused; it never counts as the guess of a stranger.
    ///
    /// # Security
    /// Check before that the session is one of this account. Without an account it has no effect.
    #[must_use]
    pub fn in_session(self, sid: &'a str) -> Self {
        Self { session: Some(sid), ..self }
    }
}

impl fmt::Debug for Guess<'_> {
    /// Omits the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guess").field("account", &self.account).field("address", &self.address).finish_non_exhaustive()
    }
}

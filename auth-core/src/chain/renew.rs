use super::{Chain, terms::Terms};
use crate::{AuthRequest, Authenticated, Evidence, Principal, Refusal};

impl<U: Principal> Chain<U> {
    /// Runs the chain on a request that renews an open connection. `open` is the evidence that opened it. For adapters that
    /// take a fresh credential over an open connection.
    ///
    /// It decides as [`authenticate`](Self::authenticate) does, with two differences:
    ///
    /// - Each strategy is first asked whether it [may renew](crate::Strategy::may_renew). If it may not, it counts as
    ///   `Reject(Rejection::invalid_credentials())` and its credential is not checked.
    /// - A good credential of another user ([`Evidence::is_same_user`]) is refused like a wrong one: 401
    ///   `invalid_credentials` with the same challenges. Only the log shows the difference. A user without a principal
    ///   counts as another user; the log then says at `ERROR` what to do.
    ///
    /// | The credential | The answer |
    /// |---|---|
    /// | good, the same user's | accepted |
    /// | good, another user's or a guest's | as for a wrong one |
    /// | good, another user's, and [`and_then`](Self::and_then) rejects, fails or panics, or the other half of an [`and`](Self::and) is missing or bad | as for a wrong one |
    /// | wrong, and a guest strategy accepts under [`try_next_on_reject`](Self::try_next_on_reject) | as for a wrong one |
    /// | good, another user's, and revoked, or the revocation store is down | as for a wrong one; the store is not asked |
    /// | the same user's, and revoked | 401 `revoked` |
    /// | anything else: missing, expired, malformed, an outage | as in [`authenticate`](Self::authenticate) |
    ///
    /// # Errors
    /// The refusal, ready to be sent.
    ///
    /// # Security
    /// A client with an open connection must not learn whether its guess of another user's password is right. A verify callback
    /// that rejects with its own code after the password check (`account_locked`) reveals exactly that. Reject such users in
    /// [`and_then`](Self::and_then), or with the code of a wrong password. The chain does not count attempts; the adapter does.
    pub async fn renew(&self, request: &AuthRequest<'_>, open: &Evidence) -> Result<Authenticated<U>, Refusal> {
        self.authenticate_under(&request.renewing(open), Some(&Terms { renews: Some(open), lets_guests_be: false }))
            .await
    }

    /// As [`renew`](Self::renew), but accepts a guest as a guest. For adapters where a request over an open connection need not
    /// carry a credential, and a guest strategy accepts requests without one.
    ///
    /// To tell them apart, look at [`Evidence::principal`]: `None` means that no credential of a user was presented. A wrong
    /// credential before a guest strategy ([`try_next_on_reject`](Self::try_next_on_reject)) is still refused.
    ///
    /// # Errors
    /// The refusal, ready to be sent.
    pub async fn renew_or_guest(
        &self,
        request: &AuthRequest<'_>,
        open: &Evidence,
    ) -> Result<Authenticated<U>, Refusal> {
        self.authenticate_under(&request.renewing(open), Some(&Terms { renews: Some(open), lets_guests_be: true }))
            .await
    }

    /// Runs the chain on a request over an open connection that has no user yet. It decides as
    /// [`authenticate`](Self::authenticate) does, but refuses a rejected credential even if a later guest strategy accepts
    /// ([`try_next_on_reject`](Self::try_next_on_reject)).
    ///
    /// | The request carries | The answer |
    /// |---|---|
    /// | no credential, and a guest strategy accepts | accepted |
    /// | a good credential | accepted |
    /// | a credential that one strategy rejects, and a later guest strategy accepts | refused with the first rejection |
    /// | anything else | as in [`authenticate`](Self::authenticate) |
    ///
    /// A guest is a user without a name in the evidence.
    ///
    /// # Errors
    /// The refusal, ready to be sent.
    ///
    /// # Security
    /// If each wrong guess were accepted as a guest, a client could guess without limit over one connection: the adapter would
    /// count no refusals. A request that opens a connection may use [`authenticate`](Self::authenticate), like any HTTP
    /// request.
    pub async fn authenticate_or_guest(&self, request: &AuthRequest<'_>) -> Result<Authenticated<U>, Refusal> {
        self.authenticate_under(request, Some(&Terms { renews: None, lets_guests_be: true })).await
    }
}

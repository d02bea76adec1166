use super::{Chain, terms::Terms};
use crate::{AuthRequest, Authenticated, Evidence, Principal, Refusal};

impl<U: Principal> Chain<U> {
    /// Runs the chain on a request that is to renew the connection which `open` has opened. It is for adapters that take a
    /// fresh credential over an open connection.
    ///
    /// It decides as [`authenticate`](Self::authenticate) does, with two differences:
    ///
    /// - Each strategy is asked first whether it [may renew](crate::Strategy::may_renew). If not, it counts as
    ///   `Reject(Rejection::invalid_credentials())` and checks nothing.
    /// - A good credential of another user ([`Evidence::is_same_user`]) is refused as a wrong one would be: 401
    ///   `invalid_credentials` with the same challenges. Only the log tells them apart. A user without a principal is
    ///   another user, and the log says at `ERROR` what to do.
    ///
    /// | The credential | The answer |
    /// |---|---|
    /// | good, the same user's | accepted |
    /// | good, another user's or nobody's | as for a wrong one |
    /// | good, another user's, and refused by [`and_then`](Self::and_then), which may fail or panic too, or as half of an [`and`](Self::and) | as for a wrong one |
    /// | wrong, and a guest strategy accepts under [`try_next_on_reject`](Self::try_next_on_reject) | as for a wrong one |
    /// | good, another user's, and revoked, or nobody can say | as for a wrong one; nobody is asked |
    /// | the same user's, and revoked | 401 `revoked` |
    /// | everything else: missing, expired, malformed, an outage | as in [`authenticate`](Self::authenticate) |
    ///
    /// # Errors
    /// The refusal, ready to be answered.
    ///
    /// # Security
    /// Someone with an open connection must not learn from it whether a guess of another user's password is right. A verify
    /// callback that refuses with a code of its own after it has checked the password (`account_locked`) tells just that:
    /// refuse such users with [`and_then`](Self::and_then), or with the code of a wrong password. The chain counts no
    /// attempts: the adapter does.
    pub async fn renew(&self, request: &AuthRequest<'_>, open: &Evidence) -> Result<Authenticated<U>, Refusal> {
        self.answer(&request.renewing(open), Some(Terms { renews: Some(open), lets_guests_be: false })).await
    }

    /// As [`renew`](Self::renew), but a guest is accepted as one. It is for adapters where a request over an open connection
    /// need not bring a credential, and a guest strategy accepts what brings none.
    ///
    /// The adapter goes by [`Evidence::principal`]: `None` says that no credential of a user was presented. A wrong one in front
    /// of a guest ([`try_next_on_reject`](Self::try_next_on_reject)) is refused all the same.
    ///
    /// # Errors
    /// The refusal, ready to be answered.
    pub async fn renew_or_guest(
        &self,
        request: &AuthRequest<'_>,
        open: &Evidence,
    ) -> Result<Authenticated<U>, Refusal> {
        self.answer(&request.renewing(open), Some(Terms { renews: Some(open), lets_guests_be: true })).await
    }

    /// Runs the chain on a request over an open connection that is nobody's yet. It decides as
    /// [`authenticate`](Self::authenticate) does, but a credential that is refused in front of a guest
    /// ([`try_next_on_reject`](Self::try_next_on_reject)) is refused.
    ///
    /// | The request brings | The answer |
    /// |---|---|
    /// | nothing, and a guest strategy accepts | accepted |
    /// | a good credential | accepted |
    /// | one that a strategy refuses, and a guest strategy behind it accepts | refused, as the first has said |
    /// | everything else | as in [`authenticate`](Self::authenticate) |
    ///
    /// A guest is somebody whom the evidence does not name.
    ///
    /// # Errors
    /// The refusal, ready to be answered.
    ///
    /// # Security
    /// If each wrong guess made a client a guest, it could go on guessing over one connection: the adapter would count
    /// nothing. A request that opens a connection may ask [`authenticate`](Self::authenticate), as any request over HTTP.
    pub async fn authenticate_or_guest(&self, request: &AuthRequest<'_>) -> Result<Authenticated<U>, Refusal> {
        self.answer(request, Some(Terms { renews: None, lets_guests_be: true })).await
    }
}

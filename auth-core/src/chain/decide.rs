use std::{
    any::Any,
    error::Error,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use http::{StatusCode, header::AUTHORIZATION};
use tracing::Instrument as _;

use super::{Chain, Fallback, Node};
use crate::{
    AuthRequest, Authenticated, BoxError, Challenge, Evidence, Outcome, Refusal, RefusalKind, Rejection, Transport,
    rejection::RejectionKind,
};

/// What a chain decided.
pub(super) struct Decision<'c, U> {
    pub(super) outcome: Outcome<U>,
    /// The challenges that belong to what was presented, if nobody vouches for it.
    presented: Vec<Challenge>,
    /// The challenges of the strategy that accepted.
    pub(super) accepted: &'c [Challenge],
}

impl<U: Send + Sync + 'static> Chain<U> {
    /// Runs the chain on a request.
    ///
    /// This is the only place that seals [`Authenticated`]. A panic of a strategy or callback is caught here.
    ///
    /// # Errors
    /// The refusal, ready to be answered.
    pub async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Authenticated<U>, Refusal> {
        let span = tracing::debug_span!(
            "auth.chain",
            transport = ?request.transport(),
            strategy = tracing::field::Empty,
            code = tracing::field::Empty
        );
        // Pinned here, so that neither the span nor the catch moves the state of the whole chain.
        let run = pin!(self.run(request));
        let result = run.instrument(span.clone()).await;
        let code = result.as_ref().map_or_else(Refusal::code, |_| "accepted");
        let strategy = result.as_ref().map_or("", |user| user.evidence().strategy());
        span.record("strategy", strategy).record("code", code);
        #[cfg(feature = "metrics")]
        count(result.as_ref().ok(), code);
        result
    }

    /// The refusal that answers `rejection` as this chain would, for a layer that refuses on its own account.
    #[must_use]
    pub fn refuse(&self, rejection: &Rejection, request: &AuthRequest<'_>) -> Refusal {
        self.refusal_of(rejection, &presented_by_header(&self.challenges, request), request)
    }

    async fn run(&self, request: &AuthRequest<'_>) -> Result<Authenticated<U>, Refusal> {
        let decide = pin!(self.decide(request));
        match catch_panic(decide).await {
            Ok(Ok(Decision { outcome, presented, .. })) => self.seal(outcome, &presented, request),
            Ok(Err(cause)) => {
                tracing::error!(cause = &*cause as &(dyn Error + 'static), "authentication is unavailable");
                Err(Refusal::unavailable(cause))
            }
            Err(panic) => {
                tracing::error!(cause = panic_text(&*panic), "a strategy or callback panicked");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Err(Refusal::of(RefusalKind::Panicked, status, "internal_error", Vec::new()))
            }
        }
    }

    /// Asks the strategies in order, then whether what was accepted is revoked.
    pub(super) async fn decide(&self, request: &AuthRequest<'_>) -> Result<Decision<'_, U>, BoxError> {
        let mut presented: Vec<Challenge> = Vec::new();
        let mut rejected: Option<Rejection> = None;
        let mut foreign = false;
        let mut nodes = self.nodes.iter();
        while let Some(node) = nodes.next() {
            match node.ask(request).await? {
                Outcome::Accept(accept) => {
                    if accept.evidence.carrier.is_ambient()
                        && let Some(rejection) = self.wrong_header(nodes.as_slice(), request).await?
                    {
                        return Ok(Decision::of(Outcome::Reject(rejection)));
                    }
                    let mut accept = accept.found_by(&node.name, &node.challenges, request);
                    if let Some(identify) = self.identify {
                        accept.evidence.principal = Some(identify(&accept.user));
                    }
                    if self.is_revoked(&accept.evidence).await? {
                        let rejection = Rejection::invalid_credentials().with_code("revoked");
                        return Ok(Decision::of(Outcome::Reject(rejection.presented_to(&node.challenges))));
                    }
                    let accepted = &*node.challenges;
                    return Ok(Decision { outcome: Outcome::Accept(accept), presented, accepted });
                }
                Outcome::Absent => {}
                Outcome::Foreign => {
                    foreign = true;
                    presented.extend_from_slice(&node.challenges);
                }
                Outcome::Reject(rejection) if self.try_next_on_reject => {
                    rejected.get_or_insert_with(|| rejection.presented_to(&node.challenges));
                }
                Outcome::Reject(rejection) => {
                    return Ok(Decision::of(Outcome::Reject(rejection.presented_to(&node.challenges))));
                }
                Outcome::Redirect(redirect) => return Ok(Decision::of(Outcome::Redirect(redirect))),
            }
        }
        let outcome = match rejected {
            Some(rejection) => Outcome::Reject(rejection),
            None if foreign => Outcome::Foreign,
            None => Outcome::Absent,
        };
        Ok(Decision { presented, ..Decision::of(outcome) })
    }

    /// What a strategy of `later` says against the `Authorization` header of a request that a cookie would let in.
    ///
    /// A browser adds cookies by itself; who sends a header means it. So a wrong one is not made good by a cookie, even
    /// if the strategy that reads cookies was asked first.
    async fn wrong_header(&self, later: &[Node<U>], request: &AuthRequest<'_>) -> Result<Option<Rejection>, BoxError> {
        let scheme = presented_scheme(request);
        if scheme.is_empty() || self.try_next_on_reject {
            return Ok(None);
        }
        for node in later.iter().filter(|node| node.challenges.iter().any(|challenge| is_of(challenge, scheme))) {
            if let Outcome::Reject(rejection) = node.ask(request).await? {
                return Ok(Some(rejection.presented_to(&node.challenges)));
            }
        }
        Ok(None)
    }

    async fn is_revoked(&self, evidence: &Evidence) -> Result<bool, BoxError> {
        match &self.revocation {
            Some(check) => evidence.is_revoked_by(&**check).await,
            None => Ok(false),
        }
    }

    fn seal(
        &self,
        outcome: Outcome<U>,
        presented: &[Challenge],
        request: &AuthRequest<'_>,
    ) -> Result<Authenticated<U>, Refusal> {
        Err(match outcome {
            Outcome::Accept(accept) => return Ok(accept.seal()),
            Outcome::Absent => {
                self.unauthorized(RefusalKind::Missing, "missing_credentials", self.challenges.to_vec(), request)
            }
            Outcome::Foreign => {
                let rejection = Rejection::invalid_credentials();
                let challenges = self.marked(&rejection, &presented_by_header(presented, request));
                self.unauthorized(RefusalKind::Foreign, rejection.code(), challenges, request)
            }
            Outcome::Reject(rejection) => {
                self.refusal_of(&rejection, &presented_by_header(rejection.presented(), request), request)
            }
            Outcome::Redirect(redirect) => match request.transport() {
                Transport::Http => Refusal::redirect_to(redirect, RefusalKind::Redirect, "redirect"),
                // No client follows a redirect in the middle of a handshake.
                _ => self.unauthorized(RefusalKind::Redirect, "redirect", self.challenges.to_vec(), request),
            },
        })
    }

    fn refusal_of(&self, rejection: &Rejection, presented: &[Challenge], request: &AuthRequest<'_>) -> Refusal {
        let marked = || self.marked(rejection, presented);
        let challenges = match rejection.kind() {
            RejectionKind::InvalidCredentials
            | RejectionKind::Expired
            | RejectionKind::InsufficientUserAuthentication => {
                return self.unauthorized(RefusalKind::Rejected, rejection.code(), marked(), request);
            }
            RejectionKind::InvalidRequest => marked(),
            // What the client presented is right; it is told what it lacks, and not to try another scheme.
            RejectionKind::InsufficientScope => {
                presented.iter().filter(|c| c.reports_errors()).map(|c| rejection.mark(c)).collect()
            }
            RejectionKind::Forbidden | RejectionKind::TooManyRequests => Vec::new(),
        };
        Refusal::of(RefusalKind::Rejected, rejection.status(), rejection.code(), challenges)
    }

    /// Every challenge of the chain, with the error on those that belong to what was presented.
    fn marked(&self, rejection: &Rejection, presented: &[Challenge]) -> Vec<Challenge> {
        let is_presented = |challenge: &Challenge| challenge.reports_errors() && presented.contains(challenge);
        self.challenges.iter().map(|c| if is_presented(c) { rejection.mark(c) } else { c.clone() }).collect()
    }

    /// A 401, or what the chain names instead where no strategy has a challenge.
    fn unauthorized(
        &self,
        kind: RefusalKind,
        code: &'static str,
        challenges: Vec<Challenge>,
        request: &AuthRequest<'_>,
    ) -> Refusal {
        let challenges = match &self.fallback {
            Some(Fallback::Redirect(redirect)) if challenges.is_empty() && request.transport() == Transport::Http => {
                return Refusal::redirect_to(redirect.clone(), kind, code);
            }
            Some(Fallback::Challenge(challenge)) if challenges.is_empty() => vec![challenge.clone()],
            _ => challenges,
        };
        Refusal::of(kind, StatusCode::UNAUTHORIZED, code, challenges)
    }
}

impl<U> Decision<'_, U> {
    fn of(outcome: Outcome<U>) -> Self {
        Self { outcome, presented: Vec::new(), accepted: &[] }
    }
}

impl<U: Send + Sync + 'static> Node<U> {
    async fn ask(&self, request: &AuthRequest<'_>) -> Result<Outcome<U>, BoxError> {
        let span = tracing::debug_span!("auth.strategy", name = &*self.name, outcome = tracing::field::Empty);
        let outcome = self.strategy.authenticate(request).instrument(span.clone()).await;
        span.record("outcome", describe(&outcome));
        outcome
    }
}

/// [`presented_by_header`], without a copy where there is nothing to choose.
pub(crate) fn presented_among(candidates: &Arc<[Challenge]>, request: &AuthRequest<'_>) -> Arc<[Challenge]> {
    match &**candidates {
        [] | [_] => Arc::clone(candidates),
        _ => presented_by_header(candidates, request).into(),
    }
}

/// Of several candidates, those of the scheme that the `Authorization` header names, if it names one of theirs.
fn presented_by_header(candidates: &[Challenge], request: &AuthRequest<'_>) -> Vec<Challenge> {
    let scheme = presented_scheme(request);
    let named: Vec<_> = candidates.iter().filter(|challenge| is_of(challenge, scheme)).cloned().collect();
    if named.is_empty() { candidates.to_vec() } else { named }
}

/// The scheme that the `Authorization` header names; empty if there is none.
fn presented_scheme<'r>(request: &'r AuthRequest<'_>) -> &'r [u8] {
    let value = request.parts().headers.get(AUTHORIZATION).map(|value| value.as_bytes()).unwrap_or_default();
    value.split(|b| matches!(b, b' ' | b'\t')).next().unwrap_or_default()
}

fn is_of(challenge: &Challenge, scheme: &[u8]) -> bool {
    challenge.scheme().as_bytes().eq_ignore_ascii_case(scheme)
}

/// Counts a decision; the strategy's name is shared, not copied.
#[cfg(feature = "metrics")]
fn count<U>(user: Option<&Authenticated<U>>, code: &'static str) {
    let strategy = user.and_then(|user| user.evidence().strategy.clone());
    let strategy = strategy.map_or(metrics::SharedString::const_str(""), metrics::SharedString::from_shared);
    metrics::counter!("auth_decisions_total", "strategy" => strategy, "code" => code).increment(1);
}

fn describe<U>(outcome: &Result<Outcome<U>, BoxError>) -> &'static str {
    match outcome {
        Ok(Outcome::Accept(_)) => "accept",
        Ok(Outcome::Absent) => "absent",
        Ok(Outcome::Foreign) => "foreign",
        Ok(Outcome::Reject(rejection)) => rejection.code(),
        Ok(Outcome::Redirect(_)) => "redirect",
        Err(_) => "error",
    }
}

/// Runs a future and gives a panic of it as an `Err`.
async fn catch_panic<F: Future>(mut future: Pin<&mut F>) -> Result<F::Output, Box<dyn Any + Send>> {
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        // OK to assert unwind safety because the future is never polled again.
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}

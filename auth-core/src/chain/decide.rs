use std::{pin::pin, sync::Arc};

use http::StatusCode;
use tracing::Instrument as _;

use super::{
    Chain, Node,
    ask::{Answer, Failed, ask},
    decision::Decision,
    panic::{catch_panic, panic_text},
    terms::Terms,
};
use crate::{
    AuthRequest, Authenticated, BoxError, Challenge, Evidence, Outcome, Principal, Refusal, RefusalKind, Rejection,
};

impl<U: Principal> Chain<U> {
    /// Runs the chain on a request.
    ///
    /// This is the only place that seals [`Authenticated`]. A panic of a strategy or callback is caught here. The checks
    /// for revocation of this chain and of all chains in it come last, when a callback has run already.
    ///
    /// # Errors
    /// The refusal, ready to be answered.
    pub async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Authenticated<U>, Refusal> {
        self.answer(request, None).await
    }

    /// Answers a request; with `terms`, one over an open connection.
    pub(super) async fn answer(
        &self,
        request: &AuthRequest<'_>,
        terms: Option<Terms<'_>>,
    ) -> Result<Authenticated<U>, Refusal> {
        let span = tracing::debug_span!(
            "auth.chain",
            transport = ?request.transport(),
            strategy = tracing::field::Empty,
            code = tracing::field::Empty
        );
        // Pinned here, so that neither the span nor the catch moves the state of the whole chain.
        let run = pin!(self.run(request, terms));
        let result = run.instrument(span.clone()).await;
        let code = result.as_ref().map_or_else(Refusal::code, |_| "accepted");
        let strategy = result.as_ref().map_or_else(Refusal::strategy, |user| user.evidence().strategy());
        span.record("strategy", strategy).record("code", code);
        if let Err(refusal) = &result {
            refusal.log_once(request.transport());
        }
        #[cfg(feature = "metrics")]
        count(result.as_ref().ok(), code);
        result
    }

    async fn run(&self, request: &AuthRequest<'_>, terms: Option<Terms<'_>>) -> Result<Authenticated<U>, Refusal> {
        let judge = pin!(self.judge(request, terms));
        match catch_panic(judge).await {
            Ok(Ok(decision)) => self.seal(decision, request),
            Ok(Err(cause)) => Err(match cause.downcast::<Failed>() {
                Ok(failed) => Refusal::unavailable(failed.cause).by(Some(&failed.strategy)),
                Err(cause) => Refusal::unavailable(cause),
            }),
            Err(panic) => {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                let refusal = Refusal::of(RefusalKind::Panicked, status, "internal_error", Vec::new());
                Err(refusal.with_detail(panic_text(&*panic)))
            }
        }
    }

    /// Decides, sets what a cookie accepts against everything explicit, and asks whether it is revoked. Only the outermost
    /// chain does, since only that sees the whole of the request and knows every name.
    async fn judge(&self, request: &AuthRequest<'_>, terms: Option<Terms<'_>>) -> Result<Decision<'_, U>, BoxError> {
        let mut decision = self.decide(request).await?;
        if let Outcome::Accept(accept) = &decision.outcome
            && accept.evidence.carrier.is_ambient()
            && !request.is_explicit_only()
        {
            decision = self.set_against_explicit(decision, request).await?;
        }
        // A strategy that asks this chain may build an acceptance of its own from it.
        request.note_given_up(decision.given_up.clone());
        decision.given_up.iter_mut().for_each(Evidence::hand_names_down);
        if let Outcome::Accept(accept) = &mut decision.outcome {
            accept.evidence.hand_names_down();
            request.note_accepted(&mut accept.evidence);
        }
        if let Some(terms) = terms {
            // First, and asked about no more: the answer, an outage and the time it takes would tell that another user's
            // credential is good.
            decision = decision.under(terms);
            decision.given_up.retain(|evidence| terms.renews.is_none_or(|open| !evidence.names_another_than(open)));
        }
        let revoked = match &mut decision.outcome {
            Outcome::Accept(accept) => match revoked(std::slice::from_mut(&mut *accept.evidence)).await? {
                Some(evidence) => Some(evidence),
                None => revoked(&mut decision.given_up).await?,
            },
            // An optional layer would let it on.
            Outcome::Absent => revoked(&mut decision.given_up).await?,
            Outcome::Unrecognized | Outcome::Reject(_) | Outcome::Redirect(_) => None,
        };
        if let Some(evidence) = revoked {
            let challenges = evidence.challenges.as_deref().unwrap_or(decision.accepted);
            let strategy = evidence.strategy.clone().unwrap_or_default();
            return Ok(Decision::of(Outcome::Reject(Rejection::revoked().presented_to(&strategy, challenges))));
        }
        Ok(decision)
    }

    /// What is accepted by a cookie stands only if nothing explicit speaks against it.
    ///
    /// Browsers add cookies automatically; anything else is sent on purpose. So the chain is asked again without cookies, and
    /// what it refuses then is refused, in whatever order its strategies stand.
    async fn set_against_explicit<'c>(
        &'c self,
        mut decision: Decision<'c, U>,
        request: &AuthRequest<'_>,
    ) -> Result<Decision<'c, U>, BoxError> {
        let explicit = request.explicit();
        // Boxed, since only cookies need it.
        let against = Box::pin(self.decide(&explicit)).await?;
        decision.given_up.extend(against.given_up);
        match against.outcome {
            Outcome::Absent | Outcome::Redirect(_) => Ok(decision),
            Outcome::Accept(accept) => {
                decision.given_up.push(*accept.evidence);
                Ok(decision)
            }
            outcome @ (Outcome::Unrecognized | Outcome::Reject(_)) => {
                Ok(Decision { outcome, given_up: decision.given_up, ..against })
            }
        }
    }

    /// Asks the strategies in order.
    pub(super) async fn decide(&self, request: &AuthRequest<'_>) -> Result<Decision<'_, U>, BoxError> {
        let mut presented: Vec<Challenge> = Vec::new();
        let mut given_up: Vec<Evidence> = Vec::new();
        let mut rejected: Option<Rejection> = None;
        let mut passed_over: Option<Rejection> = None;
        let mut foreign_to: Vec<Arc<str>> = Vec::new();
        let mut is_half = false;
        for node in &*self.nodes {
            let mut answer = node.ask(request).await?;
            for evidence in &mut answer.given_up {
                self.revocation.iter().for_each(|check| evidence.add_check(check));
            }
            given_up.extend(answer.given_up);
            is_half |= answer.is_half;
            passed_over = Rejection::first_of(passed_over, answer.passed_over);
            match answer.outcome {
                Outcome::Accept(mut accept) => {
                    self.revocation.iter().for_each(|check| accept.evidence.add_check(check));
                    let accept = accept.found_by(&node.name, &node.challenges, request);
                    let (outcome, accepted) = (Outcome::Accept(accept), &*node.challenges);
                    let passed_over = Rejection::first_of(rejected, passed_over);
                    return Ok(Decision { presented, accepted, given_up, passed_over, ..Decision::of(outcome) });
                }
                Outcome::Absent => {}
                Outcome::Unrecognized => {
                    foreign_to.push(Arc::clone(&node.name));
                    presented.extend_from_slice(&node.challenges);
                }
                Outcome::Reject(rejection) if self.try_next_on_reject && !rejection.is_final() => {
                    let rejection = rejection.presented_to(&node.name, &node.challenges);
                    rejected = Rejection::first_of(rejected, Some(rejection));
                }
                Outcome::Reject(rejection) => {
                    let outcome = Outcome::Reject(rejection.presented_to(&node.name, &node.challenges));
                    let passed_over = Rejection::first_of(rejected, passed_over);
                    return Ok(Decision { given_up, passed_over, ..Decision::of(outcome) });
                }
                Outcome::Redirect(redirect) => {
                    let outcome = Outcome::Redirect(redirect.said_by(&node.name));
                    let passed_over = Rejection::first_of(rejected, passed_over);
                    return Ok(Decision { given_up, passed_over, ..Decision::of(outcome) });
                }
            }
        }
        let outcome = match rejected {
            Some(rejection) => Outcome::Reject(rejection),
            None if !foreign_to.is_empty() => Outcome::Unrecognized,
            None => Outcome::Absent,
        };
        let mut decision = Decision { presented, foreign_to, given_up, is_half, passed_over, ..Decision::of(outcome) };
        if self.try_next_on_reject && self.accepts_with_cookies(request, &mut decision.given_up).await? {
            // This chain forgives by name what is wrong beside a cookie of its own.
            decision.outcome = Outcome::Absent;
        }
        Ok(decision)
    }

    /// Whether this chain accepts the request with its cookies, where only explicit credentials count. The outermost chain
    /// does: otherwise nobody would ask without cookies.
    async fn accepts_with_cookies(
        &self,
        request: &AuthRequest<'_>,
        given_up: &mut Vec<Evidence>,
    ) -> Result<bool, BoxError> {
        match request.full() {
            None => Ok(false),
            Some(_) if !request.is_nested() => Ok(true),
            Some(full) => {
                let decision = Box::pin(self.decide(full)).await?;
                given_up.extend(decision.given_up);
                Ok(match decision.outcome {
                    Outcome::Accept(accept) => {
                        given_up.push(*accept.evidence);
                        true
                    }
                    _ => false,
                })
            }
        }
    }
}

impl<U: Principal> Node<U> {
    async fn ask(&self, request: &AuthRequest<'_>) -> Result<Answer<U>, BoxError> {
        let span = tracing::debug_span!("auth.strategy", name = &*self.name, outcome = tracing::field::Empty);
        let answer = ask(&*self.strategy, request).instrument(span.clone()).await;
        let answer = answer.map_err(|cause| Failed::of(&self.name, cause));
        span.record("outcome", answer.as_ref().map_or("error", |answer| describe(&answer.outcome)));
        answer
    }
}

/// Asks about each acceptance the checks of the chains that it has passed, and gives the first that is revoked.
async fn revoked(acceptances: &mut [Evidence]) -> Result<Option<Evidence>, BoxError> {
    for evidence in acceptances {
        let mut checks = Vec::new();
        evidence.move_checks_to(&mut checks);
        for check in &checks {
            if check.is_any_revoked(evidence).await? {
                return Ok(Some(evidence.clone()));
            }
        }
    }
    Ok(None)
}

/// Counts a decision; the strategy's name is shared, not copied.
#[cfg(feature = "metrics")]
fn count<U>(user: Option<&Authenticated<U>>, code: &'static str) {
    let strategy = user.and_then(|user| user.evidence().strategy.clone());
    let strategy = strategy.map_or(metrics::SharedString::const_str(""), metrics::SharedString::from_shared);
    metrics::counter!("auth_decisions_total", "strategy" => strategy, "code" => code).increment(1);
}

fn describe<U>(outcome: &Outcome<U>) -> &'static str {
    match outcome {
        Outcome::Accept(_) => "accept",
        Outcome::Absent => "absent",
        Outcome::Unrecognized => "foreign",
        Outcome::Reject(rejection) => rejection.code(),
        Outcome::Redirect(_) => "redirect",
    }
}

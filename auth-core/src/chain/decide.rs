use std::{any::Any, future::Future, mem, pin::pin, sync::Arc};

use super::{
    Chain,
    ask::Failed,
    decision::Decision,
    panic::{catch_panic, panic_text},
    span,
    terms::Terms,
};
use crate::{
    AuthRequest, Authenticated, BoxError, Evidence, Outcome, Principal, Refusal, RefusalKind, Rejection,
    evidence::Check, few::Few,
};
use http::StatusCode;
use tracing::Span;

impl<U: Principal> Chain<U> {
    /// Runs the chain on a request.
    ///
    /// This is the only place that seals [`Authenticated`]. A panic of a strategy or callback is caught here: 500. The
    /// revocation checks of this chain and of all chains in it come last, after the callbacks.
    ///
    /// # Errors
    /// The refusal, ready to be sent.
    // Not an async function: that would be one more future around the future, of 24 bytes.
    pub fn authenticate(
        &self,
        request: &AuthRequest<'_>,
    ) -> impl Future<Output = Result<Authenticated<U>, Refusal>> + Send {
        self.authenticate_under(request, None)
    }

    /// Seals the decision or refuses, within a span; logs and counts the result. `terms` are those of a request over an
    /// open connection.
    pub(super) async fn authenticate_under(
        &self,
        request: &AuthRequest<'_>,
        terms: Option<&Terms<'_>>,
    ) -> Result<Authenticated<U>, Refusal> {
        let span = span::if_debug(|| {
            tracing::debug_span!(
                // Filters may name this target.
                target: "auth_core::chain::decide",
                "auth.chain",
                transport = ?request.transport(),
                strategy = tracing::field::Empty,
                code = tracing::field::Empty
            )
        });
        // Pinned here, so that neither the span nor the catch moves the state of the whole chain.
        let decision = pin!(self.decide(request, terms));
        let decision = pin!(catch_panic(decision));
        let result = match span::within(span.as_deref(), decision).await {
            Ok(Ok(decision)) => self.seal_or_refuse(decision, request),
            Ok(Err(cause)) => Err(unavailable(cause)),
            Err(panic) => Err(panicked(&*panic)),
        };
        let code = result.as_ref().map_or_else(Refusal::code, |_| "accepted");
        if let Some(span) = span {
            record(&span, &result, code);
        }
        if let Err(refusal) = &result {
            refusal.log_once(request.transport());
        }
        #[cfg(feature = "metrics")]
        count(result.as_ref().ok(), code);
        result
    }

    /// Decides about the whole request: compares what a cookie accepts with everything explicit, applies `terms`, and
    /// asks whether the credential was revoked. Only the outermost chain does this: it alone sees every name.
    async fn decide(&self, request: &AuthRequest<'_>, terms: Option<&Terms<'_>>) -> Result<Decision<'_, U>, BoxError> {
        let mut decision = self.ask_without_checks(request).await?;
        if terms.is_none() && !request.is_nested() && self.stands_at_once(&decision) {
            return Ok(decision);
        }
        self.add_checks(&mut decision);
        // Boxed, so that it takes no space where it isn't needed.
        Box::pin(self.weigh(decision, request, terms)).await
    }

    /// Whether the outcome stands without waiting: nothing explicit can speak against it, and nothing that was accepted can be
    /// revoked, or it is known not to be.
    fn stands_at_once(&self, decision: &Decision<'_, U>) -> bool {
        let may_be_refused = || self.nodes.iter().any(|node| !node.strategy.is_ambient_only());
        decision.beside.as_ref().is_none_or(|beside| beside.given_up.is_empty())
            && match &decision.outcome {
                Outcome::Accept(accept) => {
                    let evidence = accept.evidence();
                    let is_alone = evidence.carrier.is_explicit() || !may_be_refused();
                    is_alone && evidence.passes_at_once(&self.revocation)
                }
                _ => true,
            }
    }

    /// The part of [`decide`](Self::decide) that comes after the strategies.
    async fn weigh<'c>(
        &'c self,
        mut decision: Decision<'c, U>,
        request: &AuthRequest<'_>,
        terms: Option<&Terms<'_>>,
    ) -> Result<Decision<'c, U>, BoxError> {
        if let Outcome::Accept(accept) = &decision.outcome
            && accept.evidence().carrier.is_ambient()
            && !request.is_explicit_only()
        {
            decision = self.compare_with_explicit(decision, request).await?;
        }
        // A strategy that asks this chain may build an acceptance of its own from it.
        if let Some(beside) = &mut decision.beside {
            request.note_given_up(beside.given_up.clone());
            beside.given_up.iter_mut().for_each(Evidence::hand_names_down);
        }
        if let Outcome::Accept(accept) = &mut decision.outcome {
            accept.evidence_mut().hand_names_down();
            request.note_accepted(accept.evidence_mut());
        }
        if let Some(terms) = terms {
            // Before the check for revocation: its answer, its outage and its time would show that another user's
            // credential is good.
            decision = decision.under(terms);
            if let (Some(beside), Some(open)) = (&mut decision.beside, terms.renews) {
                beside.given_up.retain(|evidence| !evidence.names_another_than(open));
            }
        }
        let given_up = decision.beside.as_mut().map(|beside| &mut *beside.given_up).unwrap_or_default();
        let revoked = match &mut decision.outcome {
            Outcome::Accept(accept) => match find_revoked(std::slice::from_mut(accept.evidence_mut())).await? {
                Some(evidence) => Some(evidence),
                None => find_revoked(given_up).await?,
            },
            // An optional layer would let it pass.
            Outcome::Absent => find_revoked(given_up).await?,
            Outcome::Unrecognized | Outcome::Reject(_) | Outcome::Redirect(_) => None,
        };
        if let Some(evidence) = revoked {
            let challenges = evidence.challenges.as_ref().or(decision.accepted).cloned().unwrap_or_default();
            let strategy = evidence.strategy.clone().unwrap_or_default();
            return Ok(Decision::of(Outcome::Reject(Rejection::revoked().presented_to(&strategy, &challenges))));
        }
        Ok(decision)
    }

    /// Keeps what a cookie accepted only if nothing explicit speaks against it.
    ///
    /// Browsers add cookies by themselves; everything else is sent on purpose. So the chain is asked again without cookies,
    /// and what it refuses then is refused, whatever the order of its strategies.
    async fn compare_with_explicit<'c>(
        &'c self,
        mut decision: Decision<'c, U>,
        request: &AuthRequest<'_>,
    ) -> Result<Decision<'c, U>, BoxError> {
        let explicit = request.explicit();
        let mut against = self.ask_in_order(&explicit).await?;
        let given_up = against.beside.as_mut().map(|beside| mem::take(&mut beside.given_up)).unwrap_or_default();
        if !given_up.is_empty() {
            decision.beside_mut().given_up.extend(given_up);
        }
        match against.outcome {
            Outcome::Absent | Outcome::Redirect(_) => Ok(decision),
            Outcome::Accept(accept) => {
                decision.beside_mut().given_up.push(accept.into_parts().1);
                Ok(decision)
            }
            Outcome::Unrecognized | Outcome::Reject(_) => {
                if let Some(beside) = decision.beside {
                    against.beside_mut().given_up = beside.given_up;
                }
                Ok(against)
            }
        }
    }
}

/// Asks the checks of each acceptance, and returns the first acceptance that was revoked.
async fn find_revoked(acceptances: &mut [Evidence]) -> Result<Option<Evidence>, BoxError> {
    for evidence in acceptances {
        let mut checks = Few::None;
        evidence.move_checks_to(&mut checks);
        for Check(check) in &*checks {
            // Not on the `Arc`, which would box another future around it.
            if (**check).is_any_revoked(evidence).await? {
                return Ok(Some(evidence.clone()));
            }
        }
    }
    Ok(None)
}

#[cold]
fn unavailable(cause: BoxError) -> Refusal {
    match cause.downcast::<Failed>() {
        Ok(failed) => Refusal::unavailable(failed.cause).by(Some(&failed.strategy)),
        Err(cause) => Refusal::unavailable(cause),
    }
}

#[cold]
fn panicked(panic: &(dyn Any + Send)) -> Refusal {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    let refusal = Refusal::of(RefusalKind::Panicked, status, "internal_error", Arc::default());
    refusal.with_detail(panic_text(panic))
}

#[cold]
fn record<U>(span: &Span, result: &Result<Authenticated<U>, Refusal>, code: &str) {
    let strategy = result.as_ref().map_or_else(Refusal::strategy, |user| user.evidence().strategy());
    span.record("strategy", strategy).record("code", code);
}

/// Counts a decision. The strategy's name is shared, not copied.
#[cfg(feature = "metrics")]
fn count<U>(user: Option<&Authenticated<U>>, code: &'static str) {
    let strategy = user.and_then(|user| user.evidence().strategy.clone());
    let strategy = strategy.map_or(metrics::SharedString::const_str(""), metrics::SharedString::from_shared);
    metrics::counter!("auth_decisions_total", "strategy" => strategy, "code" => code).increment(1);
}

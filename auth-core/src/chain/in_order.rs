use std::pin::pin;

use tracing::Span;

use super::{
    Chain,
    ask::Answer,
    decision::{Beside, Decision},
    span,
};
use crate::{AuthRequest, BoxError, Evidence, Outcome, Principal, Rejection, notes::Acceptances};

impl<U: Principal> Chain<U> {
    /// Asks the strategies in order, until one of them decides. Nested chains do no more than this.
    pub(super) async fn ask_in_order(&self, request: &AuthRequest<'_>) -> Result<Decision<'_, U>, BoxError> {
        let mut decision = self.ask_without_checks(request).await?;
        self.add_checks(&mut decision);
        Ok(decision)
    }

    /// The same without the chain's checks for revocation on what it accepts: the caller asks them, or adds them.
    pub(super) async fn ask_without_checks(&self, request: &AuthRequest<'_>) -> Result<Decision<'_, U>, BoxError> {
        let mut beside: Option<Box<Beside>> = None;
        let mut rejected: Option<Rejection> = None;
        for node in &*self.nodes {
            let span = span::if_debug(|| {
                tracing::debug_span!(
                    // Filters may name this target.
                    target: "auth_core::chain::decide",
                    "auth.strategy",
                    name = &*node.name,
                    outcome = tracing::field::Empty
                )
            });
            let answer = span::within(span.as_deref(), pin!(node.ask(request))).await;
            if let Some(span) = span {
                record(&span, &answer);
            }
            let Some(answer) = answer? else { continue };
            if let Some(noted) = answer.noted {
                self.add_noted(&mut beside, *noted);
            }
            match answer.outcome {
                Outcome::Accept(accept) => {
                    let (outcome, accepted) = (Outcome::Accept(accept), Some(&node.challenges));
                    return Ok(Decision { accepted, beside: after(rejected, beside), ..Decision::of(outcome) });
                }
                Outcome::Absent => {}
                Outcome::Unrecognized => {
                    beside.get_or_insert_default().pass_on(&node.name, &node.challenges);
                }
                Outcome::Reject(rejection) if self.try_next_on_reject && !rejection.is_final() => {
                    rejected = Rejection::first_of(rejected, Some(rejection));
                }
                outcome @ (Outcome::Reject(_) | Outcome::Redirect(_)) => {
                    return Ok(Decision { beside: after(rejected, beside), ..Decision::of(outcome) });
                }
            }
        }
        let outcome = match rejected {
            Some(rejection) => Outcome::Reject(rejection),
            None if beside.as_ref().is_some_and(|beside| !beside.unrecognized_by.is_empty()) => Outcome::Unrecognized,
            None => Outcome::Absent,
        };
        let mut decision = Decision { beside, ..Decision::of(outcome) };
        if self.try_next_on_reject && self.accepts_with_cookies(request, &mut decision).await? {
            // The chain was told to accept a cookie of its own beside a wrong credential.
            decision.outcome = Outcome::Absent;
        }
        Ok(decision)
    }

    #[cold]
    fn add_noted(&self, beside: &mut Option<Box<Beside>>, mut noted: Acceptances) {
        noted.given_up.iter_mut().for_each(|evidence| self.add_checks_to(evidence));
        beside.get_or_insert_default().add(noted);
    }

    pub(super) fn add_checks(&self, decision: &mut Decision<'_, U>) {
        if let Outcome::Accept(accept) = &mut decision.outcome {
            self.add_checks_to(accept.evidence_mut());
        }
    }

    fn add_checks_to(&self, evidence: &mut Evidence) {
        self.revocation.iter().for_each(|check| evidence.add_check(check));
    }

    /// Where only explicit credentials count: whether this chain accepts the request with its cookies. The outermost chain
    /// does: otherwise the request would not be asked about without cookies.
    async fn accepts_with_cookies(
        &self,
        request: &AuthRequest<'_>,
        decision: &mut Decision<'_, U>,
    ) -> Result<bool, BoxError> {
        match request.full() {
            None => Ok(false),
            Some(_) if !request.is_nested() => Ok(true),
            Some(full) => {
                let with_cookies = Box::pin(self.ask_in_order(full)).await?;
                if let Some(beside) = with_cookies.beside {
                    decision.beside_mut().given_up.extend(beside.given_up);
                }
                Ok(match with_cookies.outcome {
                    Outcome::Accept(accept) => {
                        decision.beside_mut().given_up.push(accept.into_parts().1);
                        true
                    }
                    _ => false,
                })
            }
        }
    }
}

/// What was found beside the outcome of the strategy that stops the chain. `rejected` was passed over before it.
fn after(rejected: Option<Rejection>, beside: Option<Box<Beside>>) -> Option<Box<Beside>> {
    if rejected.is_none() && beside.is_none() { None } else { after_others(rejected, beside) }
}

#[cold]
fn after_others(rejected: Option<Rejection>, mut beside: Option<Box<Beside>>) -> Option<Box<Beside>> {
    if let Some(beside) = &mut beside {
        beside.is_half = false;
    }
    if let Some(rejection) = rejected {
        beside.get_or_insert_default().pass_over_first(rejection);
    }
    beside
}

#[cold]
fn record<U>(span: &Span, answer: &Result<Option<Answer<U>>, BoxError>) {
    let outcome = |answer: &Option<Answer<U>>| answer.as_ref().map_or("absent", |answer| label(&answer.outcome));
    span.record("outcome", answer.as_ref().map_or("error", outcome));
}

fn label<U>(outcome: &Outcome<U>) -> &'static str {
    match outcome {
        Outcome::Accept(_) => "accept",
        Outcome::Absent => "absent",
        Outcome::Unrecognized => "foreign",
        Outcome::Reject(rejection) => rejection.code(),
        Outcome::Redirect(_) => "redirect",
    }
}

use std::{pin::pin, sync::Arc};

use super::{Chain, ask::Answer, decision::Decision, span};
use crate::{AuthRequest, BoxError, Challenge, Evidence, Outcome, Principal, Rejection};

impl<U: Principal> Chain<U> {
    /// Asks the strategies in order, until one of them decides. Nested chains do no more than this.
    pub(super) async fn ask_in_order(&self, request: &AuthRequest<'_>) -> Result<Decision<'_, U>, BoxError> {
        let mut presented: Vec<Challenge> = Vec::new();
        let mut given_up: Vec<Evidence> = Vec::new();
        let mut rejected: Option<Rejection> = None;
        let mut passed_over: Option<Rejection> = None;
        let mut unrecognized_by: Vec<Arc<str>> = Vec::new();
        let mut is_half = false;
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
            let answer = span::within(span.as_ref(), pin!(node.ask(request))).await;
            if let Some(span) = span {
                let outcome =
                    |answer: &Option<Answer<U>>| answer.as_ref().map_or("absent", |answer| label(&answer.outcome));
                span.record("outcome", answer.as_ref().map_or("error", outcome));
            }
            let Some(mut answer) = answer? else { continue };
            answer.given_up.iter_mut().for_each(|evidence| self.add_checks(evidence));
            given_up.extend(answer.given_up);
            is_half |= answer.is_half;
            passed_over = Rejection::first_of(passed_over, answer.passed_over);
            match answer.outcome {
                Outcome::Accept(mut accept) => {
                    self.add_checks(accept.evidence_mut());
                    let (outcome, accepted) = (Outcome::Accept(accept), Some(&node.challenges));
                    let passed_over = Rejection::first_of(rejected, passed_over);
                    return Ok(Decision { presented, accepted, given_up, passed_over, ..Decision::of(outcome) });
                }
                Outcome::Absent => {}
                Outcome::Unrecognized => {
                    unrecognized_by.push(Arc::clone(&node.name));
                    presented.extend_from_slice(&node.challenges);
                }
                Outcome::Reject(rejection) if self.try_next_on_reject && !rejection.is_final() => {
                    rejected = Rejection::first_of(rejected, Some(rejection));
                }
                outcome @ (Outcome::Reject(_) | Outcome::Redirect(_)) => {
                    let passed_over = Rejection::first_of(rejected, passed_over);
                    return Ok(Decision { given_up, passed_over, ..Decision::of(outcome) });
                }
            }
        }
        let outcome = match rejected {
            Some(rejection) => Outcome::Reject(rejection),
            None if !unrecognized_by.is_empty() => Outcome::Unrecognized,
            None => Outcome::Absent,
        };
        let mut decision =
            Decision { presented, unrecognized_by, given_up, is_half, passed_over, ..Decision::of(outcome) };
        if self.try_next_on_reject && self.accepts_with_cookies(request, &mut decision.given_up).await? {
            // The chain was told to accept a cookie of its own beside a wrong credential.
            decision.outcome = Outcome::Absent;
        }
        Ok(decision)
    }

    fn add_checks(&self, evidence: &mut Evidence) {
        self.revocation.iter().for_each(|check| evidence.add_check(check));
    }

    /// Where only explicit credentials count: whether this chain accepts the request with its cookies. The outermost chain
    /// does: otherwise the request would not be asked about without cookies.
    async fn accepts_with_cookies(
        &self,
        request: &AuthRequest<'_>,
        given_up: &mut Vec<Evidence>,
    ) -> Result<bool, BoxError> {
        match request.full() {
            None => Ok(false),
            Some(_) if !request.is_nested() => Ok(true),
            Some(full) => {
                let decision = Box::pin(self.ask_in_order(full)).await?;
                given_up.extend(decision.given_up);
                Ok(match decision.outcome {
                    Outcome::Accept(accept) => {
                        given_up.push(accept.into_parts().1);
                        true
                    }
                    _ => false,
                })
            }
        }
    }
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

use std::sync::Arc;

use http::StatusCode;

use super::{
    Chain, Fallback,
    decision::{Beside, Decision},
};
use crate::{
    AuthRequest, Authenticated, Challenge, Outcome, Principal, Refusal, RefusalKind, Rejection, Transport,
    answer::{answer, marked},
    challenge::presented_among,
};

impl<U: Principal> Chain<U> {
    /// The refusal with which this chain would answer `rejection`. For layers that refuse by themselves.
    #[must_use]
    pub fn refuse(&self, rejection: &Rejection, request: &AuthRequest<'_>) -> Refusal {
        self.refusal_of(rejection, &presented_among(&self.challenges, &request.parts().headers), request)
    }

    /// Seals an acceptance, and answers everything else with a refusal.
    pub(super) fn seal_or_refuse(
        &self,
        decision: Decision<'_, U>,
        request: &AuthRequest<'_>,
    ) -> Result<Authenticated<U>, Refusal> {
        match decision {
            Decision { outcome: Outcome::Accept(accept), .. } => Ok(accept.seal()),
            Decision { outcome, beside, .. } => self.refuse_outcome(outcome, beside, request),
        }
    }

    // Not inlined, so that the code of an acceptance stays in few cache lines.
    #[inline(never)]
    fn refuse_outcome(
        &self,
        outcome: Outcome<U>,
        beside: Option<Box<Beside>>,
        request: &AuthRequest<'_>,
    ) -> Result<Authenticated<U>, Refusal> {
        let passed_over = beside.as_ref().and_then(|beside| beside.passed_over.as_ref());
        let was_wrong = passed_over.is_some_and(Rejection::is_wrong);
        let refusal = match outcome {
            Outcome::Accept(accept) => return Ok(accept.seal()),
            Outcome::Absent => {
                let code = request.absence_code().unwrap_or("missing_credentials");
                self.unauthorized(RefusalKind::Missing, code, Arc::clone(&self.challenges), request)
            }
            Outcome::Unrecognized => {
                let Beside { presented, unrecognized_by, .. } = beside.map_or_else(Beside::default, |beside| *beside);
                let rejection = Rejection::invalid_credentials();
                let presented = presented_among(&presented.into(), &request.parts().headers);
                let challenges = marked(&rejection, &self.challenges, &presented);
                let refusal = self.unauthorized(RefusalKind::Unrecognized, rejection.code(), challenges, request);
                refusal.with_detail(format!("the credential is not recognized by {}", unrecognized_by.join(", ")))
            }
            Outcome::Reject(rejection) => {
                let presented = rejection.presented().map(|all| presented_among(all, &request.parts().headers));
                let presented = presented.as_deref().unwrap_or_default();
                let refusal = self.refusal_of(&rejection, presented, request).by(rejection.strategy());
                rejection.detail().into_iter().fold(refusal, Refusal::with_detail)
            }
            Outcome::Redirect(redirect) => {
                let strategy = redirect.strategy().cloned();
                let refusal = match request.transport() {
                    Transport::Http => Refusal::redirect_to(redirect, RefusalKind::Redirect, "redirect"),
                    // A client does not follow a redirect during a handshake.
                    _ => self.unauthorized(RefusalKind::Redirect, "redirect", Arc::clone(&self.challenges), request),
                };
                refusal.by(strategy.as_ref())
            }
        };
        Err(refusal.wrong_if(was_wrong))
    }

    fn refusal_of(&self, rejection: &Rejection, presented: &[Challenge], request: &AuthRequest<'_>) -> Refusal {
        answer(rejection, &self.challenges, presented, |challenges| {
            self.unauthorized(RefusalKind::Rejected, rejection.code(), challenges, request)
        })
    }

    /// A 401, or the fallback if no strategy has a challenge.
    fn unauthorized(
        &self,
        kind: RefusalKind,
        code: &'static str,
        challenges: Arc<[Challenge]>,
        request: &AuthRequest<'_>,
    ) -> Refusal {
        let challenges = match &self.fallback {
            Some(Fallback::Redirect(redirect)) if challenges.is_empty() && request.transport() == Transport::Http => {
                return Refusal::redirect_to(redirect.clone(), kind, code);
            }
            Some(Fallback::Challenge(challenge)) if challenges.is_empty() => [challenge.clone()].into(),
            _ => challenges,
        };
        Refusal::of(kind, StatusCode::UNAUTHORIZED, code, challenges)
    }
}

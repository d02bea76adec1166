//! The refusal that answers a rejection, and the challenges that it carries (RFC 6750, 3.1; RFC 9470, 3).

use std::sync::Arc;

use http::StatusCode;

use crate::{Challenge, Evidence, Refusal, RefusalKind, Rejection, RejectionKind};

impl Evidence {
    /// The refusal that answers `rejection` for this credential. Use it to decide again about a request that a chain has
    /// let in. The challenges are those of the strategy that accepted.
    #[must_use]
    pub fn refuse(&self, rejection: &Rejection) -> Refusal {
        let own = self.challenges.clone().unwrap_or_default();
        let reporting: Vec<_> = own.iter().filter(|challenge| challenge.reports_errors()).cloned().collect();
        let unauthorized = |marked: Arc<[Challenge]>| {
            let challenges = match (marked.is_empty(), own.is_empty()) {
                (false, _) => marked,
                (true, false) => Arc::clone(&own),
                // A 401 must carry a challenge (RFC 9110, 15.5.2), and the strategy has none: a cookie, say.
                (true, true) => [rejection.mark(&Challenge::new("Bearer"))].into(),
            };
            Refusal::of(RefusalKind::Rejected, StatusCode::UNAUTHORIZED, rejection.code(), challenges)
        };
        answer(rejection, &reporting, &own, unauthorized).by(self.strategy.as_ref())
    }
}

/// The refusal that answers `rejection`.
///
/// | Status | Challenges |
/// |---|---|
/// | 401 | those of `offered`, through `unauthorized`, which adds one where there is none |
/// | 400 | those of `offered` |
/// | 403 `insufficient_scope` | those of `presented` that report errors: the client must not try another scheme |
/// | any other | none |
///
/// `presented` are the challenges of the scheme that the client used. They get the error.
pub(crate) fn answer(
    rejection: &Rejection,
    offered: &[Challenge],
    presented: &[Challenge],
    unauthorized: impl FnOnce(Arc<[Challenge]>) -> Refusal,
) -> Refusal {
    let other = |challenges| Refusal::of(RefusalKind::Rejected, rejection.status(), rejection.code(), challenges);
    let refusal = match rejection.kind() {
        RejectionKind::InvalidCredentials
        | RejectionKind::Expired
        | RejectionKind::Revoked
        | RejectionKind::InsufficientUserAuthentication => unauthorized(marked(rejection, offered, presented)),
        RejectionKind::InvalidRequest => other(marked(rejection, offered, presented)),
        RejectionKind::InsufficientScope => {
            other(presented.iter().filter(|c| c.reports_errors()).map(|c| rejection.mark(c)).collect())
        }
        RejectionKind::Forbidden | RejectionKind::TooManyRequests => other(Arc::default()),
    };
    let refusal = rejection.retry_after().into_iter().fold(refusal, Refusal::with_retry_after);
    refusal.wrong_if(rejection.is_wrong())
}

/// The challenges of `offered`, with the error on those that were presented.
pub(crate) fn marked(rejection: &Rejection, offered: &[Challenge], presented: &[Challenge]) -> Arc<[Challenge]> {
    let is_presented = |challenge: &Challenge| challenge.reports_errors() && presented.contains(challenge);
    offered.iter().map(|c| if is_presented(c) { rejection.mark(c) } else { c.clone() }).collect()
}

use super::decision::Decision;
use crate::{Challenge, Evidence, Outcome, Rejection};

/// What holds for a request over an open connection.
#[derive(Clone, Copy)]
pub(super) struct Terms<'e> {
    /// What it is to renew.
    pub(super) renews: Option<&'e Evidence>,
    /// Whether a guest in front of whom nothing is refused stays one.
    pub(super) lets_guests_be: bool,
}

impl<U> Decision<'_, U> {
    /// The same, unless another user is accepted, or a guest in front of whom something is refused.
    pub(super) fn under(self, terms: Terms<'_>) -> Self {
        let Outcome::Accept(accept) = &self.outcome else {
            return self;
        };
        let evidence = &accept.evidence;
        let is_users = terms.renews.map_or_else(|| evidence.is_named(), |open| evidence.is_same_user(open));
        let is_guest = terms.lets_guests_be && !evidence.is_named();
        if is_users || (is_guest && self.passed_over.is_none()) {
            return self;
        }
        if !is_guest && evidence.principal().is_none() {
            tracing::error!(
                // Filters may name this target.
                target: "auth_core::chain::renew",
                "users cannot be compared at a refresh: the evidence names no principal; return one from \
                 `Principal::principal_id` or from the strategy"
            );
        }
        let rejection = as_if_wrong(evidence, self.passed_over.as_ref(), self.accepted);
        Self::of(Outcome::Reject(if is_guest { rejection.with_detail(IN_FRONT_OF_A_GUEST) } else { rejection }))
    }
}

const IN_FRONT_OF_A_GUEST: &str = "refused in front of a guest, or of a user without a principal";

/// What a wrong credential would have given in the place of this one, which is another user's.
///
/// Where a guest is let in behind a wrong credential, that is the rejection which the chain has passed over.
pub(super) fn as_if_wrong(another: &Evidence, passed_over: Option<&Rejection>, accepted: &[Challenge]) -> Rejection {
    if let Some(rejection) = passed_over {
        // It counts as a wrong one would in the place of this one.
        return rejection.clone().hiding(another.is_named());
    }
    let strategy = another.strategy.clone().unwrap_or_default();
    let challenges = another.challenges.as_deref().unwrap_or(accepted);
    let rejection = Rejection::invalid_credentials().presented_to(&strategy, challenges);
    rejection.with_detail("the credential is another user's")
}

use std::sync::Arc;

use super::decision::Decision;
use crate::{Challenge, Evidence, Outcome, Rejection};

/// The terms for a request over an open connection.
pub(super) struct Terms<'e> {
    /// The evidence that opened the connection, if the request renews it.
    pub(super) renews: Option<&'e Evidence>,
    /// Whether a guest is accepted, if no credential was rejected before.
    pub(super) lets_guests_be: bool,
}

impl<U> Decision<'_, U> {
    /// Turns the acceptance of another user, or of a guest after a rejected credential, into a rejection.
    pub(super) fn under(self, terms: &Terms<'_>) -> Self {
        let Outcome::Accept(accept) = &self.outcome else {
            return self;
        };
        let evidence = accept.evidence();
        let is_users = terms.renews.map_or_else(|| evidence.is_named(), |open| evidence.is_same_user(open));
        let is_guest = terms.lets_guests_be && !evidence.is_named();
        if is_users || (is_guest && self.passed_over().is_none()) {
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
        let rejection = as_if_wrong(evidence, self.passed_over(), self.accepted);
        Self::of(Outcome::Reject(if is_guest { rejection.with_detail(BEFORE_A_GUEST) } else { rejection }))
    }
}

const BEFORE_A_GUEST: &str = "rejected before a guest, or before a user without a principal";

/// The rejection that a wrong credential would have caused instead of this credential of another user.
///
/// If a guest is accepted after a wrong credential, it is the rejection that the chain has passed over.
pub(super) fn as_if_wrong(
    another: &Evidence,
    passed_over: Option<&Rejection>,
    accepted: Option<&Arc<[Challenge]>>,
) -> Rejection {
    if let Some(rejection) = passed_over {
        // It counts as wrong if this credential has a user, like a wrong credential would.
        return rejection.clone().hiding(another.is_named());
    }
    let strategy = another.strategy.clone().unwrap_or_default();
    let challenges = another.challenges.as_ref().or(accepted).cloned().unwrap_or_default();
    let rejection = Rejection::invalid_credentials().presented_to(&strategy, &challenges);
    rejection.with_detail("the credential is another user's")
}

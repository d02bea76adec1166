use super::TrustedIssuer;
use crate::Algorithm;

/// What one trusted issuer requires. A strategy compares its own settings with it.
pub(crate) struct IssuerDemands {
    pub(crate) issuer: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) algorithms: Option<Vec<Algorithm>>,
}

impl IssuerDemands {
    pub(crate) fn of(issuer: &TrustedIssuer) -> Self {
        Self { issuer: issuer.shown(), audiences: issuer.audiences.clone(), algorithms: issuer.algorithms.clone() }
    }

    /// Whether the issuer allows none of these algorithms.
    pub(crate) fn rule_out(&self, allowed: &[Algorithm]) -> bool {
        self.algorithms.as_ref().is_some_and(|own| !own.iter().any(|algorithm| allowed.contains(algorithm)))
    }
}

use auth_core::{AuthRequest, Evidence, Refusal, Rejection};

use super::registry::Connections;
use crate::http::Gate;

/// Why a check for revocation that failed refuses.
const REVOCATION_UNKNOWN: &str = "it cannot be said whether the credential was revoked";

/// Asks whether a credential was revoked that is in the registry by now. The check has as long as the chain has.
pub(crate) async fn recheck<U: auth_core::Principal>(
    connections: &Connections,
    gate: &Gate<U>,
    evidence: &Evidence,
    request: &AuthRequest<'_>,
) -> Result<(), Refusal> {
    match connections.is_revoked(evidence, gate.decision_timeout).await {
        Ok(false) => Ok(()),
        Ok(true) => Err(gate.chain.refuse(&Rejection::revoked(), request)),
        Err(cause) => Err(Refusal::unavailable(cause).with_detail(REVOCATION_UNKNOWN)),
    }
}

use std::{panic::AssertUnwindSafe, time::Duration};

use auth_core::{BoxError, Evidence, RevocationCheck};
use futures_util::FutureExt as _;
use tokio::time;

/// Asks; a check that hangs or panics has failed.
pub(super) async fn is_revoked(
    check: &dyn RevocationCheck,
    evidence: &Evidence,
    within: Duration,
) -> Result<bool, BoxError> {
    // OK to assert unwind safety because nothing of it is kept.
    let asked = AssertUnwindSafe(check.is_any_revoked(evidence)).catch_unwind();
    match time::timeout(within, asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err("the check for revocation panicked".into()),
        Err(_) => Err("the check for revocation took too long".into()),
    }
}

#[cfg(test)]
mod tests {
    use auth_basic::{Basic, BasicLogin};
    use auth_core::{AuthRequest, Chain, Transport, async_trait};

    use super::*;

    struct Hangs;

    #[async_trait]
    impl RevocationCheck for Hangs {
        async fn is_revoked(&self, _: &Evidence) -> Result<bool, BoxError> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn store_that_hangs_is_away() {
        let chain = Chain::new().or(Basic::new("test").verify(|_: BasicLogin| async { Some("user") }));
        let (parts, ()) = http::Request::get("/").header("authorization", "Basic YTpi").body(()).unwrap().into_parts();
        let request = AuthRequest::new(&parts, Transport::Http, std::time::SystemTime::UNIX_EPOCH);
        let user = chain.authenticate(&request).await.unwrap();
        assert!(is_revoked(&Hangs, user.evidence(), Duration::from_secs(10)).await.is_err());
    }
}

//! Revocation checks that answer what a test says.

use auth_core::{BoxError, Evidence, RevocationCheck, async_trait};

/// Answers what `answer` returns.
pub fn check<F>(answer: F) -> Check<F>
where
    F: Fn(&Evidence) -> Result<bool, BoxError> + Send + Sync + 'static,
{
    Check(answer)
}

/// Takes the credential with this id for revoked.
pub fn revoked(id: &'static str) -> impl RevocationCheck {
    check(move |evidence| Ok(has_id(evidence, id)))
}

/// Fails for the credential with this id.
pub fn down(id: &'static str) -> impl RevocationCheck {
    check(move |evidence| if has_id(evidence, id) { Err("the store is down".into()) } else { Ok(false) })
}

fn has_id(evidence: &Evidence, id: &str) -> bool {
    evidence.credential_id().is_some_and(|found| found.id() == id)
}

/// A check made of a function: see [`check`].
pub struct Check<F>(F);

#[async_trait]
impl<F> RevocationCheck for Check<F>
where
    F: Fn(&Evidence) -> Result<bool, BoxError> + Send + Sync + 'static,
{
    async fn is_revoked(&self, evidence: &Evidence) -> Result<bool, BoxError> {
        (self.0)(evidence)
    }
}

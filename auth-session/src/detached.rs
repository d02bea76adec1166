use auth_core::BoxError;
use tokio::{runtime::Handle, task::JoinError};

use crate::error::SessionError;

/// Continues on a tokio runtime if its future is dropped: a client that disconnects during its logout must not leave half of one.
pub(crate) async fn detached<T, E>(work: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<Lost> + Send + 'static,
{
    match Handle::try_current() {
        Ok(runtime) => runtime.spawn(work).await.unwrap_or_else(|lost| Err(Lost(lost).into())),
        Err(_) => work.await,
    }
}

/// The work has panicked, or the runtime has gone.
pub(crate) struct Lost(JoinError);

impl From<Lost> for BoxError {
    fn from(lost: Lost) -> Self {
        lost.0.into()
    }
}

impl From<Lost> for SessionError {
    fn from(lost: Lost) -> Self {
        Self::unavailable(lost.0)
    }
}

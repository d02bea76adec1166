use auth_core::BoxError;
use tokio::runtime::Handle;

/// Continues on a tokio runtime if its future is dropped: a client that disconnects during its logout must not leave half of one.
pub(crate) async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, BoxError>> + Send + 'static,
) -> Result<T, BoxError> {
    match Handle::try_current() {
        Ok(runtime) => runtime.spawn(work).await.unwrap_or_else(|lost| Err(lost.into())),
        Err(_) => work.await,
    }
}

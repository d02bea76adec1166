use std::time::SystemTime;

use async_trait::async_trait;

use crate::{BoxError, Extras};

/// Knows when a credential ends if that may move while a connection is open: a login lives longer whenever it is used, in another
/// tab or on another node. An open connection asks shortly before its end and at its end.
#[async_trait]
pub trait EndCheck: Send + Sync + 'static {
    /// When the credential with these extras ends now, exclusive. `None` if it has ended: it was logged out, or is unknown. They are
    /// those that the credential had when its strategy [set](crate::Accept::end_check) this check: one of them says which credential it
    /// is. What an application adds later is not among them.
    ///
    /// `used_at` is when the client last sent a message over the connection. Whether that counts as use is the strategy's
    /// decision.
    ///
    /// # Errors
    /// If a system failed. The connection then ends at the end that it knows.
    async fn ends_at(&self, extras: &Extras, used_at: SystemTime) -> Result<Option<SystemTime>, BoxError>;

    /// The latest instant to which the end can move, exclusive. A revocation is kept that long: see
    /// [`Revocation::of`](crate::Revocation::of). `None`, the default, if it is not known; it is then kept forever.
    fn latest_end(&self, extras: &Extras) -> Option<SystemTime> {
        let _ = extras;
        None
    }
}

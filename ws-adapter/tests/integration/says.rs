//! A limiter that counts wrong credentials.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use auth_core::{BoxError, async_trait};
use ws_adapter::{Attempt, AttemptLimiter, AttemptPlace};

pub(crate) use test_support::says::{Says, rejections};

#[derive(Clone, Default)]
pub(crate) struct WrongOnes(Arc<AtomicUsize>);

impl WrongOnes {
    /// How many there were since the last call.
    pub(crate) fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

#[async_trait]
impl AttemptLimiter for WrongOnes {
    async fn take(&self, _: &Attempt<'_>) -> Result<Option<Box<dyn AttemptPlace>>, BoxError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Some(Box::new(self.clone())))
    }
}

impl AttemptPlace for WrongOnes {
    fn give_back(self: Box<Self>) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

//! A chain that says about everybody what it is told to, and a limiter that counts what was wrong.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use auth_core::{BoxError, Chain, Outcome, Principal, Rejection, async_trait};
use ws_adapter::{Attempt, AttemptLimiter, AttemptPlace};

/// What a chain may say about a credential that it has checked, and whether that makes it a wrong one.
pub(crate) fn rejections() -> [(Rejection, bool); 10] {
    let step_up = || Rejection::insufficient_user_authentication(&["phr"], None);
    [
        (Rejection::forbidden(), false),
        (Rejection::forbidden().with_code("banned"), false),
        (Rejection::insufficient_scope(&["chat:write"]), false),
        (step_up(), false),
        (step_up().with_code("step_up"), false),
        (Rejection::too_many_requests(), false),
        (Rejection::invalid_credentials().with_code("locked"), true),
        (Rejection::token_expired(), true),
        (Rejection::revoked(), true),
        (Rejection::invalid_request(), true),
    ]
}

#[derive(Clone, Default)]
pub(crate) struct Says(Arc<Mutex<Option<Rejection>>>);

impl Says {
    pub(crate) fn say(&self, rejection: Option<&Rejection>) {
        *self.0.lock().unwrap() = rejection.cloned();
    }

    /// The chain, as long as nothing is said about whom it lets in.
    pub(crate) fn about<U: Principal>(&self, chain: Chain<U>) -> Chain<U> {
        let says = self.clone();
        chain.and_then(move |accept| {
            let rejection = says.0.lock().unwrap().clone();
            Ok(rejection.map_or(Outcome::Accept(accept), Outcome::Reject))
        })
    }
}

#[derive(Clone, Default)]
pub(crate) struct WrongOnes(Arc<AtomicUsize>);

impl WrongOnes {
    /// How many there were since it was asked last.
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

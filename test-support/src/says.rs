//! A chain that rejects everybody it lets in, while a test says so.

use std::sync::{Arc, Mutex};

use auth_core::{Chain, Outcome, Principal, Rejection};

/// The rejections that a chain may answer to a credential, and whether each counts as a wrong credential.
pub fn rejections() -> [(Rejection, bool); 10] {
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

/// The rejection for everybody. Clones share it.
#[derive(Clone, Default)]
pub struct Says(Arc<Mutex<Option<Rejection>>>);

impl Says {
    /// Rejects everybody from now on; `None` lets the chain decide again.
    pub fn say(&self, rejection: Option<&Rejection>) {
        *self.0.lock().unwrap() = rejection.cloned();
    }

    /// The chain, with this rejection in place of what it accepts.
    pub fn about<U: Principal>(&self, chain: Chain<U>) -> Chain<U> {
        let says = self.clone();
        chain.and_then(move |accept| {
            let rejection = says.0.lock().unwrap().clone();
            Ok(rejection.map_or(Outcome::Accept(accept), Outcome::Reject))
        })
    }
}

use std::marker::PhantomData;

use crate::Refusal;

/// Marks a request that an optional layer let through without a user. The layer puts it into the extensions.
///
/// It distinguishes "nobody is logged in" from "there is no layer". It holds the refusal for a handler that needs a user
/// after all.
#[derive(Debug)]
pub struct Anonymous<U> {
    refusal: Refusal,
    user: PhantomData<fn() -> U>,
}

impl<U> Anonymous<U> {
    /// Makes the mark. `refusal` is the answer that a required layer would have given.
    #[must_use]
    pub fn new(refusal: Refusal) -> Self {
        Self { refusal, user: PhantomData }
    }

    /// The answer that a required layer would have given.
    #[must_use]
    pub fn refusal(&self) -> &Refusal {
        &self.refusal
    }
}

impl<U> Clone for Anonymous<U> {
    fn clone(&self) -> Self {
        Self::new(self.refusal.clone())
    }
}

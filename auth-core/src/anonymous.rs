use std::marker::PhantomData;

use crate::Refusal;

/// What a layer leaves in the extensions where it let a request on with nobody authenticated.
///
/// It tells "nobody is logged in" from "no layer was here", and it holds the refusal that a handler gives which needs
/// a user after all.
#[derive(Debug)]
pub struct Anonymous<U> {
    refusal: Refusal,
    user: PhantomData<fn() -> U>,
}

impl<U> Anonymous<U> {
    /// Nobody; `refusal` is what a required layer would have answered.
    #[must_use]
    pub fn new(refusal: Refusal) -> Self {
        Self { refusal, user: PhantomData }
    }

    /// What a required layer would have answered.
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

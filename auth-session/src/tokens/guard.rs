//! The throttle in front of tokens that are not ours.

use auth_core::{ClientAddress, Refusal};
use auth_store::{Guess, Throttle};
use http::request::Parts;

#[derive(Clone)]
pub(super) struct Guard {
    throttle: Throttle,
    address: ClientAddress,
}

impl Guard {
    pub(super) fn new(throttle: Throttle, address: ClientAddress) -> Self {
        // Old tokens of an office must not use up what its people have for passwords.
        Self { throttle: throttle.realm("refresh token"), address }
    }

    /// Counts a token that none of our keys has made, by the address of its sender alone: the id in it is public, and its owner must not
    /// pay for strangers. `Err` if its sender has sent too many.
    pub(super) async fn count(&self, parts: &Parts) -> Result<(), Refusal> {
        let permit = self.throttle.take(&Guess::without_account().address(self.address.of(parts))).await?;
        permit.failed().await;
        Ok(())
    }
}

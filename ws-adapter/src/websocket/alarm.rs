use std::task::{Context, Poll};

use auth_core::Timer;

use crate::lifetime::{Sleep, Wake};

/// Wakes the driver for what is due next. If that moves to a later time, the alarm stays: it is reached early, and then set
/// anew. So a message does not cost a timer.
#[derive(Default)]
pub(super) struct Alarm {
    at: Wake,
    sleep: Option<Sleep>,
}

impl Alarm {
    pub(super) fn set(&mut self, at: Wake, timer: &dyn Timer) {
        if self.sleep.is_none() || at.is_before(self.at) {
            (self.at, self.sleep) = (at, at.sleep(timer));
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let reached = self.sleep.as_mut().map_or(Poll::Pending, |sleep| sleep.as_mut().poll(cx));
        if reached.is_ready() {
            self.sleep = None;
        }
        reached
    }
}

use std::{
    task::{Context, Poll},
    time::SystemTime,
};

use auth_core::Timer;

use crate::lifetime::{Passed, Sleep, Wake};

/// Wakes the driver for what is due next. If that moves to a later time, the alarm stays: it is reached early, and then set
/// anew. So a message does not cost a timer.
#[derive(Default)]
pub(super) struct Alarm {
    wall: Option<SystemTime>,
    passed: Option<Passed>,
    sleep: Option<Sleep>,
}

impl Alarm {
    pub(super) fn set(&mut self, at: Wake, timer: &dyn Timer) {
        let set = Wake { wall: self.wall, passed: self.passed.map(Passed::get) };
        if self.sleep.is_none() || at.is_before(set) {
            (self.wall, self.passed) = (at.wall, at.passed.map(Passed::from));
            self.sleep = at.sleep(timer);
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

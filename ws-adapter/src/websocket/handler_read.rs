use std::{
    task::{Context, Waker},
    time::Duration,
};

use crate::{lifetime::Passed, waker};

/// How long a handler that waits counts as the one who reads. A future can't see whether its caller still waits for it or does
/// something else, as in a `select!`. So after this time the driver reads, up to the next message for the handler.
///
/// Polls on the way don't count: a task polls its handler whenever the driver runs, and most often because the driver checks.
const READS_FOR: Duration = Duration::from_secs(1);

/// Whether the handler waits for a message, as far as its polls show.
#[derive(Default)]
pub(super) struct HandlerRead {
    /// `None` unless the handler waits.
    waker: Option<Waker>,
    /// When it began to wait. `None` while the driver reads, because the handler has waited for long.
    waits_since: Option<Passed>,
    /// When the driver checks the handler. It is planned once per [`READS_FOR`], not for each message.
    check_at: Option<Passed>,
}

impl HandlerRead {
    /// The handler has read, and waits. Returns whether [`check_at`](Self::check_at) is new, so the driver has to be woken.
    pub(super) fn wait(&mut self, cx: &Context<'_>, now: Duration) -> bool {
        if !self.waits() {
            self.waits_since = Some(now.into());
        }
        waker::keep(&mut self.waker, cx);
        let is_new = self.check_at.is_none();
        if is_new {
            self.check_at = now.checked_add(READS_FOR).map(Passed::from);
        }
        is_new
    }

    /// The handler was polled. Returns whether the driver reads for it, so that it only has to wait.
    ///
    /// The handler does not take the reading back: a task polls its handler whenever the driver runs, so the two would take turns
    /// for ever, with an alarm each second. It reads again after the driver has woken it.
    pub(super) fn wait_for_driver(&mut self, cx: &Context<'_>) -> bool {
        let waits = self.waits() && self.waits_since.is_none();
        if waits {
            waker::keep(&mut self.waker, cx);
        }
        waits
    }

    /// The handler was polled, and nobody reads: the socket may have ended. It has to be woken when that is known.
    pub(super) fn wait_for_answer(&mut self, cx: &Context<'_>) {
        waker::keep(&mut self.waker, cx);
    }

    /// Whether the handler waits for a message, and was not woken.
    pub(super) fn waits(&self) -> bool {
        self.waker.is_some()
    }

    /// The handler no longer waits. Returns whether it did.
    pub(super) fn stop(&mut self) -> bool {
        self.waker.take().is_some()
    }

    /// Wakes the handler. If it still waits, it polls again; until then it does not count as reading.
    pub(super) fn wake(&mut self) {
        waker::wake(&mut self.waker);
    }

    /// The driver stops reading for now. A handler that still waits has to read again.
    pub(super) fn driver_stopped(&mut self) {
        if self.waits_since.is_none() {
            self.wake();
        }
    }

    /// Whether the handler reads, and the driver does not.
    pub(super) fn is_active(&self) -> bool {
        self.waits() && self.waits_since.is_some()
    }

    /// When to call [`check`](Self::check).
    pub(super) fn check_at(&self) -> Option<Duration> {
        self.check_at.map(Passed::get)
    }

    /// Lets the driver read if the handler has waited for [`READS_FOR`].
    pub(super) fn check(&mut self, now: Duration) {
        if self.check_at().is_none_or(|at| now < at) {
            return;
        }
        self.check_at = None;
        if self.is_active() {
            let until = self.waits_since.and_then(|at| at.later(READS_FOR)).filter(|until| now < *until);
            self.check_at = until.map(Passed::from);
            self.waits_since = self.waits_since.filter(|_| until.is_some());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An event, with its time in milliseconds.
    enum Step {
        Polled(u64),
        Checked(u64),
        Stopped,
        Woken,
        DriverStopped,
    }

    #[test]
    fn handler_counts_as_reading_for_its_first_second_of_waiting() {
        use Step::{Checked, DriverStopped, Polled, Stopped, Woken};
        let cases: [(&str, &[Step], bool, Option<u64>); 14] = [
            ("it was never polled", &[], false, None),
            ("it waits", &[Polled(0)], true, Some(1000)),
            ("it has not waited long", &[Polled(0), Checked(999)], true, Some(1000)),
            ("it has waited long", &[Polled(0), Checked(1000)], false, None),
            ("it polls again in time", &[Polled(0), Polled(400), Checked(1000)], false, None),
            ("it waits again", &[Polled(0), Stopped, Polled(400), Checked(1000)], true, Some(1400)),
            ("it polls again later", &[Polled(0), Checked(1000), Polled(1500)], false, None),
            ("it polls after the driver woke it", &[Polled(0), Checked(1000), Woken, Polled(1500)], true, Some(2500)),
            ("it polls after it stopped", &[Polled(0), Checked(1000), Stopped, Polled(1500)], true, Some(2500)),
            (
                "the driver stops for one that polled",
                &[Polled(0), Checked(1000), Polled(1500), DriverStopped],
                false,
                None,
            ),
            ("it stopped", &[Polled(0), Stopped, Checked(1000)], false, None),
            ("it was woken and no longer waits", &[Polled(0), Woken, Checked(1000)], false, None),
            (
                "it was woken and waits again",
                &[Polled(0), Checked(1000), DriverStopped, Polled(1001)],
                true,
                Some(2001),
            ),
            ("the driver was not reading", &[Polled(0), DriverStopped], true, Some(1000)),
        ];
        for (case, steps, is_active, check_at) in cases {
            let mut handler = HandlerRead::default();
            for step in steps {
                match step {
                    Polled(at) => {
                        let is_new = handler.check_at().is_none();
                        let cx = Context::from_waker(Waker::noop());
                        if !handler.wait_for_driver(&cx) {
                            assert_eq!(handler.wait(&cx, Duration::from_millis(*at)), is_new, "{case}");
                        }
                    }
                    Checked(at) => handler.check(Duration::from_millis(*at)),
                    Stopped => assert!(handler.stop(), "{case}"),
                    Woken => handler.wake(),
                    DriverStopped => handler.driver_stopped(),
                }
            }
            assert_eq!(handler.is_active(), is_active, "{case}");
            assert_eq!(handler.check_at(), check_at.map(Duration::from_millis), "{case}");
        }
    }
}

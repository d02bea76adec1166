use std::{
    task::{Context, Waker},
    time::Duration,
};

use crate::waker;

/// How long a handler that waits for a message reads on its own, if it is not polled again. Whether it still waits or does
/// something else, nobody tells: one that waits is polled by its waker alone.
const ALONE: Duration = Duration::from_secs(1);

/// A handler that waits for a message, as far as is known.
#[derive(Default)]
pub(super) struct Receiver {
    waker: Option<Waker>,
    /// When it was polled last.
    polled_at: Duration,
    /// When the driver is to look at it. It is planned once in [`ALONE`], and not anew for each message.
    look_at: Option<Duration>,
    /// Whether it has waited for so long that the driver reads for it.
    has_help: bool,
}

impl Receiver {
    /// It waits; its poll has read what there was. Tells whether the driver has to be told of [`look_at`](Self::look_at).
    pub(super) fn wait(&mut self, cx: &Context<'_>, now: Duration) -> bool {
        waker::keep(&mut self.waker, cx);
        (self.polled_at, self.has_help) = (now, false);
        let is_new = self.look_at.is_none();
        if is_new {
            self.look_at = now.checked_add(ALONE);
        }
        is_new
    }

    /// It waits no more. Tells whether it did.
    pub(super) fn stop(&mut self) -> bool {
        self.has_help = false;
        self.waker.take().is_some()
    }

    /// Wakes it, so that it polls if it still waits. Until then it does not count as reading.
    pub(super) fn wake(&mut self) {
        self.has_help = false;
        waker::wake(&mut self.waker);
    }

    /// The driver reads no more for now, so it has to read itself if it still waits.
    pub(super) fn leave_alone(&mut self) {
        if self.has_help {
            self.wake();
        }
    }

    /// Whether it reads, and the driver does not.
    pub(super) fn reads(&self) -> bool {
        self.waker.is_some() && !self.has_help
    }

    /// When to [`look`](Self::look).
    pub(super) fn look_at(&self) -> Option<Duration> {
        self.look_at
    }

    /// Looks whether it has waited for long.
    pub(super) fn look(&mut self, now: Duration) {
        if self.look_at.is_none_or(|at| now < at) {
            return;
        }
        self.look_at = None;
        if self.reads() {
            self.look_at = self.polled_at.checked_add(ALONE).filter(|until| now < *until);
            self.has_help = self.look_at.is_none();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What happens to it, at these milliseconds.
    enum Step {
        Polled(u64),
        Looked(u64),
        Stopped,
        Woken,
        LeftAlone,
    }

    #[test]
    fn it_reads_alone_for_a_second_after_each_poll() {
        use Step::{LeftAlone, Looked, Polled, Stopped, Woken};
        let cases: [(&str, &[Step], bool, Option<u64>); 10] = [
            ("nobody waits", &[], false, None),
            ("it waits", &[Polled(0)], true, Some(1000)),
            ("not for long", &[Polled(0), Looked(999)], true, Some(1000)),
            ("for long", &[Polled(0), Looked(1000)], false, None),
            ("it polls again in time", &[Polled(0), Polled(400), Looked(1000)], true, Some(1400)),
            ("it polls again later", &[Polled(0), Looked(1000), Polled(1500)], true, Some(2500)),
            ("it has stopped", &[Polled(0), Stopped, Looked(1000)], false, None),
            ("it was woken, and waits no more", &[Polled(0), Woken, Looked(1000)], false, None),
            ("it was woken, and waits again", &[Polled(0), Looked(1000), LeftAlone, Polled(1001)], true, Some(2001)),
            ("who reads alone is left alone", &[Polled(0), LeftAlone], true, Some(1000)),
        ];
        for (case, steps, reads, look_at) in cases {
            let mut receiver = Receiver::default();
            for step in steps {
                match step {
                    Polled(at) => {
                        let is_new = receiver.look_at().is_none();
                        let cx = Context::from_waker(Waker::noop());
                        assert_eq!(receiver.wait(&cx, Duration::from_millis(*at)), is_new, "{case}");
                    }
                    Looked(at) => receiver.look(Duration::from_millis(*at)),
                    Stopped => assert!(receiver.stop(), "{case}"),
                    Woken => receiver.wake(),
                    LeftAlone => receiver.leave_alone(),
                }
            }
            assert_eq!(receiver.reads(), reads, "{case}");
            assert_eq!(receiver.look_at(), look_at.map(Duration::from_millis), "{case}");
        }
    }
}

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::SystemTime,
};

use super::refresh::RefreshError;
use crate::lifetime::{Questions, Told};

/// What a driver has begun and waits for. An idle socket has none of it.
#[derive(Default)]
pub(super) struct Work {
    /// A refresh in progress that the peer asked for in-band.
    pub(super) refreshing: Option<Refreshing>,
    pub(super) questions: Questions,
}

pub(super) type Refreshing = Pin<Box<dyn Future<Output = Refreshed> + Send>>;

pub(super) type Refreshed = Result<Option<SystemTime>, RefreshError>;

/// What is done.
pub(super) enum Done {
    Refreshed(Refreshed),
    /// When a credential ends now, or that nobody knows.
    Told(Told),
}

impl Work {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Done> {
        if let Some(refreshing) = &mut self.refreshing
            && let Poll::Ready(refreshed) = refreshing.as_mut().poll(cx)
        {
            self.refreshing = None;
            return Poll::Ready(Done::Refreshed(refreshed));
        }
        self.questions.poll_answered(cx).map(Done::Told)
    }

    pub(super) fn is_done(&self) -> bool {
        self.refreshing.is_none() && self.questions.is_empty()
    }
}

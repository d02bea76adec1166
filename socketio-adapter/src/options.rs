use std::time::Duration;

/// The settings of [`SocketIoAuth`](super::SocketIoAuth), beside those of socketioxide.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub(super) connect_timeout: Duration,
    pub(super) max_auth: usize,
    pub(super) post_timeout: Duration,
    pub(super) allows_guests: bool,
    pub(super) binds_to_sid: bool,
}

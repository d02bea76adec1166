use std::time::Duration;

/// What [`SocketIoAuth`](super::SocketIoAuth) was told, beside the settings of socketioxide.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub(super) connect_timeout: Duration,
    pub(super) max_auth: usize,
    pub(super) post_timeout: Duration,
    pub(super) allows_guests: bool,
    pub(super) binds_to_sid: bool,
}

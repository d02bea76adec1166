use std::time::Duration;

use crate::CloseCodes;

/// What a layer says of the life of its sockets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SocketSettings {
    pub(crate) codes: CloseCodes,
    /// How long before its end a client is told.
    pub(crate) notice: Duration,
    pub(crate) ping: Option<Ping>,
    pub(crate) idle: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Ping {
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
}

impl Default for SocketSettings {
    fn default() -> Self {
        Self {
            codes: CloseCodes::default(),
            notice: Duration::from_secs(60),
            ping: Some(Ping { interval: Duration::from_secs(60), timeout: Duration::from_secs(20) }),
            idle: None,
        }
    }
}

//! In place of TLS, without the feature `redis-tls`.

use std::convert::Infallible;

use auth_core::ConfigError;
use tokio::net::TcpStream;

use super::Failure;

/// There is none.
#[derive(Clone)]
pub(super) struct Encryption(Infallible);

impl Encryption {
    pub(super) fn usual() -> Result<Self, ConfigError> {
        Err(ConfigError::new("the URL of Redis asks for TLS, which is not built in: turn on the feature `redis-tls`"))
    }

    pub(super) fn check(&self, _host: &str) -> Result<(), ConfigError> {
        match self.0 {}
    }

    pub(super) async fn connect(&self, _host: &str, _stream: TcpStream) -> Result<TcpStream, Failure> {
        match self.0 {}
    }
}

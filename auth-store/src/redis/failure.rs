use std::{error::Error, fmt};

use redis::{ErrorKind, RedisError};

/// Why a call failed. What Redis itself writes is not repeated, since it may hold the command.
#[derive(Debug)]
pub(super) struct Failure {
    what: &'static str,
    /// The code of the answer: `NOAUTH`, `OOM`, `READONLY`.
    code: Option<String>,
    /// Whether the connection broke, so that a new one may do better.
    pub(super) broken: bool,
}

impl Failure {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, code: None, broken: false }
    }

    /// The same, where another try would not do better.
    pub(super) fn not_again(self) -> Self {
        Self { broken: false, ..self }
    }

    /// Whether Redis has answered, so that the connection stands.
    pub(super) fn is_answer(&self) -> bool {
        self.code.is_some()
    }

    pub(super) fn timeout() -> Self {
        Self::new("Redis did not answer in time")
    }
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        if error.is_timeout() {
            return Self::timeout();
        }
        // A connection that ends in the middle of an answer is an answer that cannot be parsed.
        let broken = error.is_io_error() || error.is_connection_dropped() || error.kind() == ErrorKind::Parse;
        let what = match broken {
            true if error.is_connection_refusal() => "Redis refused the connection",
            true => "the connection to Redis is lost",
            false => "Redis refused the command",
        };
        Self { what, code: error.code().map(str::to_owned), broken }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{} ({code})", self.what),
            None => f.write_str(self.what),
        }
    }
}

impl Error for Failure {}

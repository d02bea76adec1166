use std::{error::Error, fmt};

use redis::{ErrorKind, RedisError};

/// Why a call failed. It does not repeat Redis's text, which may hold the command.
#[derive(Debug)]
pub(super) struct Failure {
    what: &'static str,
    /// The error code of Redis: `NOAUTH`, `OOM`, `READONLY`.
    code: Option<String>,
    /// Whether the connection broke, so that a new one may work.
    pub(super) broken: bool,
}

impl Failure {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, code: None, broken: false }
    }

    /// The same failure, marked as one that another try would not help.
    pub(super) fn not_again(self) -> Self {
        Self { broken: false, ..self }
    }

    /// Whether Redis has answered, so that the connection works.
    pub(super) fn is_answer(&self) -> bool {
        self.code.is_some()
    }

    /// Whether Redis only refuses to write: its memory is full, or its disk fails. It still answers reads.
    pub(super) fn refuses_writes(&self) -> bool {
        matches!(self.code.as_deref(), Some("OOM" | "MISCONF"))
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
        // If the connection ends in the middle of an answer, `redis` reports a parse error.
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

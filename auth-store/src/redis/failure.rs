use std::{error::Error, fmt, io};

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why a call failed. It does not repeat Redis's text, which may hold the command.
#[derive(Debug)]
pub(super) struct Failure {
    what: &'static str,
    /// The error code of Redis: `NOAUTH`, `OOM`, `READONLY`.
    code: Option<String>,
    /// What the system or TLS says about a connection that could not be made.
    why: Option<String>,
    /// Whether the connection broke, so that a new one may work.
    pub(super) broken: bool,
    /// Who has the key, as a server of a cluster says.
    pub(super) redirect: Option<Redirect>,
}

/// Another server of a cluster that has the key of a command. The command was not processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Redirect {
    /// Empty if it is the host that was asked.
    pub(super) host: String,
    pub(super) port: u16,
    /// Whether the key is only about to move, so that this command alone goes there.
    pub(super) is_asking: bool,
}

impl Failure {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, code: None, why: None, broken: false, redirect: None }
    }

    /// A connection that could not be made.
    pub(super) fn connecting(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::new("Redis refused the connection"),
            _ => Self::new("no connection to Redis can be made").because(error),
        }
    }

    pub(super) fn because(self, error: &dyn Error) -> Self {
        Self { why: Some(error.to_string()), ..self }
    }

    /// The same failure, marked as one that another try would not help.
    pub(super) fn not_again(self) -> Self {
        Self { broken: false, ..self }
    }

    pub(super) fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Whether Redis has answered, so that the connection works.
    pub(super) fn is_answer(&self) -> bool {
        self.code.is_some()
    }

    /// Whether Redis only refuses to write: its memory is full, or its disk fails. It still answers reads.
    pub(super) fn refuses_writes(&self) -> bool {
        matches!(self.code.as_deref(), Some("OOM" | "MISCONF"))
    }

    /// Whether another server of the cluster may have taken over.
    pub(super) fn suggests_a_change(&self) -> bool {
        let code = self.code.as_deref();
        code.is_none_or(|code| matches!(code, "CLUSTERDOWN" | "LOADING" | "MASTERDOWN" | "MOVED" | "READONLY"))
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
            false if error.kind() == ErrorKind::AuthenticationFailed => "Redis refused the user or the password",
            false => "Redis refused the command",
        };
        Self { what, code: error.code().map(str::to_owned), why: None, broken, redirect: Redirect::of(&error) }
    }
}

impl Redirect {
    fn of(error: &RedisError) -> Option<Self> {
        let (place, _) = error.redirect_node()?;
        let (host, port) = place.rsplit_once(':')?;
        let is_asking = error.kind() == ErrorKind::Server(ServerErrorKind::Ask);
        Some(Self { host: host.to_owned(), port: port.parse().ok()?, is_asking })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code.as_ref().or(self.why.as_ref()) {
            Some(more) => write!(f, "{} ({more})", self.what),
            None => f.write_str(self.what),
        }
    }
}

impl Error for Failure {}

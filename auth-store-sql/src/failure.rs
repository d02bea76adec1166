use std::{error::Error, fmt, io};

/// Why a call failed. It does not repeat the text of the database, which may hold values, nor the address.
#[derive(Debug)]
pub(crate) struct Failure {
    database: &'static str,
    what: &'static str,
    /// The code of the database, or what the system or TLS says about the connection.
    why: Option<String>,
    /// Whether another connection may work, and this one must not be used again.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "SQLite's connections are in the process"))]
    is_broken: bool,
}

impl Failure {
    pub(crate) fn new(database: &'static str, what: &'static str) -> Self {
        Self { database, what, why: None, is_broken: false }
    }

    pub(crate) fn timeout(database: &'static str) -> Self {
        Self { is_broken: true, ..Self::new(database, "did not answer in time") }
    }

    /// What is stored under a key is not what it should be.
    pub(crate) fn unreadable(database: &'static str) -> Self {
        Self::new(database, "holds a value that cannot be read")
    }

    /// `refused` says in words what a code of this database means, and whether another connection may work.
    pub(crate) fn of(
        database: &'static str,
        error: &sqlx::Error,
        refused: impl FnOnce(&str) -> (&'static str, bool),
    ) -> Self {
        let broken = |what| Self { is_broken: true, ..Self::new(database, what) };
        match error {
            sqlx::Error::Database(error) => {
                let code = error.code().unwrap_or_default();
                let (what, is_broken) = refused(&code);
                Self { database, what, why: Some(format!("code {code}")), is_broken }
            }
            sqlx::Error::PoolTimedOut => Self::timeout(database),
            sqlx::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                broken("refused the connection")
            }
            // What TLS does not accept.
            sqlx::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                Self { why: Some(error.to_string()), ..broken("makes no encrypted connection") }
            }
            sqlx::Error::Io(error) => {
                Self { why: Some(error.kind().to_string()), ..broken("cannot be reached, or the connection is lost") }
            }
            sqlx::Error::Tls(error) => Self { why: Some(error.to_string()), ..broken("makes no encrypted connection") },
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::unreadable(database),
            sqlx::Error::PoolClosed => Self::new(database, "is closed by the application"),
            _ => broken("failed in an unusual way"),
        }
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.database, self.what)?;
        match &self.why {
            Some(why) => write!(f, " ({why})"),
            None => Ok(()),
        }
    }
}

impl Error for Failure {}

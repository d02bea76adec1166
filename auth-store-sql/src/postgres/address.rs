//! Where Postgres is, and how it is asked.

use std::{env, net::IpAddr, str::FromStr as _, time::Duration};

use auth_core::ConfigError;
use sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgSslMode},
};

/// What a URL may say. The client would log another parameter with its value.
const PARAMETERS: [&str; 19] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
    "options[search_path]",
];

/// How long a transaction may wait for its node. It holds locks meanwhile.
const LONGEST_PAUSE: &str = "5000";

/// Reads a URL, and decides about encryption.
pub(super) fn read(url: &str) -> Result<PgConnectOptions, ConfigError> {
    let (scheme, rest) = url.split_once("://").ok_or_else(unusable)?;
    if !["postgres", "postgresql"].contains(&scheme) {
        return Err(unusable());
    }
    let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let names = || query.split('&').filter(|part| !part.is_empty()).map(|part| part.split('=').next().unwrap_or(part));
    if names().any(|name| !PARAMETERS.contains(&name)) {
        return Err(ConfigError::new("the URL of Postgres has a parameter that is unknown here"));
    }
    let options = PgConnectOptions::from_str(url).map_err(|_| unusable())?;
    let says_mode = names().any(|name| ["sslmode", "ssl-mode"].contains(&name)) || env::var_os("PGSSLMODE").is_some();
    let mode = says_mode.then(|| options.get_ssl_mode());
    let mode = mode_of(mode, is_near(&options))?;
    let options = options.ssl_mode(mode).disable_statement_logging();
    Ok(match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("portcullis"),
    })
}

/// With limits on the server too, so that what nobody waits for any more ends there. The rules of transactions are those that the
/// commands were written for, whatever the default of the server is.
pub(super) fn limited(options: PgConnectOptions, timeout: Duration, schema: Option<&str>) -> PgConnectOptions {
    let millis = timeout.as_millis().clamp(1, 3_600_000).to_string();
    let limits = [
        ("statement_timeout", millis.as_str()),
        ("idle_in_transaction_session_timeout", LONGEST_PAUSE),
        ("default_transaction_isolation", "read committed"),
        // A `ROLLBACK` to be sure would be a warning in the log of the application.
        ("client_min_messages", "error"),
    ];
    let options = options.options(limits);
    match schema {
        Some(schema) => options.options([("search_path", schema)]),
        None => options,
    }
}

fn mode_of(said: Option<PgSslMode>, is_near: bool) -> Result<PgSslMode, ConfigError> {
    match said {
        None if is_near => Ok(PgSslMode::Disable),
        None => Err(ConfigError::new(
            "the URL of Postgres does not say whether to encrypt: add `?sslmode=verify-full`, or `?sslmode=disable`",
        )),
        Some(PgSslMode::Allow | PgSslMode::Prefer) => Err(ConfigError::new(
            "the URL of Postgres encrypts only if it happens to work: write `sslmode=verify-full` or `sslmode=disable`",
        )),
        Some(PgSslMode::Disable) => Ok(PgSslMode::Disable),
        Some(_) if !cfg!(feature = "postgres-tls") => {
            Err(ConfigError::new("the URL of Postgres asks for TLS, which needs the feature `postgres-tls`"))
        }
        Some(mode) => Ok(mode),
    }
}

/// Whether nothing leaves the machine.
fn is_near(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || address.is_ok_and(|address| address.is_loopback())
}

fn unusable() -> ConfigError {
    ConfigError::new(
        "the URL of Postgres cannot be used: write `postgres://user:password@host:5432/database?sslmode=verify-full`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_says_whether_to_encrypt_unless_nothing_leaves_the_machine() {
        for near in ["localhost", "127.0.0.1", "[::1]", "%2Frun%2Fpostgresql"] {
            let options = read(&format!("postgres://app@{near}/app")).unwrap();
            assert!(matches!(options.get_ssl_mode(), PgSslMode::Disable), "{near}");
        }
        for far in ["db.example/app", "db.example/app?sslmode=prefer", "db.example/app?sslmode=allow", "10.0.0.1/app"] {
            let error = read(&format!("postgres://app:MARKER@{far}")).unwrap_err();
            assert!(error.to_string().contains("encrypt") && !format!("{error:?}").contains("MARKER"), "{error:?}");
        }
        assert!(read("postgres://app@db.example/app?sslmode=disable").is_ok());
        for mode in ["require", "verify-ca", "verify-full"] {
            let read = read(&format!("postgres://app@db.example/app?sslmode={mode}"));
            assert_eq!(read.is_ok(), cfg!(feature = "postgres-tls"), "{mode}");
        }
    }

    #[test]
    fn url_that_cannot_be_used_is_an_error_that_does_not_repeat_it() {
        for url in [
            "",
            "127.0.0.1",
            "mysql://app:MARKER@127.0.0.1",
            "postgres://app:MARKER@127.0.0.1:port/",
            "postgres://app@127.0.0.1/?passwd=MARKER",
            "postgres://app:MARKER@127.0.0.1/?sslmode=MARKER",
        ] {
            let error = read(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("MARKER"), "{error:?}");
        }
    }
}

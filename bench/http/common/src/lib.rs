//! What the HTTP servers of the benchmark share: the claims, the user, the keys, and how a server starts and ends.
//!
//! The environment of a server:
//!
//! | Variable | Meaning |
//! |---|---|
//! | `ALG` | the algorithm of the tokens: `HS256` (default), `ES256`, `RS256` |
//! | `KEYS` | the folder of the keys, which the load generator makes for each run |
//! | `JWKS_URL` | where the public keys are served |
//! | `LOG` | `info` installs a subscriber that writes to standard error |
//!
//! This crate depends on no web framework and no crypto, since its features reach every server.

use std::{
    env,
    fs::read_to_string,
    io::{Read as _, Write as _, stderr, stdin, stdout},
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process, thread,
};

use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::LevelFilter;

/// As in the floors, which this crate can't use: they enable features of `jsonwebtoken`.
pub const ISSUER: &str = "https://id.example.org";
pub const AUDIENCE: &str = "bench";

/// What every server reads from a token.
#[derive(Clone, Debug, Deserialize)]
pub struct Claims {
    pub sub: String,
    pub name: String,
    pub scope: String,
    pub iss: String,
    pub iat: u64,
    pub exp: u64,
    pub jti: String,
}

/// What `GET /me` answers.
#[derive(Clone, Debug, Serialize)]
pub struct User {
    pub id: String,
    pub name: String,
}

impl User {
    /// The user of servers that check nothing.
    #[must_use]
    pub fn fixed() -> Self {
        Self { id: "1001".into(), name: "admin".into() }
    }
}

impl From<Claims> for User {
    fn from(claims: Claims) -> Self {
        Self { id: claims.sub, name: claims.name }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alg {
    Hs256,
    Es256,
    Rs256,
}

impl Alg {
    /// Reads `ALG`.
    ///
    /// # Panics
    /// If it is another algorithm.
    #[must_use]
    pub fn chosen() -> Self {
        match env::var("ALG").as_deref() {
            Err(_) | Ok("HS256") => Self::Hs256,
            Ok("ES256") => Self::Es256,
            Ok("RS256") => Self::Rs256,
            Ok(other) => panic!("ALG is {other}: not one of HS256, ES256, RS256"),
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    /// The public key as PEM.
    ///
    /// # Panics
    /// For HS256, which has none.
    #[must_use]
    pub fn public_pem(self) -> String {
        key_file(&format!("{}.pem", self.name()))
    }
}

/// The secret for HS256.
#[must_use]
pub fn secret() -> String {
    key_file("secret")
}

/// The public keys as a JWK set.
#[must_use]
pub fn jwks() -> String {
    key_file("jwks.json")
}

/// # Panics
/// If the variable is not set.
#[must_use]
pub fn jwks_url() -> String {
    env::var("JWKS_URL").expect("JWKS_URL says where the public keys are served")
}

/// Installs a subscriber if `LOG` asks for one, binds a free port, prints the address, and ends the process when the other
/// end of standard input closes.
///
/// # Panics
/// If the machine gives no port.
#[must_use]
pub fn start() -> TcpListener {
    if env::var("LOG").is_ok_and(|level| level == "info") {
        tracing_subscriber::fmt().with_max_level(LevelFilter::INFO).with_writer(stderr).init();
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.set_nonblocking(true).expect("a listener that does not block");
    println!("{}", listener.local_addr().expect("an address"));
    stdout().flush().expect("a pipe to the parent");
    thread::spawn(|| {
        let _ = stdin().read_to_end(&mut Vec::new());
        process::exit(0);
    });
    listener
}

fn key_file(name: &str) -> String {
    read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn folder() -> PathBuf {
    env::var_os("KEYS").expect("KEYS names the folder of the keys").into()
}

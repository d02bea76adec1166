//! Where a server is, and how it is asked.

use std::path::{Path, PathBuf};

use auth_core::ConfigError;
use redis::{ConnectionAddr, IntoConnectionInfo as _, RedisConnectionInfo};

use super::tls::Encryption;

/// A server, with the user, the password and the encryption for it.
#[derive(Clone)]
pub(super) struct Address {
    place: Place,
    info: RedisConnectionInfo,
    encryption: Option<Encryption>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Tcp(String, u16),
    Unix(PathBuf),
}

/// Where to begin.
#[derive(Clone)]
pub(super) enum Addresses {
    One(Address),
    /// The first of a cluster, and the others.
    Cluster(Address, Vec<Address>),
}

impl Addresses {
    /// The servers of a cluster, as the first is asked.
    pub(super) fn of_cluster(
        servers: Vec<Parsed>,
        encryption: impl FnOnce() -> Result<Encryption, ConfigError>,
    ) -> Result<Self, ConfigError> {
        let is_encrypted = servers.first().is_some_and(|first| first.is_encrypted);
        if servers.iter().any(|server| server.is_encrypted != is_encrypted) {
            return Err(ConfigError::new("some URLs of the cluster ask for TLS, and others do not"));
        }
        let encryption = is_encrypted.then(encryption).transpose()?;
        let mut addresses = Vec::new();
        for server in servers {
            if server.address.host().is_none() || server.address.info.db() != 0 {
                return Err(ConfigError::new("a cluster of Redis has only TCP addresses and the database 0"));
            }
            addresses.push(match &encryption {
                Some(encryption) => server.encrypted(encryption.clone())?,
                None => server.plain(),
            });
        }
        let mut addresses = addresses.into_iter();
        let first = addresses.next().ok_or_else(|| ConfigError::new("the cluster of Redis has no URL"))?;
        let others = addresses.map(|other| Address { place: other.place, ..first.clone() }).collect();
        Ok(Self::Cluster(first, others))
    }

    pub(super) fn are_a_cluster(&self) -> bool {
        matches!(self, Self::Cluster(..))
    }
}

/// An address whose encryption has not been decided.
pub(super) struct Parsed {
    address: Address,
    pub(super) is_encrypted: bool,
}

impl Parsed {
    /// Reads `redis://[user[:password]@]host[:port][/database]`, the same with `rediss`, or the path of a Unix socket.
    pub(super) fn url(url: &str) -> Result<Self, ConfigError> {
        let (scheme, rest) = url.split_once("://").ok_or_else(unusable)?;
        let is_encrypted = ["rediss", "valkeys"].iter().any(|name| scheme.eq_ignore_ascii_case(name));
        let info = if is_encrypted {
            if rest.contains('#') {
                return Err(ConfigError::new(
                    "the URL of Redis ends with `#…`: `#insecure` would trust any server, and nothing else is known",
                ));
            }
            // Without its own TLS, the `redis` crate reads only the name without encryption.
            format!("redis://{rest}").into_connection_info()
        } else {
            url.into_connection_info()
        };
        let info = info.map_err(|_| unusable())?;
        let place = match info.addr() {
            ConnectionAddr::Tcp(host, port) => Place::Tcp(host.clone(), *port),
            ConnectionAddr::Unix(path) => Place::Unix(path.clone()),
            _ => return Err(unusable()),
        };
        let address = Address { place, info: info.redis_settings().clone(), encryption: None };
        Ok(Self { address, is_encrypted })
    }

    #[cfg(feature = "redis-tls")]
    pub(super) fn must_be_encrypted(self) -> Result<Self, ConfigError> {
        match self.is_encrypted {
            true => Ok(self),
            false => {
                Err(ConfigError::new("certificates are given for a Redis without TLS: write `rediss://` in its URL"))
            }
        }
    }

    pub(super) fn plain(self) -> Address {
        self.address
    }

    /// # Errors
    /// If no certificate can be for this host.
    pub(super) fn encrypted(self, encryption: Encryption) -> Result<Address, ConfigError> {
        match &self.address.place {
            Place::Tcp(host, _) => encryption.check(host)?,
            Place::Unix(_) => return Err(unusable()),
        }
        Ok(Address { encryption: Some(encryption), ..self.address })
    }
}

impl Address {
    /// Another server of the same cluster.
    pub(super) fn at(&self, host: &str, port: u16) -> Self {
        Self { place: Place::Tcp(host.to_owned(), port), ..self.clone() }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn info(&self) -> &RedisConnectionInfo {
        &self.info
    }

    pub(super) fn encryption(&self) -> Option<&Encryption> {
        self.encryption.as_ref()
    }

    /// The name of the host; `None` for a Unix socket.
    pub(super) fn host(&self) -> Option<&str> {
        match &self.place {
            Place::Tcp(host, _) => Some(host),
            Place::Unix(_) => None,
        }
    }
}

impl Place {
    pub(super) fn socket(&self) -> Option<&Path> {
        match self {
            Self::Tcp(..) => None,
            Self::Unix(path) => Some(path),
        }
    }
}

fn unusable() -> ConfigError {
    ConfigError::new(
        "the URL of Redis cannot be used: write `redis://host:6379/0`, or `rediss://` for TLS, with `user:password@` before \
         the host if it wants them",
    )
}

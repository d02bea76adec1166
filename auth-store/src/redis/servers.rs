//! One server, or the servers of a cluster.

use std::{sync::Arc, time::Duration};

use redis::{Cmd, FromRedisValue};

use super::{
    Failure,
    address::Addresses,
    cluster::Cluster,
    link::{Link, Repeat},
};

/// Sends each command to the server that has its key.
pub(super) enum Servers {
    One(Arc<Link>),
    Cluster(Box<Cluster>),
}

impl Servers {
    pub(super) fn new(addresses: &Addresses, timeout: Duration) -> Self {
        match addresses.clone() {
            Addresses::One(address) => Self::One(Arc::new(Link::new(address, timeout))),
            Addresses::Cluster(first, others) => Self::Cluster(Box::new(Cluster::new(first, others, timeout))),
        }
    }

    /// Runs a command about this key, within the timeout.
    pub(super) async fn call<T: FromRedisValue>(&self, key: &str, cmd: &Cmd, repeat: Repeat) -> Result<T, Failure> {
        match self {
            Self::One(link) => link.call(cmd, repeat).await,
            Self::Cluster(cluster) => cluster.call(key, cmd, repeat).await,
        }
    }

    /// Runs a command that any server may answer, and that is harmless twice.
    pub(super) async fn call_any<T: FromRedisValue>(&self, cmd: &Cmd) -> Result<T, Failure> {
        match self {
            Self::One(link) => link.call(cmd, Repeat::Harmless).await,
            Self::Cluster(cluster) => cluster.call_any(cmd).await,
        }
    }

    /// The server to listen at. In a cluster each call returns another one; messages reach all of them.
    pub(super) fn next_to_hear(&self) -> Arc<Link> {
        match self {
            Self::One(link) => Arc::clone(link),
            Self::Cluster(cluster) => cluster.next(),
        }
    }

    /// Checks that messages of the other servers reach this one.
    pub(super) async fn check_in_touch(&self, server: &Link) -> Result<(), Failure> {
        match self {
            Self::One(_) => Ok(()),
            Self::Cluster(cluster) => cluster.check_in_touch(server).await,
        }
    }
}

//! Calls that give up in time.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use sqlx::{
    Connection as _, PgPool, Postgres,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::{Instant, error::Elapsed, timeout_at};

use super::failure::{because, timeout};
use crate::failure::Failure;

/// A connection that has been idle for this long is asked before it is used: somebody may have closed it.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// The connections, as the clones of a store share them. They are opened when they are needed.
pub(super) struct Link {
    options: PgConnectOptions,
    max_connections: u32,
    timeout: Duration,
    pool: OnceLock<PgPool>,
}

/// A connection for one call, which is over at an instant.
pub(super) struct Lent {
    pub(super) connection: PoolConnection<Postgres>,
    pub(super) until: Instant,
}

impl Link {
    pub(super) fn new(options: PgConnectOptions, max_connections: u32, timeout: Duration) -> Arc<Self> {
        Arc::new(Self { options, max_connections, timeout, pool: OnceLock::new() })
    }

    pub(super) fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) async fn lend(&self) -> Result<Lent, Failure> {
        self.lend_for(self.timeout).await
    }

    pub(super) async fn lend_for(&self, span: Duration) -> Result<Lent, Failure> {
        let until = Instant::now() + span;
        let acquire = timeout_at(until, self.pool().acquire());
        let connection = acquire.await.map_err(|_| timeout())?.map_err(|error| because(&error))?;
        Ok(Lent { connection, until })
    }

    fn pool(&self) -> &PgPool {
        self.pool.get_or_init(|| {
            let options = PgPoolOptions::new().max_connections(self.max_connections).acquire_timeout(self.timeout);
            let options = options.test_before_acquire(false).before_acquire(|connection, idle| {
                Box::pin(async move {
                    if idle.idle_for < FRESH_FOR {
                        return Ok(true);
                    }
                    Ok(connection.ping().await.is_ok())
                })
            });
            options.connect_lazy_with(self.options.clone())
        })
    }
}

impl Lent {
    /// What a call has answered. A connection that may be broken, or that is still busy, is not used again.
    pub(super) fn settle<T>(self, answer: Result<Result<T, sqlx::Error>, Elapsed>) -> Result<T, Failure> {
        let failure = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => because(&error),
            Err(_) => timeout(),
        };
        if failure.is_broken() {
            drop(self.connection.detach());
        }
        Err(failure)
    }
}

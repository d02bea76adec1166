//! Calls that give up in time, and writes one after the other.

use std::{sync::Arc, time::Duration};

use sqlx::{Connection as _, Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};
use tokio::{
    runtime::Handle,
    sync::{Mutex, OwnedMutexGuard},
    time::{Instant, timeout_at},
};

use super::failure::{because, timeout};
use crate::failure::Failure;

/// The connections, as the clones of a store share them.
#[derive(Clone)]
pub(super) struct Link {
    pool: SqlitePool,
    /// SQLite has one writer at a time. Its own queue is not fair, and polls.
    writing: Arc<Mutex<()>>,
    pub(super) timeout: Duration,
}

/// A connection for one call, which is over at an instant.
pub(super) struct Lent {
    /// Taken when it goes back.
    connection: Option<PoolConnection<Sqlite>>,
    pub(super) until: Instant,
    turn: Option<OwnedMutexGuard<()>>,
    /// A call may be dropped outside of it, and `sqlx` needs one to take the connection back.
    runtime: Handle,
}

impl Link {
    pub(super) fn new(pool: SqlitePool, timeout: Duration) -> Self {
        Self { pool, writing: Arc::default(), timeout }
    }

    pub(super) fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// For reading.
    pub(super) async fn reader(&self) -> Result<Lent, Failure> {
        let until = Instant::now() + self.timeout;
        self.lend(until, None).await
    }

    /// For writing, when it is its turn.
    pub(super) async fn writer(&self) -> Result<Lent, Failure> {
        let until = Instant::now() + self.timeout;
        let turn = timeout_at(until, Arc::clone(&self.writing).lock_owned()).await.map_err(|_| timeout())?;
        self.lend(until, Some(turn)).await
    }

    async fn lend(&self, until: Instant, turn: Option<OwnedMutexGuard<()>>) -> Result<Lent, Failure> {
        let connection = within(until, self.pool.acquire()).await?;
        Ok(Lent { connection: Some(connection), until, turn, runtime: Handle::current() })
    }
}

impl Lent {
    pub(super) fn connection(&mut self) -> Result<&mut SqliteConnection, Failure> {
        Ok(self.connection.as_mut().ok_or_else(timeout)?)
    }
}

impl Drop for Lent {
    /// A caller may have left while the connection still waits for a lock. Its turn is over when that is: otherwise the next ones would
    /// take the other connections, and nobody could read.
    fn drop(&mut self) {
        let _inside = self.runtime.enter();
        let (Some(mut connection), Some(turn)) = (self.connection.take(), self.turn.take()) else { return };
        self.runtime.spawn(async move {
            // It answers after all that was asked before.
            let _ = connection.ping().await;
            drop((connection, turn));
        });
    }
}

/// What a call of SQLite answers by then.
pub(super) async fn within<T>(
    until: Instant,
    call: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, Failure> {
    timeout_at(until, call).await.map_err(|_| timeout())?.map_err(|error| because(&error))
}

/// The row that a change returns, if it has changed one. It waits until the change is written: `sqlx` drops the error of a commit
/// after it has the one row that was asked for.
pub(super) async fn changed<T>(
    until: Instant,
    call: impl Future<Output = Result<Vec<T>, sqlx::Error>>,
) -> Result<Option<T>, Failure> {
    Ok(within(until, call).await?.pop())
}

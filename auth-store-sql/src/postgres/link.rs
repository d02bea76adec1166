//! Connections, and calls that give up in time.
//!
//! `sqlx`'s own pool tries again and again while Postgres refuses connections, so each call of a service would take a whole timeout.
//! This one fails at once. It has no tasks, and needs no runtime before the first call.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, error::Elapsed, timeout_at},
};

use super::failure::{because, lost, timeout};
use crate::failure::Failure;

/// A connection that has been idle for this long is asked before it is used: somebody may have closed it.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// A connection that nobody needs is closed when another one comes back after this long.
const IDLE_FOR: Duration = Duration::from_secs(600);

/// The connections, as the clones of a store share them. They are opened when they are needed.
pub(super) struct Link {
    options: PgConnectOptions,
    timeout: Duration,
    /// One for each connection.
    permits: Arc<Semaphore>,
    /// The latest is the last.
    idle: Mutex<VecDeque<(PgConnection, Instant)>>,
}

/// A connection for one call, which is over at an instant.
pub(super) struct Lent {
    /// Taken when it goes back.
    connection: Option<PgConnection>,
    until: Instant,
    link: Arc<Link>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Link {
    pub(super) fn new(options: PgConnectOptions, max_connections: u32, timeout: Duration) -> Arc<Self> {
        let most = usize::try_from(max_connections).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Arc::new(Self { options, timeout, permits: Arc::new(Semaphore::new(most)), idle: Mutex::default() })
    }

    pub(super) fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) async fn lend(self: &Arc<Self>) -> Result<Lent, Failure> {
        self.lend_by(Instant::now() + self.timeout).await
    }

    /// For a call that is over at this instant.
    pub(super) async fn lend_by(self: &Arc<Self>, until: Instant) -> Result<Lent, Failure> {
        let permit = timeout_at(until, Arc::clone(&self.permits).acquire_owned()).await.map_err(|_| timeout())?;
        let permit = Some(permit.map_err(|_| lost())?);
        let mut lent = Lent { connection: None, until, link: Arc::clone(self), permit };
        if !lent.find().await {
            let connect = timeout_at(until, PgConnection::connect_with(&self.options)).await;
            lent.connection = Some(connect.map_err(|_| timeout())?.map_err(|error| because(&error))?);
        }
        Ok(lent)
    }

    /// The connection that came back last, and since when it is idle.
    fn pop(&self) -> Option<(PgConnection, Instant)> {
        self.idle().pop_back()
    }

    fn put_back(&self, connection: PgConnection) {
        let mut idle = self.idle();
        idle.push_back((connection, Instant::now()));
        // A closed connection needs no farewell: its socket tells.
        while idle.front().is_some_and(|(_, since)| since.elapsed() > IDLE_FOR) {
            idle.pop_front();
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, VecDeque<(PgConnection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lent {
    /// Finds an idle connection that works. It has it while it asks, so that a caller who leaves does not lose it.
    async fn find(&mut self) -> bool {
        while let Some((connection, since)) = self.link.pop() {
            let connection = self.connection.insert(connection);
            if since.elapsed() < FRESH_FOR || matches!(timeout_at(self.until, connection.ping()).await, Ok(Ok(()))) {
                return true;
            }
            self.connection = None;
        }
        false
    }

    /// The connection, and when the call is over.
    pub(super) fn parts(&mut self) -> Result<(&mut PgConnection, Instant), Failure> {
        Ok((self.connection.as_mut().ok_or_else(lost)?, self.until))
    }

    /// What a call has answered. A connection that may be broken, or that is still busy, is not used again.
    pub(super) fn settle<T>(mut self, answer: Result<Result<T, sqlx::Error>, Elapsed>) -> Result<T, Failure> {
        let connection = self.connection.take();
        let failure = match answer {
            Ok(Ok(answer)) => {
                connection.into_iter().for_each(|connection| self.link.put_back(connection));
                return Ok(answer);
            }
            Ok(Err(error)) => because(&error),
            Err(_) => timeout(),
        };
        if !failure.is_broken() {
            // A transaction that has failed is undone before it goes back.
            self.connection = connection;
        }
        Err(failure)
    }
}

impl Drop for Lent {
    /// Nobody waits for the call any more, or it has failed: its connection goes back when it is idle. To open a new one would cost
    /// more, and a client who hangs up again and again could ask for many.
    fn drop(&mut self) {
        let (Some(mut connection), Ok(runtime)) = (self.connection.take(), Handle::try_current()) else { return };
        let (link, permit) = (Arc::clone(&self.link), self.permit.take());
        runtime.spawn(async move {
            // `sqlx` undoes no transaction whose `BEGIN` was not answered yet. Later calls would be part of it.
            let undo = sqlx::raw_sql("ROLLBACK").execute(&mut connection);
            if let Ok(Ok(_)) = tokio::time::timeout(link.timeout, undo).await {
                link.put_back(connection);
            }
            drop(permit);
        });
    }
}

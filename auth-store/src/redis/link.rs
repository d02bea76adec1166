use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, aio::MultiplexedConnection};
use tokio::time::{Instant, timeout};

use super::Failure;

/// How long nobody tries to connect after it has failed, so that a Redis which comes up is not stormed.
const PAUSE: Duration = Duration::from_millis(100);

/// How many commands may wait to be written.
const BUFFER: usize = 1024;

/// The one connection that all calls share. It is made by the first that needs it, and thrown away by the first that it
/// fails.
///
/// The connection manager of the `redis` crate is not used: it keeps a connection on which nothing is answered any more.
pub(super) struct Link {
    client: Client,
    config: AsyncConnectionConfig,
    timeout: Duration,
    slot: Mutex<Slot>,
    /// Whoever connects holds it: the others wait for the result, each within its own timeout.
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Slot {
    connection: Option<MultiplexedConnection>,
    /// Tells the connections apart.
    number: u64,
    failed_at: Option<Instant>,
}

impl Link {
    pub(super) fn new(client: Client, timeout: Duration) -> Self {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(Some(timeout))
            .set_pipeline_buffer_size(BUFFER);
        Self { client, config, timeout, slot: Mutex::default(), connecting: tokio::sync::Mutex::default() }
    }

    /// Runs a command once.
    pub(super) async fn call<T: FromRedisValue>(&self, cmd: &Cmd) -> Result<T, Failure> {
        self.within_timeout(cmd, false).await
    }

    /// Runs a command that may run twice without harm: again on a new connection, if the old one turns out to be lost.
    pub(super) async fn call_again<T: FromRedisValue>(&self, cmd: &Cmd) -> Result<T, Failure> {
        self.within_timeout(cmd, true).await
    }

    async fn within_timeout<T: FromRedisValue>(&self, cmd: &Cmd, again: bool) -> Result<T, Failure> {
        let mut used = None;
        let result = timeout(self.timeout, async {
            match self.once(cmd, &mut used).await {
                Err(failure) if again && failure.broken => {
                    self.drop_connection(used.take());
                    self.once(cmd, &mut used).await
                }
                result => result,
            }
        });
        let result = result.await.unwrap_or_else(|_| Err(Failure::timeout()));
        if result.is_err() {
            self.drop_connection(used);
        }
        result
    }

    async fn once<T: FromRedisValue>(&self, cmd: &Cmd, used: &mut Option<u64>) -> Result<T, Failure> {
        let (number, mut connection) = self.connection().await?;
        *used = Some(number);
        Ok(cmd.query_async(&mut connection).await?)
    }

    async fn connection(&self) -> Result<(u64, MultiplexedConnection), Failure> {
        if let Some(connection) = self.slot().connection() {
            return Ok(connection);
        }
        let _connecting = self.connecting.lock().await;
        {
            let slot = self.slot();
            if let Some(connection) = slot.connection() {
                return Ok(connection);
            }
            if slot.failed_at.is_some_and(|at| at.elapsed() < PAUSE) {
                return Err(Failure::new("Redis could not be reached a moment ago"));
            }
        }
        let connected = self.client.get_multiplexed_async_connection_with_config(&self.config).await;
        let mut slot = self.slot();
        slot.failed_at = connected.is_err().then(Instant::now);
        let connection = connected.map_err(|error| Failure::from(error).not_again())?;
        slot.number += 1;
        slot.connection = Some(connection.clone());
        Ok((slot.number, connection))
    }

    /// Throws this connection away, unless somebody has done so.
    fn drop_connection(&self, number: Option<u64>) {
        let mut slot = self.slot();
        if number == Some(slot.number) {
            slot.connection = None;
        }
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn connection(&self) -> Option<(u64, MultiplexedConnection)> {
        self.connection.clone().map(|connection| (self.number, connection))
    }
}

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, Value, aio::MultiplexedConnection};
use tokio::time::{Instant, timeout};

use super::Failure;

/// How long nobody tries to connect after it has failed, so that a Redis which comes up is not stormed.
const PAUSE: Duration = Duration::from_millis(100);

/// How many commands may wait to be written.
const BUFFER: usize = 1024;

/// The one connection that all calls share. It is made by the first that needs it, and thrown away by the first that it
/// fails.
///
/// The connection manager of the `redis` crate is not used. It keeps a connection on which nothing is answered any more,
/// and the first command after a loss fails there too.
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

/// Whether a command may be processed twice. When a connection is lost before the answer has come, nobody knows whether
/// Redis has processed the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Twice is as good as once. The command is sent again on a new connection if the old one is lost.
    Harmless,
    /// The command is sent once. A `PING` goes before it, so that a connection which was closed while it was idle is
    /// replaced first. A lost answer is an error.
    Never,
}

impl Link {
    pub(super) fn new(client: Client, timeout: Duration) -> Self {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(Some(timeout))
            .set_pipeline_buffer_size(BUFFER);
        Self { client, config, timeout, slot: Mutex::default(), connecting: tokio::sync::Mutex::default() }
    }

    /// Runs a command, within the timeout.
    pub(super) async fn call<T: FromRedisValue>(&self, cmd: &Cmd, repeat: Repeat) -> Result<T, Failure> {
        let mut used = None;
        let result = timeout(self.timeout, async {
            match repeat {
                Repeat::Harmless => self.twice(cmd, &mut used).await,
                Repeat::Never => {
                    self.find_answering(&mut used).await?;
                    self.once(cmd, &mut used).await
                }
            }
        });
        let result = result.await.unwrap_or_else(|_| Err(Failure::timeout()));
        if result.is_err() {
            self.drop_connection(used);
        }
        result
    }

    /// Replaces a connection that was closed while it was idle, before anything is lost on it.
    ///
    /// A refused `PING` is an answer too: this user of Redis may lack the right to it.
    async fn find_answering(&self, used: &mut Option<u64>) -> Result<(), Failure> {
        match self.twice::<Value>(&redis::cmd("PING"), used).await {
            Err(failure) if !failure.is_answer() => Err(failure),
            _ => Ok(()),
        }
    }

    /// Runs a command, and again on a new connection if the old one turns out to be lost.
    async fn twice<T: FromRedisValue>(&self, cmd: &Cmd, used: &mut Option<u64>) -> Result<T, Failure> {
        match self.once(cmd, used).await {
            Err(failure) if failure.broken => {
                self.drop_connection(used.take());
                self.once(cmd, used).await
            }
            result => result,
        }
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

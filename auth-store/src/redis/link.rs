use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, Value, aio::MultiplexedConnection};
use tokio::time::{Instant, timeout};

use super::Failure;

/// How long to wait before the next try to connect, to avoid a reconnect storm.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a connection is kept on which Redis refuses to write. A new one at once would find Redis just as full, and all calls
/// would wait for it. But the refusal may be the reason why another server has taken over the address.
const KEEP: Duration = Duration::from_secs(2);

/// How many commands may wait to be written.
const BUFFER: usize = 1024;

/// The one connection that all calls share. The first call that needs it opens it. The first call that fails on it drops it,
/// unless Redis only refuses to write.
///
/// The connection manager of the `redis` crate doesn't fit: it keeps a connection that no longer answers, and the first
/// command after a loss fails.
pub(super) struct Link {
    client: Client,
    config: AsyncConnectionConfig,
    timeout: Duration,
    slot: Mutex<Slot>,
    /// Held while connecting. Other calls wait for the result, each within its own timeout.
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Slot {
    connection: Option<MultiplexedConnection>,
    /// Identifies a connection.
    number: u64,
    opened_at: Option<Instant>,
    failed_at: Option<Instant>,
}

/// Whether a command may be processed twice. If a connection is lost before the answer, it is unknown whether Redis has
/// processed the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Harmless twice. If the connection is lost, the command is sent again on a new one.
    Harmless,
    /// Sent only once, after a `PING` that replaces a connection which was closed while idle. A lost answer is an error.
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
        // After a failure, the address may lead to another server by now.
        if let Err(failure) = &result
            && (!failure.refuses_writes() || self.is_older_than(used, KEEP))
        {
            self.drop_connection(used);
        }
        result
    }

    /// Replaces a connection that was closed while idle, before a command is lost on it.
    ///
    /// A refused `PING` counts as an answer: this Redis user may lack the permission.
    async fn find_answering(&self, used: &mut Option<u64>) -> Result<(), Failure> {
        match self.twice::<Value>(&redis::cmd("PING"), used).await {
            Err(failure) if !failure.is_answer() => Err(failure),
            _ => Ok(()),
        }
    }

    /// Runs a command, and runs it again on a new connection if the old one is lost.
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
                return Err(Failure::new("Redis was unreachable a moment ago"));
            }
        }
        let connected = self.client.get_multiplexed_async_connection_with_config(&self.config).await;
        let mut slot = self.slot();
        slot.failed_at = connected.is_err().then(Instant::now);
        let connection = connected.map_err(|error| Failure::from(error).not_again())?;
        slot.number += 1;
        slot.opened_at = Some(Instant::now());
        slot.connection = Some(connection.clone());
        Ok((slot.number, connection))
    }

    /// Drops this connection, unless another call has done so.
    fn drop_connection(&self, number: Option<u64>) {
        let mut slot = self.slot();
        if number == Some(slot.number) {
            slot.connection = None;
        }
    }

    /// Whether this connection is open, and was opened this long ago.
    fn is_older_than(&self, number: Option<u64>, span: Duration) -> bool {
        let slot = self.slot();
        number == Some(slot.number) && slot.opened_at.is_some_and(|at| at.elapsed() >= span)
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

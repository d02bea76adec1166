use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{AsyncConnectionConfig, Cmd, FromRedisValue, Value, aio::MultiplexedConnection};
use tokio::{
    task::AbortHandle,
    time::{Instant, timeout},
};

use super::{Failure, address::Address, stream::connect};

/// How long to wait before the next try to connect, to avoid a reconnect storm.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a connection is kept on which Redis refuses to write. A new one at once would find Redis just as full, and all calls
/// would wait for it. But the refusal may be the reason why another server has taken over the address.
const KEEP: Duration = Duration::from_secs(2);

/// How many commands may wait to be written.
const BUFFER: usize = 1024;

/// The one connection to a server, which all calls share. The first call that needs it opens it. The first call that fails on it drops it,
/// unless Redis only refuses to write.
///
/// The connection manager of the `redis` crate doesn't fit: it keeps a connection that no longer answers, and the first
/// command after a loss fails.
pub(super) struct Link {
    address: Address,
    config: AsyncConnectionConfig,
    timeout: Duration,
    slot: Mutex<Slot>,
    /// Held while connecting. Other calls wait for the result, each within its own timeout.
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Slot {
    connection: Option<Connection>,
    /// Identifies a connection.
    number: u64,
    opened_at: Option<Instant>,
    failed_at: Option<Instant>,
}

/// An open connection. Its clones share a task that reads and writes, which ends with the last of them.
#[derive(Clone)]
struct Connection {
    commands: MultiplexedConnection,
    _driver: Arc<Driver>,
}

struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
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

#[derive(Clone, Copy)]
struct Request<'a> {
    cmd: &'a Cmd,
    is_asking: bool,
}

impl Link {
    pub(super) fn new(address: Address, timeout: Duration) -> Self {
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(timeout)).set_pipeline_buffer_size(BUFFER);
        Self { address, config, timeout, slot: Mutex::default(), connecting: tokio::sync::Mutex::default() }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Runs a command, within the timeout.
    pub(super) async fn call<T: FromRedisValue>(&self, cmd: &Cmd, repeat: Repeat) -> Result<T, Failure> {
        self.send(Request { cmd, is_asking: false }, repeat).await
    }

    /// The same for a key that another server has not given away yet.
    pub(super) async fn call_asking<T: FromRedisValue>(&self, cmd: &Cmd, repeat: Repeat) -> Result<T, Failure> {
        self.send(Request { cmd, is_asking: true }, repeat).await
    }

    async fn send<T: FromRedisValue>(&self, request: Request<'_>, repeat: Repeat) -> Result<T, Failure> {
        let mut used = None;
        let result = timeout(self.timeout, async {
            match repeat {
                Repeat::Harmless => self.twice(request, &mut used).await,
                Repeat::Never => {
                    self.find_answering(&mut used).await?;
                    self.once(request, &mut used).await
                }
            }
        });
        let result = result.await.unwrap_or_else(|_| Err(Failure::timeout()));
        // After a failure, the address may lead to another server by now. A server that points to another one works.
        if let Err(failure) = &result
            && failure.redirect.is_none()
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
        let ping = redis::cmd("PING");
        match self.twice::<Value>(Request { cmd: &ping, is_asking: false }, used).await {
            Err(failure) if !failure.is_answer() => Err(failure),
            _ => Ok(()),
        }
    }

    /// Runs a command, and runs it again on a new connection if the old one is lost.
    async fn twice<T: FromRedisValue>(&self, request: Request<'_>, used: &mut Option<u64>) -> Result<T, Failure> {
        match self.once(request, used).await {
            Err(failure) if failure.broken => {
                self.drop_connection(used.take());
                self.once(request, used).await
            }
            result => result,
        }
    }

    async fn once<T: FromRedisValue>(&self, request: Request<'_>, used: &mut Option<u64>) -> Result<T, Failure> {
        let (number, mut connection) = self.connection().await?;
        *used = Some(number);
        if request.is_asking {
            // In one piece, so that no other command comes between the two.
            let mut both = redis::pipe();
            both.cmd("ASKING").ignore().add_command(request.cmd.clone());
            let (answer,) = both.query_async(&mut connection.commands).await?;
            return Ok(answer);
        }
        Ok(request.cmd.query_async(&mut connection.commands).await?)
    }

    async fn connection(&self) -> Result<(u64, Connection), Failure> {
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
        let connected = timeout(self.timeout, self.open()).await.unwrap_or_else(|_| Err(Failure::timeout()));
        let mut slot = self.slot();
        slot.failed_at = connected.is_err().then(Instant::now);
        let connection = connected.map_err(Failure::not_again)?;
        slot.number += 1;
        slot.opened_at = Some(Instant::now());
        slot.connection = Some(connection.clone());
        Ok((slot.number, connection))
    }

    async fn open(&self) -> Result<Connection, Failure> {
        let stream = connect(&self.address).await?;
        let opened = MultiplexedConnection::new_with_config(self.address.info(), stream, self.config.clone()).await;
        let (commands, driver) = opened?;
        let driver = tokio::spawn(driver).abort_handle();
        Ok(Connection { commands, _driver: Arc::new(Driver(driver)) })
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
    fn connection(&self) -> Option<(u64, Connection)> {
        self.connection.clone().map(|connection| (self.number, connection))
    }
}

//! Messages to other nodes: `NOTIFY` and `LISTEN`. The channel has the name of the schema, so services with different schemas do not
//! hear each other. It is the schema of the tables: nodes with different users may have different first ones in their search paths.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use auth_store::{Subscription, SubscriptionEvent};
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::{
    sync::{broadcast, watch},
    task::JoinHandle,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    clock::now,
    failure::{self, because, lost},
    link::Link,
};
use crate::{
    backlog::{self, Backlog},
    failure::Failure,
};

/// How long to wait before the next try to connect: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// After this many timeouts, the task asks for an answer.
const TIMEOUTS_BETWEEN_PINGS: u32 = 3;

/// The longest message that a notification carries: Postgres allows less than 8,000 bytes.
const LONGEST_NOTIFICATION: usize = 7_000;

/// How long a longer one is kept for the nodes that have not read it, in nanoseconds.
const KEPT_FOR: i64 = 300_000_000_000;

/// The name of the channel, of at most 63 bytes. Without tables it is that of the schema where they would be.
macro_rules! channel {
    () => {
        "(SELECT 'portcullis_' || left(name, CASE WHEN octet_length(name) <= 50 THEN 50 ELSE 12 END) FROM coalesce(
             (SELECT n.nspname::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
              WHERE c.oid = to_regclass('portcullis_messages')),
             current_schema()::text
         ) AS name)"
    };
}

/// Sends a message. A notification is `m` and the message, or `i` and the id of a row that has it.
pub(super) async fn publish(link: &Arc<Link>, message: &[u8]) -> Result<(), Failure> {
    let mut lent = link.lend().await?;
    let (connection, until) = lent.parts()?;
    // A database with another encoding cannot carry each character.
    let is_plain = message.len() <= LONGEST_NOTIFICATION && message.iter().all(|byte| (1..=0x7f).contains(byte));
    let short = str::from_utf8(message).ok().filter(|_| is_plain);
    let sent = if let Some(text) = short {
        let send = sqlx::query(concat!("SELECT pg_notify(", channel!(), ", 'm' || $1)"));
        timeout_at(until, send.bind(text).execute(connection)).await
    } else {
        // It is sent when the row is written.
        let send = sqlx::query(concat!(
            "WITH kept AS (INSERT INTO portcullis_messages (body, ends_at) VALUES ($1, ",
            now!(),
            " + $2) RETURNING id)
             SELECT pg_notify(",
            channel!(),
            ", 'i' || id) FROM kept",
        ));
        timeout_at(until, send.bind(message).bind(KEPT_FOR).execute(connection)).await
    };
    lent.settle(sent).map(drop)
}

/// The one listening connection of this store. A task owns it as long as there is a subscription.
pub(super) struct News {
    link: Arc<Link>,
    heard: broadcast::Sender<SubscriptionEvent>,
    connected: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl News {
    pub(super) fn new(link: Arc<Link>) -> Arc<Self> {
        let (heard, connected) = (backlog::new(), watch::Sender::new(false));
        Arc::new(Self { link, heard, connected, task: Mutex::default() })
    }

    pub(super) async fn subscribe(news: &Arc<Self>) -> Box<dyn Subscription> {
        let mut receiver = news.heard.subscribe();
        news.start();
        let mut connected = news.connected.subscribe();
        if let Ok(Ok(_)) = timeout(news.link.timeout(), connected.wait_for(|connected| *connected)).await {
            // A new subscription has missed nothing. Without a connection, `Missed` follows when it is made.
            receiver = receiver.resubscribe();
        }
        Box::new(Backlog { receiver, _keep: Arc::clone(news) })
    }

    /// Starts the task, unless it is running.
    fn start(self: &Arc<Self>) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        // An earlier task may have ended with its runtime.
        if task.as_ref().is_none_or(JoinHandle::is_finished) {
            *task = Some(tokio::spawn(Arc::clone(self).run()));
        }
    }

    async fn run(self: Arc<Self>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let ended = self.listen().await;
            if self.connected.send_replace(false) {
                pause = FIRST_PAUSE;
            }
            match ended {
                Ok(()) if self.ends() => return,
                Ok(()) => continue,
                Err(failure) => tracing::warn!(%failure, "revocations by other nodes do not arrive"),
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            if self.ends() {
                return;
            }
        }
    }

    /// Listens until the connection fails, or until the last subscription ends.
    async fn listen(&self) -> Result<(), Failure> {
        let span = self.link.timeout();
        // A connection of its own: a listener keeps it, and a pool of many could run out of them.
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(span).idle_timeout(None).max_lifetime(None);
        let pool = pool.connect_lazy_with(self.link.options().clone());
        let mut listener = within(span, PgListener::connect_with(&pool)).await?;
        listener.eager_reconnect(false);
        let channel = sqlx::query_as(concat!("SELECT ", channel!()));
        let (channel,): (String,) = within(span, channel.fetch_one(&mut listener)).await?;
        within(span, listener.listen(&channel)).await?;
        // Earlier messages are lost.
        let _ = self.heard.send(SubscriptionEvent::Missed);
        self.connected.send_replace(true);

        let mut ping_at = Instant::now() + span * TIMEOUTS_BETWEEN_PINGS;
        loop {
            match timeout_at(ping_at, listener.try_recv()).await {
                Ok(Ok(Some(notification))) => self.tell(notification.payload()).await,
                Ok(Ok(None)) => return Err(lost()),
                Ok(Err(error)) => return Err(because(&error)),
                Err(_) => {
                    if self.heard.receiver_count() == 0 {
                        return Ok(());
                    }
                    // What arrives meanwhile is kept by the listener.
                    within(span, sqlx::query("SELECT 1").execute(&mut listener)).await?;
                    ping_at = Instant::now() + span * TIMEOUTS_BETWEEN_PINGS;
                }
            }
        }
    }

    async fn tell(&self, notification: &str) {
        let event = match (notification.strip_prefix('m'), notification.strip_prefix('i').map(str::parse)) {
            (Some(message), _) => SubscriptionEvent::Message(message.as_bytes().to_vec()),
            (None, Some(Ok(id))) => match self.read(id).await {
                Ok(Some(message)) => SubscriptionEvent::Message(message),
                Ok(None) => SubscriptionEvent::Missed,
                Err(failure) => {
                    tracing::warn!(%failure, "a revocation by another node cannot be read");
                    SubscriptionEvent::Missed
                }
            },
            // Somebody else uses the channel.
            _ => return,
        };
        let _ = self.heard.send(event);
    }

    async fn read(&self, id: i64) -> Result<Option<Vec<u8>>, Failure> {
        let mut lent = self.link.lend().await?;
        let (connection, until) = lent.parts()?;
        let read = sqlx::query_as("SELECT body FROM portcullis_messages WHERE id = $1").bind(id);
        let read = timeout_at(until, read.fetch_optional(connection)).await;
        let body: Option<(Vec<u8>,)> = lent.settle(read)?;
        Ok(body.map(|(body,)| body))
    }

    /// Whether the task may end, since there is no subscription. The next one starts a new task.
    fn ends(&self) -> bool {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = self.heard.receiver_count() == 0;
        if ends {
            *task = None;
        }
        ends
    }
}

async fn within<T>(span: Duration, call: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Failure> {
    timeout(span, call).await.map_err(|_| failure::timeout())?.map_err(|error| because(&error))
}

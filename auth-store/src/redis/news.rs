use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::StreamExt as _;
use redis::aio::PubSub;
use tokio::{
    sync::{broadcast, watch},
    task::JoinHandle,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::{Failure, servers::Servers, stream::connect};
use crate::{
    Subscription, SubscriptionEvent,
    backlog::{self, Backlog},
};

/// How long to wait before the next try to connect: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// After this many timeouts without a message, the task asks for an answer.
const TIMEOUTS_BETWEEN_PINGS: u32 = 3;

/// The one listening connection of this process. A task owns it as long as there is a subscription.
pub(super) struct News {
    servers: Arc<Servers>,
    channel: String,
    timeout: Duration,
    heard: broadcast::Sender<SubscriptionEvent>,
    connected: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl News {
    pub(super) fn new(servers: Arc<Servers>, channel: String, timeout: Duration) -> Self {
        let (heard, connected) = (backlog::new(), watch::Sender::new(false));
        Self { servers, channel, timeout, heard, connected, task: Mutex::default() }
    }

    pub(super) async fn subscribe(news: &Arc<Self>) -> Box<dyn Subscription> {
        let mut receiver = news.heard.subscribe();
        news.start();
        let mut connected = news.connected.subscribe();
        if let Ok(Ok(_)) = timeout(news.timeout, connected.wait_for(|connected| *connected)).await {
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
        let server = self.servers.next_to_hear();
        let address = server.address();
        let stream = timeout(self.timeout, connect(address)).await.map_err(|_| Failure::timeout())??;
        let mut connection = self.within(PubSub::new(address.info(), stream)).await?;
        self.within(connection.subscribe(&self.channel)).await?;
        let (mut sink, mut stream) = connection.split();
        // Earlier messages are lost.
        let _ = self.heard.send(SubscriptionEvent::Missed);
        self.connected.send_replace(true);

        let mut pings = interval(self.timeout * TIMEOUTS_BETWEEN_PINGS);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = stream.next() => match message {
                    Some(message) => drop(self.heard.send(SubscriptionEvent::Message(message.get_payload_bytes().to_vec()))),
                    None => return Err(Failure::new("the connection to Redis is lost")),
                },
                _ = pings.tick() => {
                    if self.heard.receiver_count() == 0 {
                        return Ok(());
                    }
                    self.within(sink.ping::<redis::Value>()).await?;
                    // A server that is cut off from its cluster still answers, and hears nothing.
                    self.servers.check_in_touch(&server).await?;
                }
            }
        }
    }

    async fn within<T>(&self, call: impl Future<Output = redis::RedisResult<T>>) -> Result<T, Failure> {
        Ok(timeout(self.timeout, call).await.map_err(|_| Failure::timeout())??)
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

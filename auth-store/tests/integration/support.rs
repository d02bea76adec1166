//! A strategy with scripted evidence, and helpers for tests.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use auth_core::{
    Accept, AuthRequest, Authenticated, BoxError, Carrier, Chain, Challenge, Evidence, ManualClock, Outcome,
    PrincipalId, Refusal, RevocationEvent, RevocationListener, Strategy, Transport, async_trait,
};
use auth_store::{MemoryStore, Store, Subscription, TicketGrant, Tickets};
use http::request::{Builder, Parts};
use test_support::keep_events;
use tokio::sync::Semaphore;

pub(crate) type Name = &'static str;

/// Accepts every request with `Authorization`, with the evidence of the test.
pub(crate) struct Login<F>(pub(crate) Carrier, pub(crate) F);

#[async_trait]
impl<F: Fn(Accept<Name>) -> Accept<Name> + Send + Sync + 'static> Strategy for Login<F> {
    type User = Name;

    fn name(&self) -> &str {
        "login"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::bearer("test"));
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Name>, BoxError> {
        Ok(match request.parts().headers.contains_key("authorization") {
            true => Outcome::Accept((self.1)(Accept::new("ann", self.0))),
            false => Outcome::Absent,
        })
    }
}

pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

pub(crate) fn in_secs(secs: u64) -> SystemTime {
    now() + Duration::from_secs(secs)
}

pub(crate) fn clock() -> ManualClock {
    ManualClock::new(now())
}

pub(crate) fn ann() -> PrincipalId {
    PrincipalId::new("issuer", "ann")
}

/// A token of Ann, with everything that can be revoked.
pub(crate) fn token(accept: Accept<Name>) -> Accept<Name> {
    let accept = accept.add_name(ann()).credential_id("issuer", "token").session_id("issuer", "session");
    accept.issued_at(now()).expires_at(in_secs(900))
}

pub(crate) async fn evidence(edit: impl Fn(Accept<Name>) -> Accept<Name> + Send + Sync + 'static) -> Evidence {
    carried(Carrier::Header, edit).await
}

pub(crate) async fn carried(
    carrier: Carrier,
    edit: impl Fn(Accept<Name>) -> Accept<Name> + Send + Sync + 'static,
) -> Evidence {
    let chain = Chain::new().or(Login(carrier, edit));
    ask(&chain, parts(login()), Transport::Http, now()).await.unwrap().evidence().clone()
}

pub(crate) fn login() -> Builder {
    http::Request::post("/api/ws-ticket").header("host", "app.example").header("authorization", "…")
}

pub(crate) fn parts(builder: Builder) -> Parts {
    keep_events();
    builder.body(()).unwrap().into_parts().0
}

pub(crate) async fn ask<U: auth_core::Principal>(
    chain: &Chain<U>,
    parts: Parts,
    transport: Transport,
    now: SystemTime,
) -> Result<Authenticated<U>, Refusal> {
    chain.authenticate(&AuthRequest::new(&parts, transport, now)).await
}

/// A ticket for Ann's token.
pub(crate) async fn ticket(tickets: &Tickets) -> String {
    try_ticket(tickets).await.unwrap()
}

pub(crate) async fn try_ticket(tickets: &Tickets) -> Result<String, Refusal> {
    let issued = tickets.issue(&evidence(token).await, &parts(login())).await?;
    Ok(issued.value().expose().to_owned())
}

/// The chain at the socket: only tickets.
pub(crate) fn socket(tickets: &Tickets) -> Chain<Name> {
    let ticket =
        tickets.strategy().verify(|grant: TicketGrant| async move { (grant.principal() == &ann()).then_some("ann") });
    Chain::new().or(ticket).fallback_challenge(Challenge::bearer("test"))
}

pub(crate) fn handshake(ticket: &str) -> Builder {
    http::Request::get(format!("/ws?ticket={ticket}")).header("host", "app.example")
}

/// Opens a socket with the ticket. Returns the code of the refusal if it fails.
pub(crate) async fn open(chain: &Chain<Name>, ticket: &str) -> Result<Authenticated<Name>, &'static str> {
    open_with(chain, handshake(ticket)).await
}

pub(crate) async fn open_with(chain: &Chain<Name>, request: Builder) -> Result<Authenticated<Name>, &'static str> {
    ask(chain, parts(request), Transport::WebSocket, now()).await.map_err(|refusal| refusal.code())
}

/// The next event of a listener. Fails the test after 5 s.
pub(crate) async fn hear(listener: &mut Box<dyn RevocationListener>) -> RevocationEvent {
    soon(listener.next()).await.unwrap()
}

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.unwrap()
}

/// A store in memory that notes what it is told, and may wait before it writes a mark.
#[derive(Clone)]
pub(crate) struct Watched {
    store: MemoryStore,
    told: Arc<Mutex<String>>,
    /// One for each mark that it may write.
    turns: Arc<Semaphore>,
}

impl Default for Watched {
    fn default() -> Self {
        Self::with(Semaphore::MAX_PERMITS)
    }
}

impl Watched {
    /// Writes a mark only after [`writes_one`](Self::writes_one).
    pub(crate) fn slow() -> Self {
        Self::with(0)
    }

    fn with(turns: usize) -> Self {
        Self { store: MemoryStore::new(), told: Arc::default(), turns: Arc::new(Semaphore::new(turns)) }
    }

    pub(crate) fn writes_one(&self) {
        self.turns.add_permits(1);
    }

    /// Every key and value so far.
    pub(crate) fn told(&self) -> String {
        self.told.lock().unwrap().clone()
    }

    fn note(&self, key: &str, value: &[u8]) {
        *self.told.lock().unwrap() += &format!("{key} {}\n", String::from_utf8_lossy(value));
    }
}

#[async_trait]
impl Store for Watched {
    async fn put(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), BoxError> {
        self.note(key, value);
        self.store.put(key, value, ttl).await
    }
    async fn take(&self, key: &str) -> Result<Option<Vec<u8>>, BoxError> {
        self.note(key, b"");
        self.store.take(key).await
    }
    async fn raise(&self, key: &str, value: u64, ttl: Option<Duration>) -> Result<(), BoxError> {
        self.note(key, b"");
        self.turns.acquire().await?.forget();
        self.store.raise(key, value, ttl).await
    }
    async fn marks(&self, keys: &[String]) -> Result<Vec<Option<u64>>, BoxError> {
        self.note(&keys.concat(), b"");
        self.store.marks(keys).await
    }
    fn reaches_at_once(&self, marks: &[(&str, u64)]) -> Option<bool> {
        marks.iter().for_each(|(key, _)| self.note(key, b""));
        self.store.reaches_at_once(marks)
    }
    async fn publish(&self, message: &[u8]) -> Result<(), BoxError> {
        self.store.publish(message).await
    }
    async fn subscribe(&self) -> Box<dyn Subscription> {
        self.store.subscribe().await
    }
}

/// How many of 100 tasks that take one value at the same time get it.
pub(crate) async fn takers(store: &(impl Store + Clone)) -> usize {
    store.put("key", b"value", Duration::from_secs(30)).await.unwrap();
    let takers = [(); 100].map(|()| {
        let store = store.clone();
        tokio::spawn(async move { store.take("key").await.unwrap().is_some() })
    });
    let mut had = 0;
    for taker in takers {
        had += usize::from(taker.await.unwrap());
    }
    had
}

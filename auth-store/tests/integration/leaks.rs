//! A ticket is only in the answer.

use auth_store::{Revocations, Tickets};
use test_support::everything;

use crate::support::*;

/// Lets every event be seen. `tracing` remembers of each callsite whether any subscriber is interested; with a global one it
/// never remembers "no" at the very moment when a test installs its own.
pub(crate) fn keep_events() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap());
}

#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Writes down everything that this thread logs, as long as the guard lives.
    pub(crate) fn start(&self) -> tracing::subscriber::DefaultGuard {
        let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(self.clone());
        tracing::subscriber::set_default(tracing_subscriber::registry().with(LevelFilter::TRACE).with(lines))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// A store that remembers all its input.
#[derive(Clone, Default)]
struct Told {
    store: MemoryStore,
    told: Arc<Mutex<String>>,
}

impl Told {
    fn note(&self, key: &str, value: &[u8]) {
        *self.told.lock().unwrap() += &format!("{key} {}\n", String::from_utf8_lossy(value));
    }
}

#[async_trait]
impl Store for Told {
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
        self.store.raise(key, value, ttl).await
    }
    async fn marks(&self, keys: &[String]) -> Result<Vec<Option<u64>>, BoxError> {
        self.note(&keys.concat(), b"");
        self.store.marks(keys).await
    }
    async fn publish(&self, message: &[u8]) -> Result<(), BoxError> {
        self.store.publish(message).await
    }
    async fn subscribe(&self) -> Box<dyn Subscription> {
        self.store.subscribe().await
    }
}

#[tokio::test]
async fn ticket_is_not_in_logs_keys_values_or_debug() {
    let (log, _guard) = everything();
    let store = Watched::default();
    let tickets = Tickets::new(store.clone(), "/ws").unwrap().clock(clock());
    let chain = socket(&tickets).revocation(Revocations::new(store.clone()));

    let issued = tickets.issue(&evidence(token).await, &parts(login())).await.unwrap();
    let ticket = issued.value().expose().to_owned();
    let user = open(&chain, &ticket).await.unwrap();
    let again = ask(&chain, parts(handshake(&ticket)), auth_core::Transport::WebSocket, now()).await.unwrap_err();
    let plain = self::ticket(&tickets).await;
    let refused = ask(&chain, parts(handshake(&plain)), auth_core::Transport::Http, now()).await.unwrap_err();

    let shown = format!("{issued:?} {tickets:?} {chain:?} {user:?} {again:?} {refused:?} {:?}", again.to_response());
    let told = store.told();
    assert!(told.contains("ticket:") && log.text().contains("the ticket is refused"), "the test must see something");
    for ticket in [ticket, plain] {
        for text in [&shown, &told, &log.text()] {
            assert!(!text.contains(&ticket), "{text}");
        }
    }
}

#[tokio::test]
async fn ids_and_names_are_not_in_keys_logs_or_debug() {
    let (log, _guard) = everything();
    let store = Watched::default();
    let revocations = Revocations::new(store.clone());
    let marked = evidence(|accept| {
        let accept = accept
            .credential_id("MARKER-issuer", "MARKER-id")
            .session_id("MARKER-issuer", "MARKER-session")
            .parent("MARKER-issuer", "MARKER-parent");
        accept.add_name(auth_core::PrincipalId::new("MARKER-issuer", "MARKER-subject"))
    });
    let marked = marked.await;
    let chain_said = auth_core::RevocationCheck::is_revoked(&revocations, &marked).await.unwrap();
    let revocation = auth_core::Revocation::of(&marked, now()).remove(0);
    revocations.revoke(&revocation).await.unwrap();
    revocations.revoke(&auth_core::Revocation::user(marked.principal().unwrap().clone(), now())).await.unwrap();
    let told = store.told();
    let text = format!("{told} {} {revocations:?} {revocation:?} {chain_said}", log.text());
    assert!(text.contains("credential:") && text.contains("revoked"));
    assert!(!text.contains("MARKER"), "{text}");
}

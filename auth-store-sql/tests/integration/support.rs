//! Users, chains and waiting, for tests of tickets and revocations.

use std::time::{Duration, SystemTime};

use auth_core::{
    Accept, AuthRequest, Authenticated, BoxError, Carrier, Chain, Challenge, Evidence, ManualClock, Outcome,
    PrincipalId, RevocationCheck as _, RevocationEvent, RevocationFeed as _, RevocationListener, Strategy, Transport,
    async_trait,
};
use auth_store::{Record, RecordKey, Records, Revocations, Saved, SavedEnd, Store, TicketGrant, Tickets};
use http::request::{Builder, Parts};
use test_support::keep_events;

/// Accepts every request with `Authorization` as Ann, with everything that can be revoked.
struct Login;

#[async_trait]
impl Strategy for Login {
    type User = &'static str;

    fn name(&self) -> &str {
        "login"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::bearer("test"));
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<&'static str>, BoxError> {
        if !request.parts().headers.contains_key("authorization") {
            return Ok(Outcome::Absent);
        }
        let accept = Accept::new("ann", Carrier::Header).add_name(ann());
        let accept = accept.credential_id("issuer", "token").session_id("issuer", "session");
        Ok(Outcome::Accept(accept.issued_at(now()).expires_at(in_secs(900))))
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

fn parts(builder: Builder) -> Parts {
    keep_events();
    builder.body(()).unwrap().into_parts().0
}

fn login() -> Parts {
    parts(http::Request::post("/api/ws-ticket").header("host", "app.example").header("authorization", "…"))
}

pub(crate) async fn evidence() -> Evidence {
    let parts = login();
    let chain = Chain::new().or(Login);
    let user = chain.authenticate(&AuthRequest::new(&parts, Transport::Http, now())).await.unwrap();
    user.evidence().clone()
}

/// A ticket for Ann's token, or the code of the refusal.
pub(crate) async fn ticket(tickets: &Tickets) -> Result<String, &'static str> {
    let issued = tickets.issue(&evidence().await, &login()).await.map_err(|refusal| refusal.code())?;
    Ok(issued.value().expose().to_owned())
}

pub(crate) fn tickets(store: impl Store) -> Tickets {
    Tickets::new(store, "/ws").unwrap().clock(clock())
}

/// Opens a socket with the ticket. Returns the code of the refusal if it fails.
pub(crate) async fn open(tickets: &Tickets, ticket: &str) -> Result<Authenticated<&'static str>, &'static str> {
    let verify = |grant: TicketGrant| async move { (grant.principal() == &ann()).then_some("ann") };
    let chain = Chain::new().or(tickets.strategy().verify(verify)).fallback_challenge(Challenge::bearer("test"));
    let parts = parts(http::Request::get(format!("/ws?ticket={ticket}")).header("host", "app.example"));
    let request = AuthRequest::new(&parts, Transport::WebSocket, now());
    chain.authenticate(&request).await.map_err(|refusal| refusal.code())
}

/// Every operation of a service fails with 503, and nobody is let in.
pub(crate) async fn everything_fails(store: &(impl Store + Records + Clone)) {
    let (tickets, revocations) = (tickets(store.clone()), Revocations::new(store.clone()));
    let (parts, chain) = (login(), Chain::new().or(Login).revocation(revocations.clone()));
    let request = AuthRequest::new(&parts, Transport::Http, now());
    let (all, of_nobody) = (auth_core::Revocation::user(ann(), now()), record("nobody"));
    let unknown = "A".repeat(43);
    let (issued, opened, asked, revoked, created, loaded) = tokio::join!(
        ticket(&tickets),
        open(&tickets, &unknown),
        chain.authenticate(&request),
        revocations.revoke(&all),
        store.create(&of_nobody),
        store.load(&of_nobody.key),
    );
    assert_eq!((issued.unwrap_err(), opened.unwrap_err()), ("unavailable", "unavailable"));
    assert_eq!(asked.unwrap_err().status(), 503);
    assert!(revoked.is_err() && created.is_err() && loaded.is_err());
}

/// A ticket from one node is good once, on the other. A revocation on one is found on the other.
pub(crate) async fn tickets_and_revocations(here: impl Store + Clone, there: impl Store + Clone) {
    let (issuer, opener) = (tickets(here.clone()), tickets(there.clone()));
    for _ in 0..5 {
        let ticket = ticket(&issuer).await.unwrap();
        open(&opener, &ticket).await.unwrap();
        assert_eq!(open(&issuer, &ticket).await.unwrap_err(), "invalid_credentials");
    }
    let (here, there) = (Revocations::new(here), Revocations::new(there));
    let evidence = evidence().await;
    assert!(!there.is_revoked(&evidence).await.unwrap());
    here.revoke(&auth_core::Revocation::session("issuer", "session").ends_at(in_secs(900))).await.unwrap();
    assert!(there.is_revoked(&evidence).await.unwrap());
}

/// Marks never fall, and keep the longer of two lifetimes. `advance` lets time pass for the store.
pub(crate) async fn marks_only_rise(store: &impl Store) {
    let mark = async |key: &str| store.marks(&[key.to_owned()]).await.unwrap()[0];
    let raise = async |key, value, ttl| store.raise(key, value, ttl).await.unwrap();
    let ttl = Some(Duration::from_secs(30));
    raise("key", u64::MAX - 1, ttl).await;
    raise("key", u64::MAX - 2, ttl).await;
    assert_eq!(mark("key").await, Some(u64::MAX - 1));
    raise("key", u64::MAX, None).await;
    raise("key", 9, ttl).await;
    assert_eq!(mark("key").await, Some(u64::MAX));
    raise("zero", 0, Some(Duration::MAX)).await;
    let keys = ["zero", "none", "key"].map(str::to_owned);
    assert_eq!(store.marks(&keys).await.unwrap(), [Some(0), None, Some(u64::MAX)]);
    assert_eq!(store.marks(&[]).await.unwrap(), []);
}

/// How many of 100 tasks that take one value at the same time get it.
pub(crate) async fn takers(stores: &[impl Store + Clone]) -> usize {
    stores[0].put("key", b"value", Duration::from_secs(30)).await.unwrap();
    let takers = (0..100).map(|n| {
        let store = stores[n % stores.len()].clone();
        tokio::spawn(async move { store.take("key").await.unwrap().is_some() })
    });
    let mut had = 0;
    for taker in takers.collect::<Vec<_>>() {
        had += usize::from(taker.await.unwrap());
    }
    had
}

pub(crate) fn record(name: &str) -> Record {
    Record {
        key: RecordKey::new("login", &[name]),
        owner: Some(RecordKey::owner(&ann())),
        indexes: vec![RecordKey::new("index", &["MARKER"])],
        since: now(),
        used_at: now(),
        ends_at: in_secs(60),
        version: 1,
        value: b"value".to_vec().into(),
    }
}

/// Exactly 64 KiB, and not one byte more.
pub(crate) async fn keeps_the_longest_values(store: &(impl Store + Records)) {
    let ttl = Duration::from_secs(30);
    let (longest, longer) = (vec![7; Record::MAX_VALUE_LEN], vec![7; Record::MAX_VALUE_LEN + 1]);
    store.put("key", &longest, ttl).await.unwrap();
    assert!(store.put("key", &longer, ttl).await.is_err());
    assert_eq!(store.take("key").await.unwrap().as_ref(), Some(&longest));
    let new = Record { value: longest.clone().into(), ..record("long") };
    assert!(store.create(&new).await.unwrap());
    assert_eq!(store.save(&new, SavedEnd::Keep).await.unwrap(), Saved::As(2));
    assert!(store.save(&Record { value: longer.into(), version: 2, ..new.clone() }, SavedEnd::Keep).await.is_err());
    assert!(store.load(&new.key).await.unwrap() == Some(Record { version: 2, ..new }));
}

/// Before 1970 and after 2262 nothing ends too late, and nothing panics.
pub(crate) async fn keeps_instants_far_away(store: &impl Records) {
    let (past, future) = (SystemTime::UNIX_EPOCH - Duration::from_secs(9_999_999_999), in_secs(99_999_999_999));
    let forever = Record { ends_at: future, since: past, used_at: past, ..record("forever") };
    let over = Record { ends_at: past, ..record("over") };
    assert!(store.create(&forever).await.unwrap() && store.create(&over).await.unwrap());
    assert!(store.load(&over.key).await.unwrap().is_none());
    assert!(store.touch(&forever.key, past, future).await.unwrap());
    let loaded = store.load(&forever.key).await.unwrap().unwrap();
    assert!(loaded.since == SystemTime::UNIX_EPOCH && loaded.ends_at > in_secs(7_000_000_000));
    assert_eq!(store.save(&loaded, SavedEnd::Replace).await.unwrap(), Saved::As(2));
    assert!(!store.touch(&forever.key, future, future).await.unwrap());
    store.end_owned(&RecordKey::owner(&ann()), future, future).await.unwrap();
    assert!(store.load(&forever.key).await.unwrap().is_none());
}

/// What a worker knows that a store has promised.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) kept: Vec<(RecordKey, u64)>,
    pub(crate) ended: Vec<RecordKey>,
    pub(crate) failures: usize,
}

/// Creates records, saves them and ends every other, until `stops`. Errors name the database.
pub(crate) async fn work(store: &impl Records, worker: usize, database: &str, stops: impl Fn() -> bool) -> Done {
    let mut done = Done::default();
    let failed = |error: BoxError| assert!(error.to_string().contains(database), "{error}");
    for round in 0.. {
        if stops() {
            break;
        }
        let ends_at = SystemTime::now() + Duration::from_secs(600);
        let new = Record { ends_at, ..record(&format!("{worker}-{round}")) };
        match store.create(&new).await {
            Ok(created) => assert!(created),
            Err(error) => {
                failed(error);
                done.failures += 1;
                tokio::task::yield_now().await;
                continue;
            }
        }
        let mut kept = 1;
        match store.save(&new, SavedEnd::Keep).await {
            Ok(Saved::As(version)) => kept = version,
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                failed(error);
                done.failures += 1;
            }
        }
        if round % 2 == 0 {
            done.kept.push((new.key, kept));
        } else if store.end(&new.key).await.is_ok() {
            // A save that comes after the end, as of another request.
            if let Ok(saved) = store.save(&Record { version: kept, ..new.clone() }, SavedEnd::Replace).await {
                assert_eq!(saved, Saved::Ended);
            }
            done.ended.push(new.key);
        } else {
            done.failures += 1;
        }
    }
    done
}

/// Every promise holds. Returns how many records are kept and ended, and how many calls failed.
pub(crate) async fn check(store: &impl Records, all: Vec<Done>) -> (usize, usize, usize) {
    let (mut kept, mut ended, mut failures) = (0, 0, 0);
    for done in all {
        failures += done.failures;
        for (key, version) in done.kept {
            let record = store.load(&key).await.unwrap().unwrap();
            assert!(record.version >= version, "{key:?}: {} < {version}", record.version);
            kept += 1;
        }
        for key in done.ended {
            assert!(store.load(&key).await.unwrap().is_none(), "{key:?}");
            ended += 1;
        }
    }
    (kept, ended, failures)
}

/// The next event of a listener. Fails the test after 10 s.
pub(crate) async fn hear(listener: &mut Box<dyn RevocationListener>) -> RevocationEvent {
    soon(listener.next()).await.unwrap()
}

pub(crate) async fn listen(store: impl Store) -> Box<dyn RevocationListener> {
    Revocations::new(store).listen().await
}

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.unwrap()
}

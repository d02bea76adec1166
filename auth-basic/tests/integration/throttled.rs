//! The throttle in front of the verify callback, in a chain.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use auth_basic::{Basic, BasicLogin};
use auth_core::{
    Accept, AuthRequest, Authenticated, BoxError, Carrier, Chain, Challenge, ClientAddress, ManualClock, Outcome,
    Payload, Refusal, Rejection, Secret, Strategy, Transport, Verdict, async_trait, cookie_values,
};
use auth_store::{Budget, BudgetKey, BudgetPlace, Budgets, Guess, MemoryStore, Taken, Throttle};
use futures_util::FutureExt as _;
use test_support::assert_debug_is_clean;

use crate::support::{Fallible, Seen, basic, request, run_parts};

struct Bob {
    chain: Chain<Seen>,
    throttle: Throttle,
    clock: ManualClock,
    asked: Arc<AtomicUsize>,
}

/// `bob` has the password `secret`, `eve`'s store is down, `carl` may not come in, `dora` is slow and `fred` panics.
fn bob_with(edit: impl FnOnce(Basic) -> Basic) -> Bob {
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let throttle = Throttle::new(MemoryStore::new().clock(clock.clone()));
    let asked = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&asked);
    let basic = edit(Basic::new("demo").throttle(throttle.clone(), ClientAddress::peer()));
    let chain = Chain::new().or(basic.verify(move |login: BasicLogin| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move { find(&login).await }
    }));
    Bob { chain, throttle, clock, asked }
}

fn bob() -> Bob {
    bob_with(|basic| basic)
}

async fn find(login: &BasicLogin) -> Fallible<Verdict<Seen>> {
    Ok(match login.username().to_lowercase().trim() {
        "eve" => return Err("the store is down".into()),
        "carl" => Verdict::reject(Rejection::forbidden()),
        "gone" => Verdict::reject(Rejection::revoked()),
        "dora" => std::future::pending().await,
        "fred" => panic!("while the password is checked"),
        "bob" if login.password().ct_eq("secret") => Verdict::accept(Seen::new("bob", "secret")),
        _ => Verdict::rejected(),
    })
}

impl Bob {
    async fn ask(&self, user_pass: &str, address: u8) -> Result<Authenticated<Seen>, Refusal> {
        let mut parts = request(&[basic(user_pass)]);
        parts.extensions.insert(SocketAddr::from(([192, 0, 2, address], 1000)));
        run_parts(&self.chain, &parts, None).await
    }

    /// The status, and how long to wait.
    async fn says(&self, user_pass: &str, address: u8) -> (u16, u64) {
        match self.ask(user_pass, address).await {
            Ok(_) => (200, 0),
            Err(refusal) => (refusal.status().as_u16(), refusal.retry_after().map_or(0, |wait| wait.as_secs())),
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn too_many_wrong_logins_are_429_for_unknown_names_too() {
    let bob = bob();
    let mut answers = Vec::new();
    for (name, address) in [("bob", 1), ("nobody", 2)] {
        for n in 0..10 {
            // Spellings share a budget.
            let name = if n % 2 == 0 { name.to_uppercase() } else { name.to_owned() };
            assert_eq!(bob.says(&format!("{name}:wrong"), address).await, (401, 0));
        }
        let asked = bob.asked();
        for password in ["wrong", "secret"] {
            let refusal = bob.ask(&format!("{name}:{password}"), address).await.unwrap_err();
            assert_eq!((refusal.status().as_u16(), refusal.code()), (429, "too_many_attempts"));
            assert!(!refusal.is_wrong_credential() && refusal.challenges().is_empty());
            answers.push(crate::support::answer(&refusal));
        }
        assert_eq!(bob.asked(), asked);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(bob.says("bob:secret", 3).await, (200, 0), "another address");
    bob.clock.advance(Duration::from_secs(60));
    assert_eq!(bob.says("bob:secret", 1).await, (200, 0));
}

#[tokio::test]
async fn right_login_uses_up_nothing_and_refills_nothing() {
    let bob = bob();
    for _ in 0..9 {
        assert_eq!(bob.says("bob:wrong", 1).await.0, 401);
    }
    for _ in 0..200 {
        assert_eq!(bob.says("bob:secret", 1).await.0, 200);
    }
    assert_eq!(bob.says("bob:wrong", 1).await.0, 401);
    assert_eq!(bob.says("bob:secret", 1).await, (429, 60));
}

#[tokio::test]
async fn what_says_nothing_about_the_password_uses_up_nothing() {
    let bob = bob();
    for _ in 0..50 {
        assert_eq!(bob.says("eve:x", 1).await.0, 503);
        assert_eq!(bob.says("carl:x", 1).await.0, 403);
        // Malformed, and so no guess.
        let refusal = run_parts(&bob.chain, &request(&["Basic x"]), None).await.unwrap_err();
        assert_eq!(refusal.status().as_u16(), 400);
    }
    assert_eq!(bob.says("bob:secret", 1).await.0, 200);
    for n in 0..30 {
        // One address, many names.
        assert_eq!(bob.says(&format!("name-{n}:x"), 1).await.0, 401);
    }
    assert_eq!(bob.says("bob:secret", 1).await, (429, 20));
}

#[tokio::test]
async fn rejection_of_a_wrong_kind_is_a_failure() {
    let bob = bob();
    for _ in 0..10 {
        assert_eq!(bob.says("gone:x", 1).await.0, 401);
    }
    assert_eq!(bob.says("gone:x", 1).await.0, 429);
}

/// A client that leaves early saves nothing, and neither does a panic.
#[tokio::test]
async fn login_that_is_dropped_or_panics_has_used_a_place() {
    for name in ["dora", "fred"] {
        let bob = bob();
        for _ in 0..10 {
            let answer = bob.ask(&format!("{name}:x"), 1).now_or_never();
            assert!(answer.is_none_or(|answer| answer.unwrap_err().status().as_u16() == 500));
        }
        assert_eq!(bob.says(&format!("{name}:x"), 1).await, (429, 1), "they may still be in progress");
        bob.clock.advance(Duration::from_secs(120));
        assert_eq!(bob.says(&format!("{name}:x"), 1).await, (429, 60), "they have failed");
    }
}

#[tokio::test]
async fn own_normalization_joins_what_the_look_up_joins() {
    let bob = bob_with(|basic| basic.throttle_account(|name| name.trim().to_lowercase()));
    for n in 0..10 {
        assert_eq!(bob.says(&format!("{}bob:wrong", " ".repeat(n)), 1).await.0, 401);
    }
    assert_eq!(bob.says("bob:secret", 1).await.0, 429);
    assert_eq!(bob.says("bob :secret", 1).await.0, 429);
}

#[tokio::test]
async fn login_in_a_payload_counts_too() {
    let bob = bob_with(Basic::from_payload);
    let mut parts = http::Request::new(()).into_parts().0;
    parts.extensions.insert(SocketAddr::from(([192, 0, 2, 1], 1000)));
    let mut payload = Payload::new();
    payload.push_text("username", "bob");
    payload.push_text("password", "wrong");
    for expected in [vec![401; 10], vec![429]].concat() {
        let refusal = run_parts(&bob.chain, &parts, Some(&payload)).await.unwrap_err();
        assert_eq!(refusal.status().as_u16(), expected);
    }
}

#[tokio::test]
async fn password_form_with_the_same_throttle_shares_the_failures() {
    let bob = bob();
    let guess = Guess::new("bob").address("192.0.2.1".parse().ok());
    for _ in 0..10 {
        bob.throttle.take(&guess).await.unwrap().failed().await;
    }
    assert_eq!(bob.says("bob:secret", 1).await.0, 429);
}

#[tokio::test]
async fn patient_throttle_lets_many_right_logins_of_one_program_in() {
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    for is_patient in [false, true] {
        let throttle = Throttle::new(MemoryStore::new().clock(clock.clone()));
        let throttle = if is_patient { throttle.patient(clock.clone()) } else { throttle };
        // Each takes a moment.
        let turns = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&turns);
        let guarded = Basic::new("demo").throttle(throttle, ClientAddress::peer());
        let chain = Chain::new().or(guarded.verify(move |_: BasicLogin| {
            let (end, wait) = tokio::sync::oneshot::channel::<()>();
            shared.lock().unwrap().push(end);
            async move {
                let _ = wait.await;
                Some(Seen::new("bob", "secret"))
            }
        }));
        let mut parts = request(&[basic("bob:secret")]);
        parts.extensions.insert(SocketAddr::from(([192, 0, 2, 1], 1000)));
        let mut all = Box::pin(futures_util::future::join_all((0..25).map(|_| run_parts(&chain, &parts, None))));
        let answers = loop {
            if let Some(answers) = all.as_mut().now_or_never() {
                break answers;
            }
            // The callbacks that are called by now are done.
            turns.lock().unwrap().clear();
            clock.advance(Duration::from_millis(25));
        };
        let right = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(right, if is_patient { 25 } else { 10 });
    }
}

/// `bob`, whose account strangers have used up, and a device token of his from the password form.
async fn besieged(has_sessions: bool) -> (Bob, String) {
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let throttle = Throttle::new(MemoryStore::new().clock(clock.clone())).clock(clock.clone());
    let throttle = throttle.devices([Secret::new("d".repeat(32))]).unwrap();
    let guarded = Basic::new("demo").from_payload().throttle(throttle.clone(), ClientAddress::peer());
    let basic = guarded.verify(|login: BasicLogin| async move { find(&login).await });
    let chain = if has_sessions { Chain::new().or(Sessions).or(basic) } else { Chain::new().or(basic) };
    let bob = Bob { chain, throttle, clock, asked: Arc::default() };
    for address in 1..11 {
        for _ in 0..10 {
            assert_eq!(bob.says("bob:wrong", address).await.0, 401);
        }
    }
    assert_eq!(bob.says("bob:secret", 99).await, (429, 900));
    let token = bob.throttle.device_token("bob", None).unwrap().unwrap();
    (bob, token.expose().to_owned())
}

#[tokio::test]
async fn owner_with_the_device_cookie_logs_in_while_strangers_use_up_the_account() {
    let (bob, bobs) = besieged(false).await;
    let eves = bob.throttle.device_token("eve", None).unwrap().unwrap().expose().to_owned();
    let says = async |cookie: String, password: &str, transport: Transport| {
        let mut payload = Payload::new();
        payload.push_text("username", "Bob");
        payload.push_text("password", password);
        let mut parts = http::Request::new(()).into_parts().0;
        parts.headers.insert("cookie", cookie.parse().unwrap());
        parts.extensions.insert(SocketAddr::from(([192, 0, 2, 99], 1000)));
        let request = AuthRequest::new(&parts, transport, SystemTime::UNIX_EPOCH).with_payload(&payload);
        bob.chain.authenticate(&request).await.map_or_else(|refusal| refusal.status().as_u16(), |_| 200)
    };
    for transport in [Transport::Http, Transport::WebSocket] {
        for (expected, cookie) in [
            (200, format!("__Host-device={bobs}")),
            (200, format!("device={bobs}")),
            (200, format!("device=planted; __Host-device={bobs}")),
            (200, format!("device={eves}; __Host-device={bobs}")),
            (429, format!("__Host-device={bobs}; __Host-device={eves}")),
            (429, format!("device={bobs}; device={bobs}")),
            (429, format!("device={eves}")),
            (429, "device=\u{e9}".to_owned()),
            (429, format!("Device={bobs}")),
        ] {
            assert_eq!(says(cookie.clone(), "secret", transport).await, expected, "{cookie} over {transport:?}");
        }
    }
    for expected in [[401; 10].as_slice(), &[429]].concat() {
        assert_eq!(says(format!("device={bobs}"), "wrong", Transport::Http).await, expected);
    }
}

/// Accepts the cookie `session`.
struct Sessions;

#[async_trait]
impl Strategy for Sessions {
    type User = Seen;

    fn name(&self) -> &'static str {
        "session"
    }

    fn challenges(&self, _: &mut Vec<Challenge>) {}

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Seen>, BoxError> {
        let session = cookie_values(&request.parts().headers, "session").next();
        let accept = || Outcome::Accept(Accept::new(Seen::new("bob", ""), Carrier::Cookie));
        Ok(session.map_or(Outcome::Absent, |_| accept()))
    }
}

/// A cookie that is good does not make up for a bad login, so `Basic` is asked without cookies.
#[tokio::test]
async fn device_cookie_counts_beside_a_session_that_comes_first_in_the_chain() {
    let (bob, token) = besieged(true).await;
    for (expected, cookie) in [(200, format!("session=7; __Host-device={token}")), (429, "session=7".to_owned())] {
        let mut parts = request(&[basic("bob:secret")]);
        parts.headers.insert("cookie", cookie.parse().unwrap());
        parts.extensions.insert(SocketAddr::from(([192, 0, 2, 99], 1000)));
        let answer = run_parts(&bob.chain, &parts, None).await;
        assert_eq!(answer.map_or_else(|refusal| refusal.status().as_u16(), |_| 200), expected);
    }
}

struct Down;

#[async_trait]
impl Budgets for Down {
    async fn take(&self, _: &BudgetKey, _: &Budget) -> Result<Taken, BoxError> {
        Err("MARKER".into())
    }

    async fn settle(&self, _: &BudgetKey, _: &Budget, _: BudgetPlace, _: bool) -> Result<(), BoxError> {
        Err("MARKER".into())
    }
}

#[tokio::test]
async fn store_that_is_down_lets_nobody_in() {
    let guarded = Basic::new("demo").throttle(Throttle::new(Down), ClientAddress::peer());
    let chain = Chain::new().or(guarded.verify(|_: BasicLogin| async { Some(Seen::new("bob", "secret")) }));
    let refusal = run_parts(&chain, &request(&[basic("bob:secret")]), None).await.unwrap_err();
    assert_eq!((refusal.status().as_u16(), refusal.code()), (503, "unavailable"));
    assert!(!crate::support::answer(&refusal).2.contains("MARKER"));
}

#[test]
fn debug_shows_no_key_of_the_throttle() {
    let keys = [Secret::new("MARKER".repeat(6))];
    let throttle = Throttle::new(MemoryStore::new()).devices(keys).unwrap();
    let basic = Basic::new("demo").throttle(throttle, ClientAddress::peer());
    assert_debug_is_clean(&basic, "MARKER");
}

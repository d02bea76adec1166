//! Redis is down for five seconds while clients use both nodes.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crate::{Nodes, program::*, socket::*};

const OUTAGE: Duration = Duration::from_secs(5);

/// How long any answer may take.
const AT_MOST: Duration = Duration::from_secs(2);

/// How long a node may take to work again.
const RECOVERY: Duration = Duration::from_secs(5);

/// The state of Redis. A request that spans two phases may get the answer of either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Up,
    /// Between two other phases.
    Unclear,
    Down,
    Over,
}

/// The shared state of all clients.
struct Load {
    user: String,
    /// Logged out before the outage.
    gone: String,
    phase: Mutex<Phase>,
    answers: Mutex<BTreeMap<(Phase, &'static str, u16), usize>>,
    slowest: Mutex<Duration>,
}

impl Load {
    fn phase(&self) -> Phase {
        *self.phase.lock().unwrap()
    }

    fn set(&self, phase: Phase) {
        *self.phase.lock().unwrap() = phase;
    }

    /// Sends a request, and checks the answer: one of `up` while Redis is up, and 503 while it is down.
    async fn check(&self, what: &'static str, up: &[u16], asked: impl Future<Output = Seen>) -> u16 {
        let before = self.phase();
        let Seen { status, says_when_to_retry, took } = asked.await;
        let after = self.phase();
        let phase = if before == after { before } else { Phase::Unclear };
        match phase {
            Phase::Up | Phase::Over => assert!(up.contains(&status), "{what} while Redis was up: {status}"),
            Phase::Down => assert_eq!(status, 503, "{what} while Redis was down"),
            Phase::Unclear => assert!(status == 503 || up.contains(&status), "{what}: {status}"),
        }
        assert!(status != 503 || says_when_to_retry, "{what} does not say when to try again");
        assert!(took < AT_MOST, "{what} took {took:?}");
        *self.answers.lock().unwrap().entry((phase, what, status)).or_default() += 1;
        let mut slowest = self.slowest.lock().unwrap();
        *slowest = took.max(*slowest);
        status
    }
}

/// The part of an answer that is checked.
struct Seen {
    status: u16,
    says_when_to_retry: bool,
    took: Duration,
}

impl From<Answer> for Seen {
    fn from(Answer { status, says_when_to_retry, took, .. }: Answer) -> Self {
        Self { status, says_when_to_retry, took }
    }
}

/// Opens a socket, which must answer, and closes it.
async fn try_socket(opening: impl Future<Output = Result<Socket, Answer>>) -> Seen {
    let begun = Instant::now();
    match opening.await {
        Ok(mut socket) => {
            let took = begun.elapsed();
            assert!(socket.echoes().await, "an open socket does not answer");
            Seen { status: 101, says_when_to_retry: false, took }
        }
        Err(refused) => refused.into(),
    }
}

/// Runs one of each kind of request in a loop: asks one node, and checks that the other agrees.
async fn ask_all_the_time(load: Arc<Load>, here: SocketAddr, there: SocketAddr) {
    while load.phase() != Phase::Over {
        ask_everything(&load, here, there).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Once more, with Redis up all the time.
    ask_everything(&load, here, there).await;
}

async fn ask_everything(load: &Load, here: SocketAddr, there: SocketAddr) {
    load.check("a request", &[200], async { me(here, &load.user).await.into() }).await;
    load.check("a handshake", &[101], try_socket(Socket::open(here, &load.user))).await;

    // What is revoked is never accepted.
    load.check("a request with a revoked token", &[401], async { me(here, &load.gone).await.into() }).await;
    load.check("a handshake with a revoked token", &[401], try_socket(Socket::open(here, &load.gone))).await;
    let leaving = token(ADMIN);
    if load.check("a log-out", &[200], async { log_out(here, &leaving).await.into() }).await == 200 {
        load.check("a request after the logout", &[401], async { me(there, &leaving).await.into() }).await;
    }

    // No ticket works twice.
    let mut bought = None;
    let buying = async {
        match ticket(here, &load.user).await {
            Ok(ticket) => {
                bought = Some(ticket);
                Seen { status: 200, says_when_to_retry: false, took: Duration::ZERO }
            }
            Err(refused) => refused.into(),
        }
    };
    load.check("a ticket", &[200], buying).await;
    if let Some(bought) = bought {
        let before = load.phase();
        let used = [here, there].map(|node| {
            load.check("a handshake with a ticket", &[101, 401], try_socket(Socket::redeem(node, &bought)))
        });
        let [one, two] = used;
        let (one, two) = tokio::join!(one, two);
        let again = Socket::redeem(here, &bought);
        let again = load.check("a handshake with a used ticket", &[101, 401], try_socket(again)).await;
        let opened = [one, two, again].iter().filter(|status| **status == 101).count();
        assert!(opened < 2, "a ticket worked {opened} times");
        let undisturbed = before == load.phase() && matches!(before, Phase::Up | Phase::Over);
        assert!(opened == 1 || !undisturbed, "a ticket did not work");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_outage_admits_nobody_and_disconnects_nobody() {
    let Some(Nodes { mut redis, one, two }) = Nodes::start().await else { return };
    let nodes = [one.addr, two.addr];
    let (user, gone, guest) = (token(ADMIN), token(ADMIN), token(GUEST));
    assert_eq!(log_out(one.addr, &gone).await.status, 200);
    let (spent, kept) = (ticket(one.addr, &user).await.unwrap(), ticket(two.addr, &guest).await.unwrap());
    Socket::redeem(one.addr, &spent).await.unwrap();
    let (mut sockets, mut clients) = (Vec::new(), Vec::new());
    for node in nodes {
        for token in [&user, &guest, &user, &guest] {
            sockets.push(Socket::open(node, token).await.unwrap());
            clients.push(Socket::socket_io(node, token).await);
        }
    }
    let load = Arc::new(Load {
        user: user.clone(),
        gone: gone.clone(),
        phase: Mutex::new(Phase::Up),
        answers: Mutex::default(),
        slowest: Mutex::default(),
    });
    let ways = [(one.addr, two.addr), (two.addr, one.addr)].repeat(2);
    let workers: Vec<_> =
        ways.into_iter().map(|(here, there)| tokio::spawn(ask_all_the_time(Arc::clone(&load), here, there))).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;

    load.set(Phase::Unclear);
    redis.kill();
    let killed = Instant::now();
    load.set(Phase::Down);
    while killed.elapsed() < OUTAGE {
        for (socket, client) in sockets.iter_mut().zip(&mut clients) {
            assert!(socket.echoes().await && client.echoes_events().await, "open sockets still work");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    load.set(Phase::Unclear);
    redis.start_again().await;
    let back = Instant::now();
    for node in nodes {
        while me(node, &user).await.status != 200 {
            assert!(back.elapsed() < RECOVERY, "{node} does not reconnect to Redis");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let recovered = back.elapsed();
    // A logout now reaches the other node, even if that has only just begun to listen again.
    let leaving = token(GUEST);
    let mut socket = Socket::open(two.addr, &leaving).await.unwrap();
    assert_eq!(log_out(one.addr, &leaving).await.status, 200);
    assert_eq!(socket.closed().await, revoked());
    let heard = back.elapsed();
    assert!(heard < RECOVERY, "{heard:?}");
    load.set(Phase::Over);
    for worker in workers {
        worker.await.unwrap();
    }

    for (socket, client) in sockets.iter_mut().zip(&mut clients) {
        assert!(socket.echoes().await && client.echoes_events().await, "sockets opened before are still open");
    }
    for node in nodes {
        assert_eq!(me(node, &gone).await.status, 401);
        assert_eq!(Socket::redeem(node, &spent).await.unwrap_err().status, 401);
    }
    Socket::redeem(one.addr, &kept).await.expect("a ticket from before the outage works");
    assert_eq!(Socket::redeem(two.addr, &kept).await.unwrap_err().status, 401);

    let answers = load.answers.lock().unwrap();
    let of = |phase| answers.iter().filter(|((p, ..), _)| *p == phase).map(|(_, count)| count).sum::<usize>();
    let (up, down) = (of(Phase::Up), of(Phase::Down));
    eprintln!("{up} answers with Redis, {down} without; the slowest took {:?}", load.slowest.lock().unwrap());
    eprintln!("back after {recovered:?}, revocations arrive after {heard:?}");
    assert!(up > 50 && down > 50, "there was no load");
}

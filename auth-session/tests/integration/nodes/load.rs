//! Clients that use both nodes all the time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use test_support::server::{Answer, Client};
use tokio::{task::JoinHandle, time::timeout};

use super::Nodes;
use crate::support::*;

/// How long any answer may take.
const AT_MOST: Duration = Duration::from_secs(5);

/// How long it may take until clients have got so many answers of a kind.
const SOON: Duration = Duration::from_secs(30);

const CLIENTS: usize = 4;

/// Clients that log in, read, save and log out until they are told to stop. Every answer is good or a 503 that ends nothing.
pub(super) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
    /// On both nodes, open all the time.
    sockets: Vec<Client>,
}

#[derive(Default)]
struct Shared {
    stops: AtomicBool,
    good: AtomicUsize,
    unavailable: AtomicUsize,
}

impl Load {
    pub(super) async fn on(nodes: &Nodes) -> Self {
        let shared = Arc::<Shared>::default();
        let (mut clients, mut sockets) = (Vec::new(), Vec::new());
        for number in 0..CLIENTS {
            let (here, there) = if number % 2 == 0 { (&nodes.one, &nodes.two) } else { (&nodes.two, &nodes.one) };
            let here = here.logged_in(&format!("user-{number}")).await;
            let there = here.on(&there.server);
            sockets.push(there.open().await);
            clients.push(tokio::spawn(use_both(here, there, Arc::clone(&shared))));
        }
        Self { shared, clients, sockets }
    }

    /// Waits until `more` answers were good.
    pub(super) async fn gets_good(&self, more: usize) {
        self.gets(&self.shared.good, more).await;
    }

    /// Waits until `more` answers were 503.
    pub(super) async fn gets_unavailable(&self, more: usize) {
        self.gets(&self.shared.unavailable, more).await;
    }

    async fn gets(&self, count: &AtomicUsize, more: usize) {
        let enough = count.load(SeqCst) + more;
        let reached = async {
            // A client that has failed tells why in the end.
            while count.load(SeqCst) < enough && !self.clients.iter().any(JoinHandle::is_finished) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        assert!(timeout(SOON, reached).await.is_ok(), "the nodes do not answer so any more");
    }

    /// Stops the clients when all is well again, and checks what they have been told before.
    pub(super) async fn ends(mut self) {
        self.shared.stops.store(true, SeqCst);
        for client in self.clients {
            client.await.unwrap();
        }
        for socket in &mut self.sockets {
            assert!(socket.echoes("still open").await, "a socket was closed");
        }
    }
}

async fn use_both(mut here: Browser, mut there: Browser, shared: Arc<Shared>) {
    let cookie = here.cookie.clone();
    let (mut saved, mut tried) = (0, 0);
    let mut ended = Vec::new();
    while !shared.stops.load(SeqCst) {
        shared.ask(&mut here, "GET", "/me").await;
        tried += 1;
        if shared.ask(&mut here, "POST", &format!("/put/n/{tried}")).await.is_some() {
            saved = tried;
        }
        if let Some(n) = shared.ask(&mut there, "GET", "/get/n").await {
            let n: usize = n.parse().unwrap_or_default();
            assert!((saved..=tried).contains(&n), "{saved} was saved, {n} was read");
        }
        let mut guest = here.with(None);
        if shared.ask(&mut guest, "POST", "/login/guest").await.is_none() {
            assert_eq!(guest.cookie, None);
            continue;
        }
        let again = there.with(guest.cookie.clone());
        shared.ask(&mut again.clone(), "GET", "/me").await;
        if shared.ask(&mut guest, "POST", "/logout").await.is_some() {
            ended.push(again);
        }
    }
    assert_eq!(until_answered(&mut here, "/me").await.status, 200);
    assert_eq!(here.cookie, cookie);
    assert!(until_answered(&mut there, "/get/n").await.body.parse().unwrap_or(0) >= saved, "a save was lost");
    // Logouts that were confirmed hold.
    assert!(!ended.is_empty());
    for mut browser in ended {
        let answer = until_answered(&mut browser, "/me").await;
        assert!(answer.is(401, "session_expired"), "{answer:?}");
    }
}

/// All is well again, but a connection to a server that has changed its role may still fail once.
async fn until_answered(browser: &mut Browser, path: &str) -> Answer {
    let answered = async {
        loop {
            let answer = browser.get(path).await;
            if !answer.is(503, "unavailable") {
                return answer;
            }
            // The servers need the processors too, to agree about who has taken over.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, answered).await.unwrap_or_else(|_| panic!("{path} is not answered any more"))
}

impl Shared {
    /// The body of a good answer; `None` if the node was unavailable, and has said so.
    async fn ask(&self, browser: &mut Browser, method: &str, path: &str) -> Option<String> {
        let Ok(answer) = timeout(AT_MOST, browser.send(method, path, &[])).await else { panic!("{path} hangs") };
        if answer.status < 300 {
            self.good.fetch_add(1, SeqCst);
            return Some(answer.body);
        }
        assert!(answer.is(503, "unavailable"), "{path}: {answer:?}");
        assert_eq!((answer.header("set-cookie"), answer.header("retry-after")), (None, Some("5")), "{path}");
        self.unavailable.fetch_add(1, SeqCst);
        None
    }
}

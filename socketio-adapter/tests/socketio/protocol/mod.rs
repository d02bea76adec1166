//! The situations of the protocol suite of the Socket.IO project (`docs/socket.io-protocol/v5-test-suite` of
//! socketio/socket.io): what a client sees behind a chain is what it sees without one, except where the table says
//! otherwise.
//!
//! Names and code are ours, the order is that of the suite. Each situation has servers of its own. Their heartbeats and
//! deadlines are those of the suite where a situation is about them, and out of the way where it is not.

mod beyond;
mod client;
mod engine;
mod namespaces;
mod server;

use futures_util::{
    FutureExt as _,
    future::{LocalBoxFuture, join_all},
};

use self::{
    client::{By, Client},
    server::{Pace, guarded, plain},
};

/// One situation, and what a client sees in it.
struct Situation {
    name: &'static str,
    pace: Pace,
    play: Box<Play>,
    sees: &'static [&'static str],
    /// What a client sees behind a chain: the same, unless there is a reason.
    guarded: &'static [&'static str],
    reason: &'static str,
}

type Play = dyn for<'c> Fn(&'c Client) -> LocalBoxFuture<'c, ()>;

/// The documentation of `socketio_adapter`, "The order of decisions", 3 and 4.
const OWN_ANSWER: &str = "the layer refuses the request itself: the same status, the body of any route";
/// The documentation of `socketio_adapter`, "The owner of a WebSocket".
const OWN_CLOSE: &str = "the owner of the stream closes it, where engine.io drops it";
/// The documentation of `socketio_adapter`, "The end of a connection".
const AUTH_TIMEOUT: &str = "the close tells the client why";

const BAD_REQUEST: &str =
    r#"400 problem {"type":"about:blank","title":"Bad Request","status":400,"code":"bad_request"}"#;
const UNKNOWN_SESSION: &str =
    r#"400 problem {"type":"about:blank","title":"Bad Request","status":400,"code":"unknown_session"}"#;

fn situation<F>(name: &'static str, pace: Pace, play: F, sees: &'static [&'static str]) -> Situation
where
    F: AsyncFn(&Client) + Copy + 'static,
{
    let play: Box<Play> = Box::new(move |client| async move { play(client).await }.boxed_local());
    Situation { name, pace, play, sees, guarded: sees, reason: "" }
}

impl Situation {
    fn behind_a_chain(self, guarded: &'static [&'static str], reason: &'static str) -> Self {
        assert_ne!(self.sees, guarded, "{}", self.name);
        Self { guarded, reason, ..self }
    }

    /// What a client sees and should not.
    async fn broken(&self, by: By) -> Vec<String> {
        let mut broken = Vec::new();
        for ((server, arrivals), sees, place) in [
            (plain(self.pace).await, self.sees, "without a chain"),
            (guarded(self.pace).await, self.guarded, "behind a chain"),
        ] {
            let client = Client::new(server.addr, arrivals, by);
            (self.play)(&client).await;
            let seen = client.seen();
            if seen != Self::expected(sees, by) {
                broken.push(format!("{} {place}, {by:?}: {seen:#?}\nreason to differ: {}\n", self.name, self.reason));
            }
        }
        broken
    }

    /// The application sends the `auth` object back.
    fn expected(lines: &[&str], by: By) -> Vec<String> {
        let sent = format!(r#"["auth",{}]"#, by.auth("{}"));
        lines.iter().map(|line| line.replace(r#"["auth",{}]"#, &sent)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_sees_is_the_same_behind_a_chain() {
    let suite: Vec<_> = engine::situations().into_iter().chain(namespaces::situations()).collect();
    assert_eq!(suite.len(), 32);
    let beyond = beyond::situations();
    let plays = suite.iter().chain(&beyond).flat_map(|situation| [By::Header, By::Auth].map(|by| situation.broken(by)));
    let broken = join_all(plays).await.concat();
    assert!(broken.is_empty(), "{}", broken.concat());
}

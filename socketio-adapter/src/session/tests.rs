use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, SystemTime},
};

use auth_basic::{Basic, BasicLogin};
use auth_core::{AuthRequest, Authenticated, Chain, ManualClock, Outcome, Principal, PrincipalId, Transport};
use http::Request;
use socketioxide::socket::Sid;
use ws_adapter::{
    AuthLayer, Close, Connections, Sockets,
    adapter::{Checkpoint, Due, End as _, Entered, NotNow},
};

use super::{core::ByRegistry, *};

struct User;

impl Principal for User {
    fn principal_id(&self) -> Option<PrincipalId> {
        Some(PrincipalId::new("", "ann"))
    }
}

const START: SystemTime = SystemTime::UNIX_EPOCH;

fn at(secs: u64) -> SystemTime {
    START + Duration::from_secs(secs)
}

async fn user_until(end: SystemTime) -> Authenticated<User> {
    let basic = Basic::new("test").verify(|_: BasicLogin| async { Ok::<_, Infallible>(Some(User)) });
    let chain = Chain::new().or(basic).and_then(move |accept| Ok(Outcome::Accept(accept.expires_at(end))));
    let request = Request::get("/").header("authorization", "Basic YW5uOng=").body(()).unwrap();
    let (parts, ()) = request.into_parts();
    chain.authenticate(&AuthRequest::new(&parts, Transport::Http, START)).await.unwrap()
}

/// A server that sessions belong to.
struct Server {
    checkpoint: Checkpoint<User>,
    connections: Connections,
}

impl Server {
    fn new(clock: &ManualClock) -> Self {
        let connections = Connections::new();
        let basic = Basic::new("test").verify(|_: BasicLogin| async { Ok::<_, Infallible>(Some(User)) });
        let sockets = Sockets::new().connections(&connections);
        let layer = AuthLayer::new(Chain::new().or(basic)).sockets(sockets).timer(clock.clone());
        Self { checkpoint: layer.into_checkpoint(), connections }
    }

    async fn session(&self) -> Arc<Session> {
        let (parts, ()) = Request::get("/").body(()).unwrap().into_parts();
        let checked = self.checkpoint.check(&AuthRequest::new(&parts, Transport::SocketIo, START)).await.unwrap();
        let wait = Duration::from_secs(10);
        Session::new(&self.checkpoint, &Sessions::default(), wait, &parts, &checked).unwrap()
    }

    async fn enter(&self, session: &Session, user: &Authenticated<User>) -> Entered {
        let (parts, ()) = Request::get("/").body(()).unwrap().into_parts();
        let request = AuthRequest::new(&parts, Transport::SocketIo, START);
        self.checkpoint.enter(session.place(), user, &request).await.unwrap()
    }

    /// Lets the user into a namespace.
    async fn admit(&self, session: &Session, namespace: &str, user: &Authenticated<User>) -> Option<u64> {
        session.admit(namespace, Admission::Own(self.enter(session, user).await))
    }
}

pub(crate) async fn session(clock: &ManualClock) -> Arc<Session> {
    Server::new(clock).session().await
}

#[tokio::test]
async fn moved_end_ends_nothing_early_and_nothing_is_taken_after_the_new_one() {
    let clock = ManualClock::new(START);
    let server = Server::new(&clock);
    let session = server.session().await;
    let (short, long) = (user_until(at(60)).await, user_until(at(900)).await);
    let number = server.admit(&session, "/", &short).await.unwrap();

    session.begin_refresh(number).unwrap();
    let entered = server.enter(&session, &long).await;
    assert_eq!(session.swap(("/", number), &entered, true), Ok(Some(at(900))));
    session.end_refresh(number);
    clock.advance(Duration::from_secs(60));
    assert!(!matches!(session.due(), Some(Due::End(_))));

    session.begin_refresh(number).unwrap();
    let entered = server.enter(&session, &long).await;
    clock.advance(Duration::from_secs(840));
    assert_eq!(session.swap(("/", number), &entered, true), Err(NotNow::Ended));
    assert_eq!(session.begin_refresh(number), Err(NotNow::Ended));
    assert!(server.admit(&session, "/other", &long).await.is_none());
    drop(entered);
    assert_eq!(server.connections.count(), 1);
    assert_eq!(session.due(), Some(Due::End(Close::TOKEN_EXPIRED)));
    assert!(session.end(&Close::TOKEN_EXPIRED));
    session.forget();
    let (parts, ()) = Request::get("/").body(()).unwrap().into_parts();
    let request = AuthRequest::new(&parts, Transport::SocketIo, START);
    assert!(server.checkpoint.enter(session.place(), &long, &request).await.is_err());
    assert_eq!(server.connections.entries(), [0; 3]);
}

#[tokio::test]
async fn namespace_is_let_in_by_what_the_transport_lives_by_now() {
    let clock = ManualClock::new(START);
    let server = Server::new(&clock);
    let session = server.session().await;
    let (short, long) = (user_until(at(60)).await, user_until(at(900)).await);
    session.open_by(server.enter(&session, &short).await);
    let number = session.admit("/", Admission::OfTransport).unwrap();
    session.begin_refresh(number).unwrap();
    session.swap(("/", number), &server.enter(&session, &long).await, true).unwrap();
    // It was asked about before the refresh.
    session.admit("/other", Admission::OfTransport).unwrap();
    let of_other = session.user::<User>("/other").unwrap().unwrap();
    assert_eq!(of_other.evidence().expires_at(), Some(at(900)));
    assert_eq!(session.state().time.ends_at(), Some(at(900)));
}

#[tokio::test]
async fn refresh_in_one_namespace_does_not_end_refreshes_in_others() {
    let clock = ManualClock::new(START);
    let server = Server::new(&clock);
    let session = server.session().await;
    let (short, long) = (user_until(at(60)).await, user_until(at(900)).await);
    session.open_by(server.enter(&session, &short).await);
    let (one, other) =
        (session.admit("/", Admission::OfTransport).unwrap(), session.admit("/other", Admission::OfTransport).unwrap());
    session.begin_refresh(one).unwrap();
    session.begin_refresh(other).unwrap();
    session.swap(("/", one), &server.enter(&session, &long).await, true).unwrap();
    assert_eq!(session.begin_refresh(other), Err(NotNow::InProgress));
    session.end_refresh(one);
    assert_eq!(session.begin_refresh(other), Err(NotNow::InProgress));
    assert_eq!(session.begin_refresh(one), Ok(()));
    session.end_refresh(other);
    assert_eq!(session.begin_refresh(other), Ok(()));
}

#[tokio::test]
async fn client_is_still_in_its_namespace_after_a_refresh() {
    let clock = ManualClock::new(START);
    let server = Server::new(&clock);
    let session = server.session().await;
    let (short, long) = (user_until(at(60)).await, user_until(at(900)).await);
    session.open_by(server.enter(&session, &short).await);
    let number = session.admit("/", Admission::OfTransport).unwrap();
    session.admit("/on-its-way", Admission::OfTransport).unwrap();
    session.connected("/", Sid::ZERO);
    session.begin_refresh(number).unwrap();
    session.swap(("/", number), &server.enter(&session, &long).await, true).unwrap();
    let state = session.state();
    assert_eq!(state.arrived().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["/"]);
}

#[tokio::test]
async fn session_gives_up_its_place_only_while_it_waits() {
    let clock = ManualClock::new(START);
    let server = Server::new(&clock);
    let (waiting, settled, early) = (server.session().await, server.session().await, server.session().await);
    let displace = |session: &Arc<Session>| ByRegistry(Arc::downgrade(session)).displace();
    waiting.place().wait().unwrap();
    displace(&waiting);
    settled.place().wait().unwrap();
    assert!(settled.bind(user_until(at(60)).await.evidence()));
    settled.connected("/", Sid::ZERO);
    displace(&settled);
    // Between its entry and its wait.
    displace(&early);
    early.place().wait().unwrap();
    assert_eq!([&waiting, &settled, &early].map(|session| session.end_reason().is_some()), [true, false, true]);
    drop([waiting, settled, early]);
    assert_eq!(server.connections.pending(), 0);
}

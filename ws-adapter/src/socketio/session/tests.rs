use std::convert::Infallible;

use auth_basic::{Basic, BasicLogin};
use auth_core::{AuthRequest, Chain, ManualClock, Outcome, Principal, PrincipalId, Transport};
use http::Request;
use socketioxide::socket::Sid;

use super::*;
use crate::lifetime::Due;

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

pub(in crate::socketio) fn session(clock: &ManualClock) -> Arc<Session> {
    let timer: Arc<dyn Timer> = Arc::new(clock.clone());
    let wait = Duration::from_secs(10);
    let settings = Settings {
        sessions: &Sessions::default(),
        timer: &timer,
        patience: wait,
        sockets: SocketSettings::default(),
        address: None,
    };
    Arc::new(Session::new(&settings, OriginVerdict::Allowed, None).unwrap())
}

#[tokio::test]
async fn alarm_of_an_end_that_has_moved_ends_nothing_and_after_the_new_one_nothing_is_taken() {
    let (clock, connections) = (ManualClock::new(START), Connections::new());
    let session = session(&clock);
    let (short, long) = (user_until(at(60)).await, user_until(at(900)).await);
    let number = session.admit("/", &short, Some(session.enter(&connections, &short).unwrap())).unwrap();

    session.begin_refresh(number).unwrap();
    let entry = session.enter(&connections, &long).unwrap();
    assert_eq!(session.swap(("/", number), &long, entry, true), Ok(Some(at(900))));
    session.end_refresh(number);
    clock.advance(Duration::from_secs(60));
    assert!(!matches!(session.due(), Some(Due::End(_))));

    session.begin_refresh(number).unwrap();
    let entry = session.enter(&connections, &long).unwrap();
    clock.advance(Duration::from_secs(840));
    assert_eq!(session.swap(("/", number), &long, entry, true), Err(NotNow::Ended));
    assert_eq!(session.begin_refresh(number), Err(NotNow::Ended));
    assert!(session.admit("/other", &long, Some(session.enter(&connections, &long).unwrap())).is_none());
    assert_eq!(connections.count(), 1);
    assert_eq!(session.due(), Some(Due::End(Close::TOKEN_EXPIRED)));
    assert!(session.end(&Close::TOKEN_EXPIRED));
    assert_eq!(session.enter(&connections, &long).err(), Some(NotNow::Ended));
    session.forget();
    assert_eq!(connections.entries(), [0; 3]);
}

#[tokio::test]
async fn namespace_of_the_transport_is_let_in_by_what_the_transport_lives_by_at_that_moment() {
    let (clock, connections) = (ManualClock::new(START), Connections::new());
    let session = session(&clock);
    let (short, long) = (user_until(at(60)).await, user_until(at(900)).await);
    session.open_by(&short, session.enter(&connections, &short).unwrap());
    let number = session.admit("/", &short, None).unwrap();
    session.begin_refresh(number).unwrap();
    session.swap(("/", number), &long, session.enter(&connections, &long).unwrap(), true).unwrap();
    // It was asked about before the refresh.
    session.admit("/other", &short, None).unwrap();
    let of_other = session.user::<User>("/other").unwrap().unwrap();
    assert_eq!(of_other.evidence().expires_at(), Some(at(900)));
    assert_eq!(session.life().time.ends_at(), Some(at(900)));
}

#[tokio::test]
async fn refresh_of_one_namespace_ends_no_other_that_has_begun_nor_the_next_one_its_own() {
    let (clock, connections) = (ManualClock::new(START), Connections::new());
    let session = session(&clock);
    let (short, long) = (user_until(at(60)).await, user_until(at(900)).await);
    session.open_by(&short, session.enter(&connections, &short).unwrap());
    let (one, other) = (session.admit("/", &short, None).unwrap(), session.admit("/other", &short, None).unwrap());
    session.begin_refresh(one).unwrap();
    session.begin_refresh(other).unwrap();
    session.swap(("/", one), &long, session.enter(&connections, &long).unwrap(), true).unwrap();
    assert_eq!(session.begin_refresh(other), Err(NotNow::InProgress));
    session.end_refresh(one);
    assert_eq!(session.begin_refresh(other), Err(NotNow::InProgress));
    assert_eq!(session.begin_refresh(one), Ok(()));
    session.end_refresh(other);
    assert_eq!(session.begin_refresh(other), Ok(()));
}

#[tokio::test]
async fn whoever_has_come_into_a_namespace_is_there_after_a_refresh_too() {
    let (clock, connections) = (ManualClock::new(START), Connections::new());
    let session = session(&clock);
    let (short, long) = (user_until(at(60)).await, user_until(at(900)).await);
    session.open_by(&short, session.enter(&connections, &short).unwrap());
    let number = session.admit("/", &short, None).unwrap();
    session.admit("/on-its-way", &short, None).unwrap();
    session.connected("/", Sid::ZERO);
    session.begin_refresh(number).unwrap();
    session.swap(("/", number), &long, session.enter(&connections, &long).unwrap(), true).unwrap();
    let life = session.life();
    assert_eq!(life.arrived().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["/"]);
}

#[tokio::test]
async fn session_gives_up_its_place_only_while_it_waits() {
    let (clock, connections) = (ManualClock::new(START), Connections::new());
    let place = |session: &Arc<Session>| {
        session.wait(connections.enter_pending(None, Transport::SocketIo, session.displaced()).unwrap());
    };
    let (waiting, settled, early) = (session(&clock), session(&clock), session(&clock));
    place(&waiting);
    waiting.displaced().end(Close::DISPLACED);
    place(&settled);
    assert!(settled.bind(user_until(at(60)).await.evidence()));
    settled.connected("/", Sid::ZERO);
    settled.displaced().end(Close::DISPLACED);
    // Between its entry and its wait.
    early.displaced().end(Close::DISPLACED);
    place(&early);
    assert_eq!([waiting, settled, early].map(|session| session.doomed().is_some()), [true, false, true]);
    assert_eq!(connections.pending(), 0);
}

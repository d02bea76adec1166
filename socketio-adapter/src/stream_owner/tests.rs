use std::{sync::Arc, time::SystemTime};

use auth_core::ManualClock;
use tokio::{
    io::{DuplexStream, duplex},
    task::JoinHandle,
};

use super::*;
use crate::{engine_stream::EngineStream, session::tests::session};

const TERMS: Terms = Terms {
    stall: STALL,
    silence: Duration::from_secs(46),
    output_deadline: OUTPUT_DEADLINE,
    codes: CloseCodes::Private,
};

/// The answers of engine.io to our question whether there is a session.
const THERE: &[u8] = br#"{"code":"3","message":"Bad request"}"#;
const GONE: &[u8] = br#"{"code":"1","message":"Session ID unknown"}"#;

struct Owned {
    connection: EngineStream<DuplexStream>,
    client: DuplexStream,
    session: Arc<Session>,
    owned: JoinHandle<Duration>,
}

/// A stream of which the client's side has room for four bytes, and whose owner tells how long it had it.
async fn owned(answer: &'static [u8], upgrade_of: Option<Sid>) -> Owned {
    owned_with(4, answer, upgrade_of).await
}

async fn owned_with(room: usize, answer: &'static [u8], upgrade_of: Option<Sid>) -> Owned {
    let session = session(&ManualClock::new(SystemTime::UNIX_EPOCH)).await;
    let (server, client) = duplex(room);
    let (connection, owner) = EngineStream::new(server, None, Some(Sid::new()), session.watch(), session.traffic());
    let stream = session.stream();
    let owned = tokio::spawn(async move {
        let begun = Instant::now();
        let engine = Engine::that_answers(answer);
        own(owner, stream.session(), &engine, upgrade_of, TERMS).await;
        begun.elapsed()
    });
    Owned { connection, client, session, owned }
}

/// Takes a byte every tenth of a second, and gives what it has taken.
fn drains_slowly(mut client: DuplexStream) -> JoinHandle<Vec<u8>> {
    tokio::spawn(async move {
        let mut taken = Vec::new();
        while let Ok(byte) = client.read_u8().await {
            taken.push(byte);
            time::sleep(Duration::from_millis(100)).await;
        }
        taken
    })
}

fn about(took: Duration, expected: Duration) {
    assert!(took >= expected && took < expected + Duration::from_millis(50), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn client_that_says_nothing_is_given_up_and_told_so() {
    let Owned { connection, mut client, session, owned } = owned(THERE, None).await;
    let told = tokio::spawn(async move {
        let mut told = Vec::new();
        client.read_to_end(&mut told).await.unwrap();
        told
    });
    let mut connection = connection;
    assert_eq!(connection.read(&mut [0]).await.unwrap(), 0, "engine.io reads the end");
    assert!(session.is_ended());
    drop(connection);
    about(owned.await.unwrap(), TERMS.silence);
    assert_eq!(told.await.unwrap(), [b"\x88\x0e\x11\x38", "ping_timeout".as_bytes()].concat());
}

#[tokio::test(start_paused = true)]
async fn every_byte_of_a_client_puts_its_silence_off() {
    let Owned { mut connection, mut client, owned, .. } = owned(THERE, None).await;
    time::sleep(Duration::from_secs(40)).await;
    client.write_all(b"\x81").await.unwrap();
    connection.read_u8().await.unwrap();
    drop(tokio::spawn(async move { connection.read(&mut [0]).await }));
    let _taken = drains_slowly(client);
    let took = owned.await.unwrap();
    assert!(took >= Duration::from_secs(86) && took < Duration::from_secs(89), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn client_that_takes_nothing_is_given_up_without_a_word() {
    let Owned { mut connection, mut client, session, owned } = owned(THERE, None).await;
    connection.write_all(b"\x81\x40").await.unwrap();
    time::sleep(Duration::from_secs(10)).await;
    let begun = Instant::now();
    // The frame is one of many bytes, and the write waits until nothing waits any more.
    connection.write_all(&[b'x'; 64]).await.unwrap();
    about(begun.elapsed(), STALL);
    owned.await.unwrap();
    assert!(session.is_ended());
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"\x81\x40xx");
}

#[tokio::test(start_paused = true)]
async fn from_the_end_on_nothing_puts_the_deadline_off() {
    let Owned { mut connection, client, session, owned } = owned(THERE, None).await;
    let taken = drains_slowly(client);
    connection.write_all(b"\x81\x02hi").await.unwrap();
    session.end(&Close::TOKEN_EXPIRED);
    session.cut(Close::TOKEN_EXPIRED);
    // It goes on to write as long as it can, and never waits.
    for _ in 0..10 {
        connection.write_all(b"\x81\x02hi").await.unwrap();
        time::sleep(Duration::from_millis(10)).await;
    }
    about(owned.await.unwrap(), OUTPUT_DEADLINE);
    assert!(taken.await.unwrap().len() >= 20);
}

#[tokio::test(start_paused = true)]
async fn client_is_told_after_all_that_was_written_and_may_close_in_its_turn() {
    for answers in [true, false] {
        let Owned { mut connection, mut client, session, owned } = owned(THERE, None).await;
        session.end(&Close::TOKEN_EXPIRED);
        connection.write_all(b"\x81\x02hi").await.unwrap();
        time::sleep(Duration::from_millis(50)).await;
        session.cut(Close::TOKEN_EXPIRED);
        // engine.io closes too, without a code.
        connection.write_all(b"\x88\x00").await.unwrap();
        drop(connection);
        let mut told = vec![0; 21];
        client.read_exact(&mut told).await.unwrap();
        assert_eq!(told, [b"\x81\x02hi\x88\x0f\x11\x31", "token_expired".as_bytes()].concat());
        if answers {
            client.write_all(b"\x81\x80\0\0\0\0\x88\x80\0\0\0\0").await.unwrap();
        }
        about(owned.await.unwrap(), if answers { Duration::from_millis(50) } else { OUTPUT_DEADLINE });
    }
}

#[tokio::test(start_paused = true)]
async fn session_that_engine_io_has_ended_is_noticed_while_its_writes_wait() {
    let Owned { mut connection, client, session, owned } = owned(GONE, None).await;
    let _taken = drains_slowly(client);
    let frame = [b"\x81\x7e\x10\x00", [b'x'; 0x1000].as_slice()].concat();
    connection.write_all(&frame).await.unwrap();
    assert!(session.is_ended());
    drop(connection);
    let took = owned.await.unwrap();
    assert!(took > LOOK && took < OUTPUT_DEADLINE + 2 * LOOK, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn stream_that_was_turned_away_does_not_end_the_session_that_has_another() {
    for (answer, ends) in [(THERE, false), (GONE, true)] {
        let Owned { connection, session, owned, .. } = owned(answer, Some(Sid::new())).await;
        drop(connection);
        owned.await.unwrap();
        assert_eq!(session.is_ended(), ends);
    }
}

#[tokio::test(start_paused = true)]
async fn client_that_floods_after_the_end_is_not_heard_out() {
    let Owned { connection, mut client, session, owned } = owned_with(64 * 1024, THERE, None).await;
    session.end(&Close::REVOKED);
    session.cut(Close::REVOKED);
    drop(connection);
    let mut told = vec![0; 11];
    client.read_exact(&mut told).await.unwrap();
    let flood = vec![0x81; 1024 * 1024];
    let mut taken = 0;
    while client.write_all(&flood).await.is_ok() {
        taken += flood.len() as u64;
    }
    assert!(taken <= HEARD_OUT + 64 * 1024, "{taken}");
    about(owned.await.unwrap(), Duration::ZERO);
}

use std::{future::Future, pin::pin};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::*;

/// Whether the future is not done when it is polled once.
async fn pending(future: impl Future) -> bool {
    let mut future = pin!(future);
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

fn traffic() -> Arc<Traffic> {
    let clock: Arc<dyn auth_core::Timer> = Arc::new(auth_core::ManualClock::new(std::time::SystemTime::UNIX_EPOCH));
    Arc::new(Traffic::new(&clock))
}

/// A stream with so much room in each direction, its owner, its client, and what tells the end.
fn stream(room: usize) -> (EngineStream<DuplexStream>, StreamOwner<DuplexStream>, DuplexStream, watch::Sender<bool>) {
    let (server, client) = duplex(room);
    let told = watch::Sender::new(false);
    let (connection, owner) = EngineStream::new(server, None, None, told.subscribe(), &traffic());
    (connection, owner, client, told)
}

/// A frame of a client, masked with zeroes, and of a server.
fn frames(opcode: u8, payload: &[u8]) -> [Vec<u8>; 2] {
    let len = u8::try_from(payload.len()).unwrap();
    let [client, server] = [vec![0x80 | opcode, 0x80 | len, 0, 0, 0, 0], vec![0x80 | opcode, len]];
    [[&client, payload].concat(), [&server, payload].concat()]
}

#[tokio::test]
async fn no_read_goes_beyond_the_frame() {
    let (mut connection, _owner, mut client, _told) = stream(4096);
    let [one, _] = frames(1, b"one");
    let [two, _] = frames(1, b"");
    client.write_all(&[&*one, &*two, &*one, &one[..4]].concat()).await.unwrap();
    let mut buf = [0; 4096];
    for expected in [&*one, &two, &one, &one[..4]] {
        let len = connection.read(&mut buf).await.unwrap();
        assert_eq!(&buf[..len], expected);
    }
    assert_eq!(connection.read(&mut []).await.unwrap(), 0, "no room takes nothing away");
    client.write_all(&one[4..]).await.unwrap();
    drop(client);
    // However small the buffer is.
    let mut rest = Vec::new();
    while let Ok(byte) = connection.read_u8().await {
        rest.push(byte);
    }
    assert_eq!(rest, &one[4..]);
}

#[tokio::test]
async fn byte_that_was_read_before_comes_first() {
    let (server, mut client) = duplex(64);
    let told = watch::Sender::new(false);
    let (mut connection, _owner) = EngineStream::new(server, Some(b'\x81'), None, told.subscribe(), &traffic());
    client.write_all(b"\x82\0\0\0\0hi").await.unwrap();
    let mut read = [0; 8];
    connection.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"\x81\x82\0\0\0\0hi");
}

#[tokio::test]
async fn only_a_budget_is_read_while_a_write_waits_and_output_refills_it() {
    let (mut connection, owner, mut client, _told) = stream(4 * BUDGET);
    connection.write_all(&vec![0; 4 * BUDGET]).await.unwrap();
    assert!(pending(connection.write(b"x")).await);
    assert!(owner.look().has_waited);
    let flood: Vec<u8> = frames(9, &[b'x'; 119])[0].repeat(3 * BUDGET / 125);
    client.write_all(&flood).await.unwrap();

    let read = async |connection: &mut EngineStream<DuplexStream>| {
        let (mut read, mut buf) = (0, [0; 4096]);
        while !pending(async { read += connection.read(&mut buf).await.unwrap() }).await {}
        read
    };
    assert_eq!(read(&mut connection).await, BUDGET);
    client.read_exact(&mut [0; 1000]).await.unwrap();
    connection.write_all(&[0; 1000]).await.unwrap();
    assert!(pending(connection.write(b"x")).await);
    assert_eq!(read(&mut connection).await, 1000);
    // A client that has taken everything is read without a limit.
    client.read_exact(&mut vec![0; 4 * BUDGET]).await.unwrap();
    connection.write_all(b"x").await.unwrap();
    connection.flush().await.unwrap();
    assert_eq!(read(&mut connection).await, flood.len() - BUDGET - 1000);
    assert!(owner.look().has_waited, "a write has waited");
    owner.forget_waits();
    assert!(!owner.look().has_waited);
}

#[tokio::test]
async fn reader_that_the_budget_holds_back_is_woken_by_the_write() {
    let (connection, _owner, mut client, _told) = stream(BUDGET);
    let (mut reader, mut writer) = tokio::io::split(connection);
    writer.write_all(&vec![0; BUDGET]).await.unwrap();
    assert!(pending(writer.write(b"x")).await);
    let reading = tokio::spawn(async move {
        let mut read = vec![0; BUDGET + 125];
        reader.read_exact(&mut read).await.unwrap();
    });
    client.write_all(&frames(9, &[b'x'; 119])[0].repeat(BUDGET / 125 + 2)).await.unwrap();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(!reading.is_finished());
    client.read_exact(&mut [0; 1000]).await.unwrap();
    writer.write_all(b"x").await.unwrap();
    reading.await.unwrap();
}

#[tokio::test]
async fn what_came_before_the_end_is_not_read_after_it() {
    let (mut connection, owner, mut client, told) = stream(4096);
    let [one, _] = frames(1, b"one");
    client.write_all(&one.repeat(2)).await.unwrap();
    connection.read_exact(&mut vec![0; one.len()]).await.unwrap();
    told.send_replace(true);
    assert!(pending(connection.read_u8()).await, "before the owner has come to know");
    let (_io, input) = owner.take().unwrap();
    assert!(input.is_between());
    assert!(owner.take().is_none());
    assert!(pending(connection.read_u8()).await);
    owner.end_reads();
    assert_eq!(connection.read(&mut [0; 9]).await.unwrap(), 0);
}

#[tokio::test]
async fn both_sides_are_woken_by_the_end() {
    let (connection, owner, _client, _told) = stream(4);
    let (mut reader, mut writer) = tokio::io::split(connection);
    let reading = tokio::spawn(async move { reader.read(&mut [0]).await.unwrap() });
    let writing = tokio::spawn(async move { writer.write_all(&[0; 100]).await.unwrap() });
    tokio::task::yield_now().await;
    let _io = owner.take();
    owner.end_reads();
    writing.await.unwrap();
    assert_eq!(reading.await.unwrap(), 0);
}

#[tokio::test]
async fn output_after_the_end_is_kept_in_whole_frames_without_the_close() {
    let (mut connection, owner, _client, _told) = stream(4096);
    let ([_, text], [_, close]) = (frames(1, b"41"), frames(8, b"\x03\xe8"));
    connection.write_all(&text[..3]).await.unwrap();
    let _io = owner.take();
    assert!(!owner.may_close(), "within a frame");
    connection.write_all(&text[3..]).await.unwrap();
    connection.write_all(&[&*text, &*close, &*text].concat()).await.unwrap();
    connection.flush().await.unwrap();
    assert_eq!(owner.rest(), ([&text[3..], &*text].concat(), true));
    assert!(owner.may_close());
    drop(connection);
    assert_eq!(owner.rest(), (vec![], false));
}

#[tokio::test]
async fn close_that_was_sent_before_the_end_is_not_followed_by_another() {
    let (mut connection, owner, _client, _told) = stream(4096);
    let [_, close] = frames(8, b"\x03\xe8");
    connection.write_all(&close[..2]).await.unwrap();
    let _io = owner.take();
    connection.write_all(&close[2..]).await.unwrap();
    assert_eq!(owner.rest().0, close[2..]);
    assert!(!owner.may_close());
}

#[tokio::test]
async fn one_mebibyte_is_kept_after_the_end_and_writes_do_not_wait() {
    let (mut connection, owner, _client, _told) = stream(4096);
    let _io = owner.take();
    let frame = [&[0x81, 126, 0x40, 0][..], &[b'x'; 0x4000]].concat();
    for _ in 0..1000 {
        connection.write_all(&frame).await.unwrap();
    }
    // A small one after those that did not fit would come out of its order.
    connection.write_all(&frames(1, b"41")[1]).await.unwrap();
    let (rest, _) = owner.rest();
    assert!(rest.len() <= MAX_REST && rest.len() > MAX_REST - frame.len());
    assert_eq!(rest.len() % frame.len(), 0);
    assert!(owner.may_close());
    drop(owner);
    connection.write_all(&frame).await.unwrap();
    assert_eq!(connection.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn error_of_a_write_is_seen_by_the_owner() {
    let (mut connection, owner, client, _told) = stream(64);
    drop(client);
    connection.write_all(b"x").await.unwrap_err();
    owner.changed().await;
    assert!(owner.look().is_broken);
}

#[tokio::test]
async fn id_is_seen_in_the_first_frame() {
    let sid = Sid::new();
    for padding in ["", &"x".repeat(200)] {
        let open = format!(r#"0{{"sid":"{sid}","p":"{padding}"}}"#);
        let len = u16::try_from(open.len()).unwrap();
        let head = match u8::try_from(len) {
            Ok(len) if len < 126 => vec![0x81, len],
            _ => [&[0x81, 126][..], &len.to_be_bytes()].concat(),
        };
        let (mut connection, owner, _client, _told) = stream(4096);
        connection.write_all(&[&*head, open.as_bytes()].concat()).await.unwrap();
        assert_eq!(owner.look().sid, Some(sid));
    }
}

use std::{future::Future, io, pin::pin, sync::Weak, time::Duration};

use auth_core::Principal;
use socketioxide::socket::Sid;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf},
    select,
    sync::watch,
    time::{self, Instant},
};
use ws_adapter::{Close, CloseCodes};

use super::{
    engine::Engine,
    engine_stream::StreamOwner,
    frames::Frames,
    server::Server,
    session::{Session, ended},
};

/// How long a client may take to read its output after the end of its session. Then the stream is dropped. Nothing extends this.
pub(super) const OUTPUT_DEADLINE: Duration = Duration::from_secs(2);
/// How long output may wait while the client takes nothing; by default engine.io waits as long for a pong.
const STALL: Duration = Duration::from_secs(20);
/// How many bytes are read and dropped after the end. It is more than operating systems hold for a client that has not seen the
/// end.
const HEARD_OUT: u64 = 8 * 1024 * 1024;
/// How often to ask engine.io, while a write waits, whether the session is still there.
const LOOK: Duration = Duration::from_secs(1);
/// How much longer than engine.io the owner waits for a silent client.
const SLACK: Duration = Duration::from_secs(1);
/// The longest wait, whatever the settings of engine.io: longer spans cannot be added to every instant.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// How long the driver may take to say goodbye before engine.io reads the end; longer than it does.
const GOODBYE: Duration = Duration::from_millis(1500);

/// What holds for every stream of a server.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    stall: Duration,
    /// How long the client may say nothing. engine.io closes the session before that.
    silence: Duration,
    output_deadline: Duration,
    codes: CloseCodes,
}

impl Terms {
    pub(super) fn of<U: Principal>(server: &Server<U>) -> Self {
        let engine = &server.io.config().engine_config;
        let silence = engine.ping_interval.saturating_add(engine.ping_timeout).saturating_add(SLACK).min(LONGEST);
        let codes = server.checkpoint.close_codes();
        Self { stall: STALL, silence, output_deadline: OUTPUT_DEADLINE, codes }
    }
}

/// Why a stream is taken away from engine.io.
enum Why {
    /// The session has ended.
    Ended,
    /// engine.io has ended its session, perhaps silently: it waits for the client first.
    EngineIo,
    /// The client is gone, or takes or says nothing.
    Lost(Close),
}

/// Owns the stream of a transport to its end: as long as the session goes on, then until the client has taken what it was
/// sent, but for no longer than the deadline.
///
/// `upgrade_of` is the session that the stream was to be an upgrade of; otherwise it has opened one. Returns once the stream is
/// gone.
pub(super) async fn own<I>(
    owner: StreamOwner<I>,
    session: &Session,
    engine: &Engine,
    upgrade_of: Option<Sid>,
    terms: Terms,
) where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let why = watch(&owner, session, engine, terms).await;
    let deadline = Instant::now() + terms.output_deadline;
    // If it has ended already, the driver says goodbye and sets the close.
    let close = match why {
        Why::Ended => None,
        // A second handshake of a transport that goes on, which was turned away.
        Why::EngineIo if goes_on(engine, upgrade_of).await => return,
        Why::EngineIo => session.end_reason().or(Some(Close::NORMAL)),
        Why::Lost(close) => Some(close),
    };
    let close = close.filter(|close| session.end(close));
    if close == Some(Close::ABNORMAL) {
        return;
    }
    let Some((io, input)) = owner.take() else { return };
    let cut = cut(session.watch_cut(), close.map(|close| close.in_codes(terms.codes)));
    // What is not out by then is not sent. Boxed, because most of the time it is not needed.
    let _ = time::timeout_at(deadline, Box::pin(finish(&owner, io, input, cut))).await;
}

async fn goes_on(engine: &Engine, upgrade_of: Option<Sid>) -> bool {
    match upgrade_of {
        Some(sid) => engine.goes_on(sid).await,
        None => false,
    }
}

/// Takes a transport that polls out of the registry once engine.io has closed it: nothing else may tell, since a handler
/// can hold its socket for ever. For one that was upgraded it does no harm.
pub(super) async fn patrol(session: Weak<Session>, sid: Sid, engine: Engine, terms: Terms) {
    let Some(told) = session.upgrade().map(|session| session.watch()) else { return };
    let mut ended = pin!(ended(told));
    loop {
        select! {
            // Nothing of it stays for longer.
            () = &mut ended => return,
            () = time::sleep(terms.silence) => {}
        }
        let is_closed = engine.has_closed(sid).await;
        match session.upgrade() {
            Some(session) if is_closed => return session.leave(),
            Some(session) if !session.is_ended() => {}
            _ => return,
        }
    }
}

/// Waits for a reason to take the stream away from engine.io.
async fn watch<I>(owner: &StreamOwner<I>, session: &Session, engine: &Engine, terms: Terms) -> Why {
    let mut ended = pin!(ended(session.watch()));
    let mut resumed = pin!(session.traffic().resumed());
    // Since when a write has waited at each look.
    let mut blocked_since = None;
    loop {
        let (seen, now) = (owner.look(), Instant::now());
        if seen.is_dropped {
            return Why::EngineIo;
        }
        if seen.is_broken || (seen.waits && seen.moved_at + terms.stall <= now) {
            return Why::Lost(Close::ABNORMAL);
        }
        let silent_at = seen.heard_at + terms.silence;
        if silent_at <= now {
            return Why::Lost(Close::PING_TIMEOUT);
        }
        let next = if seen.has_waited {
            let since = *blocked_since.get_or_insert(now);
            if since + LOOK <= now
                && let Some(sid) = seen.sid
                && engine.has_closed(sid).await
            {
                return Why::EngineIo;
            }
            silent_at.min(now + LOOK)
        } else {
            blocked_since = None;
            silent_at
        };
        select! {
            biased;
            () = &mut ended => return Why::Ended,
            () = owner.changed() => {}
            () = &mut resumed => {
                resumed.set(session.traffic().resumed());
                owner.resume();
            }
            // So a stream whose writes wait again and again does not wake its owner more often than that.
            () = time::sleep_until(next) => owner.forget_waits(),
        }
    }
}

/// Waits until engine.io may read the end, and returns the close for the client.
async fn cut(mut cut: watch::Receiver<Option<Close>>, own: Option<Close>) -> Close {
    if let Some(close) = own {
        return close;
    }
    match time::timeout(GOODBYE, cut.wait_for(Option::is_some)).await {
        Ok(Ok(close)) => close.clone().unwrap_or(Close::NORMAL),
        // It was ended elsewhere, or is gone.
        _ => Close::NORMAL,
    }
}

/// Sends what engine.io writes to its end, and the close; then waits for the client to close too. To drop the stream
/// while its messages are coming in would reset it, and the client would not see the close.
async fn finish<I>(owner: &StreamOwner<I>, io: I, input: Frames, cut: impl Future<Output = Close>) -> io::Result<()>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let (reader, writer) = tokio::io::split(io);
    tokio::try_join!(say(owner, writer, cut), hear_out(reader, input)).map(|_| ())
}

async fn say<I: AsyncWrite>(
    owner: &StreamOwner<I>,
    mut writer: WriteHalf<I>,
    cut: impl Future<Output = Close>,
) -> io::Result<()> {
    let ended = async {
        let close = cut.await;
        owner.end_reads();
        Ok(close)
    };
    let rest = async {
        loop {
            match owner.rest() {
                (rest, true) if rest.is_empty() => owner.changed().await,
                (rest, goes_on) => {
                    writer.write_all(&rest).await?;
                    if !goes_on {
                        return Ok::<_, io::Error>(());
                    }
                }
            }
        }
    };
    let (close, ()) = tokio::try_join!(ended, rest)?;
    if owner.may_close() {
        writer.write_all(&frame_of(&close)).await?;
    }
    writer.flush().await?;
    writer.shutdown().await
}

/// Reads what the client sends, and forgets it, until it closes, is gone, or goes on for too long.
async fn hear_out<I: AsyncRead>(reader: ReadHalf<I>, mut frames: Frames) -> io::Result<()> {
    let mut reader = reader.take(HEARD_OUT);
    let mut chunk = [0; 1024];
    let mut bytes: &[u8] = &[];
    while !frames.is_closed() {
        if bytes.is_empty() {
            let len = reader.read(&mut chunk).await?;
            bytes = chunk.get(..len).unwrap_or_default();
        }
        match frames.advance(bytes) {
            0 => break,
            taken => bytes = bytes.get(taken..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// A close frame as a server sends it (RFC 6455, 5.5.1). 1006 must not be sent (RFC 6455, 7.4.1).
fn frame_of(close: &Close) -> Vec<u8> {
    if *close == Close::ABNORMAL {
        return Vec::new();
    }
    let payload: Vec<u8> = close.code().to_be_bytes().into_iter().chain(close.reason().bytes()).collect();
    // OK because no reason is longer than what fits.
    let len = u8::try_from(payload.len()).unwrap_or_default();
    [&[0x88, len], payload.as_slice()].concat()
}

#[cfg(test)]
mod tests;

//! What clients of each kind send over a WebSocket, and what they receive.

use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Client, Socket, wire::PATIENCE};
use crate::world::{Cut, Kind, Result};

/// A WebSocket of this kind, opened with this `authorization`.
pub(crate) async fn open(client: &Client, kind: Kind, authorization: Option<&str>) -> Result<Socket> {
    let mut headers = vec![("sec-websocket-protocol", "auth.v1")];
    headers.extend(authorization.map(|value| ("authorization", value)));
    match kind {
        Kind::H2 => timeout(PATIENCE, Socket::over_http2(client, "/ws", &headers)).await?,
        Kind::First => Socket::over_http1(client, "/first", &headers).await,
        Kind::Socket | Kind::Polling => {
            let target = "/socket.io/?EIO=4&transport=websocket";
            let mut socket = Socket::over_http1(client, target, headers.get(1..).unwrap_or_default()).await?;
            timeout(PATIENCE, socket.next()).await??;
            Ok(socket)
        }
        Kind::Raw => Socket::over_http1(client, "/ws", &headers).await,
    }
}

/// A WebSocket that is authenticated with this token.
pub(crate) async fn login(client: &Client, kind: Kind, token: &str) -> Result<Socket> {
    let bearer = format!("Bearer {token}");
    match kind {
        Kind::Raw | Kind::H2 => open(client, kind, Some(&bearer)).await,
        Kind::First => {
            let mut socket = open(client, kind, None).await?;
            present(&mut socket, kind, token).await?;
            Ok(socket)
        }
        Kind::Socket | Kind::Polling => {
            let mut socket = open(client, kind, None).await?;
            socket.send(&connect("/", token)).await?;
            timeout(PATIENCE, until(&mut socket, accepted)).await??;
            Ok(socket)
        }
    }
}

/// Presents this token over an open connection.
pub(crate) async fn present(socket: &mut Socket, kind: Kind, token: &str) -> Result<()> {
    socket.send(&presentation(kind, token)).await?;
    timeout(PATIENCE, until(socket, accepted)).await?
}

/// Sends a message, and waits for its echo.
pub(crate) async fn echo(socket: &mut Socket, kind: Kind, text: &str) -> Result<()> {
    let message = message(kind, text);
    socket.send(&message).await?;
    let is_echo =
        |packet: &str| (packet == message).then_some(Ok(())).or_else(|| accepted(packet).filter(Result::is_err));
    timeout(PATIENCE, until(socket, is_echo)).await?
}

/// Reads until `of` returns a result for a text. It answers pings of engine.io.
async fn until(socket: &mut Socket, of: impl Fn(&str) -> Option<Result<()>>) -> Result<()> {
    loop {
        let packet = socket.next().await?;
        if packet == "2" {
            socket.send("3").await?;
        } else if let Some(result) = of(&packet) {
            return result;
        }
    }
}

/// The message that presents a token over an open connection.
pub(crate) fn presentation(kind: Kind, token: &str) -> String {
    match kind {
        Kind::Raw | Kind::H2 | Kind::First => {
            json!({ "type": "auth", "scheme": "bearer", "credentials": token }).to_string()
        }
        Kind::Polling | Kind::Socket => format!(r#"427["auth_refresh",{{"token":"{token}"}}]"#),
    }
}

/// The packet that connects to a namespace.
pub(crate) fn connect(namespace: &str, token: &str) -> String {
    let namespace = if namespace == "/" { String::new() } else { format!("{namespace},") };
    format!(r#"40{namespace}{{"token":"{token}"}}"#)
}

/// A message of the application. It is echoed unchanged.
pub(crate) fn message(kind: Kind, text: &str) -> String {
    match kind {
        Kind::Raw | Kind::H2 | Kind::First => text.to_owned(),
        Kind::Polling | Kind::Socket => format!(r#"42["message","{text}"]"#),
    }
}

/// Whether a credential was accepted, was refused or has ended; `None` if the text is about something else.
pub(crate) fn accepted(packet: &str) -> Option<Result<()>> {
    let told = |what: &Value| Some(Err(Cut::Told(what.as_str().unwrap_or("nothing").to_owned())));
    if packet.starts_with("40{") {
        return Some(Ok(()));
    }
    if let Some(error) = packet.strip_prefix("44") {
        return told(serde_json::from_str::<Value>(error).ok()?.get("message")?);
    }
    if let Some(answer) = packet.strip_prefix("437") {
        let answer = serde_json::from_str::<Value>(answer).ok()?;
        return if answer.pointer("/0/ok")? == true { Some(Ok(())) } else { told(answer.pointer("/0/code")?) };
    }
    if let Some(event) = packet.strip_prefix("42") {
        let event = serde_json::from_str::<Value>(event).ok()?;
        return if event.get(0)? == "auth_closed" { told(event.pointer("/1/reason")?) } else { None };
    }
    let message = serde_json::from_str::<Value>(packet).ok()?;
    match message.get("type")?.as_str()? {
        "auth_ok" => Some(Ok(())),
        "auth_error" => told(message.get("code")?),
        _ => None,
    }
}

/// The code in the body of a refusal; empty without one.
pub(crate) fn code(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    body.get("code").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The session of a polling transport, from the packet that opens it.
pub(crate) fn sid(packet: &str) -> Result<String> {
    let open = packet.strip_prefix('0').and_then(|open| serde_json::from_str::<Value>(open).ok());
    let sid = open.as_ref().and_then(|open| open.get("sid")?.as_str());
    sid.map(str::to_owned).ok_or_else(|| Cut::Strange(format!("no sid in {packet:?}")))
}

//! The ids of engine.io's sessions, as engine.io tells them.

use serde::Deserialize;
use socketioxide::socket::Sid;

/// The id in the first frame that engine.io sends over a WebSocket.
pub(super) fn in_frame(frame: &[u8]) -> Option<Sid> {
    let head = if frame.get(1)? & 0x7f == 126 { 4 } else { 2 };
    in_packet(frame.get(head..)?)
}

/// The id in the packet that opens a session: `0{"sid":"…",…}`.
pub(super) fn in_packet(packet: &[u8]) -> Option<Sid> {
    #[derive(Deserialize)]
    struct Open<'a> {
        sid: &'a str,
    }
    let open: Open<'_> = serde_json::from_slice(packet.strip_prefix(b"0")?).ok()?;
    open.sid.parse().ok()
}

//! Clients that write bytes: HTTP/1.1 and HTTP/2, WebSockets over both, and their messages.

mod http;
mod socket;
mod speak;
mod wire;

pub(crate) use self::{
    http::Http,
    socket::{HANDSHAKE, PING, Socket, TEXT, frame},
    speak::{accepted, code, connect, echo, login, message, open, present, presentation, sid},
    wire::{Client, Wire, lost},
};

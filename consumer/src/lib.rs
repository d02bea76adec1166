//! A notebook service that uses the crates by path, as an outside user would.
//!
//! It has its own user type ([`Member`]) and its own strategy ([`SessionCookie`]). It puts that strategy into one chain with JSON
//! Web Tokens and HTTP Basic. It only uses public API.

mod app;
mod member;
mod session;

pub use self::{
    app::{Setup, app},
    member::{Member, Members},
    session::{SessionCookie, Sessions},
};

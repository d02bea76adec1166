//! A notebook service that uses the crates by path, as a stranger would.
//!
//! It has a user type of its own ([`Member`]), a strategy of its own ([`SessionCookie`]), and puts that strategy into
//! one chain with JSON Web Tokens and HTTP Basic. Nothing in it knows more than what the crates make public.

mod app;
mod member;
mod session;

pub use self::{
    app::{Setup, app},
    member::{Member, Members},
    session::{SessionCookie, Sessions},
};

//! HTTP Basic (RFC 7617) as a strategy: user name and password in the `Authorization` header.
//!
//! It is for programs, scripts and first logins: `curl --user`, a client that trades a password for a token, a Socket.IO
//! client that sends `auth: {username, password}`. It is not for pages that want to log people out again, since
//! browsers remember a Basic login until they are closed, and never for connections without TLS, since the password
//! travels in clear. It keeps no users and asks no store: that is the verify callback's.
//!
//! # Example
//!
//! ```
//! use std::time::SystemTime;
//!
//! use auth_basic::{Basic, BasicLogin};
//! use auth_core::{AuthRequest, Chain, Principal, PrincipalId, Transport};
//!
//! struct User {
//!     name: String,
//! }
//!
//! impl Principal for User {
//!     fn principal_id(&self) -> Option<PrincipalId> {
//!         Some(PrincipalId::new("", &self.name))
//!     }
//! }
//!
//! /// Asks the user store: `Ok(None)` for a wrong login, `Err` if the store is down.
//! async fn check_password(login: BasicLogin) -> Result<Option<User>, std::io::Error> {
//!     // A real store holds slow hashes; the feature `argon2` makes and checks them.
//!     let is_right = login.username() == "Aladdin" && login.password().ct_eq("open sesame");
//!     Ok(is_right.then(|| User { name: login.username().to_owned() }))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let basic = Basic::new("demo").verify(|login: BasicLogin| async move { check_password(login).await });
//! let chain = Chain::new().or(basic);
//!
//! let request = http::Request::builder().header("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==").body(())?;
//! let (parts, ()) = request.into_parts();
//! let user = chain.authenticate(&AuthRequest::new(&parts, Transport::Http, SystemTime::now())).await?;
//! assert_eq!(user.name, "Aladdin");
//! assert_eq!(user.evidence().strategy(), "basic");
//! # Ok(()) }
//! ```
//!
//! # The order of decisions
//!
//! 1. No `Authorization` header, or one of another scheme: nothing for this strategy, and the chain goes on.
//!    `Basic` is read in any case; what only contains the word, such as `XBasicX`, is another scheme.
//! 2. The header is repeated, or anything but blanks and one word follows the scheme: malformed.
//! 3. The word is longer than 4 KiB ([`Basic::max_len`]): malformed.
//! 4. It is no base64 of RFC 4648, 4: malformed. The padding must be there, the alphabet is the standard one, and bits
//!    that are left over must be zero, so each login has exactly one form.
//! 5. What was encoded is no UTF-8, or holds no colon or any control character: malformed.
//! 6. The *first* colon splits. Later colons belong to the password. Either part may be empty.
//! 7. Where [`Basic::from_payload`] or [`Basic::from_socketio_auth`] asks for it, the payload is read too; their tables
//!    say what counts.
//! 8. The verify callback decides: let in, 401 with the challenge, or 503 if its store failed.
//!
//! Malformed is a 400 `invalid_request`, and the callback is not asked. A 400 or 401 carries
//! `Basic realm="…", charset="UTF-8"`.
//!
//! # Unicode
//!
//! User name and password are handed to the callback letter for letter. The challenge asks clients for UTF-8 in
//! normalisation form C (RFC 7617, 2.1), and those that do not normalise exist: the same `é` may come as one character
//! or as two. A server that normalises on its own would let several texts log in as one user, and would refuse
//! passwords that were hashed before it began. An application that wants it does so where it stores *and* where it
//! verifies, with the profiles of RFC 8265.
//!
//! Bytes that are no UTF-8 are malformed and are not tried as Latin-1: one header must not mean two logins.
//!
//! # Features
//!
//! | Feature | Adds |
//! |---|---|
//! | `argon2` | `Argon2Passwords`: argon2 hashes, made and checked off the async threads, with the same work for a user who does not exist; needs tokio |
//!
//! # Security
//!
//! - **Forged requests.** For WebSocket handshakes the carrier counts as explicit
//!   ([`Carrier::Header`](auth_core::Carrier::Header)), because a page must name the password to open a socket with it.
//!   For forms and links it is as good as a cookie: a browser that has logged in once sends the login along by itself,
//!   whoever wrote the page. Routes that change something need protection against forged requests, also behind Basic.
//! - **Who exists.** A refusal is the same for an unknown user and for a wrong password. The *time* is up to the
//!   callback; `Argon2Passwords` takes as long for both.
//! - **Guessing.** Nothing here counts attempts. Limit them by user and by address in front of the chain.
//! - **Secrets.** [`Password`] is zeroed and never printed; [`BasicLogin`] does not print the user name either. The
//!   header itself stays in the request: the middleware marks it sensitive, but what stands before it sees it.
//!
//! # Where to go next
//!
//! [`Basic`] for the settings, [`auth_core::Verify`] for what the callback may give, [`auth_core::Chain`] for what
//! happens with the outcome.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod credentials;
mod login;
#[cfg(feature = "argon2")]
mod passwords;
mod strategy;

#[cfg(feature = "argon2")]
pub use self::passwords::{Argon2Passwords, PasswordError, PasswordErrorKind};
pub use self::{
    login::{BasicLogin, Password},
    strategy::{Basic, BasicStrategy},
};

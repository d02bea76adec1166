//! HTTP Basic (RFC 7617) as a strategy: user name and password in the `Authorization` header.
//!
//! Use it for programs, scripts and first logins: `curl --user`, a client that trades a password for a token, a Socket.IO
//! client that sends `auth: {username, password}`. Don't use it for pages that must log people out again: browsers remember
//! a Basic login until they are closed. Never use it without TLS: the password is sent in clear text. The strategy has no
//! user store: the verify callback asks yours.
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
//!     // A real store holds slow hashes. The feature `argon2` makes and checks them.
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
//! 1. No `Authorization` header, or one with another scheme: absent, and the chain asks the next strategy. The scheme ignores
//!    case. `XBasicX` is another scheme.
//! 2. The header is repeated, or anything but blanks and one word follows the scheme: malformed.
//! 3. The word is longer than 4 KiB ([`Basic::max_len`]): malformed.
//! 4. The word is not base64 (RFC 4648, 4): malformed. The padding is required, the alphabet is the standard one, and unused
//!    bits must be zero. So each login has exactly one form.
//! 5. The decoded text is not UTF-8, has no colon, or has a control character: malformed.
//! 6. The *first* colon separates the parts. Later colons belong to the password. Either part may be empty.
//! 7. With [`Basic::from_payload`] or [`Basic::from_socketio_auth`], the payload is read too. Their tables say what counts.
//! 8. With `Basic::throttle`, a place is taken: 429 if too many attempts have failed, or 503 if the store is down.
//! 9. The verify callback decides: let in, 401 with the challenge, or 503 if its store failed.
//!
//! A malformed login gives 400 `invalid_request`, without a call of the callback. A 400 or 401 carries
//! `Basic realm="…", charset="UTF-8"`.
//!
//! # Unicode
//!
//! The callback gets user name and password exactly as sent. The challenge asks clients for UTF-8 in normalization form C
//! (RFC 7617, 2.1), but some clients do not normalize: the same `é` may arrive as one character or as two. If the strategy
//! normalized, several texts would log in as one user, and passwords hashed before would stop working. To normalize, an
//! application does so both when it stores *and* when it verifies, with the profiles of RFC 8265.
//!
//! Bytes that are not UTF-8 are malformed. They are not read as Latin-1: one header must not mean two logins.
//!
//! # Features
//!
//! | Feature | Adds |
//! |---|---|
//! | `argon2` | `Argon2Passwords`: makes and checks argon2 hashes off the async threads, with the same work for an unknown user; needs tokio |
//! | `throttle` | `Basic::throttle`: limits guesses by account and address, in any store of auth-store, which it adds |
//!
//! # Security
//!
//! - **Cross-site request forgery.** For WebSocket handshakes the carrier counts as explicit
//!   ([`Carrier::Header`](auth_core::Carrier::Header)), because a page must know the password to open a socket with it.
//!   For forms and links it works like a cookie: after one login, the browser sends the login by itself, for any page. So
//!   `ws_adapter::AuthLayer` refuses a request that changes something if it says that a foreign page sent it: 403 `cross_site`.
//!   Another middleware has to do the same, with [`OriginPolicy::judge_write`](auth_core::OriginPolicy::judge_write).
//! - **User enumeration.** The refusal is the same for an unknown user and for a wrong password. The *time* depends on the
//!   callback; `Argon2Passwords` takes the same time for both.
//! - **Guessing.** Without the feature `throttle` and `Basic::throttle`, anybody may guess as often as your callback can answer.
//! - **Secrets.** [`Password`] is zeroed and never printed; [`BasicLogin`] does not print the user name either. The header
//!   stays in the request: the middleware marks it sensitive, but outer layers and proxies see it.
//!
//! # Where to go next
//!
//! See [`Basic`] for the settings, [`auth_core::Verify`] for what the callback may return, and [`auth_core::Chain`] for what
//! happens with the outcome.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod credentials;
#[cfg(feature = "throttle")]
mod guard;
mod login;
mod opened_by;
#[cfg(feature = "argon2")]
mod passwords;
mod payload_fields;
mod strategy;
#[cfg(feature = "throttle")]
mod throttle;

#[cfg(feature = "argon2")]
pub use self::passwords::{Argon2Passwords, PasswordError, PasswordErrorKind};
pub use self::{
    login::{BasicLogin, Password},
    strategy::{Basic, BasicStrategy},
};

//! Logins that a server keeps: a cookie as a strategy, login, logout, and data that lives as long as the session.
//!
//! Use it for pages with a login form. It keeps no users and checks no passwords by itself: the application says who the user
//! is, and the feature `password` has a form and its rules. The feature `tokens` has logins of apps that send tokens; `auth-jwt` accepts
//! tokens of other issuers.
//!
//! A *login* is a record in a store, with a public id, the `sid`: 16 random bytes, safe in tokens, logs and lists. The cookie
//! holds the `sid` and a secret of 32 random bytes, of which the record has only the hash. A logout ends the record and all that
//! hangs on the `sid`: open sockets, and tokens that hold it, on every node.
//!
//! # Log in, and out
//!
//! ```
//! # #[cfg(feature = "axum")] {
//! use auth_core::{Authenticated, BoxError, Chain, Challenge, Principal, PrincipalId};
//! use auth_session::{Session, SessionError, SessionUsers, Sessions, async_trait};
//! use auth_store::MemoryStore;
//! use axum::{Router, http::StatusCode, routing::{get, post}};
//! use ws_adapter::AuthLayer;
//!
//! #[derive(Clone)]
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
//! /// What a login keeps of a user, and how to find the user again.
//! struct Users;
//!
//! #[async_trait]
//! impl SessionUsers for Users {
//!     type User = User;
//!
//!     fn id(&self, user: &User) -> Result<String, BoxError> {
//!         Ok(user.name.clone())
//!     }
//!
//!     async fn find(&self, id: &str) -> Result<Option<User>, BoxError> {
//!         Ok(Some(User { name: id.to_owned() })) // ask the database here
//!     }
//! }
//!
//! async fn log_in(session: Session<User>) -> Result<StatusCode, SessionError> {
//!     let user = User { name: "ann".to_owned() }; // after the password was checked
//!     session.login(&user).remember(true).await?;
//!     Ok(StatusCode::NO_CONTENT)
//! }
//!
//! async fn log_out(session: Session<User>) -> Result<StatusCode, SessionError> {
//!     session.logout().await?;
//!     Ok(StatusCode::NO_CONTENT)
//! }
//!
//! let sessions = Sessions::new(MemoryStore::new(), Users, "http://localhost:3000")?;
//! let chain = Chain::new().or(sessions.strategy()).revocation(sessions.revocations().clone());
//! // A 401 must carry a challenge. For pages, `fallback_redirect` leads to the login instead.
//! let chain = chain.fallback_challenge(Challenge::bearer("app"));
//! let app: Router = Router::new()
//!     .route("/me", get(|user: Authenticated<User>| async move { user.name.clone() }))
//!     .route_layer(AuthLayer::new(chain))
//!     .route("/login", post(log_in))
//!     .route("/logout", post(log_out))
//!     .layer(sessions.layer()); // outside of all others
//! # }
//! # Ok::<(), auth_core::ConfigError>(())
//! ```
//!
//! A foreign page can use neither of the two routes: see [`Session`](Session#security).
//!
//! # The order of decisions
//!
//! 1. The [layer](SessionLayer) gives the request its session, and judges which page has sent it. It asks no store.
//! 2. The [strategy](SessionStrategy) or the extractor [`Session`], whichever comes first, loads the login: one call of the
//!    store. Its use is noted, at most once a minute.
//! 3. The strategy asks [`SessionUsers::find`] for the user. The chain asks for revocations.
//! 4. The handler runs. `login` and `logout` store before they return.
//! 5. The layer stores what was inserted and removed, in one save. Then the head of the response goes out.
//!
//! # When the store is down
//!
//! A request with a cookie is answered with 503, and so is one that changes its session. No login ends, and no cookie is
//! removed. A request without a cookie does not notice it.
//!
//! # Events
//!
//! `INFO` in the log, and with the feature `metrics` counters. Neither names a user.
//!
//! | Event | Fields | Counter |
//! |---|---|---|
//! | `logged in` | `sid`, `remember`, `kind`: `login`, `step_up` | `auth_logins_total` by `kind` |
//! | `login failed` (feature `password`) | `code` | `auth_logins_failed_total` by `code` |
//! | `a refresh token was presented again` (feature `tokens`): ten seconds to five minutes after its first use | `sid`, `generation` | |
//! | `tokens were refreshed` (`DEBUG`, feature `tokens`) | `sid`, `generation`, `result` | `auth_token_refreshes_total` by `result`: `rotated`, `repeated`, or the code of the refusal |
//! | `an old refresh token was presented` (`WARN`, feature `tokens`) | `sid`, `generation`, `newest` | the end that follows |
//! | `logged out`, `login ended` | `sid`, `reason`: `logout`, `other_user`, `user_gone`, `by_id`, `limit`, `refresh_token_reuse`, `all` | `auth_logins_ended_total` by `reason` |
//! | `logins of a user ended` | `kept`, `reason`: `all`, `others` | the same |
//!
//! `auth_logins_ended_total` adds one
//!
//! - for each login, and each session of a visitor, that a request ends: `logout`, `other_user`, `user_gone`, `by_id`, `limit`,
//!   `refresh_token_reuse`. Of two requests that end the same one, one counts;
//! - for each call that ends all logins of a user: `all`, or `others` if it keeps the own one. How many that are is unknown, since
//!   the store keeps one mark for all. The few that are found one by one have a `login ended` with `all`, and don't count. Nor does the
//!   login that a `step_up` finds after you have revoked its user yourself.
//!
//! A login that ends by time has no event. No request is there at that moment, and a node that finds it later must not end it for
//! all: its clock may be ahead.
//!
//! # Features
//!
//! | Feature | Adds |
//! |---|---|
//! | `axum` (default) | [`Session`] is an extractor, [`SessionError`] a response, and `Devices` has routes for a list of logins |
//! | `password` | routes for login and logout with a password, and rules for new passwords; needs tokio |
//! | `tokens` | `RefreshTokens`: short access tokens, and refresh tokens that rotate, for clients without a cookie; needs tokio |
//! | `metrics` | counters of what happens to logins |
//!
//! # Where to go next
//!
//! [`Sessions`] and [`SessionsBuilder`] for the settings, [`Session`] for what a handler can do. The repository's `docs/login.md`,
//! `docs/sessions.md` and `docs/tokens.md` show whole set-ups.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "axum")]
mod axum;
#[cfg(any(feature = "password", feature = "tokens"))]
mod body;
mod builder;
mod changes;
mod core;
mod data;
mod detached;
#[cfg(feature = "axum")]
mod devices;
mod ends;
mod error;
mod events;
mod handle;
mod info;
mod instant;
mod layer;
mod limit;
#[cfg(feature = "password")]
mod local;
mod log_in;
mod login;
mod owned;
mod presented;
mod return_to;
#[cfg(feature = "axum")]
mod route_path;
mod secret;
mod session;
mod sessions;
mod set_cookie;
mod settings;
mod shared_str;
mod strategy;
#[cfg(feature = "tokens")]
mod tokens;
mod users;
mod value;

pub use async_trait::async_trait;

#[cfg(feature = "axum")]
pub use self::devices::Devices;
#[cfg(feature = "password")]
pub use self::local::{LocalLogin, LocalUsers, NewPasswordError, NewPasswordErrorKind, PasswordPolicy};
#[cfg(feature = "tokens")]
pub use self::tokens::{IssuedTokens, RefreshTokens, TokenLogIn};
pub use self::{
    builder::SessionsBuilder,
    error::{SessionError, SessionErrorKind},
    info::LoginInfo,
    layer::{ResponseFuture, SessionLayer, SessionService},
    limit::LoginOverflow,
    log_in::LogIn,
    return_to::ReturnTo,
    session::Session,
    sessions::Sessions,
    strategy::SessionStrategy,
    users::SessionUsers,
};

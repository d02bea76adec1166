//! Includes the pages under `docs/` and the README, so that their examples are compiled and run.

/// A test compares this with the README, which shows it without the setup.
///
/// ```
#[doc = include_str!("readme/before.rs")]
#[doc = include_str!("readme/example.rs")]
/// let _: Router = app;
/// # Ok::<(), auth_core::ConfigError>(())
/// ```
///
/// ```
/// use auth_basic::{Basic, BasicLogin};
/// use auth_core::{Authenticated, Chain, Principal, PrincipalId};
/// use axum::{Router, routing::get};
/// use socketioxide::extract::{Data, SocketRef};
/// use socketio_adapter::{SocketIoAuth, SocketUser};
/// use ws_adapter::AuthLayer;
///
/// struct User { id: String }
/// impl Principal for User {
///     fn principal_id(&self) -> Option<PrincipalId> {
///         Some(PrincipalId::new("", &self.id))
///     }
/// }
/// async fn me(user: Authenticated<User>) -> String { user.id.clone() }
/// let basic = Basic::new("demo").from_socketio_auth().verify(|_: BasicLogin| async { None::<User> });
/// let chain = Chain::new().or(basic);
#[doc = include_str!("readme/socketio.rs")]
/// let _: Router = app;
/// ```
mod readme {}
#[doc = include_str!("../../docs/chain.md")]
mod chain {}
#[doc = include_str!("../../docs/from-passport.md")]
mod from_passport {}
#[doc = include_str!("../../docs/writing-a-strategy.md")]
mod writing_a_strategy {}
#[doc = include_str!("../../docs/architecture.md")]
mod architecture {}
#[doc = include_str!("../../docs/csrf.md")]
mod csrf {}
#[doc = include_str!("../../docs/websocket.md")]
mod websocket {}
#[doc = include_str!("../../SECURITY.md")]
mod security {}
#[doc = include_str!("../../docs/socketio.md")]
mod socketio {}
#[doc = include_str!("../../docs/login.md")]
mod login {}
#[doc = include_str!("../../docs/sessions.md")]
mod sessions {}
#[doc = include_str!("../../docs/throttling.md")]
mod throttling {}
#[doc = include_str!("../../docs/stores.md")]
mod stores {}
#[doc = include_str!("../../docs/tokens.md")]
mod tokens {}
#[doc = include_str!("../../docs/tickets.md")]
mod tickets {}
#[doc = include_str!("../../docs/revocation.md")]
mod revocation {}
#[doc = include_str!("../../docs/remote-keys.md")]
mod remote_keys {}
#[doc = include_str!("../../docs/providers.md")]
mod providers {}
#[doc = include_str!("../../docs/jwt.md")]
mod jwt {}
#[doc = include_str!("../../docs/scaling.md")]
mod scaling {}

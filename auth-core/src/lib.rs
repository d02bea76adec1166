//! Authentication as a set of small strategies behind one call.
//!
//! This crate defines what every strategy and every adapter shares. It builds on [`http`], and does not know any web
//! framework, token format or password rule: those are in `ws-adapter`, `auth-jwt` and `auth-basic`.
//!
//! # A strategy and a chain
//!
//! ```
//! use std::time::SystemTime;
//! use auth_core::{
//!     Accept, AuthRequest, BoxError, Chain, Challenge, Needs, Outcome, Rejection, Secret, Strategy, Transport, async_trait,
//!     extract::{Extractor as _, Header, header},
//! };
//!
//! /// Accepts one key, in the header `X-Api-Key`.
//! struct ApiKey {
//!     header: Header,
//!     key: Secret,
//! }
//!
//! #[async_trait]
//! impl Strategy for ApiKey {
//!     type User = &'static str;
//!
//!     fn name(&self) -> &str {
//!         "api-key"
//!     }
//!
//!     fn challenges(&self, out: &mut Vec<Challenge>) {
//!         out.push(Challenge::new("ApiKey").with("realm", "api"));
//!     }
//!
//!     fn needs(&self) -> Needs {
//!         Needs::of(&self.header) // logs redact the key
//!     }
//!
//!     async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Self::User>, BoxError> {
//!         Ok(match self.header.extract(request) {
//!             Ok(None) => Outcome::Absent,
//!             Ok(Some(found)) if self.key.ct_eq(found.expose()) => {
//!                 Outcome::Accept(Accept::new("the robot", found.carrier()))
//!             }
//!             Ok(Some(_)) => Outcome::Reject(Rejection::invalid_credentials()),
//!             Err(malformed) => malformed.into(),
//!         })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let chain = Chain::new().or(ApiKey { header: header("x-api-key"), key: Secret::new("open-sesame") });
//! assert_eq!(chain.needs().header_names(), ["x-api-key"]);
//!
//! let (parts, ()) = http::Request::builder().header("x-api-key", "guess").body(()).unwrap().into_parts();
//! let request = AuthRequest::new(&parts, Transport::Http, SystemTime::now());
//! let refusal = chain.authenticate(&request).await.unwrap_err();
//! assert_eq!(refusal.status(), 401);
//! assert_eq!(refusal.code(), "invalid_credentials");
//! # }
//! ```
//!
//! # The order of decisions
//!
//! 1. The middleware classifies the request ([`Transport`]) and reads the clock.
//! 2. [`Chain::authenticate`] asks its strategies in order; see the table at [`Chain`].
//! 3. A strategy finds its credential with an [`Extractor`](extract::Extractor), checks it, and asks the application's
//!    [`Verify`] callback for the user.
//! 4. If a cookie was accepted, the chain compares it with everything explicit in the request.
//! 5. The outermost chain checks for revocation. It seals [`Authenticated`], or returns a [`Refusal`] to answer with.
//!
//! # Two words
//!
//! What a strategy says about its own credential is a [`Rejection`]. What a client reads is a [`Refusal`]. In axum,
//! *rejection* means the second: the failure of an extractor.
//!
//! # Features
//!
//! | Feature | Adds |
//! |---|---|
//! | `axum` | axum extractors for [`Authenticated`] and `Option<Authenticated<U>>`; a [`Refusal`] is a response |
//! | `metrics` | the counter `auth_decisions_total`, by strategy and code |
//! | `tokio` | [`SystemClock`] is a [`Timer`], on tokio's timer |
//! | `test-util` | `Authenticated::dangerous_unchecked`, for tests of handlers |
//!
//! # Where to go next
//!
//! The repository has guides. `docs/chain.md` lists every outcome. `docs/writing-a-strategy.md` explains a strategy line
//! by line. `docs/from-passport.md` names the counterpart of each call of Passport.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod address_prefix;
mod allowed_origin;
mod anonymous;
mod answer;
mod authenticated;
mod box_error;
mod carrier;
mod chain;
mod challenge;
mod client_address;
mod clock;
mod config;
mod cookies;
mod current_end;
mod end_check;
mod evidence;
mod exempt_path;
pub mod extract;
mod extras;
mod facts;
mod few;
mod id;
#[cfg(feature = "tokio")]
mod jumps;
mod kept_cookies;
mod login;
mod manual_clock;
mod needs;
mod notes;
mod nqchar;
mod origin;
mod origin_policy;
mod outcome;
mod payload;
mod principal;
mod record;
mod redirect;
mod refusal;
mod rejection;
mod request;
mod requirement;
mod revocation;
mod scope;
mod secret;
mod shared_str;
mod shown;
mod strategy;
mod timer;
mod transport;
mod verify;

#[cfg(feature = "axum")]
mod axum;

pub use async_trait::async_trait;

#[cfg(feature = "axum")]
pub use self::axum::AuthenticatedRejection;
pub use self::{
    address_prefix::AddressPrefix,
    allowed_origin::AllowedOrigin,
    anonymous::Anonymous,
    authenticated::Authenticated,
    box_error::BoxError,
    carrier::Carrier,
    chain::{Chain, ChainWithoutStrategy},
    challenge::Challenge,
    client_address::ClientAddress,
    clock::{Clock, SystemClock},
    config::ConfigError,
    cookies::{cookie_values, single_cookie},
    end_check::EndCheck,
    evidence::{Evidence, RevocationCheck},
    extras::Extras,
    facts::KnownCredential,
    id::{Id, IdKind},
    kept_cookies::KeptCookies,
    login::UserAuthentication,
    manual_clock::ManualClock,
    needs::Needs,
    nqchar::is_nqchar,
    origin::{Origin, UnreadableOrigin},
    origin_policy::{OriginPolicy, OriginVerdict, SiteVerdict},
    outcome::{Accept, Outcome},
    payload::Payload,
    principal::{Principal, PrincipalId},
    record::RequestRecord,
    redirect::Redirect,
    refusal::{Refusal, RefusalKind},
    rejection::{Rejection, RejectionKind},
    request::AuthRequest,
    requirement::Requirement,
    revocation::{Revocation, RevocationEvent, RevocationFeed, RevocationListener, RevocationTarget},
    scope::Scopes,
    secret::Secret,
    shared_str::SharedStr,
    strategy::{Named, Start, Strategy},
    timer::Timer,
    transport::Transport,
    verify::{ByCredential, ByCredentialAndRequest, IntoVerdict, RequestInfo, Verdict, Verify},
};

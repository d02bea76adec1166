//! One-time tickets, revocations, records and counters of failures, shared by the nodes of a service, in memory or in Redis.
//!
//! Use it for services that keep connections open, or that log people out before their tokens end. A [`Store`] keeps what
//! every node must know: [`MemoryStore`] for one node, `RedisStore` (feature `redis`) for several, those of `auth-store-sql`, or your own.
//! [`Revocations`] and [`Tickets`] use the store. Both stores also keep [`Records`], which live for hours and change, such as the
//! login of a user, and [`Budgets`], by which a [`Throttle`] limits guesses. This crate does not know what is in them, and does not
//! know users or any token format. It does not close sockets: listeners do, see [`RevocationFeed`](auth_core::RevocationFeed).
//!
//! # A ticket for a socket
//!
//! ```
//! use auth_core::{AuthRequest, Chain, Strategy, Transport};
//! use auth_store::{MemoryStore, Revocations, TicketGrant, Tickets};
//! # use auth_core::{Accept, BoxError, Carrier, Challenge, Outcome, PrincipalId, async_trait};
//! # use std::time::SystemTime;
//! # #[derive(Clone, Debug, PartialEq)] struct User { name: String }
//! # impl auth_core::Principal for User { fn principal_id(&self) -> Option<PrincipalId> { Some(PrincipalId::new("", &self.name)) } }
//! # struct Login;
//! # #[async_trait] impl Strategy for Login {
//! #     type User = User;
//! #     fn name(&self) -> &str { "login" }
//! #     fn challenges(&self, out: &mut Vec<Challenge>) { out.push(Challenge::bearer("api")); }
//! #     async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<User>, BoxError> {
//! #         if !request.parts().headers.contains_key("authorization") { return Ok(Outcome::Absent); }
//! #         let user = Accept::new(User { name: "ann".into() }, Carrier::Header);
//! #         Ok(Outcome::Accept(user.add_name(PrincipalId::new("", "ann")).credential_id("", "token-1")))
//! #     }
//! # }
//! # async fn find(name: &str) -> Option<User> { Some(User { name: name.to_owned() }) }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let login = Login;
//!
//! let store = MemoryStore::new();
//! let revocations = Revocations::new(store.clone());
//! let tickets = Tickets::new(store, "/ws")?;
//!
//! let ticket = tickets.strategy().verify(|grant: TicketGrant| async move { find(grant.principal().subject()).await });
//! let chain = Chain::new().or(login).or(ticket).revocation(revocations);
//!
//! // The page asks for a ticket with a credential that it can send. `Tickets::route` answers.
//! let (request, ()) = http::Request::post("/api/ws-ticket").header("authorization", "…").body(())?.into_parts();
//! let user = chain.authenticate(&AuthRequest::new(&request, Transport::Http, SystemTime::now())).await?;
//! let issued = tickets.issue(user.evidence(), &request).await?;
//!
//! // Then it opens its socket with the ticket, once.
//! let uri = format!("/ws?ticket={}", issued.value().expose());
//! let (handshake, ()) = http::Request::get(&uri).body(())?.into_parts();
//! let handshake = AuthRequest::new(&handshake, Transport::WebSocket, SystemTime::now());
//! let user = chain.authenticate(&handshake).await?;
//! assert_eq!(user.name, "ann");
//! assert_eq!(user.evidence().parent().map(|parent| parent.id()), Some("token-1"));
//! let (again, ()) = http::Request::get(uri).body(())?.into_parts();
//! let again = AuthRequest::new(&again, Transport::WebSocket, SystemTime::now());
//! assert_eq!(chain.authenticate(&again).await.unwrap_err().code(), "invalid_credentials");
//! # Ok(()) }
//! ```
//!
//! # The order of decisions
//!
//! When a client presents a ticket:
//!
//! 1. The extractor finds it: in the query parameter `ticket`, or where [`Ticket::extract`] says.
//! 2. If it is not 32 bytes in base64url, it is refused without a call of the store.
//! 3. The store removes it, so it is used up in any case. An unknown ticket is refused. If the store is down: 503.
//! 4. It is refused on a plain HTTP request, at another path, from another page (`Origin`), or after the end of its parent.
//! 5. The verify callback decides.
//! 6. The chain checks whether its parent, session or user was revoked.
//!
//! A refusal is 401 `invalid_credentials`, or `token_expired` after the end of the parent. The log has a constant reason.
//!
//! # When the store is down
//!
//! Requests for tickets, tickets and revocations are answered with 503, no record ends, and nobody may guess. A chain that checks
//! revocations lets nobody in, and answers 503 too. Open connections stay open. When the store is back, listeners learn that they may
//! have missed something, and check every connection again.
//!
//! # Features
//!
//! | Feature | Adds |
//! |---|---|
//! | `axum` (default) | [`Tickets::route`](Tickets#method.route) |
//! | `metrics` | a counter of throttled attempts |
//! | `redis` | `RedisStore`, for several nodes, in one Redis or in a cluster; it needs a tokio runtime |
//! | `redis-tls` | `redis` over TLS (`rediss://`), and `RedisTls`; it adds rustls with aws-lc-rs, and reads the certificates that the machine trusts |
//!
//! # Where to go next
//!
//! The repository's `docs/tickets.md`, `docs/revocation.md` and `docs/throttling.md` show how to set them up, and what they do not do.
//! `docs/stores.md` compares the stores.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod backlog;
mod budgets;
mod counter;
mod events;
mod instant;
mod memory;
mod opaque;
mod record_value;
mod records;
#[cfg(feature = "redis")]
mod redis;
mod revocations;
mod spent;
mod store;
mod throttle;
mod tickets;
mod unavailable;

#[cfg(feature = "redis")]
pub use self::redis::RedisStore;
#[cfg(feature = "redis-tls")]
pub use self::redis::RedisTls;
pub use self::{
    budgets::{Budget, BudgetKey, BudgetPlace, Budgets, Taken},
    counter::BudgetCounter,
    memory::MemoryStore,
    record_value::RecordValue,
    records::{Record, RecordKey, Records, Saved, SavedEnd},
    revocations::Revocations,
    store::{Store, Subscription, SubscriptionEvent},
    throttle::{Guess, Permit, Throttle, Throttled},
    tickets::{IssuedTicket, Ticket, TicketGrant, TicketStrategy, Tickets},
    unavailable::Unavailable,
};

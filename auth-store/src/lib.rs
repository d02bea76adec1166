//! What the nodes of one service share: one-time tickets and revocations, in memory or in Redis.
//!
//! It is for services that hold connections open, or that log people out before their tokens end. A [`Store`] keeps the
//! little that has to be known on every node: [`MemoryStore`] for one node, `RedisStore` (feature `redis`) for several, or
//! one of your own. [`Revocations`] and [`Tickets`] stand on it. It keeps no sessions and no users, it does not close
//! sockets (that is the listener's, see [`RevocationFeed`](auth_core::RevocationFeed)), and it knows no token format.
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
//! // The page asks with a credential that it can send; `Tickets::route` is the route that answers.
//! let (request, ()) = http::Request::post("/api/ws-ticket").header("authorization", "…").body(())?.into_parts();
//! let user = chain.authenticate(&AuthRequest::new(&request, Transport::Http, SystemTime::now())).await?;
//! let issued = tickets.issue(user.evidence(), &request).await?;
//!
//! // Then it opens its socket with what it was given, once.
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
//! A ticket that is presented is
//!
//! 1. found by the extractor: the query parameter `ticket`, or where [`Ticket::extract`] says;
//! 2. refused if it is not 32 bytes in base64url, before the store is asked;
//! 3. taken out of the store, so that it is spent whatever follows; refused if it is not there, 503 if the store is away;
//! 4. refused on a plain HTTP request, at another path, from another page (`Origin`), or past the end of its parent;
//! 5. shown to the verify callback;
//! 6. looked up by the chain: whether its parent, session or user was revoked.
//!
//! Refused is 401 `invalid_credentials`; the log has a constant reason.
//!
//! # When the store is away
//!
//! New tickets, tickets that are presented, and revocations are answered with 503. A chain that asks for revocations lets
//! nobody in, and answers 503 too. What is open stays open. When the store is back, whoever listens hears that it has
//! missed something and checks anew.
//!
//! # Features
//!
//! | Feature | Adds |
//! |---|---|
//! | `axum` (default) | [`Tickets::route`](Tickets#method.route) |
//! | `redis` | `RedisStore`, for several nodes; it needs a tokio runtime |
//!
//! # Where to go next
//!
//! The repository's `docs/tickets.md` and `docs/revocation.md` show how to set both up, and what they do not do.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod backlog;
mod instant;
mod memory;
mod opaque;
#[cfg(feature = "redis")]
mod redis;
mod revocations;
mod store;
mod tickets;
mod unavailable;

#[cfg(feature = "redis")]
pub use self::redis::RedisStore;
pub use self::{
    memory::MemoryStore,
    revocations::Revocations,
    store::{Store, Subscription, SubscriptionEvent},
    tickets::{IssuedTicket, Ticket, TicketGrant, TicketStrategy, Tickets},
    unavailable::Unavailable,
};

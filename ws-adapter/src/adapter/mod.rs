//! What adapters of other protocols are built from.
//!
//! [`AuthLayer`](crate::AuthLayer) authenticates requests. A connection of a protocol such as Socket.IO outlives the request that
//! opened it: it has to end with its credential, can be revoked, and counts for limits. An adapter for such a protocol has five
//! parts to work with, and the crate `socketio-adapter` shows all of them at work:
//!
//! | Part | What it does |
//! |---|---|
//! | [`Checkpoint`] | asks the chain of an `AuthLayer`, with all that the layer was told |
//! | [`Place`] | the place of one connection in [`Connections`](crate::Connections), from its opening to its end |
//! | [`Entered`] | a credential that the connection lives by; it leaves the registry with its last clone |
//! | [`Lifetime`] | when the connection ends, and what is due before; it neither waits nor locks |
//! | [`Questions`] | whether the ends of its credentials have moved |
//!
//! A connection goes through these steps:
//!
//! 1. [`Checkpoint::check`] decides about the request that opens it. The request still holds its credentials: what goes on to
//!    other code, or is kept, is stripped with [`RequestRecord::take`](auth_core::RequestRecord::take) first.
//! 2. [`Checkpoint::place`] makes its place. Without a credential it [waits](Place::wait); with one it is
//!    [entered](Checkpoint::enter), and [`Place::opened`] says that it is open.
//! 3. A credential that comes over it is judged by [`Checkpoint::present`], and entered too. [`Lifetime::hold`] and
//!    [`Lifetime::swap`] set when it ends.
//! 4. Before a login ends, [`Lifetime::due`] asks whether its end has moved. [`Questions`] gets the answer, and [`Lifetime::moved`]
//!    takes it.
//! 5. [`Lifetime::due`] says when it ends. Then [`Place::ends`] counts and logs the end, and [`Place::leave`] takes it out of the
//!    registry.
//!
//! ```
//! use std::sync::Arc;
//!
//! use auth_core::{AuthRequest, Principal, Refusal, Transport};
//! use http::request::Parts;
//! use ws_adapter::adapter::{Checkpoint, End, Entered, Lifetime, Moment, Place};
//!
//! /// Opens a stream for an authenticated client. `end` is how the registry ends it.
//! async fn open<U: Principal>(
//!     checkpoint: &Checkpoint<U>,
//!     request: &Parts,
//!     end: Arc<dyn End>,
//! ) -> Result<(Arc<Place>, Entered, Lifetime), Refusal> {
//!     let now = Moment::of(&**checkpoint.timer());
//!     let asked = AuthRequest::new(request, Transport::Http, now.wall);
//!     let user = checkpoint.check(&asked).await?.user?;
//!     let place = Arc::new(checkpoint.place(checkpoint.new_id()?, Transport::Http, request, end));
//!     let entered = checkpoint.enter(&place, &user, &asked).await?;
//!     let mut lifetime = checkpoint.lifetime(now);
//!     lifetime.hold(0, user.evidence(), now);
//!     place.begin();
//!     place.opened();
//!     Ok((place, entered, lifetime))
//! }
//! ```

mod checkpoint;
mod draining;
mod entered;
mod place;

pub use self::{
    checkpoint::{Checked, Checkpoint, Expect, Origin},
    draining::Draining,
    entered::Entered,
    place::Place,
};
pub use crate::{
    connections::End,
    http::{
        payload::object as json_object,
        transport::{classify, is_extended_connect},
    },
    lifetime::{CredentialEnd, Due, Lifetime, Moment, NotNow, Questions, Wake, ttl},
    own_memory::copy_head,
};

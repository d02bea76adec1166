//! Where a credential may be found in a request.
//!
//! An [`Extractor`] looks in one place. Extractors are joined with [`or`](Extractor::or); the first that finds
//! something explicit wins, and a cookie counts only without that. A second, *different* explicit credential makes the request
//! contradict itself. The recommended order is header, subprotocol, ticket, query, cookie.
//!
//! | Function | Looks at |
//! |---|---|
//! | [`bearer`] | `Authorization: Bearer …` |
//! | [`auth_scheme`] | `Authorization: <scheme> …` |
//! | [`header`] | a header of your own |
//! | [`subprotocol`], [`raw_subprotocol`], [`subprotocol_after`], [`jupyter_subprotocol`] | `Sec-WebSocket-Protocol` of a handshake |
//! | [`query`] | a query parameter (RFC 6750, 2.3 advises against it) |
//! | [`payload_field`] | a field of a JSON or form body, of the Socket.IO `auth` object, of an in-band message; makes the middleware read bodies |
//! | [`socketio_auth`] | a field of the Socket.IO `auth` object, or of `auth_refresh`; asks for no body |
//! | [`cookie`] | a cookie: ambient |
//! | [`from_fn`] | whatever a closure looks at |
//!
//! Names are constants, or come from a configuration. A function that takes a constant panics at the first start if it is
//! not a name; its twin `try_…` gives a [`ConfigError`](crate::ConfigError) instead.
//!
//! # Challenges
//!
//! A 401 says how a client may send its credential (RFC 9110, 15.5.2).
//!
//! | Place | Challenge |
//! |---|---|
//! | [`bearer`] | `Bearer` |
//! | [`auth_scheme`] | its scheme |
//! | [`header`] | `ApiKey in="header", name="x-api-key"` |
//! | [`query`], [`payload_field`] of the name `access_token` | `Bearer` (RFC 6750, 2.2 and 2.3) |
//! | other [`query`] | `ApiKey in="query", name="token"` |
//! | other [`payload_field`] | `ApiKey in="body", name="token"` |
//! | [`subprotocol`], [`raw_subprotocol`] | `ApiKey in="subprotocol", name="auth.bearer."`: the prefix |
//! | [`subprotocol_after`] | `ApiKey in="subprotocol", name="bearer"`: the word |
//! | [`jupyter_subprotocol`] | `ApiKey in="subprotocol", name="v1.token.websocket.jupyter.org."` |
//! | [`socketio_auth`] | `ApiKey in="auth", name="token"` |
//! | [`cookie`] | none |
//! | [`from_fn`] | what [`FromFn::challenge`] says, or else `ApiKey in="…"` with the kind of place; none for an ambient carrier |
//!
//! `ApiKey` is not registered; it is the usual name, with the parameters of OpenAPI. Of extractors that are joined, such a
//! place is named only where none has an authentication scheme or a header: a client that can set a header should.

mod any_of;
mod cookie;
mod field;
mod from_fn;
mod header;
mod query;
mod socketio_auth;
mod subprotocol;
mod subprotocol_after;

use std::fmt;

use zeroize::Zeroizing;

pub use self::{
    any_of::AnyOf,
    cookie::{Cookie, cookie, try_cookie},
    field::{PayloadField, payload_field, try_payload_field},
    from_fn::{FromFn, from_fn},
    header::{AuthScheme, Header, auth_scheme, bearer, header, try_auth_scheme, try_header},
    query::{Query, query, try_query},
    socketio_auth::{SocketIoAuthField, socketio_auth, try_socketio_auth},
    subprotocol::{
        Subprotocol, jupyter_subprotocol, raw_subprotocol, subprotocol, try_raw_subprotocol, try_subprotocol,
    },
    subprotocol_after::{SubprotocolAfter, subprotocol_after, try_subprotocol_after},
};
use crate::{AuthRequest, Carrier, Challenge, Needs, Secret};

/// The name of a token in a body or query for which RFC 6750 defines the scheme `Bearer` (2.2 and 2.3).
const ACCESS_TOKEN: &str = "access_token";

/// Finds a raw credential in a request and says which carrier brought it.
pub trait Extractor: Send + Sync + 'static {
    /// Looks for the credential. `Ok(None)` means that there is none for this extractor.
    ///
    /// # Errors
    /// [`Malformed`] if the place is there, but broken: a repeated header, a scheme without a token, extra words.
    fn extract<'r>(&self, request: &'r AuthRequest<'_>) -> Result<Option<Credential<'r>>, Malformed>;

    /// Adds what the middleware has to prepare before, or to take away after. The default adds nothing.
    fn needs(&self, needs: &mut Needs) {
        let _ = needs;
    }

    /// Adds how a client may be challenged to send its credential here: a scheme, `Bearer` for example, without a realm,
    /// which the strategy adds. A cookie has none.
    fn challenges(&self, out: &mut Vec<Challenge>);

    /// Looks with `other` too; `self` takes precedence.
    fn or<E: Extractor>(self, other: E) -> AnyOf
    where
        Self: Sized,
    {
        AnyOf::new(self).or(other)
    }
}

impl<E: Extractor + ?Sized> Extractor for Box<E> {
    fn extract<'r>(&self, request: &'r AuthRequest<'_>) -> Result<Option<Credential<'r>>, Malformed> {
        (**self).extract(request)
    }

    fn needs(&self, needs: &mut Needs) {
        (**self).needs(needs);
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        (**self).challenges(out);
    }
}

/// A raw credential and its carrier. `Debug` shows the carrier only.
pub struct Credential<'r> {
    text: Text<'r>,
    carrier: Carrier,
}

enum Text<'r> {
    Borrowed(&'r str),
    Owned(Zeroizing<String>),
}

impl<'r> Credential<'r> {
    /// A credential that stands in the request as it is.
    #[must_use]
    pub fn borrowed(text: &'r str, carrier: Carrier) -> Self {
        Self { text: Text::Borrowed(text), carrier }
    }

    /// A credential that had to be decoded; it is zeroed when it is dropped.
    #[must_use]
    pub fn owned(text: String, carrier: Carrier) -> Self {
        Self { text: Text::Owned(Zeroizing::new(text)), carrier }
    }

    pub(crate) fn secret(secret: Secret, carrier: Carrier) -> Self {
        Self { text: Text::Owned(secret.into_inner()), carrier }
    }

    /// The credential itself. Never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        match &self.text {
            Text::Borrowed(text) => text,
            Text::Owned(text) => text,
        }
    }

    /// Where it was found.
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        self.carrier
    }
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("carrier", &self.carrier).finish_non_exhaustive()
    }
}

/// The place of a credential is there, but its syntax is broken.
///
/// It is no [`Error`](std::error::Error) on purpose: `?` in a strategy would make a 503 of the client's mistake. Turn it
/// into an [`Outcome`](crate::Outcome) with `into()`.
#[derive(Clone, Copy, Debug)]
pub struct Malformed {
    carrier: Carrier,
    what: &'static str,
}

impl Malformed {
    /// `what` is a constant for the log, in lower case; it must not hold what the client sent.
    #[must_use]
    pub fn new(carrier: Carrier, what: &'static str) -> Self {
        Self { carrier, what }
    }

    /// The place that is broken.
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        self.carrier
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

/// A text that may be a credential: not empty, visible ASCII without blanks.
fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

use std::borrow::Cow;

use super::{Credential, Extractor, Malformed, credential::is_visible};
use crate::{
    AuthRequest, Carrier, Challenge, Transport,
    config::{self, ConfigError},
};

/// The scheme that may precede the token.
const SCHEME: &str = "Bearer";

/// A field of Socket.IO's `auth` object, or of the object that comes with `auth_refresh`.
///
/// It looks at a `CONNECT` ([`Transport::SocketIo`]) and at a message on an open connection ([`Transport::InBand`]).
/// Elsewhere it finds nothing, and it never asks the middleware to read a body. So it suits a chain that also guards HTTP
/// routes: their bodies stay untouched.
///
/// | The field | |
/// |---|---|
/// | absent, `null`, or an empty text | `Ok(None)`: clients send `auth: { token }` before they have a token |
/// | visible ASCII without blanks | the credential |
/// | `Bearer`, one or more blanks, and such a text | the credential is the text after the blanks; the scheme ignores case |
/// | only `Bearer`, or `Bearer` and blanks | malformed |
/// | another text, a number, a list, an object | malformed |
/// | there twice | malformed |
///
/// Many Socket.IO examples send the text `Bearer <token>` in `auth`, as in a header. A token cannot hold a blank, so the
/// scheme cannot be part of it.
///
/// To read bodies as well, use [`payload_field`](super::payload_field).
///
/// ```
/// use auth_core::{Needs, extract::{Extractor as _, bearer, socketio_auth}};
///
/// let extractor = bearer().or(socketio_auth("token"));
/// assert!(!Needs::of(&extractor).payload());
/// ```
///
/// # Panics
/// If `name` is empty. Where it comes from a configuration, use [`try_socketio_auth`].
#[must_use]
#[track_caller]
pub fn socketio_auth(name: impl Into<Cow<'static, str>>) -> SocketIoAuthField {
    config::built(try_socketio_auth(name))
}

/// As [`socketio_auth`], for a name that comes from a configuration.
///
/// # Errors
/// If `name` is empty.
pub fn try_socketio_auth(name: impl Into<Cow<'static, str>>) -> Result<SocketIoAuthField, ConfigError> {
    config::filled("the name of a field", name).map(SocketIoAuthField)
}

/// Made by [`socketio_auth`].
#[derive(Clone, Debug)]
pub struct SocketIoAuthField(Cow<'static, str>);

impl Extractor for SocketIoAuthField {
    fn extract<'r>(&self, request: &'r AuthRequest<'_>) -> Result<Option<Credential<'r>>, Malformed> {
        if !matches!(request.transport(), Transport::SocketIo | Transport::InBand) {
            return Ok(None);
        }
        let text = request.payload().map_or(Ok(None), |payload| payload.optional_text(&self.0))?;
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let token = without_scheme(text);
        if !is_visible(token) {
            return Err(Malformed::new(Carrier::Payload, "the field of auth is not visible ASCII, or only a scheme"));
        }
        Ok(Some(Credential::borrowed(token, Carrier::Payload)))
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::api_key("auth", &self.0));
    }
}

/// Removes `Bearer` and the blanks after it; empty if nothing follows.
fn without_scheme(text: &str) -> &str {
    match text.split_at_checked(SCHEME.len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) && (rest.is_empty() || rest.starts_with(' ')) => {
            rest.trim_start_matches(' ')
        }
        _ => text,
    }
}

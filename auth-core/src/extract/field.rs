use std::borrow::Cow;

use super::{
    Credential, Extractor, Malformed,
    credential::{is_visible, parameter_challenge},
};
use crate::{
    AuthRequest, Carrier, Challenge, Needs,
    config::{self, ConfigError},
};

/// A top-level field of the payload: a JSON or form body, the Socket.IO `auth` object, an in-band message.
///
/// The middleware reads a body only if a strategy of the chain asks for one, and this extractor asks. So the middleware reads
/// each JSON or form body on every route that the chain guards, and refuses it if it is too long or does not parse. For
/// Socket.IO alone, use [`socketio_auth`](super::socketio_auth), which asks for no body.
///
/// A field is malformed if it is not a text (`null` included), is empty, is there twice, or holds anything but visible ASCII.
/// The whole text is the credential: `Bearer <token>` has a blank, so it is malformed.
///
/// # Panics
/// If `name` is empty. Where it comes from a configuration, use [`try_payload_field`].
#[must_use]
#[track_caller]
pub fn payload_field(name: impl Into<Cow<'static, str>>) -> PayloadField {
    config::built(try_payload_field(name))
}

/// As [`payload_field`], for a name that comes from a configuration.
///
/// # Errors
/// If `name` is empty.
pub fn try_payload_field(name: impl Into<Cow<'static, str>>) -> Result<PayloadField, ConfigError> {
    config::filled("the name of a field", name).map(PayloadField)
}

/// Made by [`payload_field`].
#[derive(Clone, Debug)]
pub struct PayloadField(Cow<'static, str>);

impl Extractor for PayloadField {
    fn extract<'r>(&self, request: &'r AuthRequest<'_>) -> Result<Option<Credential<'r>>, Malformed> {
        let Some(text) = request.payload().map_or(Ok(None), |payload| payload.text(&self.0))? else {
            return Ok(None);
        };
        if !is_visible(text) {
            return Err(Malformed::new(Carrier::Payload, "the field is empty or not visible ASCII"));
        }
        Ok(Some(Credential::borrowed(text, Carrier::Payload)))
    }

    fn needs(&self, needs: &mut Needs) {
        needs.set_payload();
    }

    /// `Bearer` for `access_token` (RFC 6750, 2.2), otherwise `ApiKey in="body", name="…"`.
    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(parameter_challenge("body", &self.0));
    }
}

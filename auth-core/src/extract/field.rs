use super::{Credential, Extractor, Malformed, is_visible};
use crate::{AuthRequest, Carrier, Needs};

/// A top-level field of the payload: a JSON or form body, the Socket.IO `auth` object, an in-band message.
///
/// The middleware reads a body only if a strategy of the chain asks for one, and this extractor asks: in front of every
/// route that the chain guards, each JSON or form body is read, and refused if it is too long or does not parse. For
/// Socket.IO alone use [`socketio_auth`](super::socketio_auth), which asks for no body.
///
/// A field that is not a text (`null` included), is empty, is there twice or holds anything but visible ASCII is malformed.
/// The text is the credential as it stands: `Bearer <token>` has a blank, so it is malformed.
#[must_use]
pub fn payload_field(name: &'static str) -> PayloadField {
    PayloadField(name)
}

/// Made by [`payload_field`].
#[derive(Clone, Copy, Debug)]
pub struct PayloadField(&'static str);

impl Extractor for PayloadField {
    fn extract<'r>(&self, request: &'r AuthRequest<'_>) -> Result<Option<Credential<'r>>, Malformed> {
        let Some(text) = request.payload().map_or(Ok(None), |payload| payload.text(self.0))? else {
            return Ok(None);
        };
        if !is_visible(text) {
            return Err(Malformed::new(Carrier::Payload, "the field is empty or no visible ASCII"));
        }
        Ok(Some(Credential::borrowed(text, Carrier::Payload)))
    }

    fn needs(&self, needs: &mut Needs) {
        needs.set_payload();
    }

    fn schemes(&self, out: &mut Vec<&'static str>) {
        out.push("Bearer");
    }
}

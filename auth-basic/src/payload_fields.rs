//! Logins in a payload.

use std::borrow::Cow;

use auth_core::{AuthRequest, Carrier, ConfigError, Payload, Transport, extract::Malformed};

use crate::{BasicLogin, credentials};

#[derive(Clone, Debug)]
pub(crate) struct PayloadFields {
    username: Cow<'static, str>,
    password: Cow<'static, str>,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A body, Socket.IO's `auth`, or a message.
    AnyPayload,
    /// The `auth` object of Socket.IO, and the object of `auth_refresh`.
    SocketIoAuth,
}

impl PayloadFields {
    /// # Errors
    /// If both names are the same.
    pub(crate) fn new(
        place: Place,
        username: Cow<'static, str>,
        password: Cow<'static, str>,
    ) -> Result<Self, ConfigError> {
        if username == password {
            return Err(ConfigError::new("user name and password must be in different fields"));
        }
        Ok(Self { username, password, place })
    }

    /// Whether the middleware has to read bodies.
    pub(crate) fn are_in_bodies(&self) -> bool {
        self.place == Place::AnyPayload
    }

    /// The login in the payload of a request. `max_len` limits user name and password together.
    pub(crate) fn find(&self, request: &AuthRequest<'_>, max_len: usize) -> Result<Option<BasicLogin>, Malformed> {
        let Some(payload) = request.payload().filter(|_| self.is_looked_for_in(request.transport())) else {
            return Ok(None);
        };
        let malformed = |what| Malformed::new(Carrier::Payload, what);
        match (self.read(payload, &self.username)?, self.read(payload, &self.password)?) {
            (None, None) => Ok(None),
            (Some(username), Some(password)) => {
                if username.len().saturating_add(password.len()) > max_len {
                    return Err(malformed("user name and password are too long"));
                }
                credentials::login(username, password).map(Some).map_err(malformed)
            }
            _ => Err(malformed("user name or password is missing")),
        }
    }

    fn read<'p>(&self, payload: &'p Payload, name: &str) -> Result<Option<&'p str>, Malformed> {
        match self.place {
            Place::AnyPayload => payload.text(name),
            Place::SocketIoAuth => payload.optional_text(name),
        }
    }

    /// Whether the payload of this transport is read.
    fn is_looked_for_in(&self, transport: Transport) -> bool {
        match self.place {
            Place::AnyPayload => true,
            Place::SocketIoAuth => matches!(transport, Transport::SocketIo | Transport::InBand),
        }
    }
}

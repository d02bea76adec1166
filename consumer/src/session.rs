use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_core::{
    Accept, AuthRequest, BoxError, Challenge, Outcome, Rejection, Strategy, async_trait,
    extract::{Extractor as _, cookie},
};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{Member, Members};

/// Creates and reads sessions: `<member>.<end in Unix seconds>.<MAC of both>`.
#[derive(Clone, Debug)]
pub struct Sessions(hmac::Key);

impl Sessions {
    /// Sessions under this key of 32 bytes.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(HMAC_SHA256, key))
    }

    /// A session that begins at `now`, as the value of a cookie. `None` if its end can't be represented.
    pub fn begin(&self, member: &Member, now: SystemTime, ttl: Duration) -> Option<String> {
        let end = now.checked_add(ttl)?.duration_since(UNIX_EPOCH).ok()?.as_secs();
        let text = format!("{}.{end}", member.id);
        let mac = URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, text.as_bytes()));
        Some(format!("{text}.{mac}"))
    }

    /// The member and the end of a session that we created, even if it has ended.
    fn read(&self, value: &str) -> Option<(u32, SystemTime)> {
        let (text, mac) = value.rsplit_once('.')?;
        hmac::verify(&self.0, text.as_bytes(), &URL_SAFE_NO_PAD.decode(mac).ok()?).ok()?;
        let (member, end) = text.split_once('.')?;
        Some((member.parse().ok()?, UNIX_EPOCH.checked_add(Duration::from_secs(end.parse().ok()?))?))
    }
}

/// The strategy: a session in the cookie `session`.
#[derive(Clone, Debug)]
pub struct SessionCookie {
    sessions: Sessions,
    members: Members,
}

impl SessionCookie {
    /// Accepts members with a valid session.
    pub fn new(sessions: Sessions, members: Members) -> Self {
        Self { sessions, members }
    }
}

#[async_trait]
impl Strategy for SessionCookie {
    type User = Member;

    fn name(&self) -> &str {
        "session"
    }

    // A cookie has no challenge.
    fn challenges(&self, _: &mut Vec<Challenge>) {}

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Member>, BoxError> {
        let found = match cookie("session").extract(request) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Outcome::Absent),
            Err(malformed) => return Ok(malformed.into()),
        };
        let Some((id, end)) = self.sessions.read(found.expose()) else {
            return Ok(Outcome::Reject(Rejection::invalid_credentials()));
        };
        if request.now() >= end {
            return Ok(Outcome::Reject(Rejection::token_expired().with_code("session_expired")));
        }
        Ok(match self.members.by_id(id) {
            Some(member) => Outcome::Accept(Accept::new(member, found.carrier()).expires_at(end)),
            None => Outcome::Reject(Rejection::invalid_credentials()),
        })
    }
}

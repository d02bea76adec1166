//! Strategies that accept almost everything.

use std::time::Duration;

use auth_core::{
    Accept, AuthRequest, BoxError, Carrier, Challenge, Outcome, Principal, PrincipalId, Strategy, Transport,
    async_trait,
    extract::{Extractor as _, bearer, subprotocol},
};

/// Accepts any key in `Authorization` or in a subprotocol. The user has no name: a guest.
pub struct AnyKey;

#[async_trait]
impl Strategy for AnyKey {
    type User = &'static str;

    fn name(&self) -> &str {
        "key"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::bearer("test"));
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Self::User>, BoxError> {
        Ok(match bearer().or(subprotocol("auth.bearer.")).extract(request) {
            Ok(Some(key)) => Outcome::Accept(Accept::new("somebody", key.carrier())),
            _ => Outcome::Absent,
        })
    }
}

/// A user with a name, or a guest.
pub struct Visitor(pub Option<String>);

impl Principal for Visitor {
    fn principal_id(&self) -> Option<PrincipalId> {
        self.0.as_ref().map(|name| PrincipalId::new("", name))
    }
}

/// Accepts every request for a minute, as a guest.
#[derive(Default)]
pub struct Guest {
    /// The only transport that it accepts; `None` means all.
    pub only: Option<Transport>,
}

#[async_trait]
impl Strategy for Guest {
    type User = Visitor;

    fn name(&self) -> &str {
        "guest"
    }

    fn challenges(&self, _: &mut Vec<Challenge>) {}

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Visitor>, BoxError> {
        if self.only.is_some_and(|only| only != request.transport()) {
            return Ok(Outcome::Absent);
        }
        let end = request.now() + Duration::from_secs(60);
        Ok(Outcome::Accept(Accept::new(Visitor(None), Carrier::Header).expires_at(end)))
    }
}

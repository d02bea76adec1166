//! A strategy that accepts what a test says, and what a test asks again and again.

use std::time::{Duration, SystemTime};

use auth_core::{
    Accept, AuthRequest, Authenticated, BoxError, Carrier, Chain, Challenge, Evidence, ManualClock, Outcome,
    PrincipalId, Refusal, RevocationEvent, RevocationListener, Strategy, Transport, async_trait,
};
use auth_store::{TicketGrant, Tickets};
use http::request::{Builder, Parts};

pub(crate) type Name = &'static str;

/// Accepts whoever sends `Authorization`, with the evidence of the test.
pub(crate) struct Login<F>(pub(crate) Carrier, pub(crate) F);

#[async_trait]
impl<F: Fn(Accept<Name>) -> Accept<Name> + Send + Sync + 'static> Strategy for Login<F> {
    type User = Name;

    fn name(&self) -> &str {
        "login"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::bearer("test"));
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Name>, BoxError> {
        Ok(match request.parts().headers.contains_key("authorization") {
            true => Outcome::Accept((self.1)(Accept::new("ann", self.0))),
            false => Outcome::Absent,
        })
    }
}

pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

pub(crate) fn in_secs(secs: u64) -> SystemTime {
    now() + Duration::from_secs(secs)
}

pub(crate) fn clock() -> ManualClock {
    ManualClock::new(now())
}

pub(crate) fn ann() -> PrincipalId {
    PrincipalId::new("issuer", "ann")
}

/// A token of Ann's, with everything that can be revoked.
pub(crate) fn token(accept: Accept<Name>) -> Accept<Name> {
    let accept = accept.add_name(ann()).credential_id("issuer", "token").session_id("issuer", "session");
    accept.issued_at(now()).expires_at(in_secs(900))
}

pub(crate) async fn evidence(edit: impl Fn(Accept<Name>) -> Accept<Name> + Send + Sync + 'static) -> Evidence {
    carried(Carrier::Header, edit).await
}

pub(crate) async fn carried(
    carrier: Carrier,
    edit: impl Fn(Accept<Name>) -> Accept<Name> + Send + Sync + 'static,
) -> Evidence {
    let chain = Chain::new().or(Login(carrier, edit));
    ask(&chain, parts(login()), Transport::Http, now()).await.unwrap().evidence().clone()
}

pub(crate) fn login() -> Builder {
    http::Request::post("/api/ws-ticket").header("host", "app.example").header("authorization", "…")
}

pub(crate) fn parts(builder: Builder) -> Parts {
    crate::leaks::keep_events();
    builder.body(()).unwrap().into_parts().0
}

pub(crate) async fn ask<U: auth_core::Principal>(
    chain: &Chain<U>,
    parts: Parts,
    transport: Transport,
    now: SystemTime,
) -> Result<Authenticated<U>, Refusal> {
    chain.authenticate(&AuthRequest::new(&parts, transport, now)).await
}

/// A ticket for Ann's token.
pub(crate) async fn ticket(tickets: &Tickets) -> String {
    try_ticket(tickets).await.unwrap()
}

pub(crate) async fn try_ticket(tickets: &Tickets) -> Result<String, Refusal> {
    let issued = tickets.issue(&evidence(token).await, &parts(login())).await?;
    Ok(issued.value().expose().to_owned())
}

/// The chain at the socket: tickets alone.
pub(crate) fn socket(tickets: &Tickets) -> Chain<Name> {
    let ticket =
        tickets.strategy().verify(|grant: TicketGrant| async move { (grant.principal() == &ann()).then_some("ann") });
    Chain::new().or(ticket).fallback_challenge(Challenge::bearer("test"))
}

pub(crate) fn handshake(ticket: &str) -> Builder {
    http::Request::get(format!("/ws?ticket={ticket}")).header("host", "app.example")
}

/// Opens a socket with the ticket; the code of the refusal if that fails.
pub(crate) async fn open(chain: &Chain<Name>, ticket: &str) -> Result<Authenticated<Name>, &'static str> {
    open_with(chain, handshake(ticket)).await
}

pub(crate) async fn open_with(chain: &Chain<Name>, request: Builder) -> Result<Authenticated<Name>, &'static str> {
    ask(chain, parts(request), Transport::WebSocket, now()).await.map_err(|refusal| refusal.code())
}

/// What a listener hears; it fails the test after 5 s.
pub(crate) async fn hear(listener: &mut Box<dyn RevocationListener>) -> RevocationEvent {
    soon(listener.next()).await.unwrap()
}

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.unwrap()
}

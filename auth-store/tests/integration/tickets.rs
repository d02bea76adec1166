//! Who gets a ticket, and what it opens.

use std::{sync::Arc, time::Duration};

use auth_core::{
    Accept, AuthRequest, BoxError, Carrier, Chain, Clock as _, IdKind, Needs, PrincipalId, Refusal, RequestRecord,
    Revocation, Transport, async_trait, extract::header,
};
use auth_store::{MemoryStore, Revocations, Store, Subscription, TicketGrant, Tickets};

use crate::support::*;

fn tickets() -> Tickets {
    Tickets::new(MemoryStore::new().clock(clock()), "/ws").unwrap().clock(clock())
}

async fn refused(tickets: &Tickets, evidence: &auth_core::Evidence, request: http::request::Builder) -> Refusal {
    tickets.issue(evidence, &parts(request)).await.unwrap_err()
}

fn answer(refusal: &Refusal) -> (u16, &'static str) {
    (refusal.status().as_u16(), refusal.code())
}

#[tokio::test]
async fn ticket_opens_one_socket_for_its_user() {
    let tickets = tickets();
    let (chain, ticket) = (socket(&tickets), ticket(&tickets).await);
    let user = open(&chain, &ticket).await.unwrap();
    assert_eq!(*user, "ann");
    assert_eq!(open(&chain, &ticket).await.unwrap_err(), "invalid_credentials");
}

#[tokio::test]
async fn ticket_is_good_for_all_layers_of_one_request_only() {
    let tickets = tickets();
    let (chain, ticket) = (socket(&tickets), ticket(&tickets).await);
    let mut parts = parts(handshake(&ticket));
    let mut needs = Needs::default();
    needs.add_query_name("ticket");
    for _ in 0..2 {
        let record = RequestRecord::of(&mut parts);
        assert!(chain.authenticate(&AuthRequest::new(&parts, Transport::WebSocket, now())).await.is_ok());
        record.take(&mut parts, &needs);
        assert_eq!(parts.uri, "/ws");
    }
    assert_eq!(open(&chain, &ticket).await.unwrap_err(), "invalid_credentials");
}

#[tokio::test]
async fn used_ticket_does_not_count_in_another_store() {
    let (ours, others) = (tickets(), tickets());
    let parts = parts(handshake(&ticket(&ours).await));
    let request = AuthRequest::new(&parts, Transport::WebSocket, now());
    assert!(socket(&ours).authenticate(&request).await.is_ok());
    assert_eq!(socket(&others).authenticate(&request).await.unwrap_err().code(), "invalid_credentials");
}

#[tokio::test]
async fn ticket_is_for_the_sent_path_even_inside_a_nested_router() {
    let tickets = tickets();
    let chain = socket(&tickets);
    for (sent, is_good) in [("/ws", true), ("/v1/ws", false)] {
        let mut parts = parts(handshake(&ticket(&tickets).await));
        let query = parts.uri.query().unwrap().to_owned();
        parts.uri = format!("{sent}?{query}").parse().unwrap();
        let _ = RequestRecord::of(&mut parts);
        // The rest of the path in a nested router.
        parts.uri = format!("/ws?{query}").parse().unwrap();
        let decision = chain.authenticate(&AuthRequest::new(&parts, Transport::WebSocket, now())).await;
        assert_eq!(decision.is_ok(), is_good, "{sent}");
    }
}

#[tokio::test]
async fn evidence_of_a_socket_names_the_parent_of_its_ticket() {
    let tickets = tickets();
    let user = open(&socket(&tickets), &ticket(&tickets).await).await.unwrap();
    let evidence = user.evidence();
    assert_eq!((evidence.strategy(), evidence.carrier()), ("ticket", Carrier::Ticket));
    assert_eq!(evidence.principal(), Some(&ann()));
    let ids: Vec<_> = evidence.ids().iter().map(|id| (id.kind(), id.issuer())).collect();
    // This service issued the ticket's id; the other ids keep their issuers.
    assert_eq!(ids, [(IdKind::Credential, ""), (IdKind::Parent, "issuer"), (IdKind::Session, "issuer")]);
    assert_eq!(evidence.parent().unwrap().id(), "token");
    assert_eq!(evidence.session_id().unwrap().id(), "session");
    assert_eq!((evidence.issued_at(), evidence.expires_at()), (Some(now()), Some(in_secs(900))));
    assert_eq!(evidence.credential_id().unwrap().id().len(), 22);
}

#[tokio::test]
async fn ticket_is_256_random_bits() {
    let tickets = tickets();
    let (one, two) = (ticket(&tickets).await, ticket(&tickets).await);
    assert_eq!((one.len(), two.len()), (43, 43));
    assert_ne!(one, two);
}

#[tokio::test(flavor = "multi_thread")]
async fn ticket_presented_by_100_at_once_opens_one_socket() {
    let tickets = tickets();
    let (chain, ticket) = (socket(&tickets), ticket(&tickets).await);
    let opening: Vec<_> = (0..100)
        .map(|_| {
            let (chain, ticket) = (chain.clone(), ticket.clone());
            tokio::spawn(async move { open(&chain, &ticket).await.is_ok() })
        })
        .collect();
    let mut opened = 0;
    for one in opening {
        opened += usize::from(one.await.unwrap());
    }
    assert_eq!(opened, 1);
}

#[tokio::test]
async fn ticket_is_good_for_30_s_by_the_clock_of_the_store() {
    let clock = clock();
    let tickets = Tickets::new(MemoryStore::new().clock(clock.clone()), "/ws").unwrap().clock(clock.clone());
    let (chain, early, late) = (socket(&tickets), ticket(&tickets).await, ticket(&tickets).await);
    clock.advance(Duration::from_secs(30) - Duration::from_nanos(1));
    assert!(open(&chain, &early).await.is_ok());
    clock.advance(Duration::from_nanos(1));
    assert_eq!(open(&chain, &late).await.unwrap_err(), "invalid_credentials");
}

#[tokio::test]
async fn ticket_is_good_for_30_s_even_if_the_clock_is_set() {
    let hour = Duration::from_secs(3600);
    for set in [clock().now() - hour, clock().now() + hour] {
        let clock = clock();
        let tickets = Tickets::new(MemoryStore::new().clock(clock.clone()), "/ws").unwrap().clock(clock.clone());
        let (chain, early, late) = (socket(&tickets), ticket(&tickets).await, ticket(&tickets).await);
        clock.set(set);
        clock.advance(Duration::from_secs(30) - Duration::from_nanos(1));
        assert!(open(&chain, &early).await.is_ok());
        clock.advance(Duration::from_nanos(1));
        assert_eq!(open(&chain, &late).await.unwrap_err(), "invalid_credentials");
    }
}

#[tokio::test]
async fn ticket_at_another_path_is_refused_and_used_up() {
    let tickets = tickets();
    let (chain, ticket) = (socket(&tickets), ticket(&tickets).await);
    let elsewhere = http::Request::get(format!("/ws/?ticket={ticket}"));
    assert_eq!(open_with(&chain, elsewhere).await.unwrap_err(), "invalid_credentials");
    assert_eq!(open(&chain, &ticket).await.unwrap_err(), "invalid_credentials");
}

#[tokio::test]
async fn ticket_of_a_page_is_good_only_for_that_page() {
    let tickets = tickets();
    let chain = socket(&tickets);
    let evidence = evidence(token).await;
    let page = "https://app.example";
    for (headers, good) in [
        (&[page] as &[&str], true),
        (&["http://app.example"], false),
        (&["null"], false),
        (&[page, page], false),
        (&[], false),
    ] {
        let issued = tickets.issue(&evidence, &parts(login().header("origin", page))).await.unwrap();
        let ticket = issued.value().expose();
        let from =
            |request: http::request::Builder| headers.iter().fold(request, |r, origin| r.header("origin", *origin));
        assert_eq!(open_with(&chain, from(handshake(ticket))).await.is_ok(), good, "{headers:?}");
        assert!(open_with(&chain, handshake(ticket).header("origin", page)).await.is_err());
    }
}

#[tokio::test]
async fn ticket_of_a_program_needs_no_origin() {
    let tickets = tickets();
    let ticket = ticket(&tickets).await;
    assert!(open_with(&socket(&tickets), handshake(&ticket).header("origin", "https://app.example")).await.is_ok());
}

#[tokio::test]
async fn plain_request_is_refused_and_uses_up_the_ticket_unless_allowed() {
    let tickets = tickets();
    let chain = socket(&tickets);
    let ticket = ticket(&tickets).await;
    let refusal = ask(&chain, parts(handshake(&ticket)), Transport::Http, now()).await.unwrap_err();
    assert_eq!(answer(&refusal), (401, "invalid_credentials"));
    assert!(open(&chain, &ticket).await.is_err());

    let allowed = tickets.strategy().dangerous_allow_plain_requests().verify(|_: TicketGrant| async { Some("ann") });
    let ticket = self::ticket(&tickets).await;
    assert!(ask(&Chain::new().or(allowed), parts(handshake(&ticket)), Transport::Http, now()).await.is_ok());
}

#[tokio::test]
async fn ticket_past_the_end_of_its_parent_is_refused() {
    let tickets = tickets();
    let ticket = ticket(&tickets).await;
    let late = ask(&socket(&tickets), parts(handshake(&ticket)), Transport::WebSocket, in_secs(900)).await;
    assert_eq!(answer(&late.unwrap_err()), (401, "token_expired"));
}

#[tokio::test]
async fn revocation_of_parent_session_or_user_refuses_the_ticket() {
    let everything = [
        Revocation::credential("issuer", "token"),
        Revocation::session("issuer", "session"),
        Revocation::user(ann(), now()),
    ];
    for revocation in everything {
        let store = MemoryStore::new().clock(clock());
        let revocations = Revocations::new(store.clone());
        let tickets = Tickets::new(store, "/ws").unwrap().clock(clock());
        let chain = socket(&tickets).revocation(revocations.clone());
        let (before, after) = (ticket(&tickets).await, ticket(&tickets).await);
        let evidence = open(&chain, &before).await.unwrap().evidence().clone();
        revocations.revoke(&revocation).await.unwrap();
        assert_eq!(open(&chain, &after).await.unwrap_err(), "revoked", "{revocation:?}");
        assert!(revocation.covers(&evidence), "the open socket, too");
    }
}

#[tokio::test]
async fn ticket_of_two_credentials_is_revoked_with_either() {
    let and = |accept: Accept<Name>| accept.add_name(ann()).credential_id("another", "second");
    let older = |accept| token(accept).issued_at(now() - Duration::from_secs(60));
    let both = Chain::new().or(Login(Carrier::Header, older)).and(Login(Carrier::Header, and));
    let both = ask(&both, parts(login()), Transport::Http, now()).await.unwrap();
    let tickets = tickets();
    let issued = tickets.issue(both.evidence(), &parts(login())).await.unwrap();
    let socket = open(&socket(&tickets), issued.value().expose()).await.unwrap();
    for (issuer, id) in [("issuer", "token"), ("another", "second")] {
        assert!(Revocation::credential(issuer, id).covers(socket.evidence()), "{id}");
    }
    // The token is the older of the two, and the user's cutoff may lie between them.
    assert_eq!(socket.evidence().issued_at(), Some(now() - Duration::from_secs(60)));
}

#[tokio::test]
async fn ticket_is_revoked_with_each_of_many_parents() {
    let second = |accept: Accept<Name>| {
        let accept = accept.add_name(ann()).add_name(PrincipalId::new("accounts", "7"));
        accept.credential_id("a", "second").parent("b", "third").session_id("c", "another")
    };
    let both = Chain::new().or(Login(Carrier::Header, token)).and(Login(Carrier::Header, second));
    let both = ask(&both, parts(login()), Transport::Http, now()).await.unwrap();
    let tickets = tickets();
    let issued = tickets.issue(both.evidence(), &parts(login())).await.unwrap();
    let socket = open(&socket(&tickets), issued.value().expose()).await.unwrap();
    assert_eq!(socket.evidence().principal(), Some(&ann()));
    for revocation in [
        Revocation::credential("issuer", "token"),
        Revocation::credential("a", "second"),
        Revocation::credential("b", "third"),
        Revocation::session("issuer", "session"),
        Revocation::session("c", "another"),
        Revocation::user(ann(), now()),
        Revocation::user(PrincipalId::new("accounts", "7"), now()),
    ] {
        assert!(revocation.covers(socket.evidence()), "{:?}", revocation.target());
    }
}

#[tokio::test]
async fn ticket_cannot_be_bought_with_a_ticket() {
    let tickets = tickets();
    let socket = open(&socket(&tickets), &ticket(&tickets).await).await.unwrap();
    assert_eq!(answer(&refused(&tickets, socket.evidence(), login()).await), (403, "forbidden"));
}

#[tokio::test]
async fn ticket_does_not_outlive_a_credential_that_is_about_to_end() {
    let ends_in =
        async |millis| evidence(move |accept| token(accept).expires_at(now() + Duration::from_millis(millis))).await;
    let issued = tickets().issue(&ends_in(2_500).await, &parts(login())).await.unwrap();
    assert_eq!(issued.expires_in(), Duration::from_millis(2_500));
    assert!(tickets().issue(&ends_in(1_000).await, &parts(login())).await.is_ok());
    for millis in [999, 0] {
        assert_eq!(answer(&refused(&tickets(), &ends_in(millis).await, login()).await), (403, "token_expired"));
    }
}

#[tokio::test]
async fn guest_gets_no_ticket() {
    let nobody = evidence(|accept| accept.credential_id("issuer", "token")).await;
    assert_eq!(answer(&refused(&tickets(), &nobody, login()).await), (403, "forbidden"));
}

#[tokio::test]
async fn page_of_another_origin_gets_no_ticket_with_any_carrier() {
    let tickets = tickets();
    for carrier in [Carrier::Header, Carrier::Cookie] {
        let evidence = carried(carrier, token).await;
        for origin in
            ["https://evil.example", "https://app.example:8443", "https://app.example.evil.example", "null", ""]
        {
            let refusal = refused(&tickets, &evidence, login().header("origin", origin)).await;
            assert_eq!(answer(&refusal), (403, "origin_not_allowed"), "{origin}");
        }
        // A ticket stores the origin, so its length is limited.
        let long = login().header("origin", format!("https://app.example:{}443", "0".repeat(300)));
        assert_eq!(answer(&refused(&tickets, &evidence, long).await), (403, "origin_not_allowed"));
        let twice = login().header("origin", "https://app.example").header("origin", "https://app.example");
        assert_eq!(answer(&refused(&tickets, &evidence, twice).await), (403, "origin_not_allowed"));
        assert!(tickets.issue(&evidence, &parts(login().header("origin", "https://app.example"))).await.is_ok());
    }
}

#[tokio::test]
async fn cookie_gets_no_ticket_without_an_origin() {
    let evidence = carried(Carrier::Cookie, token).await;
    assert_eq!(answer(&refused(&tickets(), &evidence, login()).await), (403, "origin_required"));
}

#[tokio::test]
async fn list_of_origins_is_exact_and_replaces_the_own_origin() {
    let tickets = tickets().allow_origins(["https://page.example"]).unwrap();
    let evidence = carried(Carrier::Cookie, token).await;
    let from = |origin| login().header("origin", origin);
    assert!(tickets.issue(&evidence, &parts(from("https://page.example:443"))).await.is_ok());
    for origin in ["http://page.example", "https://app.example"] {
        assert_eq!(refused(&tickets, &evidence, from(origin)).await.code(), "origin_not_allowed");
    }
    for wrong in ["page.example", "*", "null", "https://page.example/"] {
        assert!(self::tickets().allow_origins([wrong]).is_err(), "{wrong}");
    }
    assert!(self::tickets().allow_origins([]).is_err());
}

#[test]
fn mistakes_in_the_set_up_do_not_build() {
    for path in ["", "ws", "/ws?a", "/ws#a"] {
        assert!(Tickets::new(MemoryStore::new(), path).is_err(), "{path}");
    }
    for (millis, good) in [(999, false), (1_000, true), (300_000, true), (300_001, false)] {
        assert_eq!(tickets().ttl(Duration::from_millis(millis)).is_ok(), good, "{millis}");
    }
}

/// A store that is down.
struct Away;

#[async_trait]
impl Store for Away {
    async fn put(&self, _: &str, _: &[u8], _: Duration) -> Result<(), BoxError> {
        Err("away".into())
    }
    async fn take(&self, _: &str) -> Result<Option<Vec<u8>>, BoxError> {
        Err("away".into())
    }
    async fn raise(&self, _: &str, _: u64, _: Option<Duration>) -> Result<(), BoxError> {
        Err("away".into())
    }
    async fn marks(&self, _: &[String]) -> Result<Vec<Option<u64>>, BoxError> {
        Err("away".into())
    }
    async fn publish(&self, _: &[u8]) -> Result<(), BoxError> {
        Err("away".into())
    }
    async fn subscribe(&self) -> Box<dyn Subscription> {
        MemoryStore::new().subscribe().await
    }
}

#[tokio::test]
async fn store_that_is_down_is_503_and_never_401() {
    let store = Arc::new(Away);
    let tickets = Tickets::new(Arc::clone(&store), "/ws").unwrap().clock(clock());
    let refusal = refused(&tickets, &evidence(token).await, login()).await;
    assert_eq!(answer(&refusal), (503, "unavailable"));
    assert!(refusal.retry_after().is_some());
    assert_eq!(open(&socket(&tickets), &"A".repeat(43)).await.unwrap_err(), "unavailable");

    let revocations = Revocations::new(store);
    let failure = revocations.revoke(&Revocation::user(ann(), now())).await.unwrap_err();
    assert_eq!(answer(&failure.into()), (503, "unavailable"));
    let chain = Chain::new().or(Login(Carrier::Header, token)).revocation(revocations);
    assert_eq!(answer(&ask(&chain, parts(login()), Transport::Http, now()).await.unwrap_err()), (503, "unavailable"));
}

#[tokio::test]
async fn text_without_the_form_of_a_ticket_never_reaches_the_store() {
    let chain = socket(&Tickets::new(Away, "/ws").unwrap());
    for wrong in
        ["A".repeat(42), "A".repeat(44), format!("{}+", "A".repeat(42)), format!("{}B", "A".repeat(42)), "é".into()]
    {
        let code = open(&chain, &wrong).await.unwrap_err();
        assert!(["invalid_credentials", "invalid_request"].contains(&code), "{wrong}: {code}");
    }
}

#[tokio::test]
async fn ticket_is_found_by_the_configured_extractor() {
    let tickets = tickets();
    let ticket = ticket(&tickets).await;
    let chain =
        Chain::new().or(tickets.strategy().extract(header("x-ticket")).verify(|_: TicketGrant| async { Some("ann") }));
    assert_eq!(chain.needs().header_names(), ["x-ticket"]);
    let user = open_with(&chain, http::Request::get("/ws").header("x-ticket", ticket)).await.unwrap();
    assert_eq!(user.evidence().carrier(), Carrier::Ticket);
    assert_eq!(socket(&tickets).needs().query_names(), ["ticket"]);
}

#[tokio::test]
async fn user_unknown_to_the_callback_is_refused() {
    let tickets = tickets();
    let bobs = evidence(|accept| accept.add_name(PrincipalId::new("issuer", "bob")).expires_at(in_secs(900))).await;
    let issued = tickets.issue(&bobs, &parts(login())).await.unwrap();
    assert_eq!(open(&socket(&tickets), issued.value().expose()).await.unwrap_err(), "invalid_credentials");
}

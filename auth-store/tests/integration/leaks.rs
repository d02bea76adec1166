//! A ticket is only in the answer.

use auth_store::{Revocations, Tickets};
use test_support::everything;

use crate::support::*;

#[tokio::test]
async fn ticket_is_not_in_logs_keys_values_or_debug() {
    let (log, _guard) = everything();
    let store = Watched::default();
    let tickets = Tickets::new(store.clone(), "/ws").unwrap().clock(clock());
    let chain = socket(&tickets).revocation(Revocations::new(store.clone()));

    let issued = tickets.issue(&evidence(token).await, &parts(login())).await.unwrap();
    let ticket = issued.value().expose().to_owned();
    let user = open(&chain, &ticket).await.unwrap();
    let again = ask(&chain, parts(handshake(&ticket)), auth_core::Transport::WebSocket, now()).await.unwrap_err();
    let plain = self::ticket(&tickets).await;
    let refused = ask(&chain, parts(handshake(&plain)), auth_core::Transport::Http, now()).await.unwrap_err();

    let shown = format!("{issued:?} {tickets:?} {chain:?} {user:?} {again:?} {refused:?} {:?}", again.to_response());
    let told = store.told();
    assert!(told.contains("ticket:") && log.text().contains("the ticket is refused"), "the test must see something");
    for ticket in [ticket, plain] {
        for text in [&shown, &told, &log.text()] {
            assert!(!text.contains(&ticket), "{text}");
        }
    }
}

#[tokio::test]
async fn ids_and_names_are_not_in_keys_logs_or_debug() {
    let (log, _guard) = everything();
    let store = Watched::default();
    let revocations = Revocations::new(store.clone());
    let marked = evidence(|accept| {
        let accept = accept
            .credential_id("MARKER-issuer", "MARKER-id")
            .session_id("MARKER-issuer", "MARKER-session")
            .parent("MARKER-issuer", "MARKER-parent");
        accept.add_name(auth_core::PrincipalId::new("MARKER-issuer", "MARKER-subject"))
    });
    let marked = marked.await;
    let chain_said = auth_core::RevocationCheck::is_revoked(&revocations, &marked).await.unwrap();
    let known = auth_core::RevocationCheck::is_any_revoked_at_once(&revocations, &marked);
    assert_eq!(known, Some(false), "the keys of this look are noted too");
    let revocation = auth_core::Revocation::of(&marked, now()).remove(0);
    revocations.revoke(&revocation).await.unwrap();
    revocations.revoke(&auth_core::Revocation::user(marked.principal().unwrap().clone(), now())).await.unwrap();
    let told = store.told();
    let text = format!("{told} {} {revocations:?} {revocation:?} {chain_said}", log.text());
    assert!(text.contains("credential:") && text.contains("revoked"));
    assert!(!text.contains("MARKER"), "{text}");
}

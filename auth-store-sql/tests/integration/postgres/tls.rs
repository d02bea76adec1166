//! Postgres over TLS.

use auth_core::{Revocation, RevocationEvent};
use auth_store::Revocations;
use auth_store_sql::PostgresStore;
use test_support::postgres::{AUTHORITY, Server, TLS};

use super::PATIENCE;
use crate::support::*;

fn url(server: &Server, host: &str, mode: &str) -> String {
    server.url("postgres").replace("127.0.0.1", host) + "?sslmode=" + mode
}

fn trusting(server: &Server, host: &str, mode: &str) -> PostgresStore {
    PostgresStore::connect(&format!("{}&sslrootcert={AUTHORITY}", url(server, host, mode))).unwrap().timeout(PATIENCE)
}

#[tokio::test(flavor = "multi_thread")]
async fn store_works_over_tls_with_an_own_authority() {
    let Some(server) = Server::start_with(TLS) else { return };
    let store = trusting(&server, "127.0.0.1", "verify-full");
    store.migrate().await.unwrap();
    test_support::records::all(&store, 10).await;
    let mut listener = listen(store.clone()).await;
    Revocations::new(store.clone()).revoke(&Revocation::connection("name")).await.unwrap();
    assert_eq!(hear(&mut listener).await, RevocationEvent::Revoked(Revocation::connection("name")));
    let plain = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                 WHERE application_name = 'portcullis' AND NOT ssl";
    assert_eq!(server.ask("postgres", plain), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_nobody_vouches_for_or_that_has_another_name_is_refused() {
    let Some(server) = Server::start_with(TLS) else { return };
    for mode in ["verify-full", "verify-ca"] {
        let store = PostgresStore::connect(&url(&server, "127.0.0.1", mode)).unwrap();
        let failure = store.ping().await.unwrap_err().to_string();
        assert!(failure.contains("encrypted") && failure.contains("UnknownIssuer"), "{failure}");
        assert!(!failure.contains("MARKER"), "{failure}");
    }
    // The certificate is for 127.0.0.1.
    let failure = trusting(&server, "localhost", "verify-full").migrate().await.unwrap_err();
    assert!(format!("{failure:?}").contains("not valid for name"), "{failure:?}");
    trusting(&server, "localhost", "verify-ca").migrate().await.unwrap();
    let any = PostgresStore::connect(&url(&server, "localhost", "require")).unwrap();
    any.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_server_and_plain_client_do_not_meet_in_the_clear() {
    let Some(tls) = Server::start_with(TLS) else { return };
    let failure = PostgresStore::connect(&url(&tls, "127.0.0.1", "disable")).unwrap().ping().await.unwrap_err();
    assert!(failure.to_string().contains("refused the user"), "{failure}");
    drop(tls);
    let Some(plain) = Server::start() else { return };
    for mode in ["require", "verify-ca", "verify-full"] {
        let failure = trusting(&plain, "127.0.0.1", mode).ping().await.unwrap_err();
        assert!(failure.to_string().contains("encrypted"), "{failure}");
    }
}

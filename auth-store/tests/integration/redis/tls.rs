//! Redis over TLS.

use std::error::Error as _;

use auth_store::{RedisStore, RedisTls};
use test_support::redis::{AUTHORITY, CERTIFICATE, KEY, Kind, Server};

use super::{
    contract,
    server::{Stored as _, tls},
};

async fn start(asks_client: bool) -> Option<Server> {
    Server::start_as(Kind::Tls { asks_client }).await
}

/// Why a store does not answer.
async fn fault(store: &RedisStore) -> String {
    store.ping().await.unwrap_err().source().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_over_tls() {
    let Some(server) = start(false).await else { return };
    contract::holds(server.store(), server.store()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_shows_its_certificate_to_a_server_that_asks() {
    let Some(server) = start(true).await else { return };
    contract::tickets_and_revocations(&server.store(), &server.store()).await;
    let anonymous = RedisStore::with_tls(&server.url(), &tls(false)).unwrap();
    assert!(anonymous.ping().await.is_err());
}

#[tokio::test]
async fn server_of_another_authority_is_not_trusted() {
    let Some(server) = start(false).await else { return };
    // The authority of the tests is not one that the machine trusts.
    let store = match RedisTls::system() {
        Ok(_) => RedisStore::new(&server.url()).unwrap(),
        Err(error) => {
            assert!(error.to_string().contains("this machine trusts no certificates"), "{error}");
            return;
        }
    };
    let fault = fault(&store).await;
    assert!(fault.contains("the TLS handshake with Redis failed") && fault.contains("UnknownIssuer"), "{fault}");
}

#[tokio::test]
async fn certificate_for_another_host_is_refused() {
    let Some(server) = start(false).await else { return };
    let store = RedisStore::with_tls(&server.url().replace("127.0.0.1", "localhost"), &tls(false)).unwrap();
    let fault = fault(&store).await;
    assert!(fault.contains("the TLS handshake with Redis failed") && fault.contains("not valid for name"), "{fault}");
}

#[tokio::test]
async fn plain_redis_is_refused_over_tls_and_the_other_way_round() {
    let (Some(plain), Some(encrypted)) = (Server::start().await, start(false).await) else { return };
    let store = RedisStore::with_tls(&plain.url().replace("redis:", "rediss:"), &tls(false)).unwrap();
    // A plain Redis takes the greeting for the beginning of a command, and waits for more.
    assert!(store.ping().await.is_err());
    let store = RedisStore::new(&encrypted.url().replace("rediss:", "redis:")).unwrap();
    assert!(store.ping().await.is_err());
}

#[test]
fn certificates_and_keys_that_cannot_be_read_do_not_build() {
    for pem in [&b""[..], b"MARKER", KEY, &AUTHORITY[..90]] {
        let error = RedisTls::ca(pem).unwrap_err();
        assert!(error.to_string().contains("certificates to trust"), "{error}");
    }
    for (chain, key) in [(CERTIFICATE, &b"MARKER"[..]), (b"MARKER", KEY), (CERTIFICATE, CERTIFICATE), (AUTHORITY, KEY)]
    {
        let error = RedisTls::ca(AUTHORITY).unwrap().client_certificate(chain, key).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("MARKER"), "{error:?}");
    }
    let debug = format!("{:?}", tls(true));
    assert_eq!(debug, "RedisTls { roots: 1, .. }");
}

#[test]
fn certificates_for_a_redis_without_tls_do_not_build() {
    for url in ["redis://127.0.0.1", "unix:///redis.sock"] {
        assert!(RedisStore::with_tls(url, &tls(false)).unwrap_err().to_string().contains("write `rediss://`"));
        assert!(RedisStore::cluster_with_tls(["rediss://127.0.0.1", url], &tls(false)).is_err());
    }
    assert!(RedisStore::with_tls("rediss://a..b", &tls(false)).is_err());
}

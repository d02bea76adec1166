//! A program with two crypto backends of rustls, `aws-lc-rs` and `ring`, and none chosen for the process.
#![allow(clippy::unwrap_used, reason = "a test ends at the first error")]

use std::{net::Ipv4Addr, time::Duration};

use auth_store::{RedisStore, RedisTls};
use tokio::{io::AsyncReadExt as _, net::TcpListener};

const AUTHORITY: &[u8] = include_bytes!("../../auth-store/tests/integration/redis/keys/ca.pem");

/// The `redis` crate alone would panic at the first connection.
#[tokio::test]
async fn redis_over_tls_does_not_depend_on_the_default_of_the_process() {
    assert!(std::panic::catch_unwind(rustls::ClientConfig::builder).is_err(), "rustls has chosen a backend by itself");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("rediss://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let store =
        RedisStore::with_tls(&url, &RedisTls::ca(AUTHORITY).unwrap()).unwrap().timeout(Duration::from_millis(200));
    let (answer, greeting) = tokio::join!(store.ping(), async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut greeting = [0; 2];
        stream.read_exact(&mut greeting).await.unwrap();
        greeting
    });
    // A handshake of TLS has begun (RFC 8446, 5.1), and nobody has answered it.
    assert_eq!(greeting, [22, 3]);
    answer.unwrap_err();
    assert!(rustls::crypto::CryptoProvider::get_default().is_none(), "the default of the process is left alone");

    // It may also be the other backend.
    rustls::crypto::ring::default_provider().install_default().unwrap();
    RedisTls::ca(AUTHORITY).unwrap();
    if let Err(error) = RedisTls::system() {
        assert!(error.to_string().contains("trusts no certificates"), "{error}");
    }
}

//! An issuer with a certificate.

use std::sync::Arc;

use auth_jwt::remote::{FetchErrorKind, RemoteJwks, RemoteJwksBuilder};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

use crate::support::*;

pub(crate) const AUTHORITY: &[u8] = include_bytes!("keys/ca.pem");
/// An authority that has vouched for nothing here.
const OTHER: &[u8] = include_bytes!("../keys/rsa2048.cert.pem");

/// A server on 127.0.0.1 that the authority vouches for.
pub(crate) fn acceptor() -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("keys/server.cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("keys/server.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

pub(crate) async fn world() -> World {
    let clock = clock();
    let issuer = Issuer::with_tls(&clock, acceptor()).await;
    let key = Key::new("a");
    issuer.publish(&set(&[&key]));
    World { clock, issuer, key }
}

pub(crate) fn builder(world: &World) -> RemoteJwksBuilder {
    RemoteJwks::at(url(world)).unwrap().clock(world.clock.clone())
}

pub(crate) fn url(world: &World) -> String {
    world.issuer.url("/jwks").replace("http:", "https:")
}

#[test]
fn issuer_that_a_trusted_authority_vouches_for_is_asked() {
    run(async {
        let world = world().await;
        let source = builder(&world).trust(AUTHORITY).lazy().unwrap();
        assert_eq!(world.ask(&source, &world.key).await, ACCEPTED);
    });
}

#[test]
fn issuer_with_another_certificate_is_not_asked() {
    run(async {
        let world = world().await;
        // The authority is not among those that the machine trusts; one more certificate is, so that it trusts any.
        let source = builder(&world).trust(OTHER).lazy().unwrap();
        assert_eq!(world.ask(&source, &world.key).await, UNAVAILABLE);
        assert_eq!(source.status().last_error(), Some(FetchErrorKind::Unreachable));
        assert_eq!(world.issuer.count(), 0);
    });
}

#[test]
fn certificates_that_cannot_be_read_do_not_build() {
    for pem in [&b""[..], b"no certificate", include_bytes!("../keys/ed25519.pub.pem"), &AUTHORITY[..90]] {
        let builder = || RemoteJwks::at("https://id.example/jwks").unwrap();
        assert!(builder().trust(pem).lazy().is_err());
    }
}

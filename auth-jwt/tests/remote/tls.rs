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
/// A certificate authority that signed nothing here.
const OTHER: &[u8] = include_bytes!("../keys/rsa2048.cert.pem");

/// The pin of the server's key, as OpenSSL prints it.
const PIN: &str = "76hOpLdKvbr1pA5PhApnvJV/RB97sCjMDPIhzAX+Fi4=";
const PIN_IN_HEX: &str = "efa84ea4b74abdbaf5a40e4f840a67bc957f441f7bb028cc0cf221cc05fe162e";
const OTHER_PIN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// A server on 127.0.0.1 with a certificate of the authority.
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

/// Without a proxy, which the environment of the tests may name.
pub(crate) fn builder(world: &World) -> RemoteJwksBuilder {
    RemoteJwks::at(url(world)).unwrap().clock(world.clock.clone()).no_proxy()
}

pub(crate) fn url(world: &World) -> String {
    world.issuer.url("/jwks").replace("http:", "https:")
}

#[test]
fn issuer_with_a_trusted_certificate_is_asked() {
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
        let builder = || RemoteJwks::at("https://id.example/jwks").unwrap().no_proxy();
        assert!(builder().trust(pem).lazy().is_err());
        assert!(builder().trust_only(pem).lazy().is_err());
    }
}

#[test]
fn only_the_roots_that_were_set_count() {
    run(async {
        let world = world().await;
        for (builder, verdict) in [
            (builder(&world).trust_only(AUTHORITY), ACCEPTED),
            (builder(&world).trust_only(OTHER), UNAVAILABLE),
            (builder(&world).trust_only(OTHER).trust(AUTHORITY), ACCEPTED),
            (builder(&world).trust(AUTHORITY).trust_only(OTHER), ACCEPTED),
        ] {
            assert_eq!(world.ask(&builder.lazy().unwrap(), &world.key).await, verdict);
        }
    });
}

#[test]
fn one_pin_must_match_in_addition_to_the_usual_checks() {
    run(async {
        let world = world().await;
        for (roots, pins, verdict) in [
            (AUTHORITY, &[PIN][..], ACCEPTED),
            (AUTHORITY, &[PIN_IN_HEX], ACCEPTED),
            (AUTHORITY, &[OTHER_PIN, PIN], ACCEPTED),
            (AUTHORITY, &[OTHER_PIN], UNAVAILABLE),
            // A pin does not replace a certificate.
            (OTHER, &[PIN], UNAVAILABLE),
        ] {
            let builder = builder(&world).trust_only(roots);
            let source = pins.iter().try_fold(builder, |builder, pin| builder.pin_sha256(pin)).unwrap().lazy().unwrap();
            assert_eq!(world.ask(&source, &world.key).await, verdict, "{pins:?}");
        }
        let asked = world.issuer.count();
        assert_eq!(asked, 3, "no request goes to a server that is not believed");
    });
}

#[test]
fn pin_mismatch_names_the_expected_and_the_found_key() {
    run(async {
        let world = world().await;
        let error = builder(&world).trust(AUTHORITY).pin_sha256(OTHER_PIN).unwrap().fail_fast().await.unwrap_err();
        let told = causes(&error);
        assert!(told.contains(&format!("expected sha256 {OTHER_PIN}, found sha256 {PIN}")), "{told}");
        assert!(told.contains("the issuer cannot be reached"), "{told}");
    });
}

#[test]
fn what_cannot_hold_over_plain_http_does_not_build() {
    let plain = || RemoteJwks::at("http://127.0.0.1:1/jwks").unwrap();
    let discovered = || RemoteJwks::discover("http://127.0.0.1:1").unwrap();
    for builder in [plain, discovered] {
        assert!(builder().trust_only(AUTHORITY).lazy().is_err());
        assert!(builder().pin_sha256(PIN).unwrap().lazy().is_err());
        assert!(builder().trust(AUTHORITY).lazy().is_ok());
    }
    assert!(plain().pin_sha256("sha256").is_err());
}

//! The servers that are trusted.

use std::sync::Arc;

use auth_core::ConfigError;
use http::Uri;
use rustls::{
    ClientConfig, RootCertStore,
    client::{Resumption, WebPkiServerVerifier},
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::{
    location,
    pin::{Pin, PinVerifier},
};

/// The configured certificates and pins.
#[derive(Default)]
pub(super) struct Trust {
    roots: Vec<Vec<u8>>,
    /// Ignores the certificates that the machine trusts.
    is_exclusive: bool,
    pins: Vec<Pin>,
}

/// The TLS configurations.
pub(super) struct Tls {
    pub(super) issuer: ClientConfig,
    /// For a proxy. Pins do not apply to it.
    pub(super) proxy: ClientConfig,
}

impl Trust {
    pub(super) fn add(&mut self, pem: Vec<u8>) {
        self.roots.push(pem);
    }

    pub(super) fn only(&mut self, pem: Vec<u8>) {
        self.add(pem);
        self.is_exclusive = true;
    }

    pub(super) fn pin(&mut self, pin: &str) -> Result<(), ConfigError> {
        self.pins.push(Pin::parse(pin)?);
        Ok(())
    }

    /// # Errors
    /// If a certificate cannot be read, if `location` is `https` and no certificate is trusted, or if `location` is plain
    /// `http` although exclusive certificates or pins are set.
    pub(super) fn tls(&self, location: &Uri) -> Result<Tls, ConfigError> {
        let is_https = location::is_https(location);
        if !is_https && (self.is_exclusive || !self.pins.is_empty()) {
            return Err(ConfigError::new(
                "`trust_only` and `pin_sha256` do not work over plain http, where a server has no certificate: use https, \
                 or leave them out",
            ));
        }
        let roots = Arc::new(self.roots()?);
        if roots.is_empty() && is_https {
            return Err(ConfigError::new(
                "this machine trusts no certificates: install the usual ones, or give your own to `trust`",
            ));
        }
        Ok(Tls { proxy: config(&roots, &[])?, issuer: config(&roots, &self.pins)? })
    }

    fn roots(&self) -> Result<RootCertStore, ConfigError> {
        let mut roots = RootCertStore::empty();
        if !self.is_exclusive {
            // Other faults of the machine's store do not matter while it has some certificates.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        for pem in &self.roots {
            add(&mut roots, pem)?;
        }
        Ok(roots)
    }
}

fn config(roots: &Arc<RootCertStore>, pins: &[Pin]) -> Result<ClientConfig, ConfigError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError::new("TLS cannot be set up").caused_by(error))?;
    let mut config = if pins.is_empty() {
        builder.with_root_certificates(Arc::clone(roots)).with_no_client_auth()
    } else {
        let usual = WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), provider)
            .build()
            .map_err(|error| ConfigError::new("TLS cannot be set up").caused_by(error))?;
        let verifier = Arc::new(PinVerifier::new(usual, pins.to_vec()));
        builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
    };
    // A resumed session shows no certificate. Every fetch must verify the server again.
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn add(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), ConfigError> {
    let unreadable = || {
        ConfigError::new("the certificates to trust cannot be read: pass them in PEM, with lines `BEGIN CERTIFICATE`")
    };
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.map_err(|_| unreadable())?).map_err(|_| unreadable())?;
    }
    if roots.len() == before { Err(unreadable()) } else { Ok(()) }
}

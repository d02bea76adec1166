//! TLS, with one crypto backend and without a default of the process.

use std::{fmt, sync::Arc};

use auth_core::ConfigError;
use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::Failure;

/// Which servers of Redis are trusted over TLS, and how this service shows who it is.
///
/// Pass it to [`RedisStore::with_tls`](crate::RedisStore::with_tls). It uses TLS 1.2 or 1.3 of `rustls` with `aws-lc-rs`, whatever
/// backend the rest of the program uses. It neither reads nor sets the default provider of the process.
///
/// The certificate of a server must be for the host of the URL. In a [cluster](crate::RedisStore::cluster) it must be for the
/// address that the servers announce: an IP address, or a name with `cluster-preferred-endpoint-type hostname`.
#[derive(Clone)]
pub struct RedisTls {
    roots: Arc<RootCertStore>,
    config: Arc<ClientConfig>,
}

impl RedisTls {
    /// Trusts the certificate authorities that the machine trusts. It is what `rediss://` means without more.
    ///
    /// # Errors
    /// If the machine trusts none.
    pub fn system() -> Result<Self, ConfigError> {
        let mut roots = RootCertStore::empty();
        // Other faults of the machine's store do not matter while it has some certificates.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(ConfigError::new(
                "this machine trusts no certificates: install the usual ones, or give your own to `RedisTls::ca`",
            ));
        }
        Self::trusting(roots)
    }

    /// Trusts these certificate authorities and no others. `pem` has one or more sections `BEGIN CERTIFICATE`.
    ///
    /// # Errors
    /// If there is none, or one that cannot be read.
    pub fn ca(pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let mut roots = RootCertStore::empty();
        let certificates = certificates(pem.as_ref()).ok_or_else(|| unreadable("certificates to trust"))?;
        for certificate in certificates {
            roots.add(certificate).map_err(|_| unreadable("certificates to trust"))?;
        }
        Self::trusting(roots)
    }

    /// Shows this certificate to servers that ask for one (`tls-auth-clients`, on by default in Redis). `chain` begins with it.
    /// Both are in PEM.
    ///
    /// # Errors
    /// If one of them cannot be read, or if the key is not that of the certificate. The error does not repeat the key.
    pub fn client_certificate(self, chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let chain = certificates(chain.as_ref()).ok_or_else(|| unreadable("client's certificates"))?;
        let key = PrivateKeyDer::from_pem_slice(key.as_ref()).map_err(|_| unreadable("client's key"))?;
        let config = builder(&self.roots)?.with_client_auth_cert(chain, key);
        let config =
            config.map_err(|error| ConfigError::new("the client's certificate cannot be used").caused_by(error))?;
        Ok(Self::of(self.roots, config))
    }

    fn trusting(roots: RootCertStore) -> Result<Self, ConfigError> {
        let roots = Arc::new(roots);
        let config = builder(&roots)?.with_no_client_auth();
        Ok(Self::of(roots, config))
    }

    fn of(roots: Arc<RootCertStore>, mut config: ClientConfig) -> Self {
        // A resumed session shows no certificate. Every connection must verify the server again.
        config.resumption = Resumption::disabled();
        Self { roots, config: Arc::new(config) }
    }
}

impl fmt::Debug for RedisTls {
    /// Omits the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTls").field("roots", &self.roots.len()).finish_non_exhaustive()
    }
}

/// How one connection is encrypted.
#[derive(Clone)]
pub(super) struct Encryption(Arc<ClientConfig>);

impl Encryption {
    /// # Errors
    /// If the machine trusts no certificates.
    pub(super) fn usual() -> Result<Self, ConfigError> {
        Ok(Self::from(&RedisTls::system()?))
    }

    pub(super) fn check(&self, host: &str) -> Result<(), ConfigError> {
        let named = ServerName::try_from(host);
        named.map(drop).map_err(|_| ConfigError::new("no certificate can be for the host in the URL of Redis"))
    }

    pub(super) async fn connect(&self, host: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>, Failure> {
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|_| Failure::new("no certificate can be for a host of the cluster"))?;
        let connected = TlsConnector::from(Arc::clone(&self.0)).connect(name, stream).await;
        connected.map_err(|error| Failure::new("the TLS handshake with Redis failed").because(&error))
    }
}

impl From<&RedisTls> for Encryption {
    fn from(tls: &RedisTls) -> Self {
        Self(Arc::clone(&tls.config))
    }
}

type Builder = rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>;

fn builder(roots: &Arc<RootCertStore>) -> Result<Builder, ConfigError> {
    // Without a provider, `rustls` panics in a program that has two of them.
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError::new("TLS cannot be set up").caused_by(error))?;
    Ok(builder.with_root_certificates(Arc::clone(roots)))
}

/// The certificates in PEM, at least one.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().ok()?;
    (!certificates.is_empty()).then_some(certificates)
}

fn unreadable(what: &str) -> ConfigError {
    ConfigError::new(format!("the {what} for Redis cannot be read: pass PEM, with lines `BEGIN …`"))
}

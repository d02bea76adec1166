//! Pins of a server's public key.

use std::{error::Error, fmt, sync::Arc};

use auth_core::ConfigError;
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::{
    DigitallySignedStruct, OtherError, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

/// The SHA-256 of a `SubjectPublicKeyInfo` (RFC 7469, 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pin([u8; 32]);

impl Pin {
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let bytes = if text.len() == 64 { from_hex(text) } else { STANDARD.decode(text).ok() };
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or_else(|| {
            ConfigError::new(
                "a pin is not a SHA-256 hash: write its 32 bytes in base64 with padding, or as 64 hex digits",
            )
        })
    }

    fn of(certificate: &CertificateDer<'_>) -> Result<Self, rustls::Error> {
        let key = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
        let mut pin = [0; 32];
        pin.copy_from_slice(digest(&SHA256, &key).as_ref());
        Ok(Self(pin))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    // The number parser would accept a sign.
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = text.as_bytes().chunks_exact(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Checks a server's certificate as usual, and then its public key.
#[derive(Debug)]
pub(super) struct PinVerifier {
    usual: Arc<WebPkiServerVerifier>,
    pins: Vec<Pin>,
}

impl PinVerifier {
    /// At least one of these pins must match.
    pub(super) fn new(usual: Arc<WebPkiServerVerifier>, pins: Vec<Pin>) -> Self {
        Self { usual, pins }
    }
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.usual.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        let found = Pin::of(end_entity)?;
        if self.pins.contains(&found) {
            return Ok(verified);
        }
        Err(OtherError(Arc::new(PinMismatch { expected: self.pins.clone(), found })).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// The certificate is valid, but its key is not pinned.
#[derive(Debug)]
struct PinMismatch {
    expected: Vec<Pin>,
    found: Pin,
}

impl fmt::Display for PinMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the pin of the server's public key does not match: expected")?;
        for (n, pin) in self.expected.iter().enumerate() {
            write!(f, "{} sha256 {pin}", if n == 0 { "" } else { " or" })?;
        }
        write!(f, ", found sha256 {}", self.found)
    }
}

impl Error for PinMismatch {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pin_is_base64_or_hex_of_32_bytes() {
        let pin = Pin([0xfb; 32]);
        for good in [pin.to_string(), "fb".repeat(32), "Fb".repeat(32)] {
            assert_eq!(Pin::parse(&good).unwrap(), pin, "{good}");
        }
        let base64 = pin.to_string();
        for bad in [
            String::new(),
            base64.replace('=', ""),
            base64.replace('+', "-").replace('/', "_"),
            format!(" {base64}"),
            format!("sha256/{base64}"),
            STANDARD.encode([0; 31]),
            STANDARD.encode([0; 33]),
            STANDARD.encode([0xfb; 48]),
            "fb".repeat(31),
            "fb".repeat(33),
            "+b".repeat(32),
            "é".repeat(32),
        ] {
            assert!(Pin::parse(&bad).is_err(), "{bad}");
        }
    }
}

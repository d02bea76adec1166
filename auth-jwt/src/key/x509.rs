use std::time::SystemTime;

use auth_core::ConfigError;
use x509_cert::{
    der::{Decode as _, DecodePem as _, oid::ObjectIdentifier},
    time::Validity,
};

use super::{PublicKey, RsaComponents};
use crate::algorithm::{Curve, Family};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The public key of an X.509 certificate (RFC 5280) and its validity period. The certificate's signature is not checked.
pub(crate) struct Certificate {
    pub(crate) key: PublicKey,
    validity: Validity,
}

impl Certificate {
    pub(crate) fn from_pem(pem: &str) -> Result<Self, ConfigError> {
        x509_cert::Certificate::from_pem(pem).map_err(|_| unreadable()).and_then(|read| Self::of(&read))
    }

    pub(crate) fn from_der(der: &[u8]) -> Result<Self, ConfigError> {
        x509_cert::Certificate::from_der(der).map_err(|_| unreadable()).and_then(|read| Self::of(&read))
    }

    fn of(certificate: &x509_cert::Certificate) -> Result<Self, ConfigError> {
        let certificate = certificate.tbs_certificate();
        let info = certificate.subject_public_key_info();
        let bits = info.subject_public_key.raw_bytes();
        let key = match info.algorithm.oid {
            RSA => PublicKey::Rsa(RsaComponents::from_der(bits)?),
            ED25519 => PublicKey::Point(Family::Ed25519, bits.to_vec()),
            EC => {
                let curve = info.algorithm.parameters.as_ref().and_then(|parameters| parameters.decode_as().ok());
                let curve = curve.and_then(curve_of).ok_or_else(unknown)?;
                PublicKey::Point(Family::Ec(curve), bits.to_vec())
            }
            _ => return Err(unknown()),
        };
        Ok(Self { key, validity: *certificate.validity() })
    }

    /// Checks that the certificate is valid at this instant. Both ends are inclusive (RFC 5280, 4.1.2.5).
    pub(crate) fn check_time(&self, now: SystemTime) -> Result<(), ConfigError> {
        let Validity { not_before, not_after, .. } = &self.validity;
        // The last second counts to its end.
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        if (not_before.to_unix_duration().as_secs()..=not_after.to_unix_duration().as_secs()).contains(&now) {
            return Ok(());
        }
        Err(ConfigError::new(format!(
            "the certificate is valid only from {} to {}: check the clock, and that the issuer has a newer one",
            not_before.to_date_time(),
            not_after.to_date_time()
        )))
    }
}

fn curve_of(oid: ObjectIdentifier) -> Option<Curve> {
    match oid.to_string().as_str() {
        "1.2.840.10045.3.1.7" => Some(Curve::P256),
        "1.3.132.0.34" => Some(Curve::P384),
        "1.3.132.0.35" => Some(Curve::P521),
        #[cfg(feature = "es256k")]
        "1.3.132.0.10" => Some(Curve::Secp256k1),
        _ => None,
    }
}

fn unreadable() -> ConfigError {
    ConfigError::new("this is not an X.509 certificate (RFC 5280): check that it is complete")
}

fn unknown() -> ConfigError {
    ConfigError::new("the certificate has a key of an unknown kind: use RSA, P-256, P-384, P-521 or Ed25519")
}

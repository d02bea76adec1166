//! Reads PEM files. `jsonwebtoken` reads them too leniently for us: it takes a private key or a certificate for a
//! public key, so we look at the label before we let it.

use auth_core::ConfigError;
use jsonwebtoken::{DecodingKey, EncodingKey};
use zeroize::Zeroizing;

use super::check::not_a_key;
use crate::algorithm::Family;

/// A private key as its backend wants it.
pub(crate) enum PrivateDer {
    /// `RSAPrivateKey` of RFC 8017.
    Pkcs1(Zeroizing<Vec<u8>>),
    /// `PrivateKeyInfo` of RFC 5208.
    Pkcs8(Zeroizing<Vec<u8>>),
}

/// The public key in the file, in DER or as bare point.
pub(super) fn public(family: Family, pem: &[u8]) -> Result<Vec<u8>, ConfigError> {
    match label(pem)? {
        "PUBLIC KEY" | "RSA PUBLIC KEY" => {}
        "CERTIFICATE" => {
            return Err(ConfigError::new(
                "the PEM file holds a certificate: take its public key out, with `openssl x509 -pubkey -noout`",
            ));
        }
        label if label.ends_with("PRIVATE KEY") => {
            return Err(ConfigError::new(
                "the PEM file holds a private key, and what verifies must not have it: \
                 give it the public key, from `openssl pkey -pubout`",
            ));
        }
        _ => return Err(not_a_key(family)),
    }
    let key = match family {
        Family::Hmac => {
            return Err(ConfigError::new(
                "an HMAC algorithm takes a secret and no PEM file: use `hmac`, or name the algorithm of the key",
            ));
        }
        Family::Rsa => DecodingKey::from_rsa_pem(pem),
        Family::Ec(_) => DecodingKey::from_ec_pem(pem),
        Family::Ed25519 => DecodingKey::from_ed_pem(pem),
    };
    // The cause is dropped, since the texts of that crate may repeat what they have read.
    let key = key.map_err(|_| not_a_key(family))?;
    key.try_get_as_bytes().map(<[u8]>::to_vec).map_err(|_| not_a_key(family))
}

impl PrivateDer {
    pub(crate) fn pkcs1(der: &[u8]) -> Self {
        Self::Pkcs1(Zeroizing::new(der.to_vec()))
    }

    pub(crate) fn pkcs8(der: &[u8]) -> Self {
        Self::Pkcs8(Zeroizing::new(der.to_vec()))
    }

    pub(crate) fn from_pem(family: Family, pem: &[u8]) -> Result<Self, ConfigError> {
        match label(pem)? {
            "PRIVATE KEY" | "RSA PRIVATE KEY" => {}
            "ENCRYPTED PRIVATE KEY" => {
                return Err(ConfigError::new("the private key is encrypted: decrypt it first, with `openssl pkcs8`"));
            }
            "EC PRIVATE KEY" => {
                return Err(ConfigError::new(
                    "the EC key is not in PKCS#8: convert it, with `openssl pkcs8 -topk8 -nocrypt`",
                ));
            }
            _ => return Err(ConfigError::new("the PEM file holds no private key, and what signs needs one")),
        }
        let wrong = || not_a_private_key(family);
        let key = match family {
            Family::Hmac => {
                return Err(ConfigError::new("an HMAC algorithm takes a secret and no PEM file: use `hmac`"));
            }
            Family::Rsa => EncodingKey::from_rsa_pem(pem),
            Family::Ec(_) => EncodingKey::from_ec_pem(pem),
            Family::Ed25519 => EncodingKey::from_ed_pem(pem),
        };
        let key = key.map_err(|_| wrong())?;
        let der = key.as_bytes();
        // For RSA that crate has taken the PKCS#1 structure out of its PKCS#8 shell.
        Ok(if family == Family::Rsa { Self::pkcs1(der) } else { Self::pkcs8(der) })
    }
}

pub(crate) fn not_a_private_key(family: Family) -> ConfigError {
    ConfigError::new(format!(
        "this is no valid private {} key: check that it is whole, strong enough and of the kind that the algorithm wants",
        family.describe()
    ))
}

/// What stands between `-----BEGIN ` and the dashes.
fn label(pem: &[u8]) -> Result<&str, ConfigError> {
    let label = str::from_utf8(pem).ok().and_then(|text| {
        let (_, rest) = text.split_once("-----BEGIN ")?;
        Some(rest.split_once("-----")?.0)
    });
    label.ok_or_else(|| ConfigError::new("this is no PEM file: it needs a line `-----BEGIN … KEY-----`"))
}

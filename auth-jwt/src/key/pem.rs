//! Reads key files in PEM (RFC 7468). `aws-lc-rs` parses the key inside; the label says what kind of key it may be.

use auth_core::ConfigError;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{check::not_a_key, der};
use crate::algorithm::Family;

/// A private key in DER.
pub(crate) enum PrivateDer {
    /// `RSAPrivateKey` (RFC 8017, A.1.2).
    Pkcs1(Zeroizing<Vec<u8>>),
    /// `PrivateKeyInfo` (RFC 5208, 5).
    Pkcs8(Zeroizing<Vec<u8>>),
}

/// The public key in the file, in DER.
pub(super) fn public(family: Family, pem: &[u8]) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    let section = Section::first(pem)?;
    let is_pkcs1 = match section.label {
        "PUBLIC KEY" => false,
        "RSA PUBLIC KEY" => true,
        "CERTIFICATE" => {
            return Err(ConfigError::new(
                "the PEM file holds a certificate: extract its public key with `openssl x509 -pubkey -noout`",
            ));
        }
        label if label.ends_with("PRIVATE KEY") => {
            return Err(ConfigError::new(
                "the PEM file holds a private key, and a verifier must not have it: \
                 use the public key, from `openssl pkey -pubout`",
            ));
        }
        _ => return Err(not_a_key(family)),
    };
    if family == Family::Hmac {
        return Err(ConfigError::new(
            "an HMAC algorithm takes a secret and not a PEM file: use `hmac`, or name the algorithm of the key",
        ));
    }
    let der = section.der().ok_or_else(|| not_a_key(family))?;
    // `aws-lc-rs` takes a key in any form, and the label allows only one.
    let is_spki = der::is_spki(&der);
    let is_labelled_right = if is_pkcs1 { family == Family::Rsa && !is_spki } else { is_spki };
    if is_labelled_right { Ok(der) } else { Err(not_a_key(family)) }
}

impl PrivateDer {
    pub(crate) fn pkcs1(der: &[u8]) -> Self {
        Self::Pkcs1(Zeroizing::new(der.to_vec()))
    }

    pub(crate) fn pkcs8(der: &[u8]) -> Self {
        Self::Pkcs8(Zeroizing::new(der.to_vec()))
    }

    pub(crate) fn from_pem(family: Family, pem: &[u8]) -> Result<Self, ConfigError> {
        let section = Section::first(pem)?;
        let form = match section.label {
            "PRIVATE KEY" => Self::Pkcs8,
            "RSA PRIVATE KEY" => Self::Pkcs1,
            "ENCRYPTED PRIVATE KEY" => {
                return Err(ConfigError::new("the private key is encrypted: decrypt it first, with `openssl pkcs8`"));
            }
            "EC PRIVATE KEY" => {
                return Err(ConfigError::new(
                    "the EC key is not in PKCS#8: convert it, with `openssl pkcs8 -topk8 -nocrypt`",
                ));
            }
            _ => return Err(ConfigError::new("the PEM file does not hold a private key, which a signer needs")),
        };
        if family == Family::Hmac {
            return Err(ConfigError::new("an HMAC algorithm takes a secret and not a PEM file: use `hmac`"));
        }
        section.der().map(form).ok_or_else(|| not_a_private_key(family))
    }
}

pub(crate) fn not_a_private_key(family: Family) -> ConfigError {
    ConfigError::new(format!(
        "this is not a valid private {} key: check that it is complete, strong enough and of the kind that the algorithm needs",
        family.describe()
    ))
}

/// One section of a PEM file.
struct Section<'a> {
    /// The text between `-----BEGIN ` and the dashes.
    label: &'a str,
    /// Everything after the line that begins the section.
    rest: &'a str,
}

impl<'a> Section<'a> {
    /// The first section of the file. Others are ignored, and so is text around it (RFC 7468, 2).
    fn first(pem: &'a [u8]) -> Result<Self, ConfigError> {
        let begin = str::from_utf8(pem).ok().and_then(|text| text.split_once("-----BEGIN "));
        let section = begin.and_then(|(_, section)| section.split_once("-----"));
        let (label, rest) = section.ok_or_else(|| {
            ConfigError::new(
                "this is not a PEM file: it needs a line that begins with `-----BEGIN`, and a key below it",
            )
        })?;
        Ok(Self { label, rest })
    }

    /// The key that the section holds. `None` if it has no end with the same label, if it is not base64, or if it is not
    /// one sequence. Every copy is zeroed.
    fn der(&self) -> Option<Zeroizing<Vec<u8>>> {
        let (body, end) = self.rest.split_once("-----END ")?;
        let (label, _) = end.split_once("-----")?;
        // Neither buffer grows, since that would leave a copy behind.
        let mut text = Zeroizing::new(Vec::with_capacity(body.len()));
        text.extend(body.bytes().filter(|byte| !byte.is_ascii_whitespace()));
        let mut der = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
        let len = STANDARD.decode_slice(&*text, &mut der).ok()?;
        der.truncate(len);
        (label == self.label && der::is_one_sequence(&der)).then_some(der)
    }
}

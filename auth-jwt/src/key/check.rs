//! Checks that keys are strong enough, and prepares them for use.

use std::sync::Arc;

use auth_core::ConfigError;
use aws_lc_rs::{
    hmac, rsa,
    signature::{
        self, ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, ParsedPublicKey,
        RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
    },
};

use super::{der, verifier::Verifier};
use crate::{
    Algorithm, HmacSecret,
    algorithm::{Curve, Family},
};

const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Modulus and exponent, big-endian, without leading zeros.
#[derive(PartialEq, Eq)]
pub(crate) struct RsaComponents {
    pub(crate) n: Vec<u8>,
    pub(crate) e: Vec<u8>,
}

impl RsaComponents {
    pub(crate) fn new(n: &[u8], e: &[u8]) -> Result<Self, ConfigError> {
        let this = Self { n: without_leading_zeros(n).to_vec(), e: without_leading_zeros(e).to_vec() };
        this.check().map(|()| this)
    }

    /// From PKCS#1 or SPKI. A key that is restricted to PSS (RFC 4055, 1.2) is refused.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, ConfigError> {
        if !der::algorithm_fits(Family::Rsa, der) {
            return Err(not_a_key(Family::Rsa));
        }
        let key = rsa::PublicKey::from_der(der).map_err(|_| not_a_key(Family::Rsa))?;
        Self::new(key.modulus().big_endian_without_leading_zero(), key.exponent().big_endian_without_leading_zero())
    }

    /// 2048 to 8192 bits, and an odd exponent from 3 to 2^33, which is the backend's limit.
    fn check(&self) -> Result<(), ConfigError> {
        let bits = self.n.first().map_or(0, |first| self.n.len() * 8 - first.leading_zeros() as usize);
        if !RSA_BITS.contains(&bits) {
            return Err(ConfigError::new(format!(
                "the RSA key has {bits} bits: use one of {} to {}",
                RSA_BITS.start(),
                RSA_BITS.end()
            )));
        }
        let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        let exponent = self.e.iter().try_fold(0_u64, |sum, &byte| Some(sum.checked_mul(256)? + u64::from(byte)));
        if !is_odd(&self.n) || !is_odd(&self.e) || !exponent.is_some_and(|e| (3..1 << 33).contains(&e)) {
            return Err(ConfigError::new(
                "the RSA key is broken: modulus and exponent must be odd, and the exponent from 3 to 2^33 \
                 (generate a key with the usual exponent 65537)",
            ));
        }
        Ok(())
    }

    pub(crate) fn verifier(&self, algorithm: Algorithm) -> Result<Verifier, ConfigError> {
        let parameters = rsa_parameters(algorithm).ok_or_else(|| not_a_key(algorithm.family()))?;
        let components = RsaPublicKeyComponents { n: &self.n, e: &self.e };
        components.to_parsed_public_key(parameters).map(Verifier::Public).map_err(|_| not_a_key(Family::Rsa))
    }
}

/// A public key of a known kind.
#[derive(PartialEq, Eq)]
pub(crate) enum PublicKey {
    Rsa(RsaComponents),
    /// An uncompressed point (SEC 1, 2.3.3), or the 32 bytes of Ed25519.
    Point(Family, Vec<u8>),
}

impl PublicKey {
    pub(crate) fn family(&self) -> Family {
        match self {
            Self::Rsa(_) => Family::Rsa,
            Self::Point(family, _) => *family,
        }
    }

    pub(crate) fn verifier(&self, algorithm: Algorithm) -> Result<Verifier, ConfigError> {
        match self {
            Self::Rsa(components) => components.verifier(algorithm),
            Self::Point(family, _) if *family != algorithm.family() => Err(not_a_key(algorithm.family())),
            Self::Point(_, point) => public(algorithm, point),
        }
    }
}

/// An HMAC key that is long enough.
pub(crate) fn hmac_key(algorithm: Algorithm, secret: &HmacSecret) -> Result<Arc<hmac::Key>, ConfigError> {
    let hash = match algorithm {
        Algorithm::HS256 => hmac::HMAC_SHA256,
        Algorithm::HS384 => hmac::HMAC_SHA384,
        Algorithm::HS512 => hmac::HMAC_SHA512,
        other => {
            return Err(ConfigError::new(format!(
                "{other} takes no secret: use a public key, or one of HS256, HS384 and HS512"
            )));
        }
    };
    Ok(Arc::new(hmac::Key::new(hash, secret.strong_enough_for(algorithm)?)))
}

/// A public key in DER, or a bare point for EC and Ed25519.
pub(super) fn public(algorithm: Algorithm, der: &[u8]) -> Result<Verifier, ConfigError> {
    let family = algorithm.family();
    let scheme: &'static dyn VerificationAlgorithm = match family {
        Family::Hmac => return Err(takes_a_secret(algorithm)),
        Family::Rsa => return RsaComponents::from_der(der)?.verifier(algorithm),
        _ if !der::algorithm_fits(family, der) => return Err(not_a_key(family)),
        Family::Ec(Curve::P256) => &ECDSA_P256_SHA256_FIXED,
        Family::Ec(Curve::P384) => &ECDSA_P384_SHA384_FIXED,
        Family::Ec(Curve::P521) => &ECDSA_P521_SHA512_FIXED,
        #[cfg(feature = "es256k")]
        Family::Ec(Curve::Secp256k1) => &signature::ECDSA_P256K1_SHA256_FIXED,
        Family::Ed25519 => &ED25519,
    };
    ParsedPublicKey::new(scheme, der).map(Verifier::Public).map_err(|_| not_a_key(family))
}

pub(super) fn takes_a_secret(algorithm: Algorithm) -> ConfigError {
    ConfigError::new(format!(
        "{algorithm} takes a secret and not a public key: use `hmac`, or name the algorithm of the public key"
    ))
}

pub(super) fn not_a_key(family: Family) -> ConfigError {
    ConfigError::new(format!(
        "this is not a valid public {} key: check that it is public, complete and of the kind that the algorithm needs",
        family.describe()
    ))
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

pub(super) fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

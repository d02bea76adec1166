//! Keys and algorithms that a program has as types of `jsonwebtoken`.
//!
//! `jsonwebtoken` stores a key as bytes and checks it on use. Here every key goes through the usual constructors, so a weak
//! or broken key is an error. There is no conversion back, since a prepared key does not reveal its secret.

use auth_core::ConfigError;
use jsonwebtoken::{AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};

use crate::{
    Algorithm, SigningKey, VerifyingKey,
    algorithm::Family,
    key::{PublicKey, RsaComponents},
};

/// Needs the feature `jsonwebtoken`.
///
/// # Errors
/// If the algorithm does not exist in this crate.
impl TryFrom<jsonwebtoken::Algorithm> for Algorithm {
    type Error = ConfigError;

    fn try_from(algorithm: jsonwebtoken::Algorithm) -> Result<Self, ConfigError> {
        let is_same = |own: &Self| jsonwebtoken::Algorithm::try_from(*own).is_ok_and(|theirs| theirs == algorithm);
        Self::ALL.iter().copied().find(is_same).ok_or_else(|| {
            ConfigError::new(format!("{algorithm:?} does not exist in `auth-jwt`: choose one of `auth_jwt::Algorithm`"))
        })
    }
}

/// Needs the feature `jsonwebtoken`.
///
/// # Errors
/// If the algorithm does not exist in `jsonwebtoken`: `ES512` and `ES256K` do not.
impl TryFrom<Algorithm> for jsonwebtoken::Algorithm {
    type Error = ConfigError;

    fn try_from(algorithm: Algorithm) -> Result<Self, ConfigError> {
        let found = algorithm.name().parse();
        found.map_err(|_| ConfigError::new(format!("{algorithm} does not exist in `jsonwebtoken`: choose another")))
    }
}

impl VerifyingKey {
    /// A key from one of `jsonwebtoken` (feature `jsonwebtoken`), for this algorithm. It has no `kid`.
    ///
    /// The rules are those of [`hmac`](Self::hmac) and [`from_der`](Self::from_der). `jsonwebtoken` does not check keys
    /// when it reads them, so a key that it takes may be refused here. A compressed EC point is refused, since only its
    /// length would tell the curve.
    ///
    /// `jsonwebtoken` also reads the key of a certificate. That cannot be seen here, and nothing else of the certificate is
    /// checked, such as when it expires.
    ///
    /// # Errors
    /// If the key is of another kind than `algorithm` needs, or if it is weak or broken.
    pub fn from_decoding_key(algorithm: Algorithm, key: &DecodingKey) -> Result<Self, ConfigError> {
        check_family(algorithm, key.family())?;
        match key.kind() {
            DecodingKeyKind::SecretOrDer(secret) if algorithm.family() == Family::Hmac => {
                Self::hmac(algorithm, secret.as_slice())
            }
            DecodingKeyKind::SecretOrDer(der) if is_compressed(algorithm.family(), der) => Err(ConfigError::new(
                "the key of `jsonwebtoken` is a compressed point, which does not name its curve: use the whole public key",
            )),
            DecodingKeyKind::SecretOrDer(der) => Self::from_der(algorithm, der),
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                let verifier = PublicKey::Rsa(RsaComponents::new(n, e)?).verifier(algorithm)?;
                Ok(Self::new(algorithm.family(), vec![(algorithm, verifier)]))
            }
        }
    }
}

impl SigningKey {
    /// A key from one of `jsonwebtoken` (feature `jsonwebtoken`), for this algorithm. It has no `kid`.
    ///
    /// The rules are those of [`hmac`](Self::hmac) and [`from_der`](Self::from_der). `jsonwebtoken` does not check keys
    /// when it reads them, so a key that it takes may be refused here.
    ///
    /// # Errors
    /// If the key is of another kind than `algorithm` needs, or if it is weak or broken.
    pub fn from_encoding_key(algorithm: Algorithm, key: &EncodingKey) -> Result<Self, ConfigError> {
        check_family(algorithm, key.family())?;
        match algorithm.family() {
            Family::Hmac => Self::hmac(algorithm, key.as_bytes()),
            Family::Rsa | Family::Ec(_) | Family::Ed25519 => Self::from_der(algorithm, key.as_bytes()),
        }
    }
}

/// Whether this is a compressed point (SEC 1, 2.3.3).
fn is_compressed(family: Family, der: &[u8]) -> bool {
    matches!(family, Family::Ec(_)) && matches!(der.first(), Some(2 | 3))
}

/// A key of `jsonwebtoken` knows its family, and not its algorithm or curve.
fn check_family(algorithm: Algorithm, family: AlgorithmFamily) -> Result<(), ConfigError> {
    let wanted = match algorithm.family() {
        Family::Hmac => AlgorithmFamily::Hmac,
        Family::Rsa => AlgorithmFamily::Rsa,
        Family::Ec(_) => AlgorithmFamily::Ec,
        Family::Ed25519 => AlgorithmFamily::Ed,
    };
    if family == wanted {
        return Ok(());
    }
    Err(ConfigError::new(format!(
        "the key of `jsonwebtoken` is for the family {family:?}, and {algorithm} is not in it: name an algorithm of that family"
    )))
}

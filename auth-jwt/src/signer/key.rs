use std::{fmt, sync::Arc};

use auth_core::ConfigError;
use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::KeyPairComponents,
    signature::{
        self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
        EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaEncoding, RsaKeyPair,
        RsaPublicKeyComponents,
    },
};
use serde_json::{Map, Value};

use crate::{
    Algorithm, HmacSecret, VerifyingKey,
    algorithm::{Curve, Family},
    key::{Jwk, PrivateDer, PublicKey, PublicMembers, RsaComponents, Verifier, hmac_key},
};

/// A key that signs with one algorithm. The same rules apply as for a [`VerifyingKey`]: a weak key is an error.
///
/// `Debug` shows its id and algorithm only. It is cheap to clone.
#[derive(Clone)]
pub struct SigningKey {
    kid: Option<String>,
    algorithm: Algorithm,
    material: Material,
}

/// A key that is parsed once and then only used.
#[derive(Clone)]
enum Material {
    Hmac(Arc<hmac::Key>),
    Rsa(Arc<RsaKeyPair>, &'static dyn RsaEncoding),
    Ec(Arc<EcdsaKeyPair>),
    Ed25519(Arc<Ed25519KeyPair>),
}

impl SigningKey {
    /// An HMAC key for one of the HS algorithms.
    ///
    /// # Errors
    /// If the algorithm is not one of these, or if the secret is shorter than the hash.
    pub fn hmac(algorithm: Algorithm, secret: impl Into<HmacSecret>) -> Result<Self, ConfigError> {
        Ok(Self::new(algorithm, Material::Hmac(hmac_key(algorithm, &secret.into())?)))
    }

    /// A private key from a PEM file: `PRIVATE KEY` (PKCS#8) of any kind, or `RSA PRIVATE KEY` (PKCS#1).
    ///
    /// # Errors
    /// If the file holds something else or an encrypted key, if the key is of another kind than `algorithm` needs, or if it
    /// is weak or broken.
    pub fn from_pem(algorithm: Algorithm, pem: &[u8]) -> Result<Self, ConfigError> {
        Self::from_private_der(algorithm, &PrivateDer::from_pem(algorithm.family(), pem)?)
    }

    /// A private key in DER: PKCS#8 of any kind, or PKCS#1 for RSA.
    ///
    /// # Errors
    /// If it is not a private key of the kind that `algorithm` needs, or if it is weak or broken.
    pub fn from_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, ConfigError> {
        let pkcs8 = Self::from_private_der(algorithm, &PrivateDer::pkcs8(der));
        if algorithm.family() == Family::Rsa {
            pkcs8.or_else(|_| Self::from_private_der(algorithm, &PrivateDer::pkcs1(der)))
        } else {
            pkcs8
        }
    }

    /// A key from a JSON Web Key (RFC 7517): a private key, or an `oct` secret. The key keeps its `kid`.
    ///
    /// # Errors
    /// If a member is missing, duplicated, contradicts another or holds a weak key. If `key_ops` is present without `sign`.
    /// If the key fits more than one algorithm and has no `alg`.
    pub fn from_jwk(json: &str) -> Result<Self, ConfigError> {
        let jwk = Jwk::parse(json)?;
        jwk.check_use("sign")?;
        let family = jwk.family()?;
        let [algorithm] = jwk.algorithms(family)?[..] else {
            return Err(ConfigError::new("the JWK fits several algorithms: add `alg` with one of them"));
        };
        let material = match family {
            Family::Hmac => Material::Hmac(hmac_key(algorithm, &jwk.secret()?)?),
            Family::Rsa => Material::rsa(algorithm, rsa_from(&jwk)?)?,
            Family::Ec(curve) => {
                let (scheme, public) = (ec_scheme(curve), jwk.point(family)?);
                EcdsaKeyPair::from_private_key_and_public_key(scheme, &jwk.number("d")?, &public)
                    .map(|pair| Material::Ec(Arc::new(pair)))
                    .map_err(|_| wrong(family))?
            }
            Family::Ed25519 => Ed25519KeyPair::from_seed_and_public_key(&jwk.number("d")?, &jwk.point(family)?)
                .map(|pair| Material::Ed25519(Arc::new(pair)))
                .map_err(|_| wrong(family))?,
        };
        let key = Self::new(algorithm, material);
        Ok(if let Some(kid) = jwk.kid() { key.with_kid(kid) } else { key })
    }

    fn from_private_der(algorithm: Algorithm, der: &PrivateDer) -> Result<Self, ConfigError> {
        let family = algorithm.family();
        let material = match (family, der) {
            (Family::Rsa, PrivateDer::Pkcs1(der)) => {
                Material::rsa(algorithm, RsaKeyPair::from_der(der).map_err(|_| wrong(family))?)?
            }
            (Family::Rsa, PrivateDer::Pkcs8(der)) => {
                Material::rsa(algorithm, RsaKeyPair::from_pkcs8(der).map_err(|_| wrong(family))?)?
            }
            (Family::Ec(curve), PrivateDer::Pkcs8(der)) => {
                let pair = EcdsaKeyPair::from_pkcs8(ec_scheme(curve), der).map_err(|_| wrong(family))?;
                Material::Ec(Arc::new(pair))
            }
            (Family::Ed25519, PrivateDer::Pkcs8(der)) => {
                Material::Ed25519(Arc::new(Ed25519KeyPair::from_pkcs8(der).map_err(|_| wrong(family))?))
            }
            (Family::Hmac, _) => return Err(ConfigError::new(format!("{algorithm} takes a secret: use `hmac`"))),
            _ => return Err(wrong(family)),
        };
        Ok(Self::new(algorithm, material))
    }

    fn new(algorithm: Algorithm, material: Material) -> Self {
        Self { kid: None, algorithm, material }
    }

    /// Sets the name of the key, which its tokens have as `kid`.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// The name of the key, if it has one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithm that the key signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key that verifies the signatures of this one, with the same `kid`.
    ///
    /// # Errors
    /// If the public half breaks the rules for it. That does not happen for a key that was built.
    pub fn verifying_key(&self) -> Result<VerifyingKey, ConfigError> {
        let key = match &self.material {
            Material::Hmac(key) => VerifyingKey::new(Family::Hmac, vec![(self.algorithm, Verifier::Hmac(key.clone()))]),
            Material::Rsa(pair, _) => VerifyingKey::from_der(self.algorithm, pair.public_key().as_ref())?,
            Material::Ec(pair) => VerifyingKey::from_der(self.algorithm, pair.public_key().as_ref())?,
            Material::Ed25519(pair) => VerifyingKey::from_der(self.algorithm, pair.public_key().as_ref())?,
        };
        Ok(if let Some(kid) = &self.kid { key.with_kid(kid) } else { key })
    }

    /// The thumbprint of the public half (RFC 7638) with SHA-256, in base64url. Anyone can compute this name from the public
    /// key. `None` for an HMAC key, since it would reveal the secret.
    #[must_use]
    pub fn thumbprint(&self) -> Option<String> {
        self.public_members().map(|members| members.thumbprint())
    }

    /// The public half as a JWK with its required members only. `None` for an HMAC key.
    pub(crate) fn public_jwk(&self) -> Option<Map<String, Value>> {
        Some(self.public_members()?.into_members().map(|(name, value)| (name.to_owned(), value.into())).collect())
    }

    /// `None` for an HMAC key.
    fn public_members(&self) -> Option<PublicMembers> {
        PublicMembers::of(&self.public_key()?)
    }

    /// `None` for an HMAC key.
    pub(crate) fn public_key(&self) -> Option<PublicKey> {
        let point = |bytes: &[u8]| Some(PublicKey::Point(self.algorithm.family(), bytes.to_vec()));
        match &self.material {
            Material::Hmac(_) => None,
            Material::Rsa(pair, _) => RsaComponents::from_der(pair.public_key().as_ref()).ok().map(PublicKey::Rsa),
            Material::Ec(pair) => point(pair.public_key().as_ref()),
            Material::Ed25519(pair) => point(pair.public_key().as_ref()),
        }
    }

    /// `None` if the backend fails.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        Some(match &self.material {
            Material::Hmac(key) => hmac::sign(key, message).as_ref().to_vec(),
            Material::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), message, &mut signature).ok()?;
                signature
            }
            Material::Ec(pair) => pair.sign(&SystemRandom::new(), message).ok()?.as_ref().to_vec(),
            Material::Ed25519(pair) => pair.try_sign(message).ok()?.as_ref().to_vec(),
        })
    }
}

impl Material {
    /// The public half must pass the rules for verifying keys.
    fn rsa(algorithm: Algorithm, pair: RsaKeyPair) -> Result<Self, ConfigError> {
        RsaComponents::from_der(pair.public_key().as_ref())?;
        let encoding: &'static dyn RsaEncoding = match algorithm {
            Algorithm::RS256 => &signature::RSA_PKCS1_SHA256,
            Algorithm::RS384 => &signature::RSA_PKCS1_SHA384,
            Algorithm::RS512 => &signature::RSA_PKCS1_SHA512,
            Algorithm::PS256 => &signature::RSA_PSS_SHA256,
            Algorithm::PS384 => &signature::RSA_PSS_SHA384,
            Algorithm::PS512 => &signature::RSA_PSS_SHA512,
            other => return Err(wrong(other.family())),
        };
        Ok(Self::Rsa(Arc::new(pair), encoding))
    }
}

fn rsa_from(jwk: &Jwk<'_>) -> Result<RsaKeyPair, ConfigError> {
    let RsaComponents { n, e } = jwk.rsa()?;
    let components = KeyPairComponents {
        public_key: RsaPublicKeyComponents { n, e },
        d: jwk.number("d")?,
        p: jwk.number("p")?,
        q: jwk.number("q")?,
        dP: jwk.number("dp")?,
        dQ: jwk.number("dq")?,
        qInv: jwk.number("qi")?,
    };
    RsaKeyPair::from_components(&components).map_err(|_| wrong(Family::Rsa))
}

fn ec_scheme(curve: Curve) -> &'static EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        Curve::P521 => &ECDSA_P521_SHA512_FIXED_SIGNING,
        #[cfg(feature = "es256k")]
        Curve::Secp256k1 => &signature::ECDSA_P256K1_SHA256_FIXED_SIGNING,
    }
}

fn wrong(family: Family) -> ConfigError {
    crate::key::not_a_private_key(family)
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

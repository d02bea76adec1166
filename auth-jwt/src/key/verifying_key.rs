use std::fmt;

use auth_core::ConfigError;

use super::{
    Jwk, PublicKey, Verifier,
    check::{self, hmac_key},
    pem,
};
use crate::{Algorithm, HmacSecret, algorithm::Family};

/// A key that verifies signatures, and the algorithms that it may be used with.
///
/// It is checked and prepared when it is built. A key that is weak, broken or of the wrong kind is an error.
///
/// | Kind | Accepted |
/// |---|---|
/// | HMAC | a secret at least as long as the hash |
/// | RSA | 2048 to 8192 bits, an odd exponent from 3 to 2³³ |
/// | EC | a point on P-256, P-384, P-521, or, with the feature `es256k`, secp256k1 |
/// | Ed25519 | 32 bytes |
///
/// `Debug` shows its id and algorithms only.
#[derive(Clone)]
pub struct VerifyingKey {
    kid: Option<String>,
    /// The only issuer whose tokens it may sign, if several issuers share a set.
    issuer: Option<String>,
    family: Family,
    /// One verifier for each algorithm that the key may be used with.
    verifiers: Vec<(Algorithm, Verifier)>,
}

impl VerifyingKey {
    /// An HMAC key for one of the HS algorithms.
    ///
    /// # Errors
    /// If the algorithm is not one of these, or if the secret is shorter than the hash.
    pub fn hmac(algorithm: Algorithm, secret: impl Into<HmacSecret>) -> Result<Self, ConfigError> {
        let key = hmac_key(algorithm, &secret.into())?;
        Ok(Self::new(Family::Hmac, vec![(algorithm, Verifier::Hmac(key))]))
    }

    /// A public key from a PEM file: `PUBLIC KEY` (SPKI) of any kind, or `RSA PUBLIC KEY` (PKCS#1).
    ///
    /// # Errors
    /// If the file holds something else (the error names private keys and certificates), if the key is of another kind than
    /// `algorithm` needs, or if it is weak or broken.
    pub fn from_pem(algorithm: Algorithm, pem: &[u8]) -> Result<Self, ConfigError> {
        let public = pem::public(algorithm.family(), pem)?;
        check::public(algorithm, &public).map(|verifier| Self::new(algorithm.family(), vec![(algorithm, verifier)]))
    }

    /// A public key in DER: SPKI of any kind, PKCS#1 for RSA, or the bare point or 32 bytes for EC and Ed25519.
    ///
    /// # Errors
    /// If it is not a public key of the kind that `algorithm` needs, or if it is weak or broken.
    pub fn from_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, ConfigError> {
        check::public(algorithm, der).map(|verifier| Self::new(algorithm.family(), vec![(algorithm, verifier)]))
    }

    /// A key from a JSON Web Key (RFC 7517): a public key, or an `oct` secret.
    ///
    /// `alg`, `kty`, `crv`, `use` and `key_ops` must agree that the key verifies signatures. With `alg` it is for that
    /// algorithm only. Without, it is for all algorithms that its kind allows; for a secret, those whose hash is not longer
    /// than it. The key keeps its `kid`.
    ///
    /// Harmless deviations are accepted: `null`, an empty `kid` and an empty `key_ops` count as absent. Numbers may be
    /// padded, in base64, or lack or repeat leading zeros.
    ///
    /// A key with an `issuer`, as Entra publishes it, is only for tokens of that issuer. Entra has two issuers for one tenant,
    /// so the key is also for an issuer if every segment of its path is in the path of the key's issuer:
    /// `https://sts.windows.net/<tenant>/` for `https://login.microsoftonline.com/<tenant>/v2.0`. A key whose `issuer` has a
    /// placeholder (`{tenantid}`) is for all issuers.
    ///
    /// # Errors
    /// If a member is missing, duplicated, contradicts another or holds a weak key, and if there is a private part, which a
    /// verifier must not have.
    pub fn from_jwk(json: &str) -> Result<Self, ConfigError> {
        Self::of(&Jwk::parse(json)?)
    }

    /// A verifying key from a JWK.
    pub(crate) fn of(jwk: &Jwk<'_>) -> Result<Self, ConfigError> {
        jwk.check_is_public()?;
        let family = jwk.family()?;
        if family != Family::Hmac {
            return Self::with_public(jwk, &jwk.public(family)?);
        }
        let (secret, mut verifiers) = (jwk.secret()?, Vec::new());
        for algorithm in jwk.algorithms(family)? {
            verifiers.push((algorithm, Verifier::Hmac(hmac_key(algorithm, &secret)?)));
        }
        Ok(Self::new(family, verifiers).named_by(jwk))
    }

    /// As [`of`](Self::of), with this public key instead of the one in the members.
    pub(crate) fn with_public(jwk: &Jwk<'_>, public: &PublicKey) -> Result<Self, ConfigError> {
        let family = public.family();
        let mut verifiers = Vec::new();
        for algorithm in jwk.algorithms(family)? {
            verifiers.push((algorithm, public.verifier(algorithm)?));
        }
        Ok(Self::new(family, verifiers).named_by(jwk))
    }

    fn named_by(self, jwk: &Jwk<'_>) -> Self {
        Self { kid: jwk.kid().map(str::to_owned), issuer: jwk.issuer().map(str::to_owned), ..self }
    }

    pub(crate) fn new(family: Family, verifiers: Vec<(Algorithm, Verifier)>) -> Self {
        Self { kid: None, issuer: None, family, verifiers }
    }

    /// Sets the name of the key (`kid`). Tokens that name another key are then not checked with it.
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

    /// The only issuer whose tokens the key may sign; `None` if it may sign for all.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Whether the key may sign for this issuer.
    pub(crate) fn is_for(&self, issuer: Option<&str>) -> bool {
        let Some(own) = self.issuer() else { return true };
        let own_path: Vec<_> = segments(own).collect();
        issuer.is_some_and(|issuer| {
            // Anyone can write `iss`, so only as many segments are read as can match.
            let path: Vec<_> = segments(issuer).take(own_path.len() + 1).collect();
            let is_part = !path.is_empty() && path.len() <= own_path.len() && path.iter().all(|s| own_path.contains(s));
            own == issuer || is_part
        })
    }

    /// The algorithms that the key may be used with.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.verifiers.iter().map(|&(algorithm, _)| algorithm)
    }

    pub(crate) fn is_hmac(&self) -> bool {
        self.family == Family::Hmac
    }

    pub(crate) fn verifier(&self, algorithm: Algorithm) -> Option<&Verifier> {
        self.verifiers.iter().find(|(a, _)| *a == algorithm).map(|(_, verifier)| verifier)
    }
}

/// The segments of the path of a URL.
fn segments(url: &str) -> impl Iterator<Item = &str> {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    rest.split('/').skip(1).filter(|segment| !segment.is_empty())
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms: Vec<_> = self.algorithms().collect();
        f.debug_struct("VerifyingKey").field("kid", &self.kid).field("algorithms", &algorithms).finish_non_exhaustive()
    }
}

use std::fmt;

use auth_core::ConfigError;

use super::{
    Jwk, PublicKey, Verifier,
    check::{self, hmac_key},
    pem,
};
use crate::{Algorithm, HmacSecret, algorithm::Family};

/// A key that verifies signatures, and knows with which algorithms it may.
///
/// It is checked and prepared when it is built: a key that is weak, broken or of the wrong kind does not build.
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
    /// The one issuer whose tokens it may sign, where several share a set.
    issuer: Option<String>,
    family: Family,
    /// One verifier for each algorithm that the key may be used with.
    verifiers: Vec<(Algorithm, Verifier)>,
}

impl VerifyingKey {
    /// An HMAC key for one of the HS algorithms.
    ///
    /// # Errors
    /// If the algorithm is none of those, or the secret is shorter than its hash.
    pub fn hmac(algorithm: Algorithm, secret: impl Into<HmacSecret>) -> Result<Self, ConfigError> {
        let key = hmac_key(algorithm, &secret.into())?;
        Ok(Self::new(Family::Hmac, vec![(algorithm, Verifier::Hmac(key))]))
    }

    /// A public key from a PEM file: `PUBLIC KEY` (SPKI) of any kind, or `RSA PUBLIC KEY` (PKCS#1).
    ///
    /// # Errors
    /// If the file holds something else (a private key and a certificate are named as such), a key of another kind
    /// than `algorithm` wants, or one that is weak or broken.
    pub fn from_pem(algorithm: Algorithm, pem: &[u8]) -> Result<Self, ConfigError> {
        let public = pem::public(algorithm.family(), pem)?;
        check::public(algorithm, &public).map(|verifier| Self::new(algorithm.family(), vec![(algorithm, verifier)]))
    }

    /// A public key in DER: SPKI of any kind, PKCS#1 for RSA, or the bare point or 32 bytes for EC and Ed25519.
    ///
    /// # Errors
    /// If it is not a public key of the kind that `algorithm` wants, or if it is weak or broken.
    pub fn from_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, ConfigError> {
        check::public(algorithm, der).map(|verifier| Self::new(algorithm.family(), vec![(algorithm, verifier)]))
    }

    /// A key from a JSON Web Key (RFC 7517): a public key, or an `oct` secret.
    ///
    /// `alg`, `kty`, `crv`, `use` and `key_ops` must agree that the key verifies signatures. With `alg` it is for that
    /// algorithm alone; without, for all that its kind allows (for a secret, those whose hash is not longer). The
    /// `kid` is taken over.
    ///
    /// What leaves no doubt is read as it is meant: a member that is `null`, an empty `kid` and an empty `key_ops` count as
    /// absent; numbers may be padded, may be in base64, and may have leading zeros too few or too many.
    ///
    /// A key with an `issuer`, as Entra publishes it, is for the tokens of that issuer alone. Entra has two issuers for one
    /// tenant, so the key is also for an issuer of which every segment of the path stands in that of the key's:
    /// `https://sts.windows.net/<tenant>/` for `https://login.microsoftonline.com/<tenant>/v2.0`. A key whose `issuer` has a
    /// placeholder (`{tenantid}`) is for all.
    ///
    /// # Errors
    /// If a member is missing, twice there, contradicts another or holds a weak key; and if there is a private part:
    /// what only verifies must not hold it.
    pub fn from_jwk(json: &str) -> Result<Self, ConfigError> {
        Self::of(&Jwk::parse(json)?)
    }

    /// The key that a JWK is, for verification.
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

    /// The same with this public key, whatever the members hold.
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

    /// Names the key. A token that names another one is then not checked with it.
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

    /// The one issuer whose tokens the key may sign; `None` if it does not say so.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Whether the key may sign for this issuer.
    pub(crate) fn is_for(&self, issuer: Option<&str>) -> bool {
        let Some(own) = self.issuer() else { return true };
        let own_path: Vec<_> = segments(own).collect();
        issuer.is_some_and(|issuer| {
            // A stranger writes it, so no more of it is looked at than can be right.
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

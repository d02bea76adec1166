use std::borrow::Cow;

use auth_core::ConfigError;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::{RsaComponents, Verifier, VerifyingKey, check};
use crate::{
    Algorithm, HmacSecret,
    algorithm::Family,
    token::json::{self, Value},
};

/// A JSON Web Key as it is written (RFC 7517, 4 and RFC 7518, 6).
#[derive(Default)]
pub(crate) struct Jwk<'a> {
    kty: Option<Cow<'a, str>>,
    alg: Option<Cow<'a, str>>,
    crv: Option<Cow<'a, str>>,
    usage: Option<Cow<'a, str>>,
    key_ops: Option<Vec<Cow<'a, str>>>,
    kid: Option<Cow<'a, str>>,
    /// The members that hold base64url: `n`, `e`, `x`, `y`, `k` and the private ones.
    numbers: Vec<(&'static str, Cow<'a, str>)>,
}

const NUMBERS: [&str; 11] = ["n", "e", "x", "y", "k", "d", "p", "q", "dp", "dq", "qi"];
/// Those that a public key must not have; `k` is the secret itself, and all that there is of it.
const PRIVATE: [&str; 6] = ["d", "p", "q", "dp", "dq", "qi"];

impl<'a> Jwk<'a> {
    pub(crate) fn parse(json: &'a str) -> Result<Self, ConfigError> {
        let mut jwk = Self::default();
        json::members(json.as_bytes(), |name, value| {
            match name {
                "kty" => jwk.kty = Some(value.into_text()?),
                "alg" => jwk.alg = Some(value.into_text()?),
                "crv" => jwk.crv = Some(value.into_text()?),
                "use" => jwk.usage = Some(value.into_text()?),
                "kid" => jwk.kid = Some(value.into_text()?),
                "key_ops" => {
                    let Value::Array(list) = value else { return Err("`key_ops` is no list") };
                    let ops = jwk.key_ops.insert(Vec::new());
                    json::elements(list, |op| op.into_text().map(|op| ops.push(op)))?;
                }
                "oth" => return Err("RSA keys of more than two primes are not supported"),
                _ => {
                    if let Some(name) = NUMBERS.into_iter().find(|number| *number == name) {
                        jwk.numbers.push((name, value.into_text()?));
                    }
                }
            }
            Ok(())
        })
        .map_err(|what| ConfigError::new(format!("the JWK cannot be read ({what}): write it as RFC 7517 has it")))?;
        Ok(jwk)
    }

    pub(super) fn no_object() -> ConfigError {
        ConfigError::new("a key of the set is no JSON object: write it as RFC 7517 has it")
    }

    /// The key for verification.
    pub(crate) fn verifying_key(&self) -> Result<VerifyingKey, ConfigError> {
        self.check_is_public()?;
        let family = self.family()?;
        let mut verifiers = Vec::new();
        match family {
            Family::Hmac => {
                let secret = self.secret()?;
                for algorithm in self.algorithms(family)? {
                    verifiers.push((algorithm, Verifier::Hmac(check::hmac_key(algorithm, &secret)?)));
                }
            }
            Family::Rsa => {
                let components = self.rsa()?;
                for algorithm in self.algorithms(family)? {
                    verifiers.push((algorithm, components.verifier(algorithm)?));
                }
            }
            Family::P256 | Family::P384 | Family::Ed25519 => {
                let public = self.point(family)?;
                for algorithm in self.algorithms(family)? {
                    verifiers.push((algorithm, check::public(algorithm, &public)?));
                }
            }
        }
        let key = VerifyingKey::new(family, verifiers);
        Ok(if let Some(kid) = &self.kid { key.with_kid(&**kid) } else { key })
    }

    /// Whether it has a private member, or is a secret.
    #[cfg(feature = "remote")]
    pub(crate) fn holds_secret(&self) -> bool {
        self.kty.as_deref() == Some("oct") || self.has("k") || PRIVATE.iter().any(|name| self.has(name))
    }

    /// The verifier for one algorithm, of a key that a stranger has sent: a secret is none.
    #[cfg(feature = "dpop")]
    pub(crate) fn public_verifier(&self, algorithm: Algorithm) -> Result<Verifier, ConfigError> {
        self.check_is_public()?;
        let family = self.family()?;
        if !self.algorithms(family)?.contains(&algorithm) {
            return Err(check::not_a_key(family));
        }
        match family {
            Family::Rsa => self.rsa()?.verifier(algorithm),
            _ => check::public(algorithm, &self.point(family)?),
        }
    }

    /// What makes the key the key that it is; a secret has nothing of the kind.
    #[cfg(any(feature = "dpop", test))]
    pub(crate) fn public_members(&self) -> Result<super::PublicMembers, ConfigError> {
        match self.family()? {
            Family::Rsa => Ok(super::PublicMembers::of_rsa(&self.rsa()?)),
            family => {
                let members = super::PublicMembers::of_curve(family, &self.point(family)?);
                members.ok_or_else(|| check::not_a_key(family))
            }
        }
    }

    fn check_is_public(&self) -> Result<(), ConfigError> {
        self.check_use("verify")?;
        if PRIVATE.iter().any(|name| self.has(name)) {
            return Err(ConfigError::new(
                "the JWK holds a private key, and what verifies must not have it: take out `d` and its kin",
            ));
        }
        Ok(())
    }

    pub(crate) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether the key says of itself that it is for signatures, and for the half of the work that is `op`.
    pub(crate) fn check_use(&self, op: &str) -> Result<(), ConfigError> {
        if self.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return Err(ConfigError::new("the JWK is not for signatures: choose a key with `use` `sig`, or without"));
        }
        if self.key_ops.as_ref().is_some_and(|ops| !ops.iter().any(|o| o == op)) {
            return Err(ConfigError::new(format!("the JWK is for other work: its `key_ops` must name `{op}`")));
        }
        Ok(())
    }

    pub(crate) fn family(&self) -> Result<Family, ConfigError> {
        match (self.kty.as_deref(), self.crv.as_deref()) {
            (Some("oct"), _) => Ok(Family::Hmac),
            (Some("RSA"), _) => Ok(Family::Rsa),
            (Some("EC"), Some("P-256")) => Ok(Family::P256),
            (Some("EC"), Some("P-384")) => Ok(Family::P384),
            (Some("OKP"), Some("Ed25519")) => Ok(Family::Ed25519),
            (None, _) => Err(ConfigError::new("the JWK has no `kty`: add it")),
            _ => Err(ConfigError::new(
                "the JWK is of an unknown kind: `kty` must be `oct`, `RSA`, `EC` with `crv` `P-256` or `P-384`, \
                 or `OKP` with `crv` `Ed25519`",
            )),
        }
    }

    /// The algorithm that the key names, or all that fit it; never none.
    pub(crate) fn algorithms(&self, family: Family) -> Result<Vec<Algorithm>, ConfigError> {
        if let Some(name) = &self.alg {
            let named = Algorithm::from_name(name).filter(|algorithm| algorithm.family() == family);
            return named.map(|algorithm| vec![algorithm]).ok_or_else(|| {
                ConfigError::new("the JWK's `alg` is unknown or contradicts its `kty` or `crv`: correct one of them")
            });
        }
        if family != Family::Hmac {
            return Ok(family.algorithms().collect());
        }
        let len = self.number("k")?.len();
        let fitting: Vec<_> = family.algorithms().filter(|algorithm| algorithm.hash_len() <= len).collect();
        if fitting.is_empty() {
            return Err(ConfigError::new(
                "the secret in the JWK is too short: generate one of 32 random bytes or more",
            ));
        }
        Ok(fitting)
    }

    pub(crate) fn secret(&self) -> Result<HmacSecret, ConfigError> {
        Ok(HmacSecret::new(self.number("k")?.to_vec()))
    }

    pub(crate) fn rsa(&self) -> Result<RsaComponents, ConfigError> {
        RsaComponents::new(&self.number("n")?, &self.number("e")?)
    }

    /// The public point of a curve, as its backend wants it.
    pub(crate) fn point(&self, family: Family) -> Result<Vec<u8>, ConfigError> {
        let len = if family == Family::P384 { 48 } else { 32 };
        let x = self.number("x")?;
        let y = if family == Family::Ed25519 { None } else { Some(self.number("y")?) };
        if x.len() != len || y.as_ref().is_some_and(|y| y.len() != len) {
            return Err(ConfigError::new(format!(
                "the coordinates of a {} key must have {len} bytes each: write leading zeros out",
                family.describe()
            )));
        }
        Ok(match y {
            // An uncompressed point (SEC 1, 2.3.3).
            Some(y) => [&[4], x.as_slice(), y.as_slice()].concat(),
            None => x.to_vec(),
        })
    }

    /// The bytes of a member.
    pub(crate) fn number(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
        let text = self.numbers.iter().find(|(n, _)| *n == name).map(|(_, text)| text);
        let text = text.ok_or_else(|| ConfigError::new(format!("the JWK has no `{name}`: add it")))?;
        let bytes = URL_SAFE_NO_PAD.decode(&**text);
        bytes
            .map(Zeroizing::new)
            .map_err(|_| ConfigError::new(format!("`{name}` of the JWK is not base64url: write it without padding")))
    }

    fn has(&self, name: &str) -> bool {
        self.numbers.iter().any(|(n, _)| *n == name)
    }
}

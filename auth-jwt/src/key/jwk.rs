use std::borrow::Cow;

use auth_core::ConfigError;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use zeroize::Zeroizing;

#[cfg(feature = "dpop")]
use super::Verifier;
use super::{PublicKey, RsaComponents, check::without_leading_zeros};
#[cfg(any(feature = "dpop", test))]
use super::{PublicMembers, check::not_a_key};
use crate::{
    Algorithm, HmacSecret,
    algorithm::{Curve, Family},
    token::json::{self, Value},
};

/// The members of a JSON Web Key, unchecked (RFC 7517, 4 and RFC 7518, 6).
#[derive(Default)]
pub(crate) struct Jwk<'a> {
    kty: Option<Cow<'a, str>>,
    alg: Option<Cow<'a, str>>,
    crv: Option<Cow<'a, str>>,
    usage: Option<Cow<'a, str>>,
    key_ops: Option<Vec<Cow<'a, str>>>,
    kid: Option<Cow<'a, str>>,
    issuer: Option<Cow<'a, str>>,
    /// The members that hold base64url: `n`, `e`, `x`, `y`, `k` and the private ones.
    numbers: Vec<(&'static str, Cow<'a, str>)>,
}

const NUMBERS: [&str; 11] = ["n", "e", "x", "y", "k", "d", "p", "q", "dp", "dq", "qi"];
/// The members that a public key must not have. `k` is not one of them: it makes up a secret.
pub(super) const PRIVATE: [&str; 6] = ["d", "p", "q", "dp", "dq", "qi"];

impl<'a> Jwk<'a> {
    /// Reads the members. `null`, an empty `kid` and an empty `key_ops` count as absent.
    pub(crate) fn parse(json: &'a str) -> Result<Self, ConfigError> {
        let mut jwk = Self::default();
        json::members(json.as_bytes(), |name, value| {
            if matches!(value, Value::Null) {
                return Ok(());
            }
            match name {
                "kty" => jwk.kty = Some(value.into_text()?),
                "alg" => jwk.alg = Some(value.into_text()?),
                "crv" => jwk.crv = Some(value.into_text()?),
                "use" => jwk.usage = Some(value.into_text()?),
                "kid" => jwk.kid = Some(value.into_text()?).filter(|kid| !kid.is_empty()),
                "issuer" => jwk.issuer = Some(value.into_text()?),
                "key_ops" => {
                    let Value::Array(list) = value else { return Err("`key_ops` is not a list") };
                    let mut ops = Vec::new();
                    json::elements(list, |op| op.into_text().map(|op| ops.push(op)))?;
                    jwk.key_ops = Some(ops).filter(|ops| !ops.is_empty());
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
        .map_err(|what| ConfigError::new(format!("the JWK cannot be read ({what}): write it as in RFC 7517")))?;
        Ok(jwk)
    }

    /// The text of each key in a JWK set (RFC 7517, 5), or `None` for an entry that is not an object. `None` for the whole
    /// if it is not a set.
    pub(crate) fn texts_of_set(json: &[u8]) -> Option<Vec<Option<&str>>> {
        let mut list = None;
        let found = json::members(json, |name, value| {
            if name == "keys" {
                list = Some(value);
            }
            Ok(())
        });
        let (Ok(()), Some(Value::Array(list))) = (found, list) else { return None };
        let mut texts = Vec::new();
        let read = json::elements(list, |value| {
            texts.push(if let Value::Object(json) = value { Some(json) } else { None });
            Ok(())
        });
        read.ok().map(|()| texts)
    }

    pub(crate) fn not_an_object() -> ConfigError {
        ConfigError::new("a key of the set is not a JSON object: write it as in RFC 7517")
    }

    /// The only issuer whose tokens the key may sign. `None` if it has a placeholder: then the key is for every tenant.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref().filter(|issuer| !issuer.contains('{'))
    }

    /// The verifier for one algorithm, from a key that a client sent. A secret is refused.
    #[cfg(feature = "dpop")]
    pub(crate) fn public_verifier(&self, algorithm: Algorithm) -> Result<Verifier, ConfigError> {
        self.check_is_public()?;
        let family = self.family()?;
        if !self.algorithms(family)?.contains(&algorithm) {
            return Err(not_a_key(family));
        }
        self.public(family)?.verifier(algorithm)
    }

    /// The members that identify the key (RFC 7638, 3.2). A secret has none.
    #[cfg(any(feature = "dpop", test))]
    pub(crate) fn public_members(&self) -> Result<PublicMembers, ConfigError> {
        let family = self.family()?;
        PublicMembers::of(&self.public(family)?).ok_or_else(|| not_a_key(family))
    }

    pub(crate) fn check_is_public(&self) -> Result<(), ConfigError> {
        self.check_use("verify")?;
        if PRIVATE.iter().any(|name| self.has(name)) {
            return Err(ConfigError::new(
                "the JWK holds a private key, and a verifier must not have it: take out `d`, `p`, `q`, `dp`, `dq` and `qi`",
            ));
        }
        Ok(())
    }

    pub(crate) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Checks that `use` and `key_ops`, if present, allow signatures and the operation `op`.
    pub(crate) fn check_use(&self, op: &str) -> Result<(), ConfigError> {
        if self.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return Err(ConfigError::new("the JWK is not for signatures: choose a key with `use` `sig`, or without"));
        }
        if self.key_ops.as_ref().is_some_and(|ops| !ops.iter().any(|o| o == op)) {
            return Err(ConfigError::new(format!("the JWK has another purpose: its `key_ops` must name `{op}`")));
        }
        Ok(())
    }

    pub(crate) fn family(&self) -> Result<Family, ConfigError> {
        let (kty, crv) = (self.kty.as_deref(), self.crv.as_deref());
        let family = match kty {
            None => return Err(ConfigError::new("the JWK has no `kty`: add it")),
            Some("oct") => Some(Family::Hmac),
            Some("RSA") => Some(Family::Rsa),
            Some("EC") => crv.and_then(Curve::from_name).map(Family::Ec),
            Some("OKP") => (crv == Some("Ed25519")).then_some(Family::Ed25519),
            Some(_) => None,
        };
        family.ok_or_else(|| {
            ConfigError::new(
                "the JWK is of an unknown kind: `kty` must be `oct`, `RSA`, `EC` with `crv` `P-256`, \
                 `P-384` or `P-521` (with the feature `es256k` also `secp256k1`), or `OKP` with `crv` `Ed25519`",
            )
        })
    }

    /// The algorithm in `alg`, or all that fit the key. Never empty.
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

    /// The public key that the members hold.
    pub(crate) fn public(&self, family: Family) -> Result<PublicKey, ConfigError> {
        Ok(match family {
            Family::Rsa => PublicKey::Rsa(self.rsa()?),
            _ => PublicKey::Point(family, self.point(family)?),
        })
    }

    pub(crate) fn rsa(&self) -> Result<RsaComponents, ConfigError> {
        RsaComponents::new(&self.number("n")?, &self.number("e")?)
    }

    /// The public point of a curve, in the form that the backend takes.
    pub(crate) fn point(&self, family: Family) -> Result<Vec<u8>, ConfigError> {
        let x = self.number("x")?;
        match family {
            // An uncompressed point (SEC 1, 2.3.3).
            Family::Ec(curve) => {
                let y = self.number("y")?;
                Ok([&[4], &*coordinate(curve, &x)?, &*coordinate(curve, &y)?].concat())
            }
            // Its 32 bytes are not a number, so missing bytes can't be filled with zeros.
            _ if x.len() == 32 => Ok(x.to_vec()),
            _ => Err(ConfigError::new("`x` of an Ed25519 key must have 32 bytes: check that the key is complete")),
        }
    }

    /// The bytes of a member.
    pub(crate) fn number(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
        let text = self.numbers.iter().find(|(n, _)| *n == name).map(|(_, text)| text);
        let text = text.ok_or_else(|| ConfigError::new(format!("the JWK has no `{name}`: add it")))?;
        bytes_of(text).ok_or_else(|| {
            ConfigError::new(format!("`{name}` of the JWK is not base64url (RFC 7515, 2): encode it again"))
        })
    }

    /// Whether `kty` or `crv` is present.
    #[cfg(feature = "x509")]
    pub(crate) fn has_kind(&self) -> bool {
        self.kty.is_some() || self.crv.is_some()
    }

    /// Whether a member with a number is present.
    #[cfg(feature = "x509")]
    pub(crate) fn has_numbers(&self) -> bool {
        !self.numbers.is_empty()
    }

    fn has(&self, name: &str) -> bool {
        self.numbers.iter().any(|(n, _)| *n == name)
    }
}

/// A coordinate in its full length. Some issuers leave leading zeros out, others add one.
fn coordinate(curve: Curve, number: &[u8]) -> Result<Vec<u8>, ConfigError> {
    let (number, len) = (without_leading_zeros(number), curve.coordinate_len());
    let zeros = len.checked_sub(number.len()).ok_or_else(|| {
        ConfigError::new(format!("a coordinate of a {} key has more than {len} bytes: check its `crv`", curve.name()))
    })?;
    Ok([&vec![0; zeros], number].concat())
}

/// The bytes of a member in base64url or base64, with or without padding. Each of these texts has only one meaning.
fn bytes_of(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let text = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    URL_SAFE_NO_PAD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok().map(Zeroizing::new)
}

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

/// A JSON Web Key as it is written (RFC 7517, 4 and RFC 7518, 6).
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
/// Those that a public key must not have; `k` is the secret itself, and all that there is of it.
pub(super) const PRIVATE: [&str; 6] = ["d", "p", "q", "dp", "dq", "qi"];

impl<'a> Jwk<'a> {
    /// Reads the members. One that is `null`, an empty `kid` and an empty `key_ops` say nothing, so they count as absent.
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
                    let Value::Array(list) = value else { return Err("`key_ops` is no list") };
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
        .map_err(|what| ConfigError::new(format!("the JWK cannot be read ({what}): write it as RFC 7517 has it")))?;
        Ok(jwk)
    }

    /// Gives the text of each key in a JWK set (RFC 7517, 5). An entry that is not an object is `None`; so is the whole if it is
    /// not a set.
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

    pub(crate) fn no_object() -> ConfigError {
        ConfigError::new("a key of the set is no JSON object: write it as RFC 7517 has it")
    }

    /// The one issuer whose tokens the key may sign. With a placeholder in it, the key is for every tenant, and says nothing.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref().filter(|issuer| !issuer.contains('{'))
    }

    /// The verifier for one algorithm, of a key that a stranger has sent: a secret is none.
    #[cfg(feature = "dpop")]
    pub(crate) fn public_verifier(&self, algorithm: Algorithm) -> Result<Verifier, ConfigError> {
        self.check_is_public()?;
        let family = self.family()?;
        if !self.algorithms(family)?.contains(&algorithm) {
            return Err(not_a_key(family));
        }
        self.public(family)?.verifier(algorithm)
    }

    /// What makes the key the key that it is; a secret has nothing of the kind.
    #[cfg(any(feature = "dpop", test))]
    pub(crate) fn public_members(&self) -> Result<PublicMembers, ConfigError> {
        let family = self.family()?;
        PublicMembers::of(&self.public(family)?).ok_or_else(|| not_a_key(family))
    }

    pub(crate) fn check_is_public(&self) -> Result<(), ConfigError> {
        self.check_use("verify")?;
        if PRIVATE.iter().any(|name| self.has(name)) {
            return Err(ConfigError::new(
                "the JWK holds a private key, and what verifies must not have it: take out `d`, `p`, `q`, `dp`, `dq` and `qi`",
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
                "the JWK is of a kind that is not known here: `kty` must be `oct`, `RSA`, `EC` with `crv` `P-256`, \
                 `P-384` or `P-521` (with the feature `es256k` also `secp256k1`), or `OKP` with `crv` `Ed25519`",
            )
        })
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

    /// The public point of a curve, as its backend wants it.
    pub(crate) fn point(&self, family: Family) -> Result<Vec<u8>, ConfigError> {
        let x = self.number("x")?;
        match family {
            // An uncompressed point (SEC 1, 2.3.3).
            Family::Ec(curve) => {
                let y = self.number("y")?;
                Ok([&[4], &*coordinate(curve, &x)?, &*coordinate(curve, &y)?].concat())
            }
            // Its 32 bytes are no number, so nothing can be added to them.
            _ if x.len() == 32 => Ok(x.to_vec()),
            _ => Err(ConfigError::new("`x` of an Ed25519 key must have 32 bytes: check that the key is whole")),
        }
    }

    /// The bytes of a member.
    pub(crate) fn number(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
        let text = self.numbers.iter().find(|(n, _)| *n == name).map(|(_, text)| text);
        let text = text.ok_or_else(|| ConfigError::new(format!("the JWK has no `{name}`: add it")))?;
        bytes_of(text).ok_or_else(|| {
            ConfigError::new(format!("`{name}` of the JWK is not base64url: write it as RFC 7515, 2 has it"))
        })
    }

    /// Whether it says anything of its kind.
    #[cfg(feature = "x509")]
    pub(crate) fn has_kind(&self) -> bool {
        self.kty.is_some() || self.crv.is_some()
    }

    /// Whether it holds a number.
    #[cfg(feature = "x509")]
    pub(crate) fn has_numbers(&self) -> bool {
        !self.numbers.is_empty()
    }

    fn has(&self, name: &str) -> bool {
        self.numbers.iter().any(|(n, _)| *n == name)
    }
}

/// A coordinate in its full length: some issuers leave leading zeros out, others write one more.
fn coordinate(curve: Curve, number: &[u8]) -> Result<Vec<u8>, ConfigError> {
    let (number, len) = (without_leading_zeros(number), curve.coordinate_len());
    let zeros = len.checked_sub(number.len()).ok_or_else(|| {
        ConfigError::new(format!("a coordinate of a {} key has more than {len} bytes: check its `crv`", curve.name()))
    })?;
    Ok([&vec![0; zeros], number].concat())
}

/// What the text of a member stands for: base64url, or base64, with or without padding. Each of these texts means one number.
fn bytes_of(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let text = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    URL_SAFE_NO_PAD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok().map(Zeroizing::new)
}

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    hmac, rand, rsa,
    signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Hs256,
    Rs256,
    Es256,
    EdDsa,
}

impl Algorithm {
    pub const ALL: [Self; 4] = [Self::Hs256, Self::Rs256, Self::Es256, Self::EdDsa];

    /// As in the header of a token.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// A key that signs the tokens of a run.
pub struct Key {
    algorithm: Algorithm,
    material: Material,
}

enum Material {
    Hmac(Vec<u8>, hmac::Key),
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Key {
    /// A new key: 32 bytes, RSA with 2,048 bits, P-256 or Ed25519.
    #[must_use]
    pub fn generate(algorithm: Algorithm) -> Self {
        let material = match algorithm {
            Algorithm::Hs256 => {
                let mut secret = vec![0; 32];
                rand::fill(&mut secret).expect("random bytes");
                return Self::hmac(secret);
            }
            Algorithm::Rs256 => Material::Rsa(RsaKeyPair::generate(rsa::KeySize::Rsa2048).expect("an RSA key")),
            Algorithm::Es256 => {
                Material::Ec(EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).expect("a P-256 key"))
            }
            Algorithm::EdDsa => Material::Ed(Ed25519KeyPair::generate().expect("an Ed25519 key")),
        };
        Self { algorithm, material }
    }

    /// HS256 with this secret.
    #[must_use]
    pub fn hmac(secret: Vec<u8>) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        Self { algorithm: Algorithm::Hs256, material: Material::Hmac(secret, key) }
    }

    /// The key that [`private_bytes`](Self::private_bytes) returned, so that a server and its load generator share one.
    #[must_use]
    pub fn from_private_bytes(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let material = match algorithm {
            Algorithm::Hs256 => return Self::hmac(bytes.to_vec()),
            Algorithm::Rs256 => Material::Rsa(RsaKeyPair::from_pkcs8(bytes).expect("an RSA key")),
            Algorithm::Es256 => Material::Ec(
                EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, bytes).expect("a P-256 key"),
            ),
            Algorithm::EdDsa => Material::Ed(Ed25519KeyPair::from_pkcs8(bytes).expect("an Ed25519 key")),
        };
        Self { algorithm, material }
    }

    /// The secret, or the private key as PKCS#8.
    #[must_use]
    pub fn private_bytes(&self) -> Vec<u8> {
        match &self.material {
            Material::Hmac(secret, _) => secret.clone(),
            Material::Rsa(pair) => AsDer::<Pkcs8V1Der<'_>>::as_der(pair).expect("PKCS#8").as_ref().to_vec(),
            Material::Ec(pair) => pair.to_pkcs8v1().expect("PKCS#8").as_ref().to_vec(),
            Material::Ed(pair) => pair.to_pkcs8().expect("PKCS#8").as_ref().to_vec(),
        }
    }

    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The HMAC secret.
    ///
    /// # Panics
    /// If this is not an HMAC key.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        match &self.material {
            Material::Hmac(secret, _) => secret,
            _ => panic!("{} has no secret", self.algorithm.name()),
        }
    }

    /// PKCS#1 for RSA, the uncompressed point for P-256, 32 bytes for Ed25519.
    ///
    /// # Panics
    /// If this is an HMAC key.
    #[must_use]
    pub fn public_bytes(&self) -> &[u8] {
        match &self.material {
            Material::Hmac(..) => panic!("an HMAC key has no public half"),
            Material::Rsa(pair) => pair.public_key().as_ref(),
            Material::Ec(pair) => pair.public_key().as_ref(),
            Material::Ed(pair) => pair.public_key().as_ref(),
        }
    }

    /// The public half as `PUBLIC KEY` (SPKI).
    ///
    /// # Panics
    /// If this is an HMAC key.
    #[must_use]
    pub fn public_pem(&self) -> String {
        let der = match &self.material {
            Material::Hmac(..) => panic!("an HMAC key has no public half"),
            Material::Rsa(pair) => AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()),
            Material::Ec(pair) => AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()),
            Material::Ed(pair) => AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()),
        };
        let text = STANDARD.encode(der.expect("SPKI").as_ref());
        let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).expect("ASCII")).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    /// The key as a JWK with `alg`, and with `kid` if one is given: the secret, or the public half.
    #[must_use]
    pub fn jwk(&self, kid: Option<&str>) -> serde_json::Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.material {
            Material::Hmac(secret, _) => serde_json::json!({ "kty": "oct", "k": text(secret) }),
            Material::Rsa(pair) => {
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                let text = |number: aws_lc_rs::io::Positive<'_>| text(number.big_endian_without_leading_zero());
                serde_json::json!({ "kty": "RSA", "n": text(n), "e": text(e) })
            }
            Material::Ec(_) => {
                let (x, y) = self.public_bytes()[1..].split_at(32);
                serde_json::json!({ "kty": "EC", "crv": "P-256", "x": text(x), "y": text(y) })
            }
            Material::Ed(_) => serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "x": text(self.public_bytes()) }),
        };
        jwk["alg"] = self.algorithm.name().into();
        if let Some(kid) = kid {
            jwk["kid"] = kid.into();
        }
        jwk
    }

    /// A compact token with these claims, which are JSON.
    #[must_use]
    pub fn token(&self, kid: Option<&str>, claims: &str) -> String {
        let kid = kid.map_or_else(String::new, |kid| format!(r#","kid":"{kid}""#));
        let header = format!(r#"{{"alg":"{}","typ":"JWT"{kid}}}"#, self.algorithm.name());
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.sign(input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn sign(&self, input: &[u8]) -> Vec<u8> {
        let random = rand::SystemRandom::new();
        match &self.material {
            Material::Hmac(_, key) => hmac::sign(key, input).as_ref().to_vec(),
            Material::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &random, input, &mut signature).expect("a signature");
                signature
            }
            Material::Ec(pair) => pair.sign(&random, input).expect("a signature").as_ref().to_vec(),
            Material::Ed(pair) => pair.sign(input).as_ref().to_vec(),
        }
    }
}

use std::collections::HashSet;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

#[cfg(feature = "x509")]
use super::{Certificate, PublicKey};
use super::{check::without_leading_zeros, jwk};
use crate::token::json::{self, Value};
#[cfg(feature = "x509")]
use crate::{Algorithm, SigningKey, algorithm::Family};

/// Where a section of a PEM file begins.
#[cfg(feature = "x509")]
const BEGIN: &str = "-----BEGIN ";

/// How many sections are read: enough for a private key and a chain of certificates. It limits the work that an issuer
/// can cause.
#[cfg(feature = "x509")]
const MAX_SECTIONS: usize = 8;

/// An algorithm for each kind of key pair.
#[cfg(feature = "x509")]
const ONE_OF_EACH: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::ES512,
    #[cfg(feature = "es256k")]
    Algorithm::ES256K,
    Algorithm::EdDSA,
];

/// Identifies a key pair, in whatever form its keys are written: by its name, and by the number that both halves share.
///
/// The number is the modulus of RSA, or `x` of a curve. A thumbprint (RFC 7638) would also include `e` or `y`, but keys that
/// differ only there belong to the same pair.
#[derive(Default)]
pub(crate) struct KeyTraces {
    pub(crate) kid: Option<String>,
    /// Whether it contains part of a private key or a secret, even in a form that can't be used.
    pub(crate) is_secret: bool,
    numbers: Vec<Vec<u8>>,
}

/// All key pairs whose secret was published.
#[derive(Default)]
pub(crate) struct CompromisedKeys {
    names: HashSet<String>,
    numbers: HashSet<Vec<u8>>,
}

impl KeyTraces {
    /// Reads what it can, even from a broken key.
    pub(crate) fn of(json: &str) -> Self {
        let mut traces = Self::default();
        // An error means that the text is not an object; then there is nothing to find.
        let _ = json::members(json.as_bytes(), |name, value| {
            match (name, value) {
                // Means that the member is absent.
                (_, Value::Null) => {}
                ("kid", Value::Text(kid)) if !kid.is_empty() => traces.kid = Some(kid.into_owned()),
                ("kty", Value::Text(kty)) if kty == "oct" => traces.is_secret = true,
                ("n" | "x", Value::Text(text)) => {
                    let number = LENIENT.decode(plain(&text)).unwrap_or_else(|_| text.as_bytes().to_vec());
                    traces.numbers.push(without_leading_zeros(&number).to_vec());
                }
                ("k" | "oth", _) => traces.is_secret = true,
                (name, _) if jwk::PRIVATE.contains(&name) => traces.is_secret = true,
                _ => {}
            }
            Ok(())
        });
        traces
    }
}

/// Base64url with unused bits allowed in the last character. A published secret counts in any encoding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Converts a number in base64, wrapped or padded, to base64url.
fn plain(text: &str) -> String {
    let text = text.chars().filter(|c| !c.is_whitespace() && *c != '=');
    text.map(|c| match c {
        '+' => '-',
        '/' => '_',
        other => other,
    })
    .collect()
}

#[cfg(feature = "x509")]
impl KeyTraces {
    pub(crate) fn of_name(kid: &str) -> Self {
        Self { kid: Some(kid.to_owned()).filter(|kid| !kid.is_empty()), ..Self::default() }
    }

    /// Adds a key pair by its public half.
    pub(crate) fn add(&mut self, key: &PublicKey) {
        let number = match key {
            PublicKey::Rsa(components) => &components.n,
            PublicKey::Point(Family::Ed25519, x) => x,
            // After the first byte of a point comes `x`, and then `y` if it is not compressed.
            PublicKey::Point(Family::Ec(curve), point) => point.get(1..=curve.coordinate_len()).unwrap_or_default(),
            PublicKey::Point(_, _) => return,
        };
        self.numbers.push(without_leading_zeros(number).to_vec());
    }

    /// Adds the private keys in this text, and the certificates beside them. Reads broken PEM too: its keys are just as public.
    pub(crate) fn add_private_pem(&mut self, text: &str) -> PrivateKeys {
        if !text.contains("PRIVATE KEY-----") {
            return PrivateKeys::Absent;
        }
        self.is_secret = true;
        let (mut certificates, mut pairs, mut unread) = (0, 0, 0);
        let mut sections = text.split(BEGIN).skip(1);
        for section in sections.by_ref().take(MAX_SECTIONS) {
            let (label, body) = section.split_once("-----").unwrap_or((section, ""));
            let der = lenient_der(body).unwrap_or_default();
            if let Ok(certificate) = Certificate::from_der(&der) {
                self.add(&certificate.key);
                certificates += 1;
            }
            let of = |&algorithm: &Algorithm| SigningKey::from_der(algorithm, &der).ok()?.public_key();
            let keys: Vec<_> = ONE_OF_EACH.iter().filter_map(of).collect();
            keys.iter().for_each(|key| self.add(key));
            if !keys.is_empty() {
                pairs += 1;
            } else if label.ends_with("PRIVATE KEY") {
                unread += 1;
            }
        }
        let is_identified = certificates > 0 || (pairs > 0 && unread == 0);
        if is_identified && sections.next().is_none() { PrivateKeys::Identified } else { PrivateKeys::Unidentified }
    }
}

/// What a text has of private keys.
#[cfg(feature = "x509")]
pub(crate) enum PrivateKeys {
    Absent,
    /// Each key pair is known: from a private key, or from a certificate beside it.
    Identified,
    /// Any certificate of the document may belong to one of them.
    Unidentified,
}

/// The bytes of a PEM section, from the text after its first line. Headers and characters outside base64 are skipped, and the
/// end and the padding may be missing.
#[cfg(feature = "x509")]
fn lenient_der(text: &str) -> Option<Vec<u8>> {
    let (body, _) = text.split_once("-----").unwrap_or((text, ""));
    // Headers have a colon (RFC 1421, 4.6).
    let lines = body.lines().filter(|line| !line.contains(':'));
    let mut text = plain(&lines.collect::<String>());
    text.retain(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if text.len() % 4 == 1 {
        text.pop();
    }
    LENIENT.decode(text).ok()
}

impl CompromisedKeys {
    pub(crate) fn add(&mut self, traces: &KeyTraces) {
        self.names.extend(traces.kid.clone());
        self.numbers.extend(traces.numbers.iter().cloned());
    }

    /// Whether the secret of this key may have been published.
    pub(crate) fn covers(&self, traces: &KeyTraces) -> bool {
        traces.kid.as_ref().is_some_and(|kid| self.names.contains(kid))
            || traces.numbers.iter().any(|number| self.numbers.contains(number))
    }
}

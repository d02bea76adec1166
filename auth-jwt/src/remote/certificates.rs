//! Keys that are published as X.509 certificates.

use std::time::SystemTime;

use auth_core::ConfigError;
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    FetchErrorKind,
    document::{self, Entry, IgnoredKey, check_count},
};
use crate::{
    VerifyingKey,
    key::{Certificate, Jwk, KeyTraces, PrivateKeys},
    token::json::{self, Value},
};

/// The entries of a document that maps names to certificates in PEM, or of a JWK set whose keys have `x5c`
/// (RFC 7517, 4.7).
pub(super) fn entries(body: &[u8], now: SystemTime) -> Result<Vec<Entry>, FetchErrorKind> {
    let mut map = Vec::new();
    let mut is_set = false;
    json::members(body, |name, value| {
        match value {
            Value::Array(_) if name == "keys" => is_set = true,
            value => map.push((name.to_owned(), value)),
        }
        Ok(())
    })
    .map_err(|_| FetchErrorKind::Malformed)?;
    if is_set {
        return document::entries(body, |json| {
            let certificate = json.map_or_else(|| Err(no_certificate()), first_of_chain);
            let mut traces = json.map(KeyTraces::of).unwrap_or_default();
            certificate.iter().for_each(|certificate| traces.add(&certificate.key));
            Entry::of(json, traces, |jwk| {
                let certificate = certificate?;
                certificate.check_time(now)?;
                check_members(jwk, &certificate)?;
                VerifyingKey::with_public(jwk, &certificate.key)
            })
        });
    }
    check_count(map.len())?;
    map.iter().map(|(name, value)| named(name, value, now)).collect()
}

/// A certificate under its name. An error if there is a private key that may belong to any certificate.
fn named(name: &str, value: &Value<'_>, now: SystemTime) -> Result<Entry, FetchErrorKind> {
    let mut traces = KeyTraces::of_name(name);
    let private = match value {
        Value::Text(text) => traces.add_private_pem(text),
        Value::Array(json) | Value::Object(json) => traces.add_private_pem(json),
        Value::Null | Value::Bool(_) | Value::Number(_) => PrivateKeys::Absent,
    };
    match private {
        PrivateKeys::Absent => {}
        PrivateKeys::Identified => return Ok(Entry { traces, key: Err(IgnoredKey::secret()) }),
        PrivateKeys::Unidentified => return Err(FetchErrorKind::PrivateKey),
    }
    let key = match value {
        Value::Text(pem) => Certificate::from_pem(pem),
        _ => Err(no_certificate()),
    };
    let key = key.and_then(|certificate| {
        traces.add(&certificate.key);
        certificate.check_time(now)?;
        let key = VerifyingKey::with_public(&Jwk::default(), &certificate.key)?;
        Ok(if let Some(kid) = &traces.kid { key.with_kid(kid) } else { key })
    });
    Ok(Entry { traces, key: key.map_err(Into::into) })
}

/// The first certificate of `x5c`, which has the key. The rest of the chain is not checked.
fn first_of_chain(jwk: &str) -> Result<Certificate, ConfigError> {
    let mut first = None;
    let read = json::members_of(jwk, |name, value| {
        if let ("x5c", Value::Array(chain)) = (name, value) {
            json::elements(chain, |value| {
                let text = value.into_text()?;
                first.get_or_insert(text);
                Ok(())
            })?;
        }
        Ok(())
    });
    let (Ok(()), Some(text)) = (read, first) else { return Err(no_certificate()) };
    let der = STANDARD.decode(&*text).map_err(|_| no_certificate())?;
    Certificate::from_der(&der)
}

/// Checks that the members of the JWK agree with the certificate (RFC 7517, 4.7).
fn check_members(jwk: &Jwk<'_>, certificate: &Certificate) -> Result<(), ConfigError> {
    let differs =
        || ConfigError::new("the certificate has another key than the members of the JWK: correct one of them");
    match jwk.family() {
        // The JWK may consist of the certificate only.
        Err(_) if !jwk.has_kind() => Ok(()),
        Ok(family) if family == certificate.key.family() => match jwk.public(family) {
            Ok(key) if key != certificate.key => Err(differs()),
            Err(_) if jwk.has_numbers() => Err(differs()),
            _ => Ok(()),
        },
        _ => Err(differs()),
    }
}

fn no_certificate() -> ConfigError {
    ConfigError::new("the X.509 certificate is missing: write it in PEM, or in base64 as the first of `x5c`")
}

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use aws_lc_rs::{
    constant_time,
    digest::{SHA256, digest},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    Algorithm,
    key::Jwk,
    token::{
        Compact, Header, RawClaims, Reason, Subject, TokenError,
        json::{self, Value},
        log_text::{self, quoted, quoted_or_absent},
        without_application,
    },
};

const MAX_LEN: usize = 8 * 1024;

/// A proof with a valid signature by the key in its header (RFC 9449, 4.2).
pub(super) struct Proof {
    jti: String,
    htm: String,
    htu: String,
    ath: Option<String>,
    iat: SystemTime,
    exp: Option<SystemTime>,
    nbf: Option<SystemTime>,
}

/// The claims of a proof beyond the registered ones (RFC 9449, 4.2).
#[derive(Default)]
struct ProofClaims<'a> {
    htm: Option<Cow<'a, str>>,
    htu: Option<Cow<'a, str>>,
    ath: Option<Cow<'a, str>>,
}

impl Proof {
    /// Reads a proof and checks its signature. The key is compared with `jkt` first, so that only clients with a token for
    /// the key can cause that work.
    pub(super) fn parse(proof: &str, algorithms: &[Algorithm], jkt: &str) -> Result<Self, Reason> {
        let compact = Compact::parse(proof, MAX_LEN).map_err(TokenError::into_reason)?;
        let header_json = compact.header().map_err(TokenError::into_reason)?;
        let header = Header::parse(&header_json).map_err(TokenError::into_reason)?;
        let is_proof =
            header.typ.as_deref().is_some_and(|typ| without_application(typ).eq_ignore_ascii_case("dpop+jwt"));
        if !is_proof {
            let shown = || (quoted("dpop+jwt"), quoted_or_absent(header.typ.as_deref()));
            return Err(Reason::from("the proof is of another type").because(shown));
        }
        let algorithm = header.algorithm().map_err(TokenError::into_reason)?;
        if !algorithms.contains(&algorithm) {
            let shown = || (log_text::algorithms(algorithms.iter().copied()), log_text::algorithms([algorithm]));
            return Err(Reason::from("the algorithm of the proof is not allowed").because(shown));
        }
        let jwk = Jwk::parse(jwk(&header_json)?).map_err(|_| "the key of the proof cannot be read")?;
        let members = jwk.public_members().map_err(|_| "the key of the proof is of an unknown kind")?;
        if constant_time::verify_slices_are_equal(members.thumbprint().as_bytes(), jkt.as_bytes()).is_err() {
            return Err("the proof is signed with another key than the token is bound to".into());
        }
        let verifier = jwk.public_verifier(algorithm).map_err(|_| "the key of the proof does not fit its algorithm")?;
        compact.verify_with(&verifier).map_err(TokenError::into_reason)?;
        Self::claims(compact.payload().map_err(TokenError::into_reason)?)
    }

    fn claims(payload: &str) -> Result<Self, Reason> {
        const INCOMPLETE: &str = "the proof lacks a claim";
        let members = json::object(payload)?;
        let claims = RawClaims::among(&members);
        let registered = claims.typed(Subject::Text).map_err(TokenError::into_reason)?;
        let mut own = ProofClaims::default();
        for member in &members {
            let place = match &*member.name {
                "htm" => &mut own.htm,
                "htu" => &mut own.htu,
                "ath" => &mut own.ath,
                _ => continue,
            };
            *place = Some(member.value.clone().into_text()?);
        }
        Ok(Self {
            jti: registered.jti.filter(|jti| !jti.is_empty()).ok_or(INCOMPLETE)?.to_owned(),
            htm: own.htm.ok_or(INCOMPLETE)?.into_owned(),
            htu: own.htu.ok_or(INCOMPLETE)?.into_owned(),
            ath: own.ath.map(Cow::into_owned),
            iat: registered.iat.ok_or(INCOMPLETE)?,
            exp: registered.exp,
            nbf: registered.nbf,
        })
    }

    pub(super) fn jti(&self) -> &str {
        &self.jti
    }

    pub(super) fn htm(&self) -> &str {
        &self.htm
    }

    pub(super) fn htu(&self) -> &str {
        &self.htu
    }

    /// Checks that the proof is for this token and recent. Returns the last instant at which it is accepted.
    pub(super) fn check(&self, token: &str, now: SystemTime, window: Duration) -> Result<SystemTime, Reason> {
        let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
        if self.ath.as_deref() != Some(&hash) {
            return Err("the proof is for another token".into());
        }
        let distance = |time: SystemTime| now.duration_since(time).unwrap_or_else(|ahead| ahead.duration());
        if distance(self.iat) > window {
            let shown =
                || (format!("{} s away at most", window.as_secs()), format!("{} s away", distance(self.iat).as_secs()));
            return Err(Reason::from("the time of the proof is too far from the current time").because(shown));
        }
        // RFC 9449 does not define them for a proof, but they are respected if present.
        let is_ahead = |time: SystemTime| time.duration_since(now).is_ok_and(|ahead| ahead > window);
        if self.exp.is_some_and(|exp| now >= exp) || self.nbf.is_some_and(is_ahead) {
            return Err("the proof has expired or is not valid yet".into());
        }
        self.iat.checked_add(window).ok_or(Reason::from("the time of the proof is too far from the current time"))
    }
}

/// The JSON of the key in the header.
fn jwk(header: &[u8]) -> Result<&str, &'static str> {
    let mut found = None;
    json::members(header, |name, value| {
        if name == "jwk" {
            found = Some(value);
        }
        Ok(())
    })?;
    match found {
        Some(Value::Object(json)) => Ok(json),
        _ => Err("the proof has no key"),
    }
}

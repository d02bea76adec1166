use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use super::{
    Refused,
    json::{self, Broken, Value},
};

/// The registered claims (RFC 7519, 4.1) with `cnf` (RFC 7800) and `sid`, found but not yet believed.
///
/// Types are looked at only after the signature, with one exception: `iss` chooses keys.
#[derive(Default)]
pub(crate) struct RawClaims<'a> {
    iss: Option<Value<'a>>,
    sub: Option<Value<'a>>,
    aud: Option<Value<'a>>,
    exp: Option<Value<'a>>,
    nbf: Option<Value<'a>>,
    iat: Option<Value<'a>>,
    jti: Option<Value<'a>>,
    sid: Option<Value<'a>>,
    cnf: Option<Value<'a>>,
}

/// The same claims with the types that they must have. A claim that is there with another type, `null` included, is
/// refused: it is no absent one.
pub(crate) struct RegisteredClaims<'a> {
    pub(crate) sub: Option<Cow<'a, str>>,
    pub(crate) aud: Option<Audience<'a>>,
    pub(crate) exp: Option<SystemTime>,
    pub(crate) nbf: Option<SystemTime>,
    pub(crate) iat: Option<SystemTime>,
    pub(crate) jti: Option<Cow<'a, str>>,
    pub(crate) sid: Option<Cow<'a, str>>,
    pub(crate) has_cnf: bool,
}

pub(crate) enum Audience<'a> {
    One(Cow<'a, str>),
    Many(Vec<Cow<'a, str>>),
}

impl<'a> RawClaims<'a> {
    pub(crate) fn parse(json: &'a [u8]) -> Result<Self, Refused> {
        let mut claims = Self::default();
        json::members(json, |name, value| {
            let place = match name {
                "iss" => &mut claims.iss,
                "sub" => &mut claims.sub,
                "aud" => &mut claims.aud,
                "exp" => &mut claims.exp,
                "nbf" => &mut claims.nbf,
                "iat" => &mut claims.iat,
                "jti" => &mut claims.jti,
                "sid" => &mut claims.sid,
                "cnf" => &mut claims.cnf,
                _ => return Ok(()),
            };
            *place = Some(value);
            Ok(())
        })
        .map_err(Refused::Invalid)?;
        Ok(claims)
    }

    /// The issuer as the token states it.
    pub(crate) fn issuer(&self) -> Result<Option<&str>, Refused> {
        match &self.iss {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(Refused::Invalid("the issuer is no text")),
        }
    }

    pub(crate) fn typed(self) -> Result<RegisteredClaims<'a>, Refused> {
        self.try_typed().map_err(Refused::Invalid)
    }

    fn try_typed(self) -> Result<RegisteredClaims<'a>, Broken> {
        self.iss.map(Value::into_text).transpose()?;
        Ok(RegisteredClaims {
            sub: self.sub.map(Value::into_text).transpose()?,
            aud: self.aud.map(Audience::new).transpose()?,
            exp: self.exp.as_ref().map(numeric_date).transpose()?,
            nbf: self.nbf.as_ref().map(numeric_date).transpose()?,
            iat: self.iat.as_ref().map(numeric_date).transpose()?,
            jti: self.jti.map(Value::into_text).transpose()?,
            sid: self.sid.map(Value::into_text).transpose()?,
            has_cnf: self.cnf.is_some(),
        })
    }
}

impl<'a> Audience<'a> {
    fn new(value: Value<'a>) -> Result<Self, Broken> {
        match value {
            Value::Text(text) => Ok(Self::One(text)),
            Value::Array(json) => {
                let mut many = Vec::new();
                json::elements(json, |value| {
                    many.push(value.into_text()?);
                    Ok(())
                })?;
                Ok(Self::Many(many))
            }
            _ => Err("the audience is neither a text nor a list of texts"),
        }
    }

    pub(crate) fn contains(&self, wanted: &str) -> bool {
        match self {
            Self::One(one) => one == wanted,
            Self::Many(many) => many.iter().any(|one| one == wanted),
        }
    }
}

/// The end of the year 9999, the last one of RFC 3339. Beyond it stand only mistakes, milliseconds above all, and a
/// token that lives for ever because its time is wrong by a factor of a thousand is no token to let in.
const LATEST: Duration = Duration::from_secs(253_402_300_799);

/// A `NumericDate` (RFC 7519, 2): seconds since 1970, with or without a fraction.
fn numeric_date(value: &Value<'_>) -> Result<SystemTime, Broken> {
    const OUT_OF_RANGE: Broken = "a time is out of range";
    let Value::Number(number) = *value else {
        return Err("a time is no number");
    };
    let (magnitude, before) = match number.strip_prefix('-') {
        Some(magnitude) => (magnitude, true),
        None => (number, false),
    };
    let distance = match magnitude.parse() {
        Ok(secs) => Duration::from_secs(secs),
        // A fraction, an exponent, or too big for an integer; the conversion refuses what is no finite time.
        Err(_) => magnitude.parse().ok().and_then(|secs| Duration::try_from_secs_f64(secs).ok()).ok_or(OUT_OF_RANGE)?,
    };
    if distance > LATEST {
        return Err(OUT_OF_RANGE);
    }
    let epoch = SystemTime::UNIX_EPOCH;
    if before { epoch.checked_sub(distance) } else { epoch.checked_add(distance) }.ok_or(OUT_OF_RANGE)
}

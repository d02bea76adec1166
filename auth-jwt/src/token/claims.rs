use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use auth_core::UserAuthentication;

use super::{
    TokenError,
    integer::short_integer,
    json::{self, Broken, Member, Value},
    log_text::{self, ABSENT},
};

/// The registered claims (RFC 7519, 4.1) with `cnf` (RFC 7800) and `sid`, unchecked.
///
/// Their types are checked after the signature. Only `iss` is read before, since it chooses keys.
#[derive(Default)]
pub(crate) struct RawClaims<'a> {
    members: &'a [Member<'a>],
    iss: Option<&'a Value<'a>>,
    sub: Option<&'a Value<'a>>,
    aud: Option<&'a Value<'a>>,
    exp: Option<&'a Value<'a>>,
    nbf: Option<&'a Value<'a>>,
    iat: Option<&'a Value<'a>>,
    jti: Option<&'a Value<'a>>,
    sid: Option<&'a Value<'a>>,
    cnf: Option<&'a Value<'a>>,
    profile: ProfileClaims<'a>,
}

/// Claims beyond RFC 7519. They are registered too, but applications use some of these names for something else. So their
/// types are checked only if a setting needs the claim.
#[derive(Default)]
pub(crate) struct ProfileClaims<'a> {
    pub(crate) scope: Option<&'a Value<'a>>,
    pub(crate) scp: Option<&'a Value<'a>>,
    pub(crate) events: Option<&'a Value<'a>>,
    pub(crate) token_use: Option<&'a Value<'a>>,
    pub(crate) typ: Option<&'a Value<'a>>,
    tid: Option<&'a Value<'a>>,
    auth_time: Option<&'a Value<'a>>,
    acr: Option<&'a Value<'a>>,
    amr: Option<&'a Value<'a>>,
    client_id: Option<&'a Value<'a>>,
    azp: Option<&'a Value<'a>>,
    nonce: Option<&'a Value<'a>>,
}

/// The same claims with the required types. A registered claim of another type, including `null`, is an error and does not
/// count as absent.
pub(crate) struct RegisteredClaims<'a> {
    members: &'a [Member<'a>],
    pub(crate) has_iss: bool,
    pub(crate) sub: Option<&'a str>,
    pub(crate) aud: Option<Audience<'a>>,
    pub(crate) exp: Option<SystemTime>,
    pub(crate) nbf: Option<SystemTime>,
    pub(crate) iat: Option<SystemTime>,
    pub(crate) jti: Option<&'a str>,
    /// An integer counts as its decimal text, and any other type as absent.
    pub(crate) sid: Option<&'a str>,
    pub(crate) cnf: Option<&'a Value<'a>>,
    pub(crate) profile: &'a ProfileClaims<'a>,
}

/// The allowed types of `sub`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Text,
    TextOrInteger,
}

pub(crate) enum Audience<'a> {
    One(&'a str),
    Many(Vec<Cow<'a, str>>),
}

impl<'a> RawClaims<'a> {
    /// Finds the claims among the members of the payload.
    pub(crate) fn among(members: &'a [Member<'a>]) -> Self {
        let mut claims = Self { members, ..Self::default() };
        for member in members {
            let place = match &*member.name {
                "iss" => &mut claims.iss,
                "sub" => &mut claims.sub,
                "aud" => &mut claims.aud,
                "exp" => &mut claims.exp,
                "nbf" => &mut claims.nbf,
                "iat" => &mut claims.iat,
                "jti" => &mut claims.jti,
                "sid" => &mut claims.sid,
                "cnf" => &mut claims.cnf,
                "scope" => &mut claims.profile.scope,
                "scp" => &mut claims.profile.scp,
                "events" => &mut claims.profile.events,
                "token_use" => &mut claims.profile.token_use,
                "typ" => &mut claims.profile.typ,
                "tid" => &mut claims.profile.tid,
                "auth_time" => &mut claims.profile.auth_time,
                "acr" => &mut claims.profile.acr,
                "amr" => &mut claims.profile.amr,
                "client_id" => &mut claims.profile.client_id,
                "azp" => &mut claims.profile.azp,
                "nonce" => &mut claims.profile.nonce,
                _ => continue,
            };
            *place = Some(&member.value);
        }
        claims
    }

    pub(crate) fn has_numeric_subject(&self) -> bool {
        matches!(self.sub, Some(Value::Number(_)))
    }

    /// The issuer as the token states it.
    pub(crate) fn issuer(&self) -> Result<Option<&'a str>, TokenError> {
        text("iss", self.iss)
    }

    pub(crate) fn typed(&self, subject: Subject) -> Result<RegisteredClaims<'_>, TokenError> {
        let sub = match integer(self.sub) {
            Some(integer) if subject == Subject::TextOrInteger => Some(integer),
            _ => text("sub", self.sub)?,
        };
        let aud = self.aud.map(Audience::new).transpose().map_err(TokenError::invalid)?;
        Ok(RegisteredClaims {
            members: self.members,
            has_iss: self.issuer()?.is_some(),
            sub,
            aud,
            exp: time("exp", self.exp)?,
            nbf: time("nbf", self.nbf)?,
            iat: time("iat", self.iat)?,
            jti: text("jti", self.jti)?,
            sid: match self.sid {
                Some(Value::Text(text)) => Some(text),
                other => integer(other),
            },
            cnf: self.cnf,
            profile: &self.profile,
        })
    }
}

impl<'a> RegisteredClaims<'a> {
    /// The claim at the end of this path of names, of any type.
    pub(crate) fn find(&self, path: &[String]) -> Option<Value<'a>> {
        let (first, rest) = path.split_first()?;
        let first = self.members.iter().find(|member| member.name == **first)?;
        rest.iter().try_fold(first.value.clone(), |value, name| match value {
            Value::Object(json) => member(json, name),
            _ => None,
        })
    }
}

#[cfg(feature = "dpop")]
impl RegisteredClaims<'_> {
    /// The thumbprint of the key that the token is bound to (RFC 9449, 6.1), if it is bound. A token that is bound in another
    /// way, or in another way besides, is an error.
    pub(crate) fn jkt(&self) -> Result<Option<Cow<'_, str>>, TokenError> {
        let json = match self.cnf {
            None => return Ok(None),
            Some(Value::Object(json)) => json,
            Some(_) => return Err(TokenError::invalid("the confirmation of the token is not an object")),
        };
        let mut jkt = None;
        json::members(json.as_bytes(), |name, value| {
            if name != "jkt" {
                return Err("the token is bound in an unknown way");
            }
            jkt = Some(value.into_text()?);
            Ok(())
        })
        .map_err(TokenError::invalid)?;
        jkt.map(Some).ok_or_else(|| TokenError::invalid("the confirmation of the token is empty"))
    }
}

impl ProfileClaims<'_> {
    pub(crate) fn client_id(&self) -> Result<Option<&str>, TokenError> {
        text("client_id", self.client_id)
    }

    pub(crate) fn azp(&self) -> Result<Option<&str>, TokenError> {
        text("azp", self.azp)
    }

    pub(crate) fn nonce(&self) -> Result<Option<&str>, TokenError> {
        text("nonce", self.nonce)
    }

    pub(crate) fn tid(&self) -> Result<Option<&str>, TokenError> {
        text("tid", self.tid)
    }

    /// When and how the user logged in, if the token says so.
    pub(crate) fn login(&self) -> Result<Option<UserAuthentication>, TokenError> {
        let time = time("auth_time", self.auth_time)?;
        let acr = text("acr", self.acr)?;
        let amr = self.amr().unwrap_or_default();
        if time.is_none() && acr.is_none() && amr.is_empty() {
            return Ok(None);
        }
        let login = time.into_iter().fold(UserAuthentication::new().with_amr(amr), UserAuthentication::with_time);
        Ok(Some(acr.into_iter().fold(login, UserAuthentication::with_acr)))
    }

    /// The methods of the login. A claim of another type counts as absent: issuers write it in their own ways, and without it, no
    /// requirement is met.
    fn amr(&self) -> Option<Vec<String>> {
        let Some(Value::Array(json)) = self.amr else { return None };
        let mut methods = Vec::new();
        let read = json::elements(json, |value| {
            methods.push(value.into_text()?.into_owned());
            Ok(())
        });
        read.ok().map(|()| methods)
    }
}

fn member<'a>(json: &'a str, wanted: &str) -> Option<Value<'a>> {
    json::object(json).ok()?.into_iter().find(|member| member.name == wanted).map(|member| member.value)
}

fn text<'v>(name: &'static str, value: Option<&'v Value<'_>>) -> Result<Option<&'v str>, TokenError> {
    match value {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text)),
        Some(other) => Err(TokenError::invalid("a claim that must be a string is not one")
            .because(|| (format!("a string `{name}`"), other.kind().to_owned()))),
    }
}

/// The decimal text of an integer from 0 to 2^64 - 1. Without fraction and exponent, JSON has only one way to write it.
fn integer<'v>(value: Option<&Value<'v>>) -> Option<&'v str> {
    match value {
        Some(Value::Number(number)) if number.parse::<u64>().is_ok() => Some(number),
        _ => None,
    }
}

fn time(name: &'static str, value: Option<&Value<'_>>) -> Result<Option<SystemTime>, TokenError> {
    let Some(value) = value else { return Ok(None) };
    let shown = || (format!("a time `{name}` in seconds since 1970"), value.kind().to_owned());
    numeric_date(value).map(Some).map_err(|why| TokenError::invalid(why).because(shown))
}

impl<'a> Audience<'a> {
    fn new(value: &'a Value<'a>) -> Result<Self, Broken> {
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
            _ => Err("the audience is neither a string nor a list of strings"),
        }
    }

    /// The audience for the log.
    pub(crate) fn shown(aud: Option<&Self>) -> String {
        match aud {
            None => ABSENT.to_owned(),
            Some(Self::One(one)) => log_text::quoted(one),
            Some(Self::Many(many)) => log_text::quoted_list(many.iter().map(AsRef::as_ref)),
        }
    }

    pub(crate) fn is_many(&self) -> bool {
        matches!(self, Self::Many(many) if many.len() > 1)
    }

    pub(crate) fn any(&self, is: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::One(one) => is(one),
            Self::Many(many) => many.iter().any(|one| is(one)),
        }
    }

    pub(crate) fn all(&self, is: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::One(one) => is(one),
            Self::Many(many) => many.iter().all(|one| is(one)),
        }
    }
}

/// The end of the year 9999, the last one of RFC 3339. Later times are mistakes, mostly milliseconds instead of seconds, and
/// a token must not live forever because of such a mistake.
const LATEST: Duration = Duration::from_secs(253_402_300_799);

/// A `NumericDate` (RFC 7519, 2): seconds since 1970, with or without a fraction.
fn numeric_date(value: &Value<'_>) -> Result<SystemTime, Broken> {
    const OUT_OF_RANGE: Broken = "a time is out of range";
    let Value::Number(number) = *value else {
        return Err("a time is not a number");
    };
    let (distance, is_before) = match short_integer(number) {
        Some(secs) => (Duration::from_secs(secs.unsigned_abs()), secs < 0),
        // A fraction, an exponent, or too big for an integer. The conversion refuses times that are not finite.
        None => {
            let magnitude = number.strip_prefix('-').unwrap_or(number);
            let secs = magnitude.parse().ok().and_then(|secs| Duration::try_from_secs_f64(secs).ok());
            (secs.ok_or(OUT_OF_RANGE)?, number.starts_with('-'))
        }
    };
    if distance > LATEST {
        return Err(OUT_OF_RANGE);
    }
    let epoch = SystemTime::UNIX_EPOCH;
    if is_before { epoch.checked_sub(distance) } else { epoch.checked_add(distance) }.ok_or(OUT_OF_RANGE)
}

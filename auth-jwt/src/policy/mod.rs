//! The checks on a token beyond its signature.

mod kind;
mod profile;
mod recipients;
mod required;
mod scopes;

use std::time::{Duration, SystemTime};

use auth_core::{Scopes, UserAuthentication};

use self::{
    kind::{check_id_token, check_no_id_token},
    recipients::{ExpectedAudience, Recipients},
    required::RequiredClaims,
    scopes::ScopeClaims,
};
pub(crate) use self::{
    kind::{is_id_token_use, is_other_type},
    profile::Profile,
};
use crate::{
    Algorithm,
    issuer::Issuers,
    token::{
        Audience, Header, RegisteredClaims, Subject, TokenError,
        log_text::{ABSENT, algorithms, joined, quoted, quoted_or_absent},
        without_application,
    },
};

/// The longest token in bytes: 8 KiB, since servers accept header lines of about that size.
const DEFAULT_MAX_LEN: usize = 8 * 1024;

/// How far clocks may differ.
const DEFAULT_LEEWAY: Duration = Duration::from_secs(60);

/// The checks on a token beyond its signature.
pub(crate) struct Policy {
    pub(crate) max_len: usize,
    /// `None`: all that the key allows.
    pub(crate) algorithms: Option<Vec<Algorithm>>,
    pub(crate) token_type: Option<TokenType>,
    pub(crate) issuers: Issuers,
    pub(crate) recipients: Recipients,
    pub(crate) subject: Option<String>,
    pub(crate) subject_type: Subject,
    pub(crate) jwt_id: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) profile: Profile,
    pub(crate) scopes: ScopeClaims,
    pub(crate) required: RequiredClaims,
    pub(crate) leeway: Duration,
    pub(crate) max_age: Option<Duration>,
    pub(crate) require_iat: bool,
    pub(crate) expiry: Expiry,
}

/// The results of checking the claims.
pub(crate) struct CheckedClaims {
    /// When the token expires, if it does.
    pub(crate) end: Option<SystemTime>,
    pub(crate) scopes: Option<Scopes>,
    pub(crate) login: Option<UserAuthentication>,
}

/// A profile's own value of `typ`, without `application/`.
pub(crate) struct TokenType {
    pub(crate) name: String,
    pub(crate) required: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    Required,
    Optional,
    Ignored,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_len: DEFAULT_MAX_LEN,
            algorithms: None,
            token_type: None,
            issuers: Issuers::default(),
            recipients: Recipients::default(),
            subject: None,
            subject_type: Subject::Text,
            jwt_id: None,
            nonce: None,
            profile: Profile::Plain,
            scopes: ScopeClaims::default(),
            required: RequiredClaims::default(),
            leeway: DEFAULT_LEEWAY,
            max_age: None,
            require_iat: false,
            expiry: Expiry::Required,
        }
    }
}

impl Policy {
    /// Checks algorithm and type. A token with an algorithm that is not allowed here may belong to another strategy: an issuer
    /// that changes its kind of key needs two for a while.
    pub(crate) fn check_header(&self, header: &Header<'_>) -> Result<Algorithm, TokenError> {
        let algorithm = header.algorithm()?;
        if let Some(allowed) = self.algorithms.as_ref().filter(|allowed| !allowed.contains(&algorithm)) {
            return Err(TokenError::unrecognized("the algorithm is not allowed")
                .because(|| (algorithms(allowed.iter().copied()), algorithms([algorithm]))));
        }
        let is = |typ: &str, name: &str| without_application(typ).eq_ignore_ascii_case(name);
        let fits = match (&self.token_type, header.typ.as_deref()) {
            (Some(own), Some(typ)) if is(typ, &own.name) => true,
            (Some(own), _) if own.required => false,
            (_, Some(typ)) => is(typ, "JWT"),
            (_, None) => true,
        };
        if fits {
            return Ok(algorithm);
        }
        let expected = || match &self.token_type {
            Some(own) if own.required => quoted(&own.name),
            own => joined(own.iter().map(|own| quoted(&own.name)).chain([quoted("JWT"), ABSENT.to_owned()])),
        };
        Err(TokenError::invalid("the token is of another type")
            .because(|| (expected(), quoted_or_absent(header.typ.as_deref()))))
    }

    /// Checks the claims of a token with a valid signature. Audiences that the key source demands replace the others.
    pub(crate) fn check_claims(
        &self,
        claims: &RegisteredClaims<'_>,
        tenant: Option<&str>,
        demanded: Option<&[String]>,
        now: SystemTime,
    ) -> Result<CheckedClaims, TokenError> {
        let expected = self.recipients.expected(self.profile.audience(), demanded);
        self.profile.check_complete(claims)?;
        let end = self.check_times(claims, now)?;
        self.recipients.check_audience(claims, expected)?;
        if let Some(tenant) = tenant {
            check_tenant(claims, tenant)?;
        }
        let is = |wanted: &Option<String>, found: Option<&str>| wanted.is_none() || wanted.as_deref() == found;
        if !is(&self.subject, claims.sub) {
            return Err(TokenError::invalid("the token has another subject"));
        }
        if !is(&self.jwt_id, claims.jti) {
            return Err(TokenError::invalid("the token has another id"));
        }
        if self.nonce.is_some() && self.nonce.as_deref() != claims.profile.nonce()? {
            return Err(TokenError::invalid("the token has another nonce"));
        }
        self.check_profile(claims, expected)?;
        self.required.check(claims)?;
        let login = self.login(claims)?;
        let log_in = login.as_ref().and_then(UserAuthentication::time);
        self.check_not_ahead("auth_time", log_in, now, "the log-in is in the future")?;
        Ok(CheckedClaims { end, scopes: self.scopes.read(claims), login })
    }

    /// The checks of the profile that do not apply to every token.
    fn check_profile(&self, claims: &RegisteredClaims<'_>, expected: ExpectedAudience<'_>) -> Result<(), TokenError> {
        match &self.profile {
            Profile::Plain => {
                if self.recipients.client_id_as_audience && self.required.values("token_use").is_none() {
                    check_no_id_token(claims.profile)?;
                }
                self.recipients.check_party(claims)
            }
            Profile::AccessToken { .. } => {
                self.scopes.check_type(claims)?;
                self.recipients.check_party(claims)
            }
            Profile::IdToken { client_id } => {
                let aud = claims.aud.as_ref();
                if !aud.is_some_and(|aud| aud.any(|name| name == client_id) && aud.all(|name| expected.contains(name)))
                {
                    return Err(TokenError::invalid("the ID token is not for this client, or for others too")
                        .because(|| (expected.shown(), Audience::shown(aud))));
                }
                self.recipients.check_party_of_id_token(claims, client_id)?;
                check_id_token(claims.profile)
            }
        }
    }

    /// Outside RFC 9068, a claim of another type counts as absent, since it may be the application's own.
    fn login(&self, claims: &RegisteredClaims<'_>) -> Result<Option<UserAuthentication>, TokenError> {
        let login = claims.profile.login();
        if self.profile.is_access_token() { login } else { Ok(login.unwrap_or_default()) }
    }

    fn check_not_ahead(
        &self,
        name: &str,
        time: Option<SystemTime>,
        now: SystemTime,
        why: &'static str,
    ) -> Result<(), TokenError> {
        // Nearly all times are past, and a comparison takes a fifth of the time of a difference.
        let ahead = match time {
            Some(time) if time > now => time.duration_since(now).unwrap_or_default(),
            _ => return Ok(()),
        };
        if ahead <= self.leeway {
            return Ok(());
        }
        Err(TokenError::invalid(why).because(|| {
            (format!("`{name}` at most {} s ahead", self.leeway.as_secs()), format!("{} s ahead", ahead.as_secs()))
        }))
    }

    fn check_times(&self, claims: &RegisteredClaims<'_>, now: SystemTime) -> Result<Option<SystemTime>, TokenError> {
        let mut end = if self.expiry == Expiry::Ignored { None } else { claims.exp };
        if end.is_none() && self.expiry == Expiry::Required {
            return Err(TokenError::invalid("the token has no expiry").because(|| missing("exp")));
        }
        self.check_not_ahead("nbf", claims.nbf, now, "the token is not valid yet")?;
        self.check_not_ahead("iat", claims.iat, now, "the token was issued in the future")?;
        if claims.iat.is_none() && (self.require_iat || self.max_age.is_some()) {
            return Err(TokenError::invalid("the token does not say when it was issued").because(|| missing("iat")));
        }
        if let (Some(max_age), Some(iat)) = (self.max_age, claims.iat) {
            // An age that overflows sets no end.
            end = [end, iat.checked_add(max_age)].into_iter().flatten().min();
        }
        // A token has expired at the instant of `exp` itself (RFC 7519, 4.1.4).
        let over = end.filter(|end| *end <= now).and_then(|end| now.duration_since(end).ok());
        match over.filter(|over| *over >= self.leeway) {
            None => Ok(end),
            Some(over) => {
                Err(TokenError::expired().because(|| (self.shown_end(), format!("{} s ago", over.as_secs()))))
            }
        }
    }

    fn shown_end(&self) -> String {
        let end = format!("an end less than {} s ago", self.leeway.as_secs());
        match self.max_age {
            Some(age) => format!("{end}, which is {} s after `iat` at the latest", age.as_secs()),
            None => end,
        }
    }
}

fn missing(name: &str) -> (String, String) {
    (format!("`{name}`"), ABSENT.to_owned())
}

/// Entra names the tenant in `tid` beside the issuer.
fn check_tenant(claims: &RegisteredClaims<'_>, tenant: &str) -> Result<(), TokenError> {
    match claims.profile.tid()? {
        Some(tid) if tid != tenant => Err(TokenError::invalid("the token names another tenant than its issuer")
            .because(|| (format!("`tid` as in `iss`, {}", quoted(tenant)), "another `tid`".to_owned()))),
        _ => Ok(()),
    }
}

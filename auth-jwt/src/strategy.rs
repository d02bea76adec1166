use std::{any::type_name, fmt, marker::PhantomData, time::SystemTime};

use auth_core::{
    Accept, AuthRequest, BoxError, Carrier, Challenge, Needs, Outcome, Principal, PrincipalId, Rejection, Scopes,
    Strategy, UserAuthentication, Verify, async_trait,
};
use serde::de::DeserializeOwned;

use crate::{
    Algorithm, Demands, Jwt, KeySet, UnverifiedToken,
    algorithm::Family,
    issuer::Issuer,
    possession::Unbound,
    source::Keys,
    token::{
        Compact, Header, RawClaims, Refused,
        refused::{key, list},
    },
};

/// JSON Web Tokens with their verify callback, ready for a chain; made by [`Jwt::verify`].
///
/// The evidence names issuer and subject of the token, and has the ids `jti` and `sid`, each with the token's issuer. An
/// `iss` that is absent is the empty issuer; a `sub`, `jti` or `sid` that is absent or empty names nothing. A token without
/// `iat` counts as issued before everything that is revoked.
#[must_use = "a strategy does nothing before it stands in a chain"]
pub struct JwtStrategy<C, V, M = ()> {
    jwt: Jwt<C>,
    verify: V,
    /// Which kind of closure `verify` is.
    closure: PhantomData<fn() -> M>,
}

impl<C> Jwt<C> {
    /// Names who decides about the user. See [`Verify`] for what the callback may give.
    ///
    /// It is asked only about tokens that are right in every other respect.
    pub fn verify<V, M>(mut self, verify: V) -> JwtStrategy<C, V, M>
    where
        C: DeserializeOwned + Send,
        V: Verify<C, M, User: Principal>,
    {
        self.log_contradictions();
        self.extractor = self.possession.extractor(self.extractor);
        JwtStrategy { jwt: self, verify, closure: PhantomData }
    }
}

/// What stands in a token.
struct Read<'t> {
    header: Header<'t>,
    payload: &'t str,
    claims: RawClaims<'t>,
}

/// A token that may be ours, with nothing of it proven.
struct Opened<'t> {
    token: &'t str,
    compact: &'t Compact<'t>,
    read: &'t Read<'t>,
    issuer: Issuer<'t>,
    algorithm: Algorithm,
}

/// A token that is good, if the application does not object.
struct Good<C> {
    claims: C,
    said: Said,
}

/// What a good token says for the evidence.
struct Said {
    end: Option<SystemTime>,
    issued_at: Option<SystemTime>,
    /// Empty if it names none.
    issuer: String,
    subject: Option<String>,
    id: Option<String>,
    session: Option<String>,
    scopes: Option<Scopes>,
    login: Option<UserAuthentication>,
}

/// Why a request is not accepted.
enum Stop {
    Refused(Refused),
    Rejected(Rejection),
    Failed(BoxError),
}

impl<C, V, M> JwtStrategy<C, V, M>
where
    C: DeserializeOwned + Send,
    V: Verify<C, M, User: Principal>,
{
    /// Everything from the raw token to the user, in the order that the crate's documentation promises.
    async fn accept(&self, token: &str, carrier: Carrier, request: &AuthRequest<'_>) -> Result<Accept<V::User>, Stop> {
        // What was read of the token is gone when the callback is waited for, and takes no room in the future meanwhile.
        let Good { claims, said } = {
            let compact = Compact::parse(token, self.jwt.policy.max_len)?;
            let read = Read::new(&compact)?;
            let opened = self.open(token, &compact, &read)?;
            match &self.jwt.keys {
                Keys::Fixed(keys) => self.check(&opened, keys, Demands::default(), request)?,
                Keys::Source(source) => {
                    let unverified = opened.unverified();
                    let demands = source.demands(&unverified);
                    if !demands.allow(opened.algorithm) {
                        return Err(demands.refuse(opened.algorithm).into());
                    }
                    let keys = source.keys(&unverified, request).await.map_err(Stop::Failed)?;
                    let keys = keys.ok_or_else(|| unverified.without_keys())?;
                    self.check(&opened, &keys, demands, request)?
                }
            }
        };
        let verdict = self.verify.verify(claims, request).await.map_err(Stop::Failed)?;
        let accept = verdict.into_accept(carrier).map_err(Stop::Rejected)?;
        Ok(said.added_to(accept))
    }

    /// The issuer comes first, since a token of another issuer is another strategy's, however strange it looks to this
    /// one.
    fn open<'t>(&'t self, token: &'t str, compact: &'t Compact<'t>, read: &'t Read<'t>) -> Result<Opened<'t>, Refused> {
        let policy = &self.jwt.policy;
        let issuer = policy.issuers.resolve(read.claims.issuer()?)?;
        let algorithm = policy.check_header(&read.header)?;
        Ok(Opened { token, compact, read, issuer, algorithm })
    }

    /// Whether the token is good, as far as this crate knows.
    fn check(
        &self,
        opened: &Opened<'_>,
        keys: &KeySet,
        demands: Demands<'_>,
        request: &AuthRequest<'_>,
    ) -> Result<Good<C>, Stop> {
        self.check_signature(opened, keys, request)?;
        let claims = opened.read.claims.typed(self.jwt.policy.subject_type)?;
        let tenant = opened.issuer.tenant.map(|(_, tenant)| tenant);
        let checked = self.jwt.policy.check_claims(&claims, tenant, demands.audiences, request.now())?;
        self.jwt.possession.check(&claims, opened.token, request)?;
        let to_application = opened.claims(claims.sub)?;
        let said = Said {
            end: checked.end,
            issued_at: claims.iat,
            issuer: opened.issuer.name.unwrap_or_default().to_owned(),
            subject: filled(claims.sub),
            id: filled(claims.jti),
            session: filled(claims.sid),
            scopes: checked.scopes,
            login: checked.login,
        };
        Ok(Good { claims: to_application, said })
    }

    /// Checks the signature, or remembers that it was right.
    fn check_signature(&self, opened: &Opened<'_>, keys: &KeySet, request: &AuthRequest<'_>) -> Result<(), Refused> {
        let (algorithm, kid, issuer) = (opened.algorithm, opened.read.header.kid.as_deref(), opened.issuer.name);
        let verify = || {
            let own = || list(keys.keys().iter().map(|own| key(own.kid(), own.algorithms(), own.issuer())));
            let shown = || (own(), key(kid, [algorithm], issuer));
            opened.compact.verify(keys, algorithm, kid, issuer).map_err(|refused| refused.because(shown))
        };
        let Some(cache) = self.jwt.cache.as_ref().filter(|_| opened.algorithm.family() != Family::Hmac) else {
            return verify();
        };
        let seen = cache.seen(keys, opened.token);
        if !cache.knows(&seen, request.now()) {
            verify()?;
            cache.remember(&seen, request.now());
        }
        Ok(())
    }
}

#[cfg(test)]
impl<C, V, M> JwtStrategy<C, V, M> {
    pub(crate) fn cache(&self) -> Option<&crate::cache::Cache> {
        self.jwt.cache.as_ref()
    }
}

#[async_trait]
impl<C, V, M> Strategy for JwtStrategy<C, V, M>
where
    C: DeserializeOwned + Send + 'static,
    V: Verify<C, M, User: Principal>,
    M: 'static,
{
    type User = V::User;

    fn name(&self) -> &str {
        &self.jwt.name
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        let mut places = Vec::new();
        self.jwt.extractor.challenges(&mut places);
        for place in places {
            let mut challenge = place.with("realm", &self.jwt.realm).reporting_errors();
            if !self.jwt.scope.is_empty() {
                challenge = challenge.with("scope", &self.jwt.scope);
            }
            if let Some(url) = &self.jwt.resource_metadata {
                challenge = challenge.with("resource_metadata", url);
            }
            if let Some(uri) = &self.jwt.error_uri {
                challenge = challenge.with_error_uri(uri);
            }
            if let Some(challenge) = self.jwt.possession.complete(challenge)
                && !out.contains(&challenge)
            {
                out.push(challenge);
            }
        }
    }

    fn needs(&self) -> Needs {
        let mut needs = Needs::of(&self.jwt.extractor);
        self.jwt.possession.needs(&mut needs);
        needs
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Self::User>, BoxError> {
        let credential = match self.jwt.extractor.extract(request) {
            Ok(Some(credential)) => credential,
            Ok(None) => return Ok(Outcome::Absent),
            Err(malformed) => return Ok(malformed.into()),
        };
        match self.accept(credential.expose(), credential.carrier(), request).await {
            Ok(accept) => Ok(Outcome::Accept(accept)),
            Err(Stop::Refused(refused)) => Ok(refused.into()),
            Err(Stop::Rejected(rejection)) => Ok(Outcome::Reject(rejection)),
            Err(Stop::Failed(cause)) => Err(cause),
        }
    }
}

impl<'t> Read<'t> {
    fn new(compact: &'t Compact<'_>) -> Result<Self, Refused> {
        let header = Header::parse(compact.header())?;
        let payload = compact.payload()?;
        let claims = RawClaims::parse(payload)?;
        Ok(Self { header, payload, claims })
    }
}

impl Opened<'_> {
    /// The claims for the application, with issuer and subject as the evidence has them: users are told apart by both.
    fn claims<C: DeserializeOwned>(&self, subject: Option<&str>) -> Result<C, Refused> {
        let payload = self.read.payload;
        let issuer = self.issuer.name.filter(|_| self.read.claims.issuer().is_ok_and(|iss| iss != self.issuer.name));
        let subject = subject.filter(|_| self.read.claims.has_numeric_subject());
        let claims = if issuer.is_none() && subject.is_none() {
            serde_json::from_str(payload)
        } else {
            serde_json::from_str(payload).and_then(|mut claims: serde_json::Map<_, _>| {
                let changed = [("iss", issuer), ("sub", subject)].into_iter();
                claims.extend(changed.filter_map(|(name, text)| Some((name.to_owned(), text?.into()))));
                serde_json::from_value(claims.into())
            })
        };
        // Of the error, the place alone is kept, since its text may repeat the claims.
        claims.map_err(|error| {
            let found = || format!("something else, at line {} and column {}", error.line(), error.column());
            Refused::invalid("the claims do not fit their type").because(|| (type_name::<C>().to_owned(), found()))
        })
    }

    fn unverified(&self) -> UnverifiedToken<'_> {
        UnverifiedToken {
            token: self.token,
            algorithm: self.algorithm,
            kid: self.read.header.kid.as_deref(),
            issuer: self.issuer.name,
            template: self.issuer.tenant.map(|(template, _)| template),
        }
    }
}

impl Said {
    fn added_to<U>(self, mut accept: Accept<U>) -> Accept<U> {
        if let Some(end) = self.end {
            accept = accept.expires_at(end);
        }
        accept = match self.issued_at {
            Some(at) => accept.issued_at(at),
            None => accept.issued_at_unknown_time(),
        };
        if let Some(id) = self.id {
            accept = accept.credential_id(&self.issuer, id);
        }
        if let Some(session) = self.session {
            accept = accept.session_id(&self.issuer, session);
        }
        if let Some(subject) = self.subject {
            accept = accept.add_name(PrincipalId::new(self.issuer, subject));
        }
        // What the application says of the user counts more than the token.
        if let (Some(scopes), None) = (self.scopes, accept.evidence().extra::<Scopes>()) {
            accept = accept.extra(scopes);
        }
        if let (Some(login), None) = (self.login, accept.evidence().extra::<UserAuthentication>()) {
            accept = accept.extra(login);
        }
        accept
    }
}

/// An empty claim names nothing: tokens that have it in common are not one another's.
fn filled(claim: Option<&str>) -> Option<String> {
    claim.filter(|text| !text.is_empty()).map(str::to_owned)
}

impl<C, V, M> fmt::Debug for JwtStrategy<C, V, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtStrategy").field("jwt", &self.jwt).finish_non_exhaustive()
    }
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Unbound> for Stop {
    fn from(unbound: Unbound) -> Self {
        match unbound {
            Unbound::Refused(refused) => Self::Refused(refused),
            Unbound::Rejected(rejection) => Self::Rejected(rejection),
        }
    }
}

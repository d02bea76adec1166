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
    possession::PossessionError,
    source::Keys,
    token::{
        Compact, Header, RawClaims, TokenError,
        log_text::{joined, key},
    },
};

/// A strategy for JSON Web Tokens with its verify callback, ready for a chain. [`Jwt::verify`] makes it.
///
/// The evidence names issuer and subject of the token, and has the ids `jti` and `sid`, each with the token's issuer. An
/// absent `iss` counts as the empty issuer. A `sub`, `jti` or `sid` that is absent or empty is left out. A token without
/// `iat` counts as issued before every revocation.
#[must_use = "a strategy does nothing until it is in a chain"]
pub struct JwtStrategy<C, V, M = ()> {
    jwt: Jwt<C>,
    verify: V,
    /// The kind of closure that `verify` is.
    closure: PhantomData<fn() -> M>,
}

impl<C> Jwt<C> {
    /// Sets the callback that decides about the user. See [`Verify`] for its return types.
    ///
    /// It is called only for tokens that have passed all other checks.
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

/// The parsed parts of a token.
struct Parsed<'t> {
    header: Header<'t>,
    payload: &'t str,
    claims: RawClaims<'t>,
}

/// A token of an accepted issuer. Its signature is not checked yet.
struct Candidate<'t> {
    token: &'t str,
    compact: &'t Compact<'t>,
    parsed: &'t Parsed<'t>,
    issuer: Issuer<'t>,
    algorithm: Algorithm,
}

/// A token that has passed all checks except the application's callback.
struct Verified<C> {
    claims: C,
    evidence: EvidenceClaims,
}

/// What a verified token adds to the evidence.
struct EvidenceClaims {
    end: Option<SystemTime>,
    issued_at: Option<SystemTime>,
    /// Empty if the token has no `iss`.
    issuer: String,
    subject: Option<String>,
    id: Option<String>,
    session: Option<String>,
    scopes: Option<Scopes>,
    login: Option<UserAuthentication>,
}

/// Why a request is not accepted.
enum NotAccepted {
    Token(TokenError),
    Rejected(Rejection),
    Failed(BoxError),
}

impl<C, V, M> JwtStrategy<C, V, M>
where
    C: DeserializeOwned + Send,
    V: Verify<C, M, User: Principal>,
{
    /// All steps from the raw token to the user, in the order that the crate documents.
    async fn accept(
        &self,
        token: &str,
        carrier: Carrier,
        request: &AuthRequest<'_>,
    ) -> Result<Accept<V::User>, NotAccepted> {
        // The parsed token is dropped before the callback is awaited, so it takes no space in the future.
        let Verified { claims, evidence } = {
            let compact = Compact::parse(token, self.jwt.policy.max_len)?;
            let parsed = Parsed::new(&compact)?;
            let candidate = self.identify(token, &compact, &parsed)?;
            match &self.jwt.keys {
                Keys::Fixed(keys) => self.check(&candidate, keys, Demands::default(), request)?,
                Keys::Source(source) => {
                    let unverified = candidate.unverified();
                    let demands = source.demands(&unverified);
                    if !demands.allow(candidate.algorithm) {
                        return Err(demands.refuse(candidate.algorithm).into());
                    }
                    let keys = source.keys(&unverified, request).await.map_err(NotAccepted::Failed)?;
                    let keys = keys.ok_or_else(|| unverified.without_keys())?;
                    self.check(&candidate, &keys, demands, request)?
                }
            }
        };
        let verdict = self.verify.verify(claims, request).await.map_err(NotAccepted::Failed)?;
        let accept = verdict.into_accept(carrier).map_err(NotAccepted::Rejected)?;
        Ok(evidence.added_to(accept))
    }

    /// The issuer comes first: a token of another issuer belongs to another strategy, even if it looks wrong here.
    fn identify<'t>(
        &'t self,
        token: &'t str,
        compact: &'t Compact<'t>,
        parsed: &'t Parsed<'t>,
    ) -> Result<Candidate<'t>, TokenError> {
        let policy = &self.jwt.policy;
        let issuer = policy.issuers.resolve(parsed.claims.issuer()?)?;
        let algorithm = policy.check_header(&parsed.header)?;
        Ok(Candidate { token, compact, parsed, issuer, algorithm })
    }

    /// Runs all checks on the token except the callback.
    fn check(
        &self,
        candidate: &Candidate<'_>,
        keys: &KeySet,
        demands: Demands<'_>,
        request: &AuthRequest<'_>,
    ) -> Result<Verified<C>, NotAccepted> {
        self.check_signature(candidate, keys, request)?;
        let claims = candidate.parsed.claims.typed(self.jwt.policy.subject_type)?;
        let tenant = candidate.issuer.tenant.map(|(_, tenant)| tenant);
        let checked = self.jwt.policy.check_claims(&claims, tenant, demands.audiences, request.now())?;
        self.jwt.possession.check(&claims, candidate.token, request)?;
        let to_application = candidate.claims(claims.sub)?;
        let evidence = EvidenceClaims {
            end: checked.end,
            issued_at: claims.iat,
            issuer: candidate.issuer.name.unwrap_or_default().to_owned(),
            subject: filled(claims.sub),
            id: filled(claims.jti),
            session: filled(claims.sid),
            scopes: checked.scopes,
            login: checked.login,
        };
        Ok(Verified { claims: to_application, evidence })
    }

    /// Checks the signature, or finds it in the cache.
    fn check_signature(
        &self,
        candidate: &Candidate<'_>,
        keys: &KeySet,
        request: &AuthRequest<'_>,
    ) -> Result<(), TokenError> {
        let (algorithm, kid, issuer) =
            (candidate.algorithm, candidate.parsed.header.kid.as_deref(), candidate.issuer.name);
        let verify = || {
            let own = || joined(keys.keys().iter().map(|own| key(own.kid(), own.algorithms(), own.issuer())));
            let shown = || (own(), key(kid, [algorithm], issuer));
            candidate.compact.verify(keys, algorithm, kid, issuer).map_err(|refused| refused.because(shown))
        };
        let Some(cache) = self.jwt.cache.as_ref().filter(|_| candidate.algorithm.family() != Family::Hmac) else {
            return verify();
        };
        let seen = cache.seen(keys, candidate.token);
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
            Err(NotAccepted::Token(refused)) => Ok(refused.into()),
            Err(NotAccepted::Rejected(rejection)) => Ok(Outcome::Reject(rejection)),
            Err(NotAccepted::Failed(cause)) => Err(cause),
        }
    }
}

impl<'t> Parsed<'t> {
    fn new(compact: &'t Compact<'_>) -> Result<Self, TokenError> {
        let header = Header::parse(compact.header())?;
        let payload = compact.payload()?;
        let claims = RawClaims::parse(payload)?;
        Ok(Self { header, payload, claims })
    }
}

impl Candidate<'_> {
    /// The claims for the application, with the same issuer and subject as in the evidence.
    fn claims<C: DeserializeOwned>(&self, subject: Option<&str>) -> Result<C, TokenError> {
        let payload = self.parsed.payload;
        let issuer = self.issuer.name.filter(|_| self.parsed.claims.issuer().is_ok_and(|iss| iss != self.issuer.name));
        let subject = subject.filter(|_| self.parsed.claims.has_numeric_subject());
        let claims = if issuer.is_none() && subject.is_none() {
            serde_json::from_str(payload)
        } else {
            serde_json::from_str(payload).and_then(|mut claims: serde_json::Map<_, _>| {
                let changed = [("iss", issuer), ("sub", subject)].into_iter();
                claims.extend(changed.filter_map(|(name, text)| Some((name.to_owned(), text?.into()))));
                serde_json::from_value(claims.into())
            })
        };
        // Only the position of the error is kept, since its text may repeat the claims.
        claims.map_err(|error| {
            let found = || format!("something else, at line {} and column {}", error.line(), error.column());
            TokenError::invalid("the claims do not fit their type").because(|| (type_name::<C>().to_owned(), found()))
        })
    }

    fn unverified(&self) -> UnverifiedToken<'_> {
        UnverifiedToken {
            token: self.token,
            algorithm: self.algorithm,
            kid: self.parsed.header.kid.as_deref(),
            issuer: self.issuer.name,
            template: self.issuer.tenant.map(|(template, _)| template),
        }
    }
}

impl EvidenceClaims {
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
        // Values that the application set take precedence over the token.
        if let (Some(scopes), None) = (self.scopes, accept.evidence().extra::<Scopes>()) {
            accept = accept.extra(scopes);
        }
        if let (Some(login), None) = (self.login, accept.evidence().extra::<UserAuthentication>()) {
            accept = accept.extra(login);
        }
        accept
    }
}

/// An empty claim identifies nothing, so it counts as absent.
fn filled(claim: Option<&str>) -> Option<String> {
    claim.filter(|text| !text.is_empty()).map(str::to_owned)
}

impl<C, V, M> fmt::Debug for JwtStrategy<C, V, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtStrategy").field("jwt", &self.jwt).finish_non_exhaustive()
    }
}

impl From<TokenError> for NotAccepted {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl From<PossessionError> for NotAccepted {
    fn from(unbound: PossessionError) -> Self {
        match unbound {
            PossessionError::Token(error) => Self::Token(error),
            PossessionError::Proof(rejection) => Self::Rejected(rejection),
        }
    }
}

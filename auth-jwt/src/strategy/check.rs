use std::{any::type_name, future::poll_fn, sync::Arc, task::Poll};

use auth_core::{AuthRequest, BoxError, Outcome, Rejection, extract::Credential};
use serde::de::DeserializeOwned;

use super::evidence::EvidenceClaims;
use crate::{
    Demands, Jwt, KeySet, KeySource, UnverifiedToken,
    algorithm::Family,
    cache::Cache,
    issuer::Issuer,
    known_headers::CheckedHeader,
    possession::PossessionError,
    token::{
        Compact, Header, RawClaims, TokenError, has_header,
        json::{self, Member},
        log_text::{joined, key},
        typed,
    },
};

/// A token that has passed all checks except the application's callback.
pub(super) struct Verified<C> {
    pub(super) claims: C,
    pub(super) evidence: EvidenceClaims,
}

/// Why a request is not accepted.
pub(super) enum NotAccepted {
    Token(TokenError),
    Rejected(Rejection),
    Failed(BoxError),
}

/// The header of a token.
enum Head {
    /// The strategy has accepted the same one before.
    Known(Arc<CheckedHeader>),
    New(Result<CheckedHeader, TokenError>),
}

/// A token of an accepted issuer. Its signature is not checked yet.
struct Candidate<'t> {
    token: &'t str,
    compact: &'t Compact<'t>,
    payload: &'t str,
    members: &'t [Member<'t>],
    claims: &'t RawClaims<'t>,
    issuer: Issuer<'t>,
    header: Arc<CheckedHeader>,
    is_header_new: bool,
}

/// All steps from the raw token to the claims, in the order that the crate documents.
impl<C: DeserializeOwned> Jwt<C> {
    /// Why a credential over the limit is refused. Only its start is read: it may be the credential of another strategy.
    pub(super) fn too_long(&self, credential: &Credential<'_>) -> NotAccepted {
        let error = match has_header(credential.start()) {
            true => TokenError::too_long(credential.byte_len(), self.policy.max_len),
            false => TokenError::without_header(),
        };
        error.into()
    }

    /// Checks a token with keys that are at hand.
    pub(super) fn check(
        &self,
        token: &str,
        keys: &KeySet,
        request: &AuthRequest<'_>,
    ) -> Result<Verified<C>, NotAccepted> {
        let compact = Compact::parse(token, self.policy.max_len)?;
        let head = self.head(&compact)?;
        let payload = compact.payload()?;
        let members = json::object(payload).map_err(TokenError::invalid)?;
        let claims = RawClaims::among(&members);
        // The issuer comes first: a token of another issuer belongs to another strategy, even if it looks wrong here.
        let issuer = self.policy.issuers.resolve(claims.issuer()?)?;
        let (header, is_header_new) = head.accepted()?;
        let (compact, members, claims) = (&compact, members.as_slice(), &claims);
        let candidate = Candidate { token, compact, payload, members, claims, issuer, header, is_header_new };
        self.check_candidate(&candidate, keys, Demands::default(), request)
    }

    /// Checks a token with the keys that this source has for it.
    pub(super) async fn check_with(
        &self,
        source: &dyn KeySource,
        token: &str,
        request: &AuthRequest<'_>,
    ) -> Result<Verified<C>, NotAccepted> {
        let compact = Compact::parse(token, self.policy.max_len)?;
        let head = self.head(&compact)?;
        let payload = compact.payload()?;
        let members = json::object(payload).map_err(TokenError::invalid)?;
        let iss = RawClaims::among(&members).issuer()?.map(str::to_owned);
        let issuer = self.policy.issuers.resolve(iss.as_deref())?;
        let (header, is_header_new) = head.accepted()?;
        let unverified = UnverifiedToken {
            token,
            algorithm: header.algorithm,
            kid: header.kid.as_deref(),
            issuer: issuer.name(),
            template: issuer.template(),
        };
        let demands = source.demands(&unverified);
        if !demands.allow(unverified.algorithm) {
            return Err(demands.refuse(unverified.algorithm).into());
        }
        let mut keys = source.keys(&unverified, request);
        let (keys, members) = match poll_fn(|cx| Poll::Ready(keys.as_mut().poll(cx))).await {
            Poll::Ready(keys) => (keys, members),
            Poll::Pending => {
                // The members take up to nine times the memory of the token, and anyone can make many tokens wait for keys.
                drop(members);
                (keys.await, json::object(payload).map_err(TokenError::invalid)?)
            }
        };
        let keys = keys.map_err(NotAccepted::Failed)?.ok_or_else(|| unverified.without_keys())?;
        let claims = RawClaims::among(&members);
        let (members, claims, header) = (members.as_slice(), &claims, Arc::clone(&header));
        let candidate = Candidate { token, compact: &compact, payload, members, claims, issuer, header, is_header_new };
        self.check_candidate(&candidate, &keys, demands, request)
    }

    fn head(&self, compact: &Compact<'_>) -> Result<Head, TokenError> {
        match self.known_headers.get(compact.encoded_header()) {
            Some(known) => Ok(Head::Known(known)),
            None => {
                let json = compact.header()?;
                let header = Header::parse(&json)?;
                let checked = self.policy.check_header(&header);
                Ok(Head::New(checked.map(|algorithm| CheckedHeader { algorithm, kid: header.kid.map(Into::into) })))
            }
        }
    }

    /// Runs all checks on the token except the callback.
    fn check_candidate(
        &self,
        candidate: &Candidate<'_>,
        keys: &KeySet,
        demands: Demands<'_>,
        request: &AuthRequest<'_>,
    ) -> Result<Verified<C>, NotAccepted> {
        self.check_signature(candidate, keys, request)?;
        if candidate.is_header_new {
            self.known_headers.remember(candidate.compact.encoded_header(), &candidate.header);
        }
        let claims = candidate.claims.typed(self.policy.subject_type)?;
        let tenant = candidate.issuer.tenant();
        let checked = self.policy.check_claims(&claims, tenant, demands.audiences, request.now())?;
        self.possession.check(&claims, candidate.token, request)?;
        let evidence = EvidenceClaims::new(&claims, candidate.issuer, checked);
        Ok(Verified { claims: candidate.typed_claims(claims.sub)?, evidence })
    }

    /// Checks the signature, or finds it in the cache.
    fn check_signature(
        &self,
        candidate: &Candidate<'_>,
        keys: &KeySet,
        request: &AuthRequest<'_>,
    ) -> Result<(), TokenError> {
        let (algorithm, kid, issuer) = (candidate.header.algorithm, candidate.kid(), candidate.issuer.name());
        let verify = || {
            let own = || joined(keys.keys().iter().map(|own| key(own.kid(), own.algorithms(), own.issuer())));
            let shown = || (own(), key(kid, [algorithm], issuer));
            candidate.compact.verify(keys, algorithm, kid, issuer).map_err(|refused| refused.because(shown))
        };
        let Some(cache) = self.cache.as_ref().filter(|_| algorithm.family() != Family::Hmac) else {
            return verify();
        };
        let Some(seen) = Cache::seen(keys, candidate.token) else { return verify() };
        if !cache.knows(&seen, request.now()) {
            verify()?;
            cache.remember(&seen, request.now());
        }
        Ok(())
    }
}

impl Head {
    /// The header, and whether it is new.
    fn accepted(self) -> Result<(Arc<CheckedHeader>, bool), TokenError> {
        match self {
            Self::Known(header) => Ok((header, false)),
            Self::New(header) => Ok((Arc::new(header?), true)),
        }
    }
}

impl Candidate<'_> {
    fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The claims for the application, with the same issuer and subject as in the evidence.
    fn typed_claims<C: DeserializeOwned>(&self, subject: Option<&str>) -> Result<C, TokenError> {
        let payload = self.payload;
        let issuer = self.issuer.name();
        let issuer = issuer.filter(|_| self.claims.issuer().is_ok_and(|iss| iss != issuer));
        let subject = subject.filter(|_| self.claims.has_numeric_subject());
        let claims = if issuer.is_none() && subject.is_none() {
            typed::claims(payload, self.members)
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
}

impl<U> From<NotAccepted> for Result<Outcome<U>, BoxError> {
    fn from(why: NotAccepted) -> Self {
        match why {
            NotAccepted::Token(refused) => Ok(refused.into()),
            NotAccepted::Rejected(rejection) => Ok(Outcome::Reject(rejection)),
            NotAccepted::Failed(cause) => Err(cause),
        }
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

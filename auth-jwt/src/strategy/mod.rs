mod check;
mod evidence;

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

use auth_core::{
    AuthRequest, BoxError, Carrier, Challenge, Needs, Outcome, Principal, Rejection, Start, Strategy, Verdict, Verify,
    async_trait, extract::Credential,
};
use pin_project_lite::pin_project;
use serde::de::DeserializeOwned;

use self::{check::Verified, evidence::EvidenceClaims};
use crate::{Jwt, KeySource, source::Keys};

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
        self.start(request).finish().await
    }

    /// Only a key source and the callback have to be waited for. So a request without a token costs nothing here, and with
    /// fixed keys a refused one allocates no future.
    fn start<'a>(&'a self, request: &'a AuthRequest<'_>) -> Start<'a, V::User> {
        let credential = match self.jwt.extractor.extract_within(request, self.jwt.policy.max_len) {
            Ok(Some(credential)) => credential,
            Ok(None) => return Start::Done(Ok(Outcome::Absent)),
            Err(malformed) => return Start::Done(Ok(malformed.into())),
        };
        if credential.byte_len() > self.jwt.policy.max_len {
            return Start::Done(self.jwt.too_long(&credential).into());
        }
        match &self.jwt.keys {
            Keys::Fixed(keys) => match self.jwt.check(credential.expose(), keys, request) {
                Ok(verified) => Start::Waits(Box::pin(self.decide(verified, credential.carrier(), request))),
                Err(why) => Start::Done(why.into()),
            },
            Keys::Source(source) => Start::Waits(Box::pin(self.check_and_decide(&**source, credential, request))),
        }
    }
}

impl<C, V, M> JwtStrategy<C, V, M>
where
    C: DeserializeOwned + Send,
    V: Verify<C, M, User: Principal>,
{
    async fn check_and_decide(
        &self,
        source: &dyn KeySource,
        credential: Credential<'_>,
        request: &AuthRequest<'_>,
    ) -> Result<Outcome<V::User>, BoxError> {
        match self.jwt.check_with(source, credential.expose(), request).await {
            Ok(verified) => self.decide(verified, credential.carrier(), request).await,
            Err(why) => why.into(),
        }
    }

    /// Asks the callback about a token that has passed all other checks.
    fn decide<'a>(
        &'a self,
        Verified { claims, evidence }: Verified<C>,
        carrier: Carrier,
        request: &'a AuthRequest<'_>,
    ) -> impl Future<Output = Result<Outcome<V::User>, BoxError>> + Send {
        Decides { verdict: self.verify.verify(claims, request), evidence: Some(evidence), carrier }
    }
}

pin_project! {
    /// The future of a token's decision. An `async` block would hold the callback's future, and so the claims, twice.
    struct Decides<F> {
        #[pin]
        verdict: F,
        // Taken when the verdict is here.
        evidence: Option<EvidenceClaims>,
        carrier: Carrier,
    }
}

impl<U, F: Future<Output = Result<Verdict<U>, BoxError>>> Future for Decides<F> {
    type Output = Result<Outcome<U>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let decides = self.project();
        let verdict = ready!(decides.verdict.poll(cx))?;
        Poll::Ready(Ok(match (verdict.into_accept(*decides.carrier), decides.evidence.take()) {
            (Ok(accept), Some(evidence)) => Outcome::Accept(evidence.added_to(accept)),
            (Err(rejection), _) => Outcome::Reject(rejection),
            // Polled again after it was ready.
            (Ok(_), None) => Outcome::Reject(Rejection::invalid_credentials()),
        }))
    }
}

#[cfg(test)]
impl<C, V, M> JwtStrategy<C, V, M> {
    pub(crate) fn cache(&self) -> Option<&crate::cache::Cache> {
        self.jwt.cache.as_ref()
    }
}

impl<C, V, M> fmt::Debug for JwtStrategy<C, V, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtStrategy").field("jwt", &self.jwt).finish_non_exhaustive()
    }
}

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use auth_core::{
    AuthRequest, Authenticated, Chain, ConfigError, Needs, OriginPolicy, OriginVerdict, Principal, Refusal, Rejection,
    SystemClock, Timer, Transport,
};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header::SEC_WEBSOCKET_PROTOCOL, request::Parts};
use tokio::time::{Timeout, timeout};

use super::{DefaultOnRefusal, OnRefusal, cross_site, payload::PayloadLimits, refusal};

/// A chain, and the settings with which a layer asks it.
pub(crate) struct Gate<U> {
    pub(crate) chain: Chain<U>,
    pub(crate) needs: Needs,
    /// Whether a request without a credential passes.
    pub(crate) optional: bool,
    pub(crate) origins: OriginPolicy,
    pub(crate) on_refusal: Arc<dyn OnRefusal>,
    pub(crate) payload: PayloadLimits,
    pub(crate) decision_timeout: Duration,
    pub(crate) timer: Arc<dyn Timer>,
    pub(crate) subprotocol: HeaderValue,
}

impl<U: Principal> Gate<U> {
    /// # Errors
    /// If the chain can't refuse by itself; see [`Chain::validate`].
    pub(crate) fn new(chain: Chain<U>) -> Result<Self, ConfigError> {
        chain.validate()?;
        Ok(Self {
            needs: chain.needs(),
            chain,
            optional: false,
            origins: OriginPolicy::default(),
            on_refusal: Arc::new(DefaultOnRefusal),
            payload: PayloadLimits::default(),
            decision_timeout: Duration::from_secs(10),
            timer: Arc::new(SystemClock),
            subprotocol: HeaderValue::from_static("auth.v1"),
        })
    }

    /// The same gate with another chain.
    #[cfg(feature = "connections")]
    pub(crate) fn with_chain<V: Principal>(&self, chain: Chain<V>) -> Gate<V> {
        Gate {
            needs: chain.needs(),
            chain,
            optional: self.optional,
            origins: self.origins.clone(),
            on_refusal: Arc::clone(&self.on_refusal),
            payload: self.payload,
            decision_timeout: self.decision_timeout,
            timer: Arc::clone(&self.timer),
            subprotocol: self.subprotocol.clone(),
        }
    }

    /// Refuses a request from a page of a foreign origin.
    pub(crate) fn check_origin(&self, parts: &Parts) -> Result<OriginVerdict, Refusal> {
        match self.origins.judge_handshake(parts) {
            OriginVerdict::Foreign => Err(self.origins.refuse_handshake(parts)),
            verdict => Ok(verdict),
        }
    }

    /// Asks the layer's own chain. With `opens`, the request opens a connection, and the rules for that apply too.
    pub(crate) async fn decide(
        &self,
        request: &AuthRequest<'_>,
        opens: Option<OriginVerdict>,
    ) -> Result<Authenticated<U>, Refusal> {
        let user = within(self.decision_timeout, pin!(self.chain.authenticate(request))).await?;
        opens.map_or(Ok(()), |origin| check_opening(&self.chain, &user, request, origin))?;
        Ok(user)
    }

    /// Refuses a plain request that a foreign page may have sent, after the chain has accepted it.
    pub(crate) fn check_site(&self, user: &Authenticated<U>, request: &AuthRequest<'_>) -> Result<(), Refusal> {
        cross_site::check(&self.origins, user.evidence(), request.parts())
    }

    /// Makes the response to a refusal.
    pub(crate) fn respond(&self, refusal: Refusal, parts: &Parts, transport: Transport) -> Response<Bytes> {
        refusal::respond(&*self.on_refusal, refusal, parts, transport)
    }

    /// The subprotocol to answer if the handler chooses none: the layer's own, or else an answer that an extractor has named.
    /// `None` if the client offers neither.
    pub(crate) fn offered_subprotocol(&self, parts: &Parts) -> Option<HeaderValue> {
        if is_offered(parts, self.subprotocol.as_bytes()) {
            return Some(self.subprotocol.clone());
        }
        let answers = self.needs.subprotocol_answers();
        let answer = answers.iter().find(|answer| is_offered(parts, answer.as_bytes()))?;
        HeaderValue::from_str(answer).ok()
    }
}

impl<U> Clone for Gate<U> {
    fn clone(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            needs: self.needs.clone(),
            optional: self.optional,
            origins: self.origins.clone(),
            on_refusal: Arc::clone(&self.on_refusal),
            payload: self.payload,
            decision_timeout: self.decision_timeout,
            timer: Arc::clone(&self.timer),
            subprotocol: self.subprotocol.clone(),
        }
    }
}

/// Checks whether a request of a user whom the chain has accepted may open a connection.
pub(crate) fn check_opening<U: Principal>(
    chain: &Chain<U>,
    user: &Authenticated<U>,
    request: &AuthRequest<'_>,
    origin: OriginVerdict,
) -> Result<(), Refusal> {
    if origin == OriginVerdict::Absent && user.evidence().carrier().is_ambient() {
        let refusal = Refusal::new(StatusCode::FORBIDDEN, "origin_required");
        return Err(refusal.with_detail(
            "a cookie or client certificate opens a connection, but the request does not name its origin",
        ));
    }
    // Leeway tolerates a clock that is wrong. It does not extend the life of a connection.
    if user.evidence().is_expired_at(request.now()) {
        let refusal = chain.refuse(&Rejection::token_expired(), request);
        return Err(refusal.with_detail("the credential is within its leeway, which does not open a connection"));
    }
    Ok(())
}

/// Waits for a chain's decision until `timeout`, and refuses the request if it takes longer. The time counts from the first
/// poll.
pub(crate) fn within<F: Future>(timeout: Duration, decision: Pin<&mut F>) -> Within<'_, F> {
    Within { timeout, first: Some(decision), timed: None }
}

/// Most chains never wait, so the timer is made only after the first poll: it would cost as much as a small strategy. An async
/// function would take 80 bytes instead of 32.
pub(crate) struct Within<'f, F> {
    timeout: Duration,
    /// Until the first poll.
    first: Option<Pin<&'f mut F>>,
    timed: Option<Pin<Box<Timeout<Pin<&'f mut F>>>>>,
}

impl<U, F: Future<Output = Result<Authenticated<U>, Refusal>>> Future for Within<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if let Some(mut decision) = self.first.take() {
            let began = Instant::now();
            if let Poll::Ready(decision) = decision.as_mut().poll(cx) {
                return Poll::Ready(decision);
            }
            self.timed = Some(Box::pin(timeout(self.timeout.saturating_sub(began.elapsed()), decision)));
        }
        match &mut self.timed {
            Some(decision) => decision.as_mut().poll(cx).map(|done| done.unwrap_or_else(|_| took_too_long())),
            // Polled again after it was ready.
            None => Poll::Ready(took_too_long()),
        }
    }
}

#[cold]
fn took_too_long<U>() -> Result<Authenticated<U>, Refusal> {
    Err(Refusal::unavailable("the chain took too long to decide"))
}

/// Whether the client offers this subprotocol.
pub(crate) fn is_offered(parts: &Parts, name: &[u8]) -> bool {
    let lines = parts.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    lines.flat_map(|line| line.as_bytes().split(|&b| b == b',')).any(|entry| entry.trim_ascii() == name)
}

/// The name of a subprotocol.
///
/// # Errors
/// If it is not a token (RFC 6455, 4.1).
pub(crate) fn subprotocol_name(name: &str) -> Result<HeaderValue, ConfigError> {
    // Header names are tokens, as subprotocols are.
    let value = HeaderName::from_bytes(name.as_bytes()).ok().and_then(|_| HeaderValue::from_str(name).ok());
    value.ok_or_else(|| ConfigError::new(format!("a subprotocol must be a token, and {name:?} is not")))
}

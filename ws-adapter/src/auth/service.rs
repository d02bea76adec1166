use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use auth_core::{
    Anonymous, AuthRequest, Authenticated, BoxError, Chain, Payload, Principal, Refusal, RefusalKind, Rejection,
    RequestRecord, Transport,
};
use bytes::Bytes;
use http::{Request, Response, StatusCode, request::Parts};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{ResponseBody, handshake::Subprotocol, layer::Config, private::Private};
use crate::{
    origin::OriginVerdict,
    payload::{self, Format},
    reject, telemetry,
    transport::{classify, is_extended_connect},
};

/// A service with a chain in front; made by [`AuthLayer`](crate::AuthLayer).
///
/// `B`, the request body, must be made of [`Bytes`], since a body that a strategy has looked into is handed on whole.
/// Trailers of such a body are lost; bodies that no strategy looks into are not touched.
pub struct Auth<S, U> {
    inner: S,
    config: Arc<Config<U>>,
}

impl<S, U> Auth<S, U> {
    pub(super) fn new(inner: S, config: Arc<Config<U>>) -> Self {
        Self { inner, config }
    }

    /// The service that was asked whether it is ready, which must be the one that is called; the clone is left behind.
    pub(crate) fn take_ready(&mut self) -> (S, Arc<Config<U>>)
    where
        S: Clone,
    {
        let clone = self.inner.clone();
        (mem::replace(&mut self.inner, clone), Arc::clone(&self.config))
    }
}

impl<S: Clone, U> Clone for Auth<S, U> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), config: Arc::clone(&self.config) }
    }
}

impl<S, U> fmt::Debug for Auth<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("chain", &self.config.chain).finish_non_exhaustive()
    }
}

impl<S, U, B, R> Service<Request<B>> for Auth<S, U>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    U: Principal,
    B: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (service, config) = self.take_ready();
        let admission = Box::pin(config.admit(request));
        ResponseFuture { state: State::Deciding { admission, service } }
    }
}

/// A request that may go on, and what is added to its answer.
pub(crate) struct Admitted<B> {
    pub(crate) request: Request<B>,
    pub(crate) additions: Additions,
}

/// What the layer adds to the answer of the service behind.
pub(crate) struct Additions {
    subprotocol: Option<Subprotocol>,
    private: Option<Private>,
}

impl Additions {
    pub(crate) fn add_to<R>(self, response: &mut Response<R>) {
        if let Some(subprotocol) = self.subprotocol {
            subprotocol.answer(response);
        }
        if let Some(private) = self.private {
            private.mark(response);
        }
    }
}

/// A request that may not go on, and why.
pub(crate) struct Refused {
    pub(crate) parts: Parts,
    pub(crate) transport: Transport,
    pub(crate) refusal: Refusal,
}

/// The one box of the middleware: the chain's future has no name.
type Admission<B> = Pin<Box<dyn Future<Output = Result<Admitted<B>, Response<Bytes>>> + Send>>;

pin_project! {
    /// The future of [`Auth`].
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Deciding { admission: Admission<B>, service: S },
        Serving { #[pin] response: S::Future, additions: Option<Additions> },
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<ResponseBody<R>>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match self.as_mut().project().state.project() {
                StateProj::Deciding { admission, service } => match ready!(admission.as_mut().poll(cx)) {
                    Ok(Admitted { request, additions }) => {
                        let response = service.call(request);
                        self.as_mut().project().state.set(State::Serving { response, additions: Some(additions) });
                    }
                    Err(refused) => return Poll::Ready(Ok(refused.map(ResponseBody::refusal))),
                },
                StateProj::Serving { response, additions } => {
                    let mut response = ready!(response.poll(cx))?;
                    if let Some(additions) = additions.take() {
                        additions.add_to(&mut response);
                    }
                    return Poll::Ready(Ok(response.map(ResponseBody::inner)));
                }
            }
        }
    }
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<U: Principal> Config<U> {
    /// Decides about a request, and prepares it for the inner service or refuses it.
    async fn admit<B>(self: Arc<Self>, request: Request<B>) -> Result<Admitted<B>, Response<Bytes>>
    where
        B: Body<Data = Bytes> + From<Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        match Arc::clone(&self).judge(request).await {
            Ok(admitted) => Ok(admitted),
            Err(refused) => Err(self.refuse(*refused).await),
        }
    }

    /// Decides about a request, and prepares it for the inner service.
    pub(crate) async fn judge<B>(self: Arc<Self>, request: Request<B>) -> Result<Admitted<B>, Box<Refused>>
    where
        B: Body<Data = Bytes> + From<Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (mut parts, body) = request.into_parts();
        let record = RequestRecord::of(&mut parts);
        let transport = classify(&parts);

        let decision = self.decide(&parts, body, transport).await;
        record.take(&mut parts, &self.needs);
        let prepared = match (decision, transport) {
            (Ok((user, body)), Transport::WebSocket) => {
                let subprotocol = self.prepare_socket(user.as_ref().ok(), &mut parts).await;
                subprotocol.map(|subprotocol| (user, body, subprotocol))
            }
            (decision, _) => decision.map(|(user, body)| (user, body, None)),
        };
        match prepared {
            Ok((user, body, subprotocol)) => {
                if let Ok(user) = &user {
                    telemetry::accepted(transport, user.evidence());
                }
                let is_handshake = transport == Transport::WebSocket;
                let private = Private::of(user.as_ref().ok(), &record, &parts, is_handshake);
                leave(user, &mut parts);
                let additions = Additions { subprotocol, private };
                Ok(Admitted { request: Request::from_parts(parts, body), additions })
            }
            Err(refusal) => Err(Box::new(Refused { parts, transport, refusal })),
        }
    }

    /// The answer to what may not go on.
    pub(crate) async fn refuse(&self, refused: Refused) -> Response<Bytes> {
        #[cfg(feature = "axum")]
        let mut refused = refused;
        #[cfg(feature = "axum")]
        if let Some(opened) = self.open_to_close(&mut refused).await {
            telemetry::refused(refused.transport, &refused.refusal);
            return opened;
        }
        let Refused { parts, transport, refusal } = refused;
        self.answer(refusal, &parts, transport)
    }

    async fn decide<B>(
        &self,
        parts: &Parts,
        body: B,
        transport: Transport,
    ) -> Result<(Result<Authenticated<U>, Refusal>, B), Refusal>
    where
        B: Body<Data = Bytes> + From<Bytes>,
        B::Error: Into<BoxError>,
    {
        let opens = match transport {
            Transport::WebSocket => Some(self.judge_origin(parts)?),
            _ => None,
        };
        let (payload, body) = self.read_payload(parts, body).await?;
        let mut request = AuthRequest::new(parts, transport, self.timer.now());
        if let Some(payload) = &payload {
            request = request.with_payload(payload);
        }
        match self.authenticate(&request, opens).await {
            Err(refusal) if !(self.lets_nobody_in(transport) && refusal.kind() == RefusalKind::Missing) => Err(refusal),
            decision => Ok((decision, body)),
        }
    }

    /// Whether a request without a credential goes on. A handshake that may say who it is later does not.
    fn lets_nobody_in(&self, transport: Transport) -> bool {
        #[cfg(feature = "axum")]
        if self.first_message.is_some() && transport == Transport::WebSocket {
            return false;
        }
        #[cfg(not(feature = "axum"))]
        let _ = transport;
        self.optional
    }

    /// Refuses what comes from a page of a foreign origin.
    pub(crate) fn judge_origin(&self, parts: &Parts) -> Result<OriginVerdict, Refusal> {
        match self.origins.judge(parts) {
            OriginVerdict::Foreign => Err(self.origins.refusal(parts)),
            verdict => Ok(verdict),
        }
    }

    /// Asks the layer's own chain; see [`judge`].
    pub(crate) async fn authenticate(
        &self,
        request: &AuthRequest<'_>,
        opens: Option<OriginVerdict>,
    ) -> Result<Authenticated<U>, Refusal> {
        judge(&self.chain, self.decision_timeout, request, opens, self.chain.authenticate(request)).await
    }

    async fn read_payload<B>(&self, parts: &Parts, body: B) -> Result<(Option<Payload>, B), Refusal>
    where
        B: Body<Data = Bytes> + From<Bytes>,
        B::Error: Into<BoxError>,
    {
        // What follows an extended CONNECT is the socket's own stream. `Upgrade` says nothing about the body: any request
        // may have that header, and a body beside it.
        if !self.needs.payload() || body.is_end_stream() || is_extended_connect(parts) {
            return Ok((None, body));
        }
        let Some(format) = Format::of(&parts.headers)? else {
            return Ok((None, body));
        };
        let bytes = payload::read(&parts.headers, body, self.payload).await?;
        Ok((payload::parse(format, &bytes)?, B::from(bytes)))
    }

    pub(crate) fn answer(&self, refusal: Refusal, parts: &Parts, transport: Transport) -> Response<Bytes> {
        reject::answer(&*self.on_reject, refusal, parts, transport)
    }
}

/// Waits for the decision of a chain, and gives it up after `timeout`. `opens` is the origin of what opens a connection, for
/// which there is more to say.
pub(crate) async fn judge<U: Principal>(
    chain: &Chain<U>,
    timeout: Duration,
    request: &AuthRequest<'_>,
    opens: Option<OriginVerdict>,
    decision: impl Future<Output = Result<Authenticated<U>, Refusal>>,
) -> Result<Authenticated<U>, Refusal> {
    let decision = tokio::time::timeout(timeout, decision).await;
    let user = decision.unwrap_or_else(|_| Err(Refusal::unavailable("the chain took too long to decide")))?;
    if let Some(origin) = opens {
        if origin == OriginVerdict::Absent && user.evidence().carrier().is_ambient() {
            let refusal = Refusal::new(StatusCode::FORBIDDEN, "origin_required");
            return Err(
                refusal.with_detail("a cookie or client certificate opens a connection, and no origin is named")
            );
        }
        // Leeway forgives a clock that is off; it is no extra life for a connection.
        if user.evidence().is_expired_at(request.now()) {
            let refusal = chain.refuse(&Rejection::token_expired(), request);
            return Err(refusal.with_detail("the credential is within its leeway, which opens no connection"));
        }
    }
    Ok(user)
}

/// Puts the decision where the handler finds it, in place of what a layer further out has left.
pub(crate) fn leave<U: Principal>(decision: Result<Authenticated<U>, Refusal>, parts: &mut Parts) {
    parts.extensions.remove::<Authenticated<U>>();
    parts.extensions.remove::<Anonymous<U>>();
    match decision {
        Ok(user) => drop(parts.extensions.insert(user)),
        Err(refusal) => drop(parts.extensions.insert(Anonymous::<U>::new(refusal))),
    }
}

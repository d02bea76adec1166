use auth_core::{Authenticated, Refusal, Transport};
use axum::{
    body::Body,
    http::{HeaderValue, header, request::Parts},
    response::Response,
    routing::{MethodRouter, post},
};

use super::{IssuedTicket, Tickets};

impl Tickets {
    /// The route that issues tickets: `POST`, behind a layer whose users are `U`.
    ///
    /// ```
    /// # use auth_store::Tickets;
    /// # struct User;
    /// # fn app(tickets: Tickets) -> axum::Router {
    /// axum::Router::new().route("/api/ws-ticket", tickets.route::<User, _>())
    /// # }
    /// ```
    ///
    /// It answers `{"ticket":"…","expires_in":30}`, in whole seconds, with `Cache-Control: no-store`, or with the refusal of
    /// [`issue`](Self::issue). It does not read the body of the request.
    pub fn route<U, S>(&self) -> MethodRouter<S>
    where
        U: Send + Sync + 'static,
        S: Clone + Send + Sync + 'static,
    {
        let tickets = self.clone();
        post(move |user: Authenticated<U>, request: Parts| async move {
            match tickets.issue(user.evidence(), &request).await {
                Ok(ticket) => answer(&ticket),
                Err(refusal) => refuse(refusal),
            }
        })
    }
}

fn answer(ticket: &IssuedTicket) -> Response {
    // A ticket holds no character that JSON must escape.
    let json = format!(r#"{{"ticket":"{}","expires_in":{}}}"#, ticket.value().expose(), ticket.expires_in().as_secs());
    let mut response = Response::new(Body::from(json));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn refuse(refusal: Refusal) -> Response {
    refusal.log_once(Transport::Http);
    let mut response = refusal.to_response().map(Body::from);
    response.extensions_mut().insert(refusal);
    response
}

use auth_core::{Principal, Refusal, Secret};
use axum::{
    Router,
    extract::Request,
    response::Response,
    routing::{MethodRouter, post},
};
use http::{StatusCode, request::Parts};

use super::{
    RefreshTokens,
    body::{self, Fields},
    issued::IssuedTokens,
    refresh::invalid_grant,
};
use crate::{
    axum::{respond, with_status},
    body::{Kind, read},
};

impl<U: Principal> RefreshTokens<U> {
    /// The routes. They need no layer around them.
    ///
    /// | Request | Answer |
    /// |---|---|
    /// | `POST /token/refresh` | 200 and the [next tokens](IssuedTokens::to_response) |
    /// | `DELETE /token/refresh` | 204: the login of the token has ended, with all that hangs on it; also if it had ended before, or if the token is unknown |
    ///
    /// Both take JSON, `{"refresh_token": "…"}`, or a form, `grant_type=refresh_token&refresh_token=…`. At most 4 KiB, within 10 s.
    /// With [`in_cookie`](Self::in_cookie) both take the cookie alone, and read no body.
    ///
    /// | Refusal | When |
    /// |---|---|
    /// | 400 `invalid_grant` | the token is malformed, unknown, or too old; its login has ended or was revoked, or its user is gone: the user logs in again. With `in_cookie` also if there is no cookie. It removes a cookie that was sent |
    /// | 400 `invalid_request` | a field is missing or repeated, not UTF-8, not JSON; or several cookies hold good tokens |
    /// | 400 `unsupported_grant_type` | another grant than `refresh_token` |
    /// | 403 `cross_site` | with `in_cookie`: a foreign page may have sent it, see [`Session`](crate::Session#security) |
    /// | 409 `session_conflict` | others saved the login each time: send the same token again |
    /// | 413, 408, 415 | too large, too slow, another media type |
    /// | 429 `too_many_attempts` | too many wrong tokens, with a [`throttle`](Self::throttle) |
    /// | 500 `internal_error` | the [`claims`](Self::claims) are not a JSON object |
    /// | 503 `unavailable` | the store or the users are down. Nothing has ended: send the same token again, and the cookie stays |
    ///
    /// No answer is cached.
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let (refreshes, ends) = (self.clone(), self.clone());
        let refresh = move |request: Request| {
            let tokens = refreshes.clone();
            async move { tokens.answer_refresh(request).await }
        };
        let end = move |request: Request| {
            let tokens = ends.clone();
            async move { tokens.answer_end(request).await }
        };
        let methods: MethodRouter<S> = post(refresh).delete(end);
        Router::new().route(&self.inner().path, methods)
    }

    async fn answer_refresh(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let sent = match self.sent(&parts, body).await {
            Ok(sent) => sent,
            Err(refusal) => return respond(refusal),
        };
        let token = match &sent {
            TokenSent::Body(fields) => match fields.is_refresh() {
                Some(true) => fields.token.expose(),
                Some(false) => return respond(bad_request("unsupported_grant_type")),
                None => return respond(bad_request("invalid_request")),
            },
            TokenSent::Cookies(tokens) => match tokens.as_slice() {
                [] => return respond(invalid_grant("there is no cookie with a refresh token")),
                [token] => token.expose(),
                // Of which of them the page thinks is unknown.
                _ => return respond(bad_request("invalid_request")),
            },
        };
        match self.refresh_of(&parts, token).await {
            Ok(issued) => issued.to_response(),
            Err(refusal) => {
                let is_dead = refusal.code() == "invalid_grant";
                let mut response = respond(refusal);
                if is_dead && let Some(cookie) = self.inner().cookie() {
                    cookie.remove(response.headers_mut());
                }
                response
            }
        }
    }

    async fn refresh_of(&self, parts: &Parts, token: &str) -> Result<IssuedTokens, Refusal> {
        // Who has a good token is never throttled.
        if let (Some(guard), false) = (&self.inner().guard, self.is_ours(token)) {
            guard.count(parts).await?;
        }
        self.refresh(token).await
    }

    async fn answer_end(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let ended = match self.sent(&parts, body).await {
            Ok(TokenSent::Body(Fields { token, .. })) => self.end_each(&[token]).await,
            Ok(TokenSent::Cookies(tokens)) => self.end_each(&tokens).await,
            Err(refusal) => Err(refusal),
        };
        match ended {
            Ok(()) => {
                let mut response = with_status(StatusCode::NO_CONTENT);
                if let Some(cookie) = self.inner().cookie() {
                    cookie.remove(response.headers_mut());
                }
                response
            }
            Err(refusal) => respond(refusal),
        }
    }

    async fn end_each(&self, tokens: &[Secret]) -> Result<(), Refusal> {
        for token in tokens {
            self.end(token.expose()).await?;
        }
        Ok(())
    }

    /// The cookies that count, of these: those that one of our keys has made, or else the first one. Another host of the same site, or
    /// another path, may plant cookies, and must not keep the user from a refresh and a logout.
    fn of_cookies<'h>(&self, values: impl Iterator<Item = &'h str>) -> Vec<Secret> {
        let (mut ours, others): (Vec<_>, Vec<_>) = values.partition(|value| self.is_ours(value));
        ours.sort_unstable();
        ours.dedup();
        let others = others.into_iter().take(usize::from(ours.is_empty()));
        ours.into_iter().chain(others).map(Secret::new).collect()
    }

    /// The token of a request, unchecked.
    async fn sent(&self, parts: &Parts, body: axum::body::Body) -> Result<TokenSent, Refusal> {
        if let Some(cookie) = self.inner().cookie() {
            // Before it costs anything.
            if let Some(foreign) = self.inner().sessions.core().settings.refuse_foreign(parts) {
                return Err(foreign);
            }
            return Ok(TokenSent::Cookies(self.of_cookies(cookie.read(&parts.headers))));
        }
        let kind = Kind::of(&parts.headers)?;
        let bytes = read(body, body::MAX_LEN).await?;
        body::parse(kind, &bytes).map(TokenSent::Body).ok_or_else(|| bad_request("invalid_request"))
    }
}

enum TokenSent {
    Cookies(Vec<Secret>),
    Body(Fields),
}

fn bad_request(code: &'static str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, code)
}

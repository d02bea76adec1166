use std::{sync::Arc, time::Duration};

use auth_basic::{Basic, BasicLogin};
use auth_core::{
    Authenticated, Chain, ConfigError, Outcome, Rejection, Strategy,
    extract::{Extractor as _, bearer, subprotocol},
};
use auth_jwt::Jwt;
use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header::SET_COOKIE},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use serde::{Deserialize, Serialize};
use ws_adapter::{AuthLayer, AuthWebSocketUpgrade, Timer};

use crate::{Member, Members, SessionCookie, Sessions};

/// How long a session lasts.
const SESSION: Duration = Duration::from_secs(3600);

/// The parts of the service.
#[derive(Clone)]
pub struct Setup {
    /// The members.
    pub members: Members,
    /// The key of the sessions.
    pub sessions: Sessions,
    /// The secret of the tokens, at least 32 bytes.
    pub token_secret: String,
    /// The clock.
    pub timer: Arc<dyn Timer>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

#[derive(Serialize)]
struct Who {
    name: String,
    strategy: String,
}

/// The service.
///
/// # Errors
/// If the secret of the tokens is too short.
pub fn app(setup: &Setup) -> Result<Router, ConfigError> {
    let token = || token(setup);
    let login = || login(setup, Basic::new("notes"));
    let session = || SessionCookie::new(setup.sessions.clone(), setup.members.clone());

    // Explicit credentials come before the cookie.
    let anybody = Chain::new().or(token()?).or(login()).or(session());
    // The session is not enough: the password of the same member is required again.
    let twice = Chain::new().or(session()).and(login()).and_then(|accept| {
        let (member, again) = accept.user();
        Ok(if member == again {
            Outcome::Accept(accept.map_user(|(member, _)| member))
        } else {
            Outcome::Reject(Rejection::forbidden().with_code("another_member"))
        })
    });
    let by_form = self::login(setup, Basic::new("notes").from_payload().without_browser_prompt());
    let layer = |chain: Chain<Member>| AuthLayer::new(chain).timer(setup.timer.clone());

    let notes = Router::new().route("/notes", get(who)).route("/live", any(live)).layer(layer(anybody.clone()));
    let account = Router::new().route("/account", get(who)).layer(layer(twice));
    let begin = Router::new()
        .route("/session", post(begin_session))
        .with_state(setup.clone())
        .layer(AuthLayer::reading_bodies(Chain::new().or(by_form)).timer(setup.timer.clone()));
    let front = Router::new().route("/", get(front)).layer(AuthLayer::optional(anybody).timer(setup.timer.clone()));
    Ok(Router::new().merge(notes).merge(account).merge(begin).merge(front))
}

fn token(setup: &Setup) -> Result<impl Strategy<User = Member> + use<>, ConfigError> {
    let members = setup.members.clone();
    Ok(Jwt::<Claims>::hs256(setup.token_secret.as_str())?
        .extract(bearer().or(subprotocol("auth.bearer.")))
        .realm("notes")
        .audience("notes")
        .verify(move |claims: Claims| {
            let member = claims.sub.parse().ok().and_then(|id| members.by_id(id));
            async move { member }
        }))
}

fn login(setup: &Setup, basic: Basic) -> impl Strategy<User = Member> + use<> {
    let members = setup.members.clone();
    basic.verify(move |login: BasicLogin| {
        let members = members.clone();
        async move { members.by_login(login).await }
    })
}

async fn who(member: Authenticated<Member>) -> Json<Who> {
    Json(Who { name: member.name.clone(), strategy: member.evidence().strategy().to_owned() })
}

async fn front(member: Option<Authenticated<Member>>) -> String {
    member.map_or_else(|| "welcome, guest".to_owned(), |member| format!("welcome, {}", member.name))
}

async fn begin_session(State(setup): State<Setup>, member: Authenticated<Member>) -> Response {
    match setup.sessions.begin(&member, setup.timer.now(), SESSION) {
        Some(value) => {
            let cookie = format!("session={value}; HttpOnly; Secure; SameSite=Lax; Path=/");
            (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response()
        }
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn live(ws: AuthWebSocketUpgrade<Member>) -> Response {
    let name = ws.user().name.clone();
    ws.on_upgrade(|mut socket| async move {
        if socket.send(format!("hello, {name}").into()).await.is_err() {
            return;
        }
        while let Some(message) = socket.recv().await {
            if socket.send(message).await.is_err() {
                return;
            }
        }
    })
}

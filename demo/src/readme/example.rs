let jwt = Jwt::<Claims>::hs256(secret)?                 // the key carries its algorithm; a weak one does not build
    .extract(bearer().or(subprotocol("auth.bearer.")).or(cookie("jwt")))
    .issuer("https://id.example").audience("chat")
    .verify(move |claims: Claims| { let users = users.clone(); async move { users.find_by_id(&claims.sub).await } });

let basic = Basic::new("demo").verify(|login: BasicLogin| async move { check_password(login).await });

let chain = Chain::new().or(jwt).or(basic);             // tried in order; the first that owns the credential decides

let app = Protected::new(AuthLayer::new(chain))         // closed by default: what is added here is behind the chain
    .route("/me", get(me))
    .route("/ws", any(echo))
    .public(Router::new().route("/health", get(async || "ok")))
    .into_router();                                     // what is added after this is open

impl Principal for User {                               // who it is, for refreshes, limits and log-outs; `None` if it adds
    fn principal_id(&self) -> Option<PrincipalId> {     // nothing to what the strategy has verified
        Some(PrincipalId::new("", &self.id))
    }
}

async fn me(user: Authenticated<User>) -> Json<User> {  // or Option<Authenticated<User>>, behind AuthLayer::optional
    Json(user.user().clone())
}

async fn echo(ws: AuthWebSocketUpgrade<User>) -> Response {
    ws.on_upgrade(|mut socket| async move {             // closed with 4401 when the credential ends
        while let Some(message) = socket.recv().await {
            if socket.send(message).await.is_err() { break; }
        }
    })
}

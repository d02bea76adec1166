let jwt = Jwt::<Claims>::hs256(secret)?                 // the key carries its algorithm; a weak one does not build
    .extract(bearer().or(subprotocol("auth.bearer.")).or(cookie("jwt")))
    .issuer("https://id.example").audience("chat")
    .verify(move |claims: Claims| { let users = users.clone(); async move { users.find_by_id(&claims.sub).await } });
let basic = Basic::new("demo").verify(|login: BasicLogin| async move { check_password(login).await });
let chain = Chain::new().or(jwt).or(basic);             // tried in order; the first that owns the credential decides

let app = Protected::new(AuthLayer::new(chain))
    .route("/me", get(me))                              // me(user: Authenticated<User>)
    .route("/ws", any(echo))
    .public(Router::new().route("/health", get(async || "ok")))
    .into_router();                                     // what is added after this is open

async fn echo(ws: AuthWebSocketUpgrade<User>) -> Response {
    ws.on_upgrade(|mut socket| async move {             // closed with 4401 when the credential ends
        while let Some(message) = socket.recv().await {
            if socket.send(message).await.is_err() { break; }
        }
    })
}

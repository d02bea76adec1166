use portcullis::prelude::*;

#[derive(serde::Deserialize)]
struct Claims {
    sub: String,
}

async fn hello(user: Authenticated<String>) -> String {
    format!("Hello, {}!\n", user.user())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let jwt = Jwt::<Claims>::hs256(std::env::var("SECRET")?)?
        .verify(|claims: Claims| async move { Some(claims.sub) }); // look the user up here; `None` is a 401
    let layer = AuthLayer::new(Chain::new().or(jwt));
    let app = Protected::new(layer) // closed by default: every route that you add here is behind the chain
        .route("/hello", get(hello))
        .into_router();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(portcullis::axum::serve(listener, app).await?)
}

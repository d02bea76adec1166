//! Verifies tokens of an issuer that is found by discovery, as a resource server does, but without a server.
//!
//! ```text
//! cargo run -p auth-jwt --features remote --example judge -- https://id.example https://api.example
//! ```
//!
//! It reads lines `<unix seconds> <token>`, and verifies each token at that instant; the clock never goes back. It answers
//! each with a line: `accepted <sub> <scopes>`, `unrecognized`, or the code of the refusal. `--oauth` uses the discovery of RFC
//! 8414. `--id-token` accepts ID tokens, whose audience is the client.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::{
    env,
    error::Error,
    io,
    time::{Duration, UNIX_EPOCH},
};

use auth_core::{AuthRequest, Authenticated, Chain, Clock, ManualClock, RefusalKind, Scopes, SystemClock, Transport};
use auth_jwt::{Jwt, remote::RemoteJwks};
use serde::Deserialize;

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (flags, names): (Vec<_>, Vec<_>) = env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let [issuer, audience] = names.as_slice() else {
        return Err("usage: judge [--oauth] [--id-token] <issuer> <audience>".into());
    };
    let has = |flag| flags.iter().any(|given| given == flag);

    let clock = ManualClock::new(SystemClock.now());
    let keys = if has("--oauth") { RemoteJwks::discover_oauth(issuer)? } else { RemoteJwks::discover(issuer)? };
    let keys = keys.clock(clock.clone()).fail_fast().await?;

    let jwt = Jwt::<Claims>::key_source(keys).issuer(issuer);
    let jwt = if has("--id-token") { jwt.id_token(audience) } else { jwt.access_token(audience) };
    let chain = Chain::new().or(jwt.verify(|claims: Claims| async move { Some(claims.sub) }));

    println!("ready");
    for line in io::stdin().lines() {
        let line = line?;
        let (instant, token) = line.split_once(' ').ok_or("a line is `<unix seconds> <token>`")?;
        let instant = UNIX_EPOCH + Duration::from_secs(instant.parse()?);
        clock.advance(instant.duration_since(clock.now()).unwrap_or_default());
        println!("{}", judge(&chain, &clock, token).await?);
    }
    Ok(())
}

async fn judge(chain: &Chain<String>, clock: &ManualClock, token: &str) -> Result<String, http::Error> {
    let request = http::Request::builder().header("authorization", format!("Bearer {token}"));
    let (parts, ()) = request.body(())?.into_parts();
    Ok(match chain.authenticate(&AuthRequest::new(&parts, Transport::Http, clock.now())).await {
        Ok(user) => format!("accepted {} {}", *user, scopes(&user)).trim_end().to_owned(),
        Err(refusal) if refusal.kind() == RefusalKind::Unrecognized => "unrecognized".to_owned(),
        Err(refusal) => refusal.code().to_owned(),
    })
}

fn scopes(user: &Authenticated<String>) -> String {
    user.evidence().extra::<Scopes>().map(|scopes| scopes.iter().collect::<Vec<_>>().join(" ")).unwrap_or_default()
}

use std::{fmt::Write as _, net::SocketAddr};

use auth_core::BoxError;

use crate::{Settings, tokens};

/// The token of the original tutorial: HS256 with the secret `secret`, and no `exp`.
pub const TUTORIAL_TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMDAxIiwibmFtZSI6ImFkbWluIiwiaWF0IjoxNTE2MDQ0NDQ0fQ.aWj5grFWJwcsbgxNJ7HdfL5PUfD8fMh9GwXutuR86GE";

/// The secret of the tutorial, which signs that token.
const TUTORIAL_SECRET: &str = "secret";

/// Warnings for the person who starts the program, one line each.
#[must_use]
pub fn warnings(secret: &str) -> Vec<&'static str> {
    let mut warnings = vec!["tokens without `exp` are accepted, because the tutorial's has none: do not copy this"];
    if secret.len() < 32 {
        warnings.push("the secret is short enough to be guessed: set SECRET to 32 bytes or more");
    }
    warnings
}

/// The address, and commands to paste.
///
/// # Errors
/// If no token can be signed.
pub fn hints(addr: SocketAddr, secret: &str, settings: &Settings) -> Result<String, BoxError> {
    let signed = tokens::sign(settings, "1001", tokens::TTL)?;
    // The tutorial's token never expires, but it is public anyway. With another secret, the printed token expires.
    let token = if secret == TUTORIAL_SECRET { TUTORIAL_TOKEN } else { signed.expose() };
    let mut text = String::new();
    write!(
        text,
        "
  Open        http://{addr}/

  No token    curl -i http://{addr}/api/me
  Bad token   curl -i http://{addr}/api/me -H 'Authorization: Bearer a.b.c'
  Good token  curl -i http://{addr}/api/me -H 'Authorization: Bearer {token}'
  Basic       curl -i http://{addr}/api/me -u admin:password
  New token   curl -i -X POST http://{addr}/api/token -u admin:password
  Next one    curl -i -X POST http://{addr}/api/refresh -H 'Content-Type: application/json' \\
                -d '{{\"refresh_token\":\"…\"}}'
  WebSocket   npx wscat -c ws://{addr}/ws -H 'Authorization: Bearer {token}'
  Ticket      curl -X POST http://{addr}/api/ws-ticket -u admin:password
              npx wscat -c 'ws://{addr}/ws?ticket=…'
  Register    curl -i -X POST http://{addr}/api/register -H 'Content-Type: application/json' \\
                -d '{{\"username\":\"ann\",\"password\":\"correct horse battery\"}}'
  Log in      curl -i -X POST http://{addr}/login -H 'Content-Type: application/json' \\
                -d '{{\"username\":\"admin\",\"password\":\"password\"}}'
  Log out     curl -X POST 'http://{addr}/api/logout?everywhere=1' -u admin:password

  Ctrl-C ends it.
"
    )?;
    Ok(text)
}

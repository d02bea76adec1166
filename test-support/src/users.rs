//! Users with tokens and passwords, and a store of users that can fail.

use std::{
    convert::Infallible,
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use auth_basic::BasicLogin;
use auth_core::{BoxError, ManualClock, Principal, PrincipalId, Strategy, extract::Extractor};
use auth_jwt::{Jwt, Signer};
use serde::{Deserialize, Serialize};

use crate::encoding::base64url;

const SECRET: &[u8] = b"a secret of at least thirty-two bytes";

/// When the tests begin. They move the clock by hand.
pub static START: LazyLock<SystemTime> = LazyLock::new(|| SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));

/// A clock that stands at [`START`].
pub fn clock() -> ManualClock {
    ManualClock::new(*START)
}

/// A user, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User(pub String);

impl Principal for User {
    fn principal_id(&self) -> Option<PrincipalId> {
        Some(principal(&self.0))
    }
}

/// The id of the user with this name.
pub fn principal(name: &str) -> PrincipalId {
    PrincipalId::new("", name)
}

/// The claims of a token.
#[derive(Debug, Serialize, Deserialize)]
pub struct Claims {
    sub: String,
    exp: u64,
}

/// A token of `sub` that ends `secs` seconds after [`START`], or before it.
pub fn token(sub: &str, secs: i64) -> String {
    token_from(*START, sub, secs)
}

/// A token of `sub` that ends `secs` seconds from now, by the clock of the system.
pub fn real_token(sub: &str, secs: i64) -> String {
    token_from(SystemTime::now(), sub, secs)
}

/// A token of `sub` that ends `secs` seconds after [`START`], with an id and a session of its own.
pub fn token_with_id(sub: &str, secs: u64, id: &str) -> String {
    let start = unix_secs(*START);
    let session = format!("session of {id}");
    signed(&serde_json::json!({ "sub": sub, "iat": start, "exp": start + secs, "jti": id, "sid": session }))
}

/// A token with these claims.
pub fn signed(claims: &impl Serialize) -> String {
    Signer::hs256(SECRET).unwrap().sign(claims).unwrap().expose().to_owned()
}

fn token_from(start: SystemTime, sub: &str, secs: i64) -> String {
    signed(&Claims { sub: sub.into(), exp: unix_secs(start).checked_add_signed(secs).unwrap() })
}

fn unix_secs(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// The subprotocols in which a browser sends `token`.
pub fn protocols(token: &str) -> String {
    format!("auth.v1, auth.bearer.{}", base64url(token))
}

/// Accepts tokens that [`signed`] made, wherever `extractor` finds them.
pub fn jwt_from(extractor: impl Extractor) -> impl Strategy<User = User> {
    Jwt::<Claims>::hs256(SECRET).unwrap().realm("test").extract(extractor).verify(|claims: Claims| find(claims.sub))
}

/// The store fails for the users `broken`, `panic` and `stuck`, each in its way. It doesn't know `nobody`.
async fn find(name: String) -> Result<Option<User>, BoxError> {
    // Once over the executor, as a real store would.
    tokio::task::yield_now().await;
    match name.as_str() {
        "broken" => Err("the store is down".into()),
        "panic" => panic!("the callback panics"),
        "stuck" => std::future::pending().await,
        "nobody" => Ok(None),
        _ => Ok(Some(User(name))),
    }
}

/// Knows every user whose password is `password`.
pub async fn check_password(login: BasicLogin) -> Result<Option<User>, Infallible> {
    let known = login.password().expose() == "password";
    Ok(known.then(|| User(login.username().to_owned())))
}

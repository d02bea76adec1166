//! The sides that are ours, as an application writes them: the strategies, and the users that they give.

mod log;
mod requests;

use std::{
    convert::Infallible,
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    time::SystemTime,
};

use auth_basic::{Basic, BasicLogin};
use auth_core::{AuthRequest, Authenticated, Chain, Principal, PrincipalId, Refusal, Strategy, Transport, extract};
use auth_jwt::{Jwt, VerifyingKey};
use floors::{AUDIENCE, Algorithm, Claims, ISSUER, Key, User};
use http::request::Parts;

pub use self::{log::part, requests::Requests};

/// The claims as the user, so that a chain returns what the floors return.
pub struct Owner(pub Claims);

/// The user of the HTTP sides.
pub struct Me(pub User);

impl Principal for Owner {
    fn principal_id(&self) -> Option<PrincipalId> {
        None
    }
}

impl Principal for Me {
    fn principal_id(&self) -> Option<PrincipalId> {
        None
    }
}

#[must_use]
pub fn verifying_key(key: &Key) -> VerifyingKey {
    let pem = || key.public_pem().into_bytes();
    match key.algorithm() {
        Algorithm::Hs256 => VerifyingKey::hmac(auth_jwt::Algorithm::HS256, key.secret()),
        Algorithm::Rs256 => VerifyingKey::from_pem(auth_jwt::Algorithm::RS256, &pem()),
        Algorithm::Es256 => VerifyingKey::from_pem(auth_jwt::Algorithm::ES256, &pem()),
        Algorithm::EdDsa => VerifyingKey::from_pem(auth_jwt::Algorithm::EdDSA, &pem()),
    }
    .expect("a good key")
}

/// With the rules of the floors.
pub fn jwt(key: &Key) -> Jwt<Claims> {
    with_rules(Jwt::key(verifying_key(key)))
}

/// The rules of the floors.
pub fn with_rules(jwt: Jwt<Claims>) -> Jwt<Claims> {
    jwt.issuer(ISSUER).audience(AUDIENCE)
}

/// Remembers far more signatures than there are tokens.
pub fn remembering(jwt: Jwt<Claims>) -> Jwt<Claims> {
    jwt.cache_signatures(10_000).expect("a memory for signatures")
}

/// Looks for the token in this cookie.
pub fn in_cookie(jwt: Jwt<Claims>, name: &'static str) -> Jwt<Claims> {
    jwt.extract(extract::cookie(name))
}

pub fn owner(jwt: Jwt<Claims>) -> impl Strategy<User = Owner> {
    jwt.verify(|claims: Claims| async move { Ok::<_, Infallible>(Some(Owner(claims))) })
}

pub fn me(jwt: Jwt<Claims>) -> impl Strategy<User = Me> {
    jwt.verify(|claims: Claims| async move { Ok::<_, Infallible>(Some(Me(claims.into()))) })
}

/// HTTP Basic without a password hash.
pub fn basic() -> impl Strategy<User = Me> {
    Basic::new("bench").verify(|login: BasicLogin| async move {
        let id = login.username().to_owned();
        Ok::<_, Infallible>(Some(Me(User { name: id.clone(), id })))
    })
}

/// One decision without a runtime. The chain must not wait.
///
/// # Errors
/// What the chain refuses.
///
/// # Panics
/// If the chain waits.
pub fn decide<U: Principal>(chain: &Chain<U>, parts: &Parts) -> Result<Authenticated<U>, Refusal> {
    let request = AuthRequest::new(parts, Transport::Http, SystemTime::now());
    ready(chain.authenticate(&request))
}

/// The output of a future that never waits. No executor adds to its cost.
///
/// # Panics
/// If it waits.
pub fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits"),
    }
}

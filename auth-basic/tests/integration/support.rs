use std::{fmt, time::SystemTime};

use auth_basic::{Basic, BasicLogin};
use auth_core::{
    AuthRequest, Authenticated, BoxError, Chain, Payload, Principal, PrincipalId, Refusal, Transport, Verify,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{Request, header::AUTHORIZATION, request::Parts};

/// The arguments of verify: user name and password as they arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen(pub(crate) String, pub(crate) String);

impl Seen {
    pub(crate) fn new(username: &str, password: &str) -> Self {
        Self(username.to_owned(), password.to_owned())
    }
}

impl Principal for Seen {
    fn principal_id(&self) -> Option<PrincipalId> {
        None
    }
}

/// Lets everybody in, and returns what it saw.
pub(crate) fn everybody() -> Chain<Seen> {
    everybody_of(Basic::new("demo"))
}

pub(crate) fn everybody_of(basic: Basic) -> Chain<Seen> {
    Chain::new()
        .or(basic
            .verify(|login: BasicLogin| async move { Some(Seen::new(login.username(), login.password().expose())) }))
}

/// Knows `bob` with the password `secret`; the store is down for `eve`.
pub(crate) fn only_bob() -> Chain<Seen> {
    Chain::new().or(Basic::new("demo").verify(|login: BasicLogin| async move { find(&login) }))
}

fn find(login: &BasicLogin) -> Result<Option<Seen>, StoreDown> {
    match login.username() {
        "eve" => Err(StoreDown),
        "bob" if login.password().ct_eq("secret") => Ok(Some(Seen::new("bob", "secret"))),
        _ => Ok(None),
    }
}

pub(crate) fn verified<V, M>(verify: V) -> Chain<V::User>
where
    V: Verify<BasicLogin, M, User: Principal>,
    M: 'static,
{
    Chain::new().or(Basic::new("demo").verify(verify))
}

#[derive(Debug)]
pub(crate) struct StoreDown;

impl fmt::Display for StoreDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store is down")
    }
}

impl std::error::Error for StoreDown {}

/// A request with these `Authorization` lines.
pub(crate) fn request<V: AsRef<[u8]>>(authorization: &[V]) -> Parts {
    let mut request = Request::builder().uri("/").body(()).unwrap();
    for value in authorization {
        request.headers_mut().append(AUTHORIZATION, http::HeaderValue::from_bytes(value.as_ref()).unwrap());
    }
    request.into_parts().0
}

/// The header value for this text of user name, colon and password.
pub(crate) fn basic(user_pass: impl AsRef<[u8]>) -> String {
    format!("Basic {}", STANDARD.encode(user_pass))
}

pub(crate) async fn run<U: Principal>(
    chain: &Chain<U>,
    authorization: impl AsRef<[u8]>,
) -> Result<Authenticated<U>, Refusal> {
    run_parts(chain, &request(&[authorization]), None).await
}

pub(crate) async fn run_parts<U: Principal>(
    chain: &Chain<U>,
    parts: &Parts,
    payload: Option<&Payload>,
) -> Result<Authenticated<U>, Refusal> {
    let mut request = AuthRequest::new(parts, Transport::Http, SystemTime::UNIX_EPOCH);
    if let Some(payload) = payload {
        request = request.with_payload(payload);
    }
    chain.authenticate(&request).await
}

/// What the client reads: status, every header line, body.
pub(crate) fn answer(refusal: &Refusal) -> (u16, Vec<String>, String) {
    let (parts, body) = refusal.to_response().into_parts();
    let lines =
        parts.headers.iter().map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())));
    (parts.status.as_u16(), lines.collect(), body)
}

pub(crate) fn challenges(refusal: &Refusal) -> Vec<String> {
    refusal.challenges().iter().map(ToString::to_string).collect()
}

/// Asserts a 400 `invalid_request` without a call of verify.
pub(crate) async fn assert_malformed(authorization: impl AsRef<[u8]>, why: &str) {
    let refusal = run(&everybody(), authorization).await.unwrap_err();
    assert_eq!((refusal.status().as_u16(), refusal.code()), (400, "invalid_request"), "{why}");
    assert_eq!(challenges(&refusal), [r#"Basic realm="demo", charset="UTF-8""#], "{why}");
}

pub(crate) type Fallible<T> = Result<T, BoxError>;

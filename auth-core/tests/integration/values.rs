//! The small values: secrets, identities, payloads, clocks, redirects, errors, verify callbacks.

use std::{
    error::Error,
    future::Future as _,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    time::{Duration, SystemTime},
};

use auth_core::{
    AuthRequest, BoxError, Carrier, Clock, ConfigError, ManualClock, Payload, PrincipalId, Redirect, Rejection,
    RejectionKind, RequestInfo, Secret, Transport, Verdict, Verify,
};
use http::Method;
use test_support::Woken;

use crate::support::{head, in_secs, now};

#[test]
fn secret_compares_by_content() {
    let secret = Secret::new("open sesame");
    assert!(secret.ct_eq("open sesame"));
    for other in ["", "open", "open sesamE", "open sesame "] {
        assert!(!secret.ct_eq(other), "{other:?}");
    }
    assert_eq!(secret.clone().expose(), "open sesame");
}

#[test]
fn principals_are_equal_only_if_issuer_and_subject_are() {
    let id = PrincipalId::new("issuer", "1");
    assert_eq!((id.issuer(), id.subject()), ("issuer", "1"));
    assert_ne!(id, PrincipalId::new("", "1"));
    assert_ne!(id, PrincipalId::new("issuer", "2"));
}

#[test]
fn carriers_are_explicit_or_ambient() {
    use Carrier::{ClientCertificate, Cookie, Header, Payload, Query, Subprotocol, Ticket};
    assert!([Header, Subprotocol, Query, Payload, Ticket].iter().all(|c| c.is_explicit() && !c.is_ambient()));
    assert!([Cookie, ClientCertificate].iter().all(|c| c.is_ambient() && !c.is_explicit()));
}

#[test]
fn payload_returns_a_single_field_as_text() {
    let mut payload = Payload::new();
    payload.push_text("token", "t");
    payload.push_text("twice", "a");
    payload.push_text("twice", "a");
    payload.push_other("number");
    payload.push_null("null");
    assert_eq!(payload.text("token").unwrap(), Some("t"));
    assert_eq!(payload.text("Token").unwrap(), None);
    assert!(payload.text("twice").is_err() && payload.text("number").is_err() && payload.text("null").is_err());
}

#[test]
fn payload_can_treat_null_as_absent() {
    let mut payload = Payload::new();
    payload.push_text("token", "t");
    payload.push_null("null");
    payload.push_other("number");
    payload.push_null("twice");
    payload.push_null("twice");
    assert_eq!(payload.optional_text("token").unwrap(), Some("t"));
    assert_eq!(payload.optional_text("null").unwrap(), None);
    assert_eq!(payload.optional_text("absent").unwrap(), None);
    assert!(payload.optional_text("number").is_err() && payload.optional_text("twice").is_err());
}

#[test]
fn redirect_refuses_a_location_with_a_line_break() {
    assert!(Redirect::found("/login\r\nSet-Cookie: x").is_err());
    assert_eq!(Redirect::see_other("/login?next=%2F").unwrap().location(), "/login?next=%2F");
}

#[test]
fn config_error_keeps_its_cause_out_of_its_text() {
    let error = ConfigError::new("the key does not parse").caused_by("line 3");
    assert_eq!(
        (error.to_string(), error.source().unwrap().to_string()),
        ("the key does not parse".into(), "line 3".into())
    );
}

#[test]
fn rejection_with_its_own_code_keeps_kind_and_status() {
    let locked = Rejection::forbidden().with_code("account_locked");
    assert_eq!((locked.kind(), locked.code()), (RejectionKind::Forbidden, "account_locked"));
    assert_eq!(locked.status(), 403);
}

#[test]
fn manual_clock_wakes_waiters_exactly_at_the_deadline() {
    let clock = ManualClock::new(now());
    let (woken, waker) = Woken::task();
    let mut cx = Context::from_waker(&waker);
    let mut wait = pin!(clock.wait_until(in_secs(2)));
    assert_eq!(wait.as_mut().poll(&mut cx), Poll::Pending);
    clock.clone().advance(Duration::from_secs(1));
    assert_eq!((woken.count(), wait.as_mut().poll(&mut cx)), (1, Poll::Pending));
    clock.advance(Duration::from_secs(1));
    assert_eq!(wait.as_mut().poll(&mut cx), Poll::Ready(()));
    assert_eq!(Arc::new(clock).now(), in_secs(2));
}

/// Reads the clock when it is woken.
struct ReadsTheClock(ManualClock);

impl Wake for ReadsTheClock {
    fn wake(self: Arc<Self>) {
        assert_eq!(self.0.now(), in_secs(1));
    }
}

#[test]
fn manual_clock_may_be_read_by_a_woken_waiter() {
    let clock = ManualClock::new(now());
    let waker = Waker::from(Arc::new(ReadsTheClock(clock.clone())));
    assert!(pin!(clock.wait_until(in_secs(1))).poll(&mut Context::from_waker(&waker)).is_pending());
    clock.advance(Duration::from_secs(1));
}

#[test]
fn manual_clock_ignores_a_step_past_the_last_instant() {
    let clock = ManualClock::new(now());
    clock.advance(Duration::MAX);
    assert_eq!(clock.now(), now());
}

#[test]
fn system_clock_is_past_the_epoch() {
    assert!(<auth_core::SystemClock as Default>::default().now() > SystemTime::UNIX_EPOCH);
}

/// An extension from an outer layer.
#[derive(Clone, Debug, PartialEq)]
struct Peer(&'static str);

/// The result of a callback: the user, or the code of the rejection. `Err` holds the text of the error.
async fn verdict<M, V: Verify<&'static str, M>>(verify: V) -> Result<Result<V::User, &'static str>, String> {
    let mut head = head("/rooms?x=1", &[("x-tenant", b"blue")]);
    head.method = Method::POST;
    head.extensions.insert(Peer("10.0.0.1"));
    let request = AuthRequest::new(&head, Transport::WebSocket, now());
    let verdict = verify.verify("credential", &request).await.map_err(|error| error.to_string())?;
    Ok(verdict.into_result().map(|(user, _)| user).map_err(|rejection| rejection.code()))
}

#[tokio::test]
async fn verify_takes_closures_with_every_kind_of_result() {
    type Store<T> = Result<T, BoxError>;
    assert_eq!(verdict(|c: &'static str| async move { Some(c) }).await, Ok(Ok("credential")));
    assert_eq!(verdict(|_| async { None::<()> }).await, Ok(Err("invalid_credentials")));
    assert_eq!(verdict(|_| async { Store::Ok(Some(1)) }).await, Ok(Ok(1)));
    assert_eq!(verdict(|_| async { Store::Ok(None::<()>) }).await, Ok(Err("invalid_credentials")));
    assert_eq!(verdict(|_| async { Verdict::accept(1) }).await, Ok(Ok(1)));
    assert_eq!(verdict(|_| async { Verdict::<()>::rejected() }).await, Ok(Err("invalid_credentials")));
    let locked = || Verdict::<()>::reject(Rejection::forbidden().with_code("account_locked"));
    assert_eq!(verdict(move |_| async move { Store::Ok(locked()) }).await, Ok(Err("account_locked")));
    assert_eq!(verdict(|_| async { Store::<Option<()>>::Err("down".into()) }).await, Err("down".into()));
}

#[tokio::test]
async fn verify_passes_the_request_to_a_closure_with_two_arguments() {
    let seen = verdict(|_, info: RequestInfo| async move {
        assert_eq!(info.extensions().get(), Some(&Peer("10.0.0.1")));
        Some((info.method().clone(), info.uri().clone(), info.headers()["x-tenant"].clone(), info.transport()))
    });
    let (method, uri, tenant, transport) = seen.await.unwrap().unwrap();
    assert_eq!((method.as_str(), uri.path(), tenant.to_str().unwrap()), ("POST", "/rooms", "blue"));
    assert_eq!(transport, Transport::WebSocket);
}

#[tokio::test]
async fn custom_verify_borrows_the_request() {
    struct ByTenant;
    impl Verify<&'static str> for ByTenant {
        type User = String;
        async fn verify(&self, _: &'static str, request: &AuthRequest<'_>) -> Result<Verdict<String>, BoxError> {
            let tenant = request.parts().headers.get("x-tenant").ok_or("no tenant")?;
            Ok(Verdict::accept(tenant.to_str()?.to_owned()))
        }
    }
    assert_eq!(verdict(ByTenant).await, Ok(Ok("blue".to_owned())));
}

#[test]
fn extras_of_a_verdict_are_kept_only_if_it_accepts() {
    let (user, extras) = Verdict::accept("u").with_extra(7_u8).into_result().unwrap();
    assert_eq!((user, extras.get::<u8>()), ("u", Some(&7)));
    assert!(Verdict::<()>::rejected().with_extra(7_u8).into_result().is_err());
    let accept = Verdict::accept("u").with_extra(7_u8).into_accept(Carrier::Query).unwrap();
    assert_eq!(
        (*accept.user(), accept.evidence().carrier(), accept.evidence().extra()),
        ("u", Carrier::Query, Some(&7_u8))
    );
    assert_eq!(Verdict::<()>::rejected().into_accept(Carrier::Query).unwrap_err().code(), "invalid_credentials");
}

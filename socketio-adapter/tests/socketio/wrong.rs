//! What counts as a wrong credential: for the transport, and for its user and address.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use auth_core::{AuthRequest, BoxError, Chain, Challenge, Outcome, Redirect, Rejection, Strategy, async_trait};
use test_support::says::{Says, rejections};
use ws_adapter::{Attempt, AttemptLimiter, AttemptPlace, Connections, Sockets};

use crate::{client::Socket, support::*};

/// A limiter that counts what was wrong.
#[derive(Clone, Default)]
struct WrongOnes(Arc<AtomicUsize>);

impl WrongOnes {
    /// How many there were since it was asked last.
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

#[async_trait]
impl AttemptLimiter for WrongOnes {
    async fn take(&self, _: &Attempt<'_>) -> Result<Option<Box<dyn AttemptPlace>>, BoxError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Some(Box::new(self.clone())))
    }
}

impl AttemptPlace for WrongOnes {
    fn give_back(self: Box<Self>) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn one_rule_says_what_is_wrong_at_connect_in_a_refresh_and_per_user() {
    let good = auth_of("ann");
    let said = rejections().map(|(rejection, counts)| (Some(rejection), good.clone(), counts));
    let presented = [
        ("{}".to_owned(), false),
        (r#"{"token":null}"#.to_owned(), false),
        (auth_of("broken"), false),
        (r#"{"token":"a.b.c"}"#.to_owned(), true),
        (r#"{"token":1}"#.to_owned(), true),
        (auth_for("ann", -1), true),
    ];
    for (rejection, auth, counts) in
        said.into_iter().chain(presented.into_iter().map(|(auth, counts)| (None, auth, counts)))
    {
        let (says, wrong) = (Says::default(), WrongOnes::default());
        let connections = Connections::new().attempt_limiter(wrong.clone());
        let app = app_with(|layer| layer.sockets(Sockets::new().connections(&connections)), |auth| auth).await;
        app.io.ns_with("/asked", says.about(jwt_or_basic()), async || {});
        for is_refresh in [false, true] {
            let case = format!("{rejection:?} {auth} {is_refresh}");
            let mut socket = Socket::open(&app, &[]).await.unwrap();
            if is_refresh {
                assert_eq!(socket.connect("/asked", &good).await, Ok(()), "{case}");
            }
            says.say(rejection.as_ref());
            for _ in 0..3 {
                match is_refresh {
                    true => assert_eq!(socket.refresh("/asked", &auth).await["ok"], false, "{case}"),
                    false => assert!(socket.connect("/asked", &auth).await.is_err(), "{case}"),
                }
            }
            says.say(None);
            assert_eq!(wrong.take(), if counts { 3 } else { 0 }, "{case}");
            if counts {
                assert_eq!(socket.end().await.1, close(4401, "invalid_credentials"), "{case}");
            } else {
                assert_eq!(socket.connect("/", &good).await, Ok(()), "{case}");
                socket.echoes("still here", "ann: still here").await;
            }
        }
    }
}

/// A client may bring a token of its own that is not enough, and a guess of another's password.
#[tokio::test]
async fn guess_beside_a_credential_that_is_right_and_not_enough_counts() {
    for rejection in [Rejection::forbidden(), Rejection::insufficient_user_authentication(&["phr"], None)] {
        let app = app().await;
        let tokens = Chain::new().or(jwt()).and_then(move |_| Ok(Outcome::<User>::Reject(rejection.clone())));
        app.io.ns_with("/both", Chain::new().or(tokens).or(basic()).try_next_on_reject(), async || {});
        let token = token("mallory", 600);
        let guess = format!(r#"{{"token":"{token}","username":"admin","password":"guess"}}"#);
        let mut socket = Socket::open(&app, &[]).await.unwrap();
        for _ in 0..3 {
            assert!(socket.connect("/both", &guess).await.is_err());
        }
        assert_eq!(socket.end().await.1, close(4401, "invalid_credentials"));
    }
}

/// Sends every client to a login page.
struct LoginPage;

#[async_trait]
impl Strategy for LoginPage {
    type User = User;

    fn name(&self) -> &str {
        "login_page"
    }

    fn challenges(&self, _: &mut Vec<Challenge>) {}

    async fn authenticate(&self, _: &AuthRequest<'_>) -> Result<Outcome<User>, BoxError> {
        Ok(Outcome::Redirect(Redirect::found("/login")?))
    }
}

#[tokio::test]
async fn wrong_credential_before_a_redirect_counts_and_is_not_inherited() {
    let expired = auth_for("ann", -600);
    for opened_by_ann in [true, false] {
        let app = app().await;
        app.io.ns_with("/login", Chain::new().or(jwt()).or(LoginPage).try_next_on_reject(), async || {});
        let bearer = bearer_of("ann");
        let headers = [("authorization", &*bearer)];
        let mut socket = Socket::open(&app, if opened_by_ann { &headers } else { &[] }).await.unwrap();
        for _ in 0..3 {
            let said = socket.connect("/login", &expired).await;
            assert_eq!(said, Err("unauthorized:missing_credentials".into()), "{opened_by_ann}");
        }
        assert_eq!(socket.end().await.1, close(4401, "invalid_credentials"), "{opened_by_ann}");
    }
}

#[tokio::test]
async fn wrong_refresh_before_a_redirect_counts() {
    let app = app().await;
    app.io.ns_with("/login", Chain::new().or(jwt()).or(LoginPage).try_next_on_reject(), async || {});
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_eq!(socket.connect("/login", &auth_of("ann")).await, Ok(()));
    for _ in 0..3 {
        assert_eq!(socket.refresh("/login", &auth_for("ann", -600)).await["ok"], false);
    }
    assert_eq!(socket.end().await.1, close(4401, "invalid_credentials"));
}

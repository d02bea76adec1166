//! A login over an open connection: when the expensive check runs, and that all refusals are equal.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use auth_basic::{Basic, BasicLogin};
use auth_core::{
    Accept, AuthRequest, Authenticated, BoxError, Carrier, Chain, Challenge, Evidence, Outcome, Payload, Principal,
    PrincipalId, Refusal, Strategy, Transport, async_trait,
};

use crate::support::*;

/// A user whose own name has the realm as its issuer.
#[derive(Clone, Debug, PartialEq)]
struct Member(String);

impl Principal for Member {
    fn principal_id(&self) -> Option<PrincipalId> {
        Some(PrincipalId::new("demo", format!("member {}", self.0)))
    }
}

/// Accepts Ann with a credential other than a login.
struct Other(Carrier);

#[async_trait]
impl Strategy for Other {
    type User = Member;

    fn name(&self) -> &str {
        "other"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::bearer("other"));
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Member>, BoxError> {
        let is_there = request.parts().headers.get("authorization").is_none_or(|value| value == "Bearer ann");
        Ok(if is_there { Outcome::Accept(Accept::new(Member("ann".to_owned()), self.0)) } else { Outcome::Absent })
    }
}

/// Counts how often a password is checked.
#[derive(Clone, Default)]
struct Checks(Arc<AtomicUsize>);

impl Checks {
    fn basic(&self, basic: Basic) -> impl Strategy<User = Member> {
        let count = Arc::clone(&self.0);
        basic.verify(move |login: BasicLogin| {
            count.fetch_add(1, Ordering::SeqCst);
            let is_right = login.password().ct_eq(&format!("{}'s secret", login.username()));
            async move { is_right.then(|| Member(login.username().to_lowercase())) }
        })
    }

    fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

fn demo() -> Basic {
    Basic::new("demo").from_socketio_auth()
}

/// The strategies in typical nestings.
fn nestings(checks: &Checks) -> Vec<(&'static str, Chain<Member>)> {
    let basic = || Chain::new().or(checks.basic(demo()));
    let other = || Other(Carrier::Header);
    vec![
        ("plain", basic().or(other())),
        ("named by the builder", Chain::new().or(checks.basic(demo().named("x"))).or(other())),
        ("named", Chain::new().or(checks.basic(demo()).named("x")).or(other())),
        ("Arc", Chain::new().or(Arc::new(checks.basic(demo()))).or(other())),
        ("nested", Chain::new().or(basic()).or(Chain::new().or(other()))),
        ("mapped", basic().or(other()).map_user(|user| user)),
        (
            "a new acceptance",
            basic().or(other()).try_map(|accept| Ok(Accept::new(accept.user().clone(), Carrier::Header))),
        ),
        ("decided again", basic().or(other()).and_then(|accept| Ok(Outcome::Accept(accept)))),
    ]
}

async fn renew(chain: &Chain<Member>, open: &Evidence, login: &str) -> Result<Authenticated<Member>, Refusal> {
    let parts = request(&[basic(login)]);
    chain.renew(&AuthRequest::new(&parts, Transport::InBand, SystemTime::UNIX_EPOCH), open).await
}

async fn opened_by(carrier: Carrier) -> Evidence {
    let parts = request::<&str>(&[]);
    run_parts(&Chain::new().or(Other(carrier)), &parts, None).await.unwrap().evidence().clone()
}

const LOGINS: [(&str, &str); 4] = [
    ("the same user, right password", "ann:ann's secret"),
    ("the same user, wrong password", "ann:wrong"),
    ("another user, right password", "bob:bob's secret"),
    ("another user, wrong password", "bob:wrong"),
];

#[tokio::test]
async fn password_of_another_user_is_not_checked_at_a_renewal() {
    let checks = Checks::default();
    let basic_opened = run(&nestings(&checks)[0].1, basic("ann:ann's secret")).await.unwrap().evidence().clone();
    // For each login of `LOGINS`: whether the password is checked.
    let openings = [
        ("a login", basic_opened, [1, 1, 0, 0]),
        ("a token", opened_by(Carrier::Header).await, [1, 1, 1, 1]),
        ("a ticket", opened_by(Carrier::Ticket).await, [1, 1, 1, 1]),
        ("a cookie", opened_by(Carrier::Cookie).await, [1, 1, 1, 1]),
    ];
    for (nesting, chain) in nestings(&checks) {
        let mut answers = Vec::new();
        for (opening, open, checked) in &openings {
            for ((login, user_pass), checked) in LOGINS.into_iter().zip(checked) {
                checks.take();
                let result = renew(&chain, open, user_pass).await;
                let what = format!("{opening} has opened it, renewed by {login}: {nesting}");
                assert_eq!(checks.take(), *checked, "{what}");
                assert_eq!(result.is_ok(), login == LOGINS[0].0, "{what}");
                answers.extend(result.err().map(|refusal| (answer(&refusal), refusal.kind(), refusal.code())));
            }
        }
        assert_eq!(answers.len(), 12);
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{nesting}: {answers:#?}");
        assert_eq!((answers[0].0.0, answers[0].2), (401, "invalid_credentials"));
    }
}

#[tokio::test]
async fn opening_login_is_known_in_every_nesting() {
    let checks = Checks::default();
    let chain = &nestings(&checks)[0].1;
    for (nesting, opening) in nestings(&checks) {
        let open = run(&opening, basic("ann:ann's secret")).await.unwrap().evidence().clone();
        checks.take();
        renew(chain, &open, "bob:bob's secret").await.unwrap_err();
        assert_eq!(checks.take(), 0, "{nesting}");
        renew(chain, &open, "ann:ann's secret").await.unwrap();
    }
}

#[tokio::test]
async fn opening_login_is_known_beside_another_credential() {
    let checks = Checks::default();
    let both = Chain::new().or(Other(Carrier::Header)).and(checks.basic(demo()));
    let mut payload = Payload::new();
    payload.push_text("username", "ann");
    payload.push_text("password", "ann's secret");
    let parts = request::<&str>(&[]);
    let asked = AuthRequest::new(&parts, Transport::SocketIo, SystemTime::UNIX_EPOCH).with_payload(&payload);
    let open = both.authenticate(&asked).await.unwrap().evidence().clone();
    checks.take();
    let chain = &nestings(&checks)[0].1;
    renew(chain, &open, "bob:bob's secret").await.unwrap_err();
    assert_eq!(checks.take(), 0);
    renew(chain, &open, "ann:ann's secret").await.unwrap();
}

#[tokio::test]
async fn token_of_the_same_user_renews_a_connection_opened_by_a_login() {
    let checks = Checks::default();
    let chain = &nestings(&checks)[0].1;
    let open = run(chain, basic("ann:ann's secret")).await.unwrap().evidence().clone();
    checks.take();
    let parts = request(&["Bearer ann"]);
    let request = AuthRequest::new(&parts, Transport::InBand, SystemTime::UNIX_EPOCH);
    assert_eq!(chain.renew(&request, &open).await.unwrap().evidence().strategy(), "other");
    assert_eq!(checks.take(), 0);
}

#[tokio::test]
async fn login_of_another_realm_is_checked() {
    let checks = Checks::default();
    let elsewhere = Chain::new().or(checks.basic(Basic::new("elsewhere")));
    let open = run(&elsewhere, basic("ann:ann's secret")).await.unwrap().evidence().clone();
    checks.take();
    renew(&nestings(&checks)[0].1, &open, "bob:bob's secret").await.unwrap_err();
    assert_eq!(checks.take(), 1);
}

#[tokio::test]
async fn user_names_must_be_exactly_equal() {
    let checks = Checks::default();
    let chain = &nestings(&checks)[0].1;
    let open = run(chain, basic("Ann:Ann's secret")).await.unwrap().evidence().clone();
    checks.take();
    // The application treats both as one user.
    assert!(renew(chain, &open, "ann:ann's secret").await.is_err());
    assert_eq!(checks.take(), 0);
    assert!(renew(chain, &open, "Ann:Ann's secret").await.is_ok());
}

#[tokio::test]
async fn empty_user_name_renews_what_an_empty_user_name_opened() {
    let checks = Checks::default();
    let chain = &nestings(&checks)[0].1;
    let open = run(chain, basic(":'s secret")).await.unwrap().evidence().clone();
    for (login, expected) in [(":'s secret", (true, 1)), (":wrong", (false, 1)), ("bob:bob's secret", (false, 0))] {
        checks.take();
        assert_eq!((renew(chain, &open, login).await.is_ok(), checks.take()), expected, "{login}");
    }
}

#[tokio::test]
async fn login_in_a_payload_is_compared_at_a_renewal_too() {
    let checks = Checks::default();
    let chain = Chain::new().or(checks.basic(demo()));
    let open = run(&chain, basic("ann:ann's secret")).await.unwrap().evidence().clone();
    for (fields, checked, expected) in [
        (&[("username", "ann"), ("password", "ann's secret")][..], 1, "accepted"),
        (&[("username", "ann"), ("password", "wrong")], 1, "invalid_credentials"),
        (&[("username", "bob"), ("password", "bob's secret")], 0, "invalid_credentials"),
        (&[("username", "bob")], 0, "invalid_request"),
        (&[("username", "b:ob"), ("password", "")], 0, "invalid_request"),
        (&[], 0, "missing_credentials"),
    ] {
        let mut payload = Payload::new();
        fields.iter().for_each(|(name, value)| payload.push_text(*name, *value));
        checks.take();
        let parts = request::<&str>(&[]);
        let asked = AuthRequest::new(&parts, Transport::InBand, SystemTime::UNIX_EPOCH).with_payload(&payload);
        let code = chain.renew(&asked, &open).await.map_or_else(|refusal| refusal.code(), |_| "accepted");
        assert_eq!((code, checks.take()), (expected, checked), "{fields:?}");
    }
}

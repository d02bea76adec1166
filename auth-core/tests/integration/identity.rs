//! Who was authenticated, and who is revoked. Neither depends on positions in a tree of chains.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use auth_core::{
    Accept, AuthRequest, Authenticated, BoxError, Carrier, Chain, Challenge, Evidence, Outcome, Principal, PrincipalId,
    Refusal, Rejection, Revocation, RevocationCheck, Strategy, Transport, async_trait,
};
use proptest::{prelude::*, strategy::Strategy as _};
use test_support::checks::check;

use crate::support::{Name, Say, Scripted, answer, ask, basic, head, jwt, lines, now, refusal, session};

/// Knows the revocations, and counts how often it is asked.
#[derive(Clone, Default)]
struct List {
    revoked: Vec<Revocation>,
    is_away: bool,
    asked: Arc<AtomicUsize>,
}

fn list(revoked: impl Into<Vec<Revocation>>) -> List {
    List { revoked: revoked.into(), ..List::default() }
}

#[async_trait]
impl RevocationCheck for List {
    async fn is_revoked(&self, evidence: &Evidence) -> Result<bool, BoxError> {
        Ok(self.revoked.iter().any(|revocation| revocation.covers(evidence)))
    }

    async fn is_any_revoked(&self, whole: &Evidence) -> Result<bool, BoxError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.is_away { Err("the list is away".into()) } else { self.is_revoked(whole).await }
    }
}

const REVOKED: (u16, &str) = (401, "revoked");

fn ann() -> PrincipalId {
    PrincipalId::new("https://id.example", "ann")
}

/// A token of Ann's.
fn token() -> Scripted {
    jwt(Say::Accept).edit(|accept| {
        accept
            .credential_id("https://id.example", "j1")
            .session_id("https://id.example", "s1")
            .issued_at(now())
            .add_name(ann())
    })
}

/// A user with a number.
#[derive(Clone, Debug)]
struct Account(u32);

impl Principal for Account {
    fn principal_id(&self) -> Option<PrincipalId> {
        Some(PrincipalId::new("accounts", self.0.to_string()))
    }
}

/// Everything that could be revoked of a user whose account is 7.
fn everything() -> [Revocation; 4] {
    [
        Revocation::credential("https://id.example", "j1"),
        Revocation::session("https://id.example", "s1"),
        Revocation::user(ann(), now()),
        Revocation::user(PrincipalId::new("accounts", "7"), now()),
    ]
}

/// Builds a new acceptance for everything that an inner strategy accepts.
struct Wrapped<S>(S);

#[async_trait]
impl<S: Strategy> Strategy for Wrapped<S> {
    type User = Name;

    fn name(&self) -> &str {
        "wrapped"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        self.0.challenges(out);
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Name>, BoxError> {
        Ok(match self.0.authenticate(request).await? {
            Outcome::Accept(_) => Outcome::Accept(Accept::new("wrapped", Carrier::Header)),
            Outcome::Absent => Outcome::Absent,
            Outcome::Unrecognized => Outcome::Unrecognized,
            Outcome::Reject(rejection) => Outcome::Reject(rejection),
            Outcome::Redirect(redirect) => Outcome::Redirect(redirect),
        })
    }
}

/// Asks a chain like an application, not like a strategy, with a new head.
struct AsksTheChain<U>(Chain<U>);

#[async_trait]
impl<U: Principal> Strategy for AsksTheChain<U> {
    type User = Name;

    fn name(&self) -> &str {
        "asks"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        Strategy::challenges(&self.0, out);
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Name>, BoxError> {
        let mut parts = request.parts().clone();
        parts.headers.remove("x-nothing");
        Ok(match self.0.authenticate(&request.with_parts(&parts)).await {
            Ok(_) => Outcome::Accept(Accept::new("asked", Carrier::Header)),
            Err(refusal) if refusal.code() == "revoked" => Outcome::Reject(Rejection::revoked()),
            Err(_) => Outcome::Absent,
        })
    }
}

#[tokio::test]
async fn position_of_the_identity_does_not_change_who_is_revoked() {
    for revocation in everything() {
        let list = list([revocation.clone()]);
        let account = |_: Name| Account(7);
        let orders: [Chain<Account>; 4] = [
            Chain::new().or(token()).revocation(list.clone()).map_user(account),
            Chain::new().or(token()).map_user(account).revocation(list.clone()),
            Chain::new().or(Chain::new().or(token()).revocation(list.clone())).map_user(account),
            Chain::new().or(Chain::new().or(token()).map_user(account).revocation(list.clone())),
        ];
        for chain in orders {
            assert_eq!(answer(&refusal(&chain).await), REVOKED, "{revocation:?}");
        }
    }
}

#[tokio::test]
async fn new_acceptance_keeps_ids_names_and_checks() {
    let made_anew: [fn(Chain<Name>) -> Chain<Name>; 4] = [
        |chain| chain.try_map(|_| Ok(Accept::new("anew", Carrier::Header))),
        |chain| chain.and_then(|_| Ok(Outcome::Accept(Accept::new("anew", Carrier::Header)))),
        |chain| Chain::new().or(Wrapped(chain)),
        |chain| Chain::new().or(AsksTheChain(chain)),
    ];
    for make in made_anew {
        let user = ask(&make(Chain::new().or(token()))).await.unwrap();
        assert_eq!(user.evidence().principal(), Some(&ann()));
        for revocation in everything().into_iter().take(3) {
            assert!(revocation.covers(user.evidence()), "{revocation:?}");
            let inside = make(Chain::new().or(token()).revocation(list([revocation.clone()])));
            assert_eq!(answer(&refusal(&inside).await), REVOKED, "{revocation:?} inside");
            let outside = make(Chain::new().or(token())).revocation(list([revocation.clone()]));
            assert_eq!(answer(&refusal(&outside).await), REVOKED, "{revocation:?} outside");
        }
    }
}

#[tokio::test]
async fn wrapper_of_a_single_strategy_keeps_its_evidence() {
    // There is no chain inside, so only the wrapper knows what was accepted.
    let user = ask(&Chain::new().or(Wrapped(token()))).await.unwrap();
    assert_eq!(user.evidence().names(), []);
}

#[tokio::test]
async fn new_acceptance_inherits_end_and_weak_carrier_but_no_extras() {
    let cookie = || {
        let ends = |accept: Accept<Name>| accept.expires_at(crate::support::in_secs(60)).extra(7_u8);
        Chain::new().or(session(Say::Accept).edit(ends)).fallback_challenge(Challenge::bearer("api"))
    };
    let anew = |chain: Chain<Name>| chain.try_map(|_| Ok(Accept::new("anew", Carrier::Header)));
    let user = ask(&anew(cookie())).await.unwrap();
    let evidence = user.evidence();
    assert_eq!((evidence.carrier(), evidence.expires_at()), (Carrier::Cookie, Some(crate::support::in_secs(60))));
    assert_eq!((evidence.strategy(), evidence.extra::<u8>()), ("session", None));
    let longer = cookie().try_map(|_| Ok(Accept::new("anew", Carrier::Header).expires_at(crate::support::in_secs(90))));
    assert_eq!(ask(&longer).await.unwrap().evidence().expires_at(), Some(crate::support::in_secs(90)));
}

#[tokio::test]
async fn name_of_an_outer_chain_is_a_name_of_each_credential() {
    let both = Chain::new().or(token()).and(basic(Say::Accept)).map_user(|_| Account(7));
    let evidence = ask(&both).await.unwrap().evidence().clone();
    let account = PrincipalId::new("accounts", "7");
    assert_eq!(evidence.principal(), Some(&account));
    assert!(evidence.parts().iter().all(|part| part.names().contains(&account)));
    // The token counts from its time of issue, the password from now.
    let earlier = now() - std::time::Duration::from_secs(1);
    assert!(Revocation::user(account.clone(), now()).covers(&evidence));
    assert!(!Revocation::user(account, earlier).covers(&evidence));
}

#[tokio::test]
async fn revoked_credential_in_a_nested_chain_is_not_let_in_as_a_guest() {
    let revoked = list([Revocation::credential("https://id.example", "j1")]);
    let guest = basic(Say::Accept);
    let nested = || Chain::new().or(token()).revocation(revoked.clone());
    for chain in [
        Chain::new().or(nested()).or(guest.clone()).try_next_on_reject(),
        Chain::new().or(Wrapped(nested())).or(guest.clone()).try_next_on_reject(),
        Chain::new().or(AsksTheChain(nested())).or(guest.clone()).try_next_on_reject(),
        Chain::new().or(nested().map_user(|user| user)).or(guest.clone()).try_next_on_reject(),
    ] {
        assert_eq!(answer(&refusal(&chain).await), REVOKED);
    }
    assert_eq!(guest.calls(), 0);
}

#[tokio::test]
async fn revoked_rejection_is_final_at_any_place() {
    let revoked = || Scripted::new("opaque", Say::Revoked, [Challenge::bearer("api")]);
    let guest = || basic(Say::Accept);
    let both = |left: Scripted, right: Scripted| Chain::new().or(left).and(right).map_user(|(user, _)| user);
    for chain in [
        Chain::new().or(revoked()).or(guest()),
        Chain::new().or(Chain::new().or(revoked())).or(guest()),
        Chain::new().or(both(revoked(), jwt(Say::Reject))).or(guest()),
        Chain::new().or(both(jwt(Say::Reject), revoked())).or(guest()),
        Chain::new().or(jwt(Say::Reject)).or(revoked()).or(guest()),
    ] {
        assert_eq!(answer(&refusal(&chain.try_next_on_reject()).await), REVOKED);
    }
}

#[tokio::test]
async fn same_id_of_a_partner_is_not_revoked() {
    let partner = || jwt(Say::Accept).edit(|accept| accept.credential_id("https://partner.example", "j1"));
    let ours = list([Revocation::credential("https://id.example", "j1")]);
    assert_eq!(answer(&refusal(&Chain::new().or(token()).revocation(ours.clone())).await), REVOKED);
    assert!(ask(&Chain::new().or(partner()).revocation(ours)).await.is_ok());
    // A log-out at the partner revokes the partner's token.
    let user = ask(&Chain::new().or(partner())).await.unwrap();
    let all = Revocation::of(user.evidence(), now());
    assert!(ask(&Chain::new().or(token()).revocation(list(all))).await.is_ok());
}

#[tokio::test]
async fn log_out_of_two_tokens_stops_both() {
    let other = || jwt(Say::Accept).edit(|accept| accept.credential_id("https://id.example", "j2"));
    let both = ask(&Chain::new().or(token()).and(other())).await.unwrap();
    let revoked = list(Revocation::of(both.evidence(), now()));
    for strategy in [token(), other()] {
        assert_eq!(answer(&refusal(&Chain::new().or(strategy).revocation(revoked.clone())).await), REVOKED);
    }
}

#[tokio::test]
async fn log_out_everywhere_covers_a_token_without_a_time_of_issue() {
    let undated = jwt(Say::Accept).edit(|accept| accept.add_name(ann()).issued_at_unknown_time());
    let long_ago = now() - std::time::Duration::from_secs(3600);
    let chain = Chain::new().or(undated).revocation(list([Revocation::user(ann(), long_ago)]));
    assert_eq!(answer(&refusal(&chain).await), REVOKED);
}

#[tokio::test]
async fn revocation_of_a_user_never_covers_a_guest() {
    let guest = || ask_once(Chain::new().or(jwt(Say::Accept)));
    let (one, other) = (guest().await, guest().await);
    assert_eq!(one.evidence().principal(), None);
    assert!(!one.evidence().is_same_user(other.evidence()) && !one.evidence().is_same_user(one.evidence()));
    let nobody = PrincipalId::new("", "");
    assert!(!Revocation::user(nobody, now()).covers(one.evidence()));
    let named = ask_once(Chain::new().or(token())).await;
    assert!(named.evidence().is_same_user(named.evidence()) && !named.evidence().is_same_user(one.evidence()));
}

async fn ask_once(chain: Chain<Name>) -> Authenticated<Name> {
    ask(&chain).await.unwrap()
}

#[tokio::test]
async fn users_are_the_same_if_their_first_names_are() {
    let names = |names: &'static [&'static str]| async move {
        let strategy = Named(names);
        ask(&Chain::new().or(strategy)).await.unwrap()
    };
    let is_same = async |one, other| names(one).await.evidence().is_same_user(names(other).await.evidence());
    assert!(is_same(&["a", "b"], &["a"]).await);
    assert!(!is_same(&["a", "b"], &["b", "a"]).await);
    assert!(!is_same(&["a", "b"], &["b"]).await);
}

/// Accepts a user with these names, in this order.
struct Named(&'static [&'static str]);

#[async_trait]
impl Strategy for Named {
    type User = Name;

    fn name(&self) -> &str {
        "named"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::bearer("api"));
    }

    async fn authenticate(&self, _: &AuthRequest<'_>) -> Result<Outcome<Name>, BoxError> {
        let accept = Accept::new("user", Carrier::Header);
        Ok(Outcome::Accept(self.0.iter().fold(accept, |accept, name| accept.add_name(PrincipalId::new("", *name)))))
    }
}

#[tokio::test]
async fn check_is_asked_once_in_any_nesting() {
    let list = list([]);
    let inner = Chain::new().or(token()).revocation(list.clone()).map_user(|_| Account(7)).map_user(|user| user);
    let chain = Chain::new().or(Chain::new().or(inner)).and(basic(Say::Accept)).map_user(|(user, _)| user);
    ask(&chain.revocation(list.clone()).revocation(list.clone())).await.unwrap();
    // The same list in two places is two checks. Chains in between do not ask it again.
    assert_eq!(list.asked.load(Ordering::SeqCst), 3);
    let shared: Arc<List> = Arc::new(self::list([]));
    let twice = Chain::new().or(token()).revocation(Arc::clone(&shared)).map_user(|user| user);
    ask(&Chain::new().or(twice)).await.unwrap();
    assert_eq!(shared.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn second_check_of_a_chain_is_asked_too() {
    let revoked = || list([Revocation::credential("https://id.example", "j1")]);
    for chain in [
        Chain::new().or(token()).revocation(revoked()).revocation(list([])),
        Chain::new().or(token()).revocation(list([])).revocation(revoked()),
    ] {
        assert_eq!(answer(&refusal(&chain).await), REVOKED);
    }
}

#[tokio::test]
async fn outage_of_a_partners_list_affects_only_its_users() {
    let away = List { is_away: true, ..List::default() };
    let partner = |say| Chain::new().or(jwt(say)).revocation(away.clone());
    for nobody in [Say::Absent, Say::Unrecognized] {
        assert!(ask(&Chain::new().or(partner(nobody)).or(basic(Say::Accept))).await.is_ok());
        assert!(ask(&Chain::new().or(basic(Say::Accept)).or(partner(nobody))).await.is_ok());
    }
    assert_eq!(
        answer(&refusal(&Chain::new().or(partner(Say::Accept)).or(basic(Say::Accept))).await),
        (503, "unavailable")
    );
}

#[tokio::test]
async fn revoked_credential_beside_a_good_cookie_is_refused_and_marked() {
    let revoked = list([Revocation::credential("https://id.example", "j1")]);
    let cookie = || session(Say::Accept);
    for chain in [Chain::new().or(token()).or(cookie()), Chain::new().or(cookie()).or(token())] {
        for chain in [chain.clone(), Chain::new().or(chain.clone()).map_user(|user| user), chain.try_next_on_reject()] {
            let refusal = refusal(&chain.revocation(revoked.clone())).await;
            assert_eq!(answer(&refusal), REVOKED);
            assert_eq!(lines(&refusal), [crate::support::BEARER_INVALID]);
        }
    }
}

#[tokio::test]
async fn check_of_an_and_covers_its_half_beside_a_cookie() {
    let revoked = list([Revocation::credential("https://id.example", "j1")]);
    let cookie = || Chain::new().or(session(Say::Accept));
    let both =
        || Chain::new().or(token()).and(session(Say::Accept)).revocation(revoked.clone()).map_user(|(user, _)| user);
    for chain in [cookie().or(both()), both().or(cookie())] {
        assert_eq!(answer(&refusal(&chain).await), REVOKED);
    }
}

#[tokio::test]
async fn revoked_cookie_does_not_complete_a_half() {
    let cookie = || session(Say::Accept).edit(|accept| accept.credential_id("", "c1"));
    let both = || Chain::new().or(token()).and(cookie()).map_user(|(user, _)| user);
    let revoked = list([Revocation::credential("", "c1")]);
    for chain in [Chain::new().or(session(Say::Accept)).or(both()), both().or(session(Say::Accept))] {
        assert_eq!(answer(&refusal(&chain.revocation(revoked.clone())).await), REVOKED);
    }
}

#[tokio::test]
async fn check_covers_only_acceptances_of_its_own_chain() {
    // Takes everything of the other chain for revoked.
    let everything = check(|evidence| Ok(evidence.strategy() != "jwt"));
    let partner = Chain::new().or(jwt(Say::Accept)).revocation(everything);
    assert_eq!(*ask(&Chain::new().or(session(Say::Accept)).or(partner)).await.unwrap(), "session");
}

#[tokio::test]
async fn unused_inner_acceptance_is_not_part_of_the_new_one() {
    /// Checks the token, then lets everybody in as a guest.
    struct Guests(Chain<Name>, Chain<Name>);
    #[async_trait]
    impl Strategy for Guests {
        type User = Name;
        fn name(&self) -> &str {
            "guests"
        }
        fn challenges(&self, out: &mut Vec<Challenge>) {
            Strategy::challenges(&self.0, out);
        }
        async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Name>, BoxError> {
            Strategy::authenticate(&self.0, request).await?;
            Strategy::authenticate(&self.1, request).await
        }
    }
    let guests = |list: List| Guests(Chain::new().or(token()).revocation(list), Chain::new().or(basic(Say::Accept)));
    let user = ask(&Chain::new().or(guests(list([])))).await.unwrap();
    assert_eq!((*user, user.evidence().principal()), ("basic", None));
    let revoked = list([Revocation::credential("https://id.example", "j1")]);
    assert_eq!(answer(&refusal(&Chain::new().or(guests(revoked))).await), REVOKED);
}

#[tokio::test]
async fn log_out_names_the_user_of_a_new_acceptance() {
    let password = || Chain::new().or(basic(Say::Accept).edit(|accept| accept.add_name(ann())));
    let account = PrincipalId::new("accounts", "7");
    for chain in
        [password().map_user(|_| Account(7)), password().try_map(|_| Ok(Accept::new(Account(7), Carrier::Header)))]
    {
        let user = ask(&chain).await.unwrap();
        assert_eq!(Revocation::of(user.evidence(), now()), [Revocation::user(account.clone(), now())]);
    }
}

#[tokio::test]
async fn revoked_half_of_an_and_beside_two_cookies_is_refused() {
    let revoked = list([Revocation::credential("https://id.example", "j1")]);
    let cookie = || session(Say::Accept);
    for first in [Chain::new().or(token()).or(cookie()), Chain::new().or(cookie()).or(token())] {
        let chain = first.and(cookie()).revocation(revoked.clone());
        assert_eq!(answer(&refusal(&chain).await), REVOKED);
    }
}

#[tokio::test]
async fn given_up_acceptance_must_not_be_revoked_either() {
    let revoked = list([Revocation::credential("https://id.example", "j1")]);
    let guest = || basic(Say::Accept);
    let first = || Chain::new().or(token()).revocation(revoked.clone());
    for chain in [
        first().and_then(|_| Ok(Outcome::Absent)).or(guest()),
        first().and_then(|_| Ok(Outcome::Unrecognized)).or(guest()),
        first().and_then(|_| Ok(Outcome::Reject(Rejection::forbidden()))).or(guest()).try_next_on_reject(),
        first().and(jwt(Say::Absent)).map_user(|(user, _)| user).or(guest()),
        Chain::new().or(jwt(Say::Absent)).and(first()).map_user(|(user, _)| user).or(guest()),
        first().and(jwt(Say::Reject)).map_user(|(user, _)| user).or(guest()).try_next_on_reject(),
        Chain::new().or(Chain::new().or(first().and_then(|_| Ok(Outcome::Absent)))).or(guest()),
        Chain::new()
            .or(Chain::new().or(token()).and_then(|_| Ok(Outcome::Absent)).revocation(revoked.clone()))
            .or(guest()),
        Chain::new()
            .or(Chain::new().or(token()).and(jwt(Say::Absent)).revocation(revoked.clone()).map_user(|(user, _)| user))
            .or(guest()),
        // An optional layer would let it through without a user.
        first().and_then(|_| Ok(Outcome::Absent)),
        Chain::new().or(AsksTheChain(first().and_then(|_| Ok(Outcome::Absent)).or(jwt(Say::Absent)))).or(guest()),
    ] {
        assert_eq!(answer(&refusal(&chain).await), REVOKED);
    }
    // If it is not revoked, it is given up, and the next strategy is asked.
    let good = Chain::new().or(token()).revocation(list([])).and_then(|_| Ok(Outcome::Absent)).or(guest());
    assert_eq!(*ask(&good).await.unwrap(), "basic");
}

/// Asks two chains concurrently, and accepts if one of them does.
struct SideBySide(Chain<Name>, Chain<Name>);

#[async_trait]
impl Strategy for SideBySide {
    type User = Name;

    fn name(&self) -> &str {
        "side by side"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        Strategy::challenges(&self.0, out);
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Name>, BoxError> {
        let (one, other) = tokio::join!(Strategy::authenticate(&self.0, request), async {
            tokio::task::yield_now().await;
            Strategy::authenticate(&self.1, request).await
        });
        Ok(match (one?, other?) {
            (Outcome::Accept(_), _) | (_, Outcome::Accept(_)) => {
                Outcome::Accept(Accept::new("either", Carrier::Header))
            }
            _ => Outcome::Absent,
        })
    }
}

#[tokio::test]
async fn chains_that_run_concurrently_lose_no_notes() {
    let absent = || Chain::new().or(jwt(Say::Absent)).or(jwt(Say::Absent));
    for revocation in everything().into_iter().take(3) {
        let revoked = || Chain::new().or(token()).revocation(list([revocation.clone()]));
        for strategy in [SideBySide(revoked(), absent()), SideBySide(absent(), revoked())] {
            assert_eq!(answer(&refusal(&Chain::new().or(strategy)).await), REVOKED);
        }
    }
}

#[tokio::test]
async fn outer_name_counts_for_a_credential_beside_a_cookie_too() {
    let long_ago = |accept: Accept<Name>| accept.add_name(ann()).issued_at(before(100));
    let old = || jwt(Say::Accept).edit(long_ago);
    let revoked = list([Revocation::user(PrincipalId::new("accounts", "7"), before(10))]);
    let cookie = || Chain::new().or(session(Say::Accept)).map_user(|_| Account(8));
    let anew = || Chain::new().or(old()).try_map(|_| Ok(Accept::new(Account(7), Carrier::Header)));
    let both = || Chain::new().or(old()).and(basic(Say::Accept)).map_user(|_| Account(7));
    for explicit in [anew(), both()] {
        for chain in [cookie().or(explicit.clone()), explicit.or(cookie())] {
            assert_eq!(answer(&refusal(&chain.revocation(revoked.clone())).await), REVOKED);
        }
    }
}

/// A tree of chains in which every strategy accepts, so that all its tokens count.
#[derive(Clone, Debug)]
enum Tree {
    /// A token of the user with this number.
    Token(u32),
    Cookie(u32),
    /// The first decides. Explicit credentials in the second count beside a cookie.
    Or(Box<Self>, Box<Self>),
    Nested(Box<Self>),
    /// Another user type, with or without an identity of its own.
    Map(Option<u32>, Box<Self>),
    /// A new acceptance, made by a callback.
    Anew(bool, Box<Self>),
    Wrapped(Box<Self>),
    Asked(Box<Self>),
    Both(Box<Self>, Box<Self>),
    /// The revocation check is here.
    Checked(Box<Self>),
}

fn any_tree() -> impl proptest::strategy::Strategy<Value = Tree> {
    let leaf = prop_oneof![3 => (0..3_u32).prop_map(Tree::Token), 1 => (0..3_u32).prop_map(Tree::Cookie)];
    leaf.prop_recursive(6, 12, 2, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        prop_oneof![
            (boxed.clone(), boxed.clone()).prop_map(|(first, then)| Tree::Or(first, then)),
            boxed.clone().prop_map(Tree::Nested),
            (prop::option::of(10..13_u32), boxed.clone()).prop_map(|(own, tree)| Tree::Map(own, tree)),
            (any::<bool>(), boxed.clone()).prop_map(|(how, tree)| Tree::Anew(how, tree)),
            boxed.clone().prop_map(Tree::Wrapped),
            boxed.clone().prop_map(Tree::Asked),
            (boxed.clone(), boxed.clone()).prop_map(|(left, right)| Tree::Both(left, right)),
            boxed.prop_map(Tree::Checked),
        ]
    })
}

/// A user with or without a number.
struct Somebody(Option<u32>);

impl Principal for Somebody {
    fn principal_id(&self) -> Option<PrincipalId> {
        self.0.map(account)
    }
}

fn account(number: u32) -> PrincipalId {
    PrincipalId::new("accounts", number.to_string())
}

fn subject(number: u32) -> PrincipalId {
    PrincipalId::new("https://id.example", number.to_string())
}

/// A token, or a cookie, of the user with this number.
struct Issued(u32, Carrier);

#[async_trait]
impl Strategy for Issued {
    type User = Somebody;

    fn name(&self) -> &str {
        "issued"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::bearer("api"));
    }

    async fn authenticate(&self, _: &AuthRequest<'_>) -> Result<Outcome<Somebody>, BoxError> {
        let accept = Accept::new(Somebody(None), self.1).add_name(subject(self.0)).issued_at(before(100));
        let accept = accept.credential_id("https://id.example", format!("jti-{}", self.0));
        let accept = accept.session_id("https://id.example", format!("sid-{}", self.0));
        Ok(Outcome::Accept(accept.parent("", format!("parent-{}", self.0))))
    }
}

fn chain_of(tree: &Tree, list: &List) -> Chain<Somebody> {
    let of = |tree: &Tree| chain_of(tree, list);
    match tree {
        Tree::Token(number) => Chain::new().or(Issued(*number, Carrier::Header)),
        Tree::Cookie(number) => Chain::new().or(Issued(*number, Carrier::Cookie)),
        Tree::Or(first, then) => of(first).or(of(then)),
        Tree::Nested(tree) => Chain::new().or(of(tree)),
        Tree::Map(own, tree) => {
            let own = *own;
            of(tree).map_user(move |_| Somebody(own))
        }
        Tree::Anew(true, tree) => of(tree).try_map(|_| Ok(Accept::new(Somebody(None), Carrier::Header))),
        Tree::Anew(false, tree) => {
            of(tree).and_then(|_| Ok(Outcome::Accept(Accept::new(Somebody(None), Carrier::Header))))
        }
        Tree::Wrapped(tree) => Chain::new().or(Wrapped(of(tree))).map_user(|_| Somebody(None)),
        Tree::Asked(tree) => Chain::new().or(AsksTheChain(of(tree))).map_user(|_| Somebody(None)),
        Tree::Both(left, right) => of(left).and(of(right)).map_user(|_| Somebody(None)),
        Tree::Checked(tree) => of(tree).revocation(list.clone()),
    }
}

/// The expected result of a tree: the tokens and accounts that count, and whether it accepts, by a cookie or not.
#[derive(Default)]
struct Model {
    numbers: Vec<u32>,
    accepts: bool,
    is_ambient: bool,
    /// Cookies complete an `and`.
    is_half: bool,
}

impl Model {
    /// What counts in a request with cookies: the acceptance, and explicit credentials beside it.
    fn of(tree: &Tree) -> Self {
        let (mut full, explicit) = (Self::pass(tree, false), Self::pass(tree, true));
        if full.is_ambient {
            full.numbers.extend(explicit.numbers);
        }
        full
    }

    fn pass(tree: &Tree, explicit_only: bool) -> Self {
        let of = |tree: &Tree| Self::pass(tree, explicit_only);
        match tree {
            Tree::Token(number) => Self { numbers: vec![*number], accepts: true, ..Self::default() },
            Tree::Cookie(_) if explicit_only => Self::default(),
            Tree::Cookie(number) => Self { numbers: vec![*number], accepts: true, is_ambient: true, is_half: false },
            Tree::Or(first, then) => {
                let (first, then) = (of(first), of(then));
                if first.accepts {
                    return first;
                }
                let is_half = !then.accepts && (first.is_half || then.is_half);
                Self { numbers: [first.numbers, then.numbers].concat(), is_half, ..then }
            }
            Tree::Both(left, right) => {
                let sides = [(of(left), left), (of(right), right)];
                let accepts = sides.iter().all(|(side, _)| side.accepts);
                let is_half = !accepts && sides.iter().any(|(side, _)| side.accepts || side.is_half);
                let mut model = Self { accepts, is_half, ..Self::default() };
                for (side, tree) in sides {
                    model.is_ambient |= accepts && side.is_ambient;
                    if is_half && !side.accepts {
                        model.numbers.extend(Self::pass(tree, false).numbers);
                    }
                    model.numbers.extend(side.numbers);
                }
                model
            }
            Tree::Map(own, tree) => {
                let mut model = of(tree);
                model.numbers.extend(own.filter(|_| model.accepts));
                model
            }
            Tree::Nested(tree)
            | Tree::Anew(_, tree)
            | Tree::Wrapped(tree)
            | Tree::Asked(tree)
            | Tree::Checked(tree) => of(tree),
        }
    }
}

fn has_list(tree: &Tree) -> bool {
    match tree {
        Tree::Checked(_) => true,
        Tree::Token(_) | Tree::Cookie(_) => false,
        // The check must be where everything that counts passes it.
        Tree::Or(..) => false,
        Tree::Both(left, right) => has_list(left) && has_list(right),
        Tree::Map(_, tree) | Tree::Nested(tree) | Tree::Anew(_, tree) | Tree::Wrapped(tree) | Tree::Asked(tree) => {
            has_list(tree)
        }
    }
}

/// This many seconds before now.
fn before(secs: u64) -> std::time::SystemTime {
    now() - std::time::Duration::from_secs(secs)
}

fn decide(tree: &Tree, list: &List) -> Result<Authenticated<Somebody>, Refusal> {
    let head = head("/", &[]);
    let chain = chain_of(tree, list);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(chain.authenticate(&AuthRequest::new(&head, Transport::Http, now())))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn shape_of_the_tree_does_not_change_who_is_revoked(tree in any_tree()) {
        let tree = if has_list(&tree) { tree } else { Tree::Checked(Box::new(tree)) };
        let Model { numbers, is_ambient, .. } = Model::of(&tree);
        let good = decide(&tree, &list([])).unwrap();
        prop_assert_eq!(good.evidence().carrier().is_ambient(), is_ambient, "no carrier gets better");
        for number in 0..3 {
            let id = |prefix: &str| format!("{prefix}-{number}");
            for revocation in [
                Revocation::credential("https://id.example", id("jti")),
                Revocation::credential("", id("parent")),
                Revocation::session("https://id.example", id("sid")),
                Revocation::user(subject(number), before(10)),
            ] {
                let refused = decide(&tree, &list([revocation.clone()])).is_err_and(|refusal| refusal.code() == "revoked");
                prop_assert_eq!(refused, numbers.contains(&number), "{:?} of {}", revocation, number);
            }
            let too_early = list([Revocation::user(subject(number), before(101))]);
            prop_assert!(decide(&tree, &too_early).is_ok(), "a later credential stays good");
            let nobodys = [Revocation::credential("", id("jti")), Revocation::session("", id("sid"))];
            prop_assert!(decide(&tree, &list(nobodys)).is_ok(), "the issuer counts");
        }
        for number in 10..13 {
            let revoked = list([Revocation::user(account(number), before(10))]);
            let refused = decide(&tree, &revoked).is_err_and(|refusal| refusal.code() == "revoked");
            prop_assert_eq!(refused, numbers.contains(&number), "account {}", number);
        }
        // After the log-out, the same request is refused.
        let logged_out = list(Revocation::of(good.evidence(), now()));
        prop_assert!(decide(&tree, &logged_out).is_err_and(|refusal| refusal.code() == "revoked"));
    }
}

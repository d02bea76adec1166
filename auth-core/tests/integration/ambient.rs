//! Strategies that look in different places: a cookie never makes up for a bad explicit credential.

use auth_core::{
    Accept, AuthRequest, Authenticated, BoxError, Carrier, Chain, Challenge, Outcome, Redirect, Refusal, RefusalKind,
    Rejection, Secret, Strategy, Transport, async_trait,
    extract::{Extractor, bearer, cookie, from_fn, header},
};
use proptest::{prelude::*, strategy::Strategy as _};

use crate::support::{Name, Say, answer, ask, basic, head, now, session};

/// Accepts `good`, recognizes `expired` and `unknown`, fails for `down`, and rejects everything else.
struct Tokens<E>(E);

#[async_trait]
impl<E: Extractor> Strategy for Tokens<E> {
    type User = Name;

    fn name(&self) -> &str {
        "tokens"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::bearer("api"));
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Name>, BoxError> {
        Ok(match self.0.extract(request) {
            Ok(None) => Outcome::Absent,
            Ok(Some(found)) => match found.expose() {
                "good" => Outcome::Accept(Accept::new("user", found.carrier())),
                "expired" => Outcome::Reject(Rejection::token_expired()),
                "revoked" => Outcome::Reject(Rejection::revoked()),
                "unknown" => Outcome::Unrecognized,
                "elsewhere" => Outcome::Redirect(Redirect::found("/login")?),
                "down" => return Err("the store is down".into()),
                _ => Outcome::Reject(Rejection::invalid_credentials()),
            },
            Err(malformed) => malformed.into(),
        })
    }
}

async fn ask_both(chain: Chain<Name>, explicit: &str, ambient: &str) -> Result<Authenticated<Name>, Refusal> {
    let (explicit, ambient) = (format!("Bearer {explicit}"), format!("jwt={ambient}"));
    let head = head("/", &[("authorization", explicit.as_bytes()), ("cookie", ambient.as_bytes())]);
    chain.authenticate(&AuthRequest::new(&head, Transport::Http, now())).await
}

fn cookie_strategy_first() -> Chain<Name> {
    Chain::new().or(Tokens(cookie("jwt"))).or(Tokens(bearer()))
}

fn cookie_strategy_last() -> Chain<Name> {
    Chain::new().or(Tokens(bearer())).or(Tokens(cookie("jwt")))
}

#[tokio::test]
async fn earlier_good_cookie_does_not_outweigh_a_later_wrong_header() {
    let refusal = ask_both(cookie_strategy_first(), "wrong", "good").await.unwrap_err();
    assert_eq!(answer(&refusal), (401, "invalid_credentials"));
}

#[tokio::test]
async fn earlier_good_cookie_counts_beside_a_later_good_header() {
    let user = ask_both(cookie_strategy_first(), "good", "good").await.unwrap();
    assert_eq!(user.evidence().carrier(), Carrier::Cookie);
}

#[tokio::test]
async fn good_cookie_counts_beside_a_wrong_header_with_try_next_on_reject() {
    let user = ask_both(cookie_strategy_first().try_next_on_reject(), "wrong", "good").await.unwrap();
    assert_eq!(user.evidence().carrier(), Carrier::Cookie);
}

#[tokio::test]
async fn earlier_expired_cookie_is_rejected_before_a_good_header() {
    let refusal = ask_both(cookie_strategy_first(), "good", "expired").await.unwrap_err();
    assert_eq!(answer(&refusal), (401, "token_expired"));
}

#[tokio::test]
async fn earlier_wrong_header_is_rejected_before_a_good_cookie() {
    let refusal = ask_both(cookie_strategy_last(), "wrong", "good").await.unwrap_err();
    assert_eq!(answer(&refusal), (401, "invalid_credentials"));
}

#[tokio::test]
async fn earlier_good_header_decides_before_an_expired_cookie() {
    let user = ask_both(cookie_strategy_last(), "good", "expired").await.unwrap();
    assert_eq!(user.evidence().carrier(), Carrier::Header);
}

#[tokio::test]
async fn wrong_explicit_credential_never_falls_through_to_a_cookie() {
    let one = Chain::new().or(Tokens(bearer().or(cookie("jwt"))));
    assert_eq!(answer(&ask_both(one, "wrong", "good").await.unwrap_err()), (401, "invalid_credentials"));
}

/// Header lines beside a good cookie, and the answer, which is the same in any order.
const BESIDE_A_GOOD_COOKIE: [(&[(&str, &[u8])], (u16, &str)); 15] = [
    (&[], ACCEPTED),
    (&[("authorization", b"Bearer good")], ACCEPTED),
    (&[("authorization", b"Bearer wrong")], (401, "invalid_credentials")),
    (&[("authorization", b"Bearer expired")], (401, "token_expired")),
    (&[("authorization", b"Bearer revoked")], (401, "revoked")),
    (&[("authorization", b"Bearer unknown")], (401, "invalid_credentials")),
    (&[("authorization", b"Bearer down")], (503, "unavailable")),
    // A redirect answers a missing credential.
    (&[("authorization", b"Bearer elsewhere")], ACCEPTED),
    (&[("authorization", b"Bearer")], (400, "invalid_request")),
    (&[("authorization", b"Bearer good"), ("authorization", b"Bearer good")], (400, "invalid_request")),
    (&[("authorization", b"Digest of-a-proxy-in-front")], ACCEPTED),
    (&[("x-api-key", b"good")], ACCEPTED),
    (&[("x-api-key", b"wrong")], (401, "invalid_credentials")),
    (&[("x-api-key", b"unknown")], (401, "invalid_credentials")),
    (&[("x-api-key", b"")], (400, "invalid_request")),
];

const ACCEPTED: (u16, &str) = (200, "accepted");

async fn answer_to(chain: &Chain<Name>, headers: &[(&str, &[u8])]) -> (u16, &'static str) {
    answer_and_kind(chain, headers).await.0
}

async fn answer_and_kind(chain: &Chain<Name>, headers: &[(&str, &[u8])]) -> ((u16, &'static str), Option<RefusalKind>) {
    let head = head("/", headers);
    let decision = chain.authenticate(&AuthRequest::new(&head, Transport::Http, now())).await;
    decision.map_or_else(|refusal| (answer(&refusal), Some(refusal.kind())), |_| (ACCEPTED, None))
}

/// The same three strategies in different orders and shapes.
fn orders() -> Vec<Chain<Name>> {
    let cookies = || Tokens(cookie("jwt"));
    let tokens = || Tokens(bearer());
    let keys = || Tokens(header("x-api-key"));
    let nested = || Chain::new().or(cookies()).or(tokens());
    vec![
        Chain::new().or(cookies()).or(tokens()).or(keys()),
        Chain::new().or(tokens()).or(keys()).or(cookies()),
        Chain::new().or(keys()).or(cookies()).or(tokens()),
        Chain::new().or(nested()).or(keys()),
        Chain::new().or(keys()).or(nested().map_user(|user| user)),
        Chain::new().or(keys()).or(nested().try_map(|_| Ok(Accept::new("anew", Carrier::Header)))),
        Chain::new().or(Tokens(cookie("jwt").or(bearer()))).or(keys()),
        Chain::new().or(keys()).or(Tokens(bearer().or(cookie("jwt")))),
    ]
}

#[tokio::test]
async fn explicit_credential_beside_a_good_cookie_decides_in_any_order() {
    for (at, chain) in orders().iter().enumerate() {
        for (explicit, expected) in BESIDE_A_GOOD_COOKIE {
            let headers: Vec<_> = explicit.iter().copied().chain([("cookie", b"jwt=good" as &[u8])]).collect();
            let elsewhere = explicit.first().is_some_and(|(_, value)| value.ends_with(b"elsewhere"));
            // If the header's strategy is asked first, it redirects before the cookie is read.
            let expected = if elsewhere && [1, 6, 7].contains(&at) { (302, "redirect") } else { expected };
            assert_eq!(answer_to(chain, &headers).await, expected, "{explicit:?} in order {at}");
        }
    }
}

#[tokio::test]
async fn good_cookie_counts_beside_a_header_of_no_strategy() {
    let headers: [(&str, &[u8]); 2] = [("authorization", b"Digest of-a-proxy-in-front"), ("cookie", b"jwt=good")];
    assert_eq!(answer_to(&cookie_strategy_first(), &headers).await, ACCEPTED);
}

#[tokio::test]
async fn unrecognized_credential_beside_a_good_cookie_is_refused() {
    for chain in [cookie_strategy_first(), cookie_strategy_last()] {
        let refusal = ask_both(chain, "unknown", "good").await.unwrap_err();
        assert_eq!((answer(&refusal), refusal.kind()), ((401, "invalid_credentials"), RefusalKind::Unrecognized));
    }
}

#[tokio::test]
async fn client_certificate_is_ambient_too() {
    let certificate = || Tokens(from_fn(Carrier::ClientCertificate, |_| Some(Secret::new("good"))));
    for chain in
        [Chain::new().or(certificate()).or(Tokens(bearer())), Chain::new().or(Tokens(bearer())).or(certificate())]
    {
        assert_eq!(answer_to(&chain, &[]).await, ACCEPTED);
        assert_eq!(answer_to(&chain, &[("authorization", b"Bearer wrong")]).await, (401, "invalid_credentials"));
    }
}

#[tokio::test]
async fn certificate_of_a_custom_strategy_does_not_count_as_explicit() {
    struct Certificate;
    #[async_trait]
    impl Strategy for Certificate {
        type User = Name;
        fn name(&self) -> &str {
            "certificate"
        }
        fn challenges(&self, _: &mut Vec<Challenge>) {}
        async fn authenticate(&self, _: &AuthRequest<'_>) -> Result<Outcome<Name>, BoxError> {
            Ok(Outcome::Accept(Accept::new("machine", Carrier::ClientCertificate)))
        }
    }
    let chain = Chain::new().or(Certificate).or(Tokens(bearer()));
    assert_eq!(answer_to(&chain, &[]).await, ACCEPTED);
    assert_eq!(answer_to(&chain, &[("authorization", b"Bearer wrong")]).await, (401, "invalid_credentials"));
}

#[tokio::test]
async fn and_accepts_a_cookie_beside_an_explicit_credential() {
    let both = || Chain::new().or(Tokens(cookie("jwt"))).and(Tokens(bearer())).map_user(|(user, _)| user);
    let good: [(&str, &[u8]); 2] = [("authorization", b"Bearer good"), ("cookie", b"jwt=good")];
    assert_eq!(answer_to(&both(), &good).await, ACCEPTED);
    // A wrong key beside the two speaks against them.
    let chain = both().or(Tokens(header("x-api-key")));
    assert_eq!(answer_to(&chain, &good).await, ACCEPTED);
    assert_eq!(answer_to(&chain, &[good[0], good[1], ("x-api-key", b"wrong")]).await, (401, "invalid_credentials"));
}

#[tokio::test]
async fn half_of_an_and_without_its_cookie_is_unrecognized() {
    let both = || Chain::new().or(Tokens(bearer())).and(Tokens(header("x-api-key"))).map_user(|(user, _)| user);
    let cookies = || Chain::new().or(Tokens(cookie("jwt")));
    let half: [(&str, &[u8]); 2] = [("authorization", b"Bearer good"), ("cookie", b"jwt=good")];
    for chain in [both().or(cookies()), cookies().or(both())] {
        assert_eq!(answer_to(&chain, &half[..1]).await, (401, "invalid_credentials"));
        assert_eq!(answer_to(&chain, &half).await, (401, "invalid_credentials"));
    }
    // A redirect of the other half does not hide it either.
    let elsewhere = [("authorization", b"Bearer unknown" as &[u8]), ("x-api-key", b"elsewhere"), half[1]];
    assert_eq!(answer_to(&cookies().or(both()), &elsewhere).await, (401, "invalid_credentials"));
}

#[tokio::test]
async fn cookies_that_complete_one_part_do_not_complete_the_whole() {
    let h1 = || Tokens(header("x-1"));
    let cookies = |name| Tokens(cookie(name));
    let left = || {
        let inner = Chain::new().or(h1()).and(cookies("c1")).map_user(|(user, _)| user);
        inner.and(cookies("c2")).map_user(|(user, _)| user)
    };
    let right = || {
        let inner = Chain::new().or(cookies("c1")).and(cookies("c2")).map_user(|(user, _)| user);
        Chain::new().or(h1()).and(inner).map_user(|(user, _)| user)
    };
    let other = || Chain::new().or(cookies("c3"));
    for chain in [other().or(left()), other().or(right()), left().or(other()), right().or(other())] {
        let ask = async |cookies: &[u8]| answer_to(&chain, &[("x-1", b"good"), ("cookie", cookies)]).await;
        assert_eq!(ask(b"c1=good; c3=good").await, (401, "invalid_credentials"));
        assert_eq!(ask(b"c1=good; c2=good; c3=good").await, ACCEPTED);
    }
}

#[tokio::test]
async fn strategy_that_compares_a_header_with_a_cookie_completes_a_half() {
    /// Accepts the same text in a header and a cookie.
    struct DoubleSubmit;
    #[async_trait]
    impl Strategy for DoubleSubmit {
        type User = Name;
        fn name(&self) -> &str {
            "double submit"
        }
        fn challenges(&self, _: &mut Vec<Challenge>) {}
        async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Name>, BoxError> {
            Ok(match (header("x-csrf").extract(request), cookie("csrf").extract(request)) {
                (Ok(Some(sent)), Ok(Some(kept))) if sent.expose() == kept.expose() => {
                    Outcome::Accept(Accept::new("page", Carrier::Header))
                }
                _ if request.is_explicit_only() => Outcome::Absent,
                _ => Outcome::Reject(Rejection::forbidden()),
            })
        }
    }
    let session = || Chain::new().or(Tokens(cookie("jwt")));
    let headers: [(&str, &[u8]); 3] =
        [("x-csrf", b"abc"), ("cookie", b"jwt=good; csrf=abc"), ("authorization", b"Bearer good")];
    let with_session = session().and(DoubleSubmit).map_user(|(user, _)| user);
    assert_eq!(answer_to(&with_session, &headers[..2]).await, ACCEPTED);
    let with_token = || Chain::new().or(Tokens(bearer())).and(DoubleSubmit).map_user(|(user, _)| user);
    for chain in [session().or(with_token()), with_token().or(session())] {
        assert_eq!(answer_to(&chain, &headers).await, ACCEPTED);
    }
}

#[tokio::test]
async fn try_next_on_reject_does_not_apply_to_a_cookie_of_another_chain() {
    let forgiving = || Chain::new().or(Tokens(bearer())).try_next_on_reject();
    let cookies = || Chain::new().or(Tokens(cookie("jwt")));
    let headers: [(&str, &[u8]); 2] = [("authorization", b"Bearer wrong"), ("cookie", b"jwt=good")];
    for chain in [Chain::new().or(forgiving()).or(cookies()), cookies().or(forgiving())] {
        assert_eq!(answer_to(&chain, &headers).await, (401, "invalid_credentials"));
    }
}

#[tokio::test]
async fn chain_at_any_depth_is_asked_twice_beside_a_cookie() {
    let key = basic(Say::Accept);
    let deep = Chain::new().or(session(Say::Accept)).and(key.clone()).map_user(|(user, _)| user);
    let deep = deep.map_user(|user| user).and_then(|accept| Ok(Outcome::Accept(accept)));
    ask(&Chain::new().or(Chain::new().or(deep))).await.unwrap();
    assert_eq!(key.calls(), 2);
}

#[tokio::test]
async fn try_next_on_reject_of_an_inner_chain_counts_beside_its_cookie() {
    let forgiving = || Chain::new().or(Tokens(bearer())).or(Tokens(cookie("jwt"))).try_next_on_reject();
    let headers: [(&str, &[u8]); 2] = [("authorization", b"Bearer wrong"), ("cookie", b"jwt=good")];
    for chain in [forgiving(), forgiving().map_user(|user| user), Chain::new().or(forgiving())] {
        assert_eq!(answer_to(&chain, &headers).await, ACCEPTED);
        let revoked = [("authorization", b"Bearer revoked" as &[u8]), headers[1]];
        assert_eq!(answer_to(&chain, &revoked).await, (401, "revoked"), "a final rejection counts");
    }
}

/// A tree of `or`, `and` and nesting over strategies, each with its own header or cookie.
#[derive(Clone, Debug)]
enum Tree {
    Header(Name),
    Cookie(Name),
    // Both places in one strategy.
    CookieFirst(Name, Name),
    HeaderFirst(Name, Name),
    Or(Box<Self>, Box<Self>),
    And(Box<Self>, Box<Self>),
    Nested(Box<Self>),
    Anew(Box<Self>),
}

const HEADERS: [&str; 3] = ["x-0", "x-1", "x-2"];
const COOKIES: [&str; 3] = ["c0", "c1", "c2"];
const VALUES: [&str; 5] = ["good", "wrong", "unknown", "revoked", "elsewhere"];

fn any_tree() -> impl proptest::strategy::Strategy<Value = Tree> {
    let (in_header, in_cookie) = (|| prop::sample::select(&HEADERS[..]), || prop::sample::select(&COOKIES[..]));
    let leaf = prop_oneof![
        in_header().prop_map(Tree::Header),
        in_cookie().prop_map(Tree::Cookie),
        (in_cookie(), in_header()).prop_map(|(first, then)| Tree::CookieFirst(first, then)),
        (in_header(), in_cookie()).prop_map(|(first, then)| Tree::HeaderFirst(first, then)),
    ];
    leaf.prop_recursive(4, 8, 2, |inner| {
        let boxed = inner.prop_map(Box::new);
        prop_oneof![
            3 => (boxed.clone(), boxed.clone()).prop_map(|(left, right)| Tree::Or(left, right)),
            1 => (boxed.clone(), boxed.clone()).prop_map(|(left, right)| Tree::And(left, right)),
            1 => boxed.clone().prop_map(Tree::Nested),
            1 => boxed.prop_map(Tree::Anew),
        ]
    })
}

fn chain_of(tree: &Tree) -> Chain<Name> {
    match tree {
        Tree::Header(name) => Chain::new().or(Tokens(header(*name))),
        Tree::Cookie(name) => Chain::new().or(Tokens(cookie(*name))),
        Tree::CookieFirst(first, then) => Chain::new().or(Tokens(cookie(*first).or(header(*then)))),
        Tree::HeaderFirst(first, then) => Chain::new().or(Tokens(header(*first).or(cookie(*then)))),
        Tree::Or(left, right) => chain_of(left).or(chain_of(right)),
        Tree::And(left, right) => chain_of(left).and(chain_of(right)).map_user(|(user, _)| user),
        Tree::Nested(tree) => Chain::new().or(chain_of(tree)),
        Tree::Anew(tree) => chain_of(tree).try_map(|_| Ok(Accept::new("anew", Carrier::Header))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn cookie_never_makes_up_for_a_bad_explicit_credential(
        tree in any_tree(),
        explicit in prop::collection::vec(prop::option::of(prop::sample::select(&VALUES[..])), HEADERS.len()),
        ambient in prop::collection::vec(prop::option::of(prop::sample::select(&VALUES[..])), COOKIES.len()),
    ) {
        let values = HEADERS.iter().zip(&explicit);
        let mut headers: Vec<(&str, &[u8])> =
            values.filter_map(|(name, value)| Some((*name, value.as_ref()?.as_bytes()))).collect();
        let pairs = COOKIES.iter().zip(&ambient).filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)));
        let pairs: Vec<_> = pairs.collect();
        let cookies = pairs.join("; ");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let chain = chain_of(&tree);
        let without = runtime.block_on(answer_and_kind(&chain, &headers));
        headers.push(("cookie", cookies.as_bytes()));
        let with = runtime.block_on(answer_and_kind(&chain, &headers));
        // A redirect answers a missing credential, which a cookie may be. So does half of an `and`, which is unrecognized.
        let is_worse = ![ACCEPTED, (401, "missing_credentials"), (302, "redirect")].contains(&without.0);
        let is_half = has_and(&tree) && without.1 == Some(RefusalKind::Unrecognized);
        prop_assert!(with.0 != ACCEPTED || !is_worse || is_half, "{:?} became {:?}", without, with);
    }
}

/// The same tree, with the strategies of each `or` in reverse order.
fn mirrored(tree: &Tree) -> Tree {
    let of = |tree: &Tree| Box::new(mirrored(tree));
    match tree {
        Tree::Or(left, right) => Tree::Or(of(right), of(left)),
        Tree::And(left, right) => Tree::And(of(left), of(right)),
        Tree::Nested(tree) => Tree::Nested(of(tree)),
        Tree::Anew(tree) => Tree::Anew(of(tree)),
        leaf => leaf.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn order_of_strategies_does_not_matter_beside_good_cookies(
        tree in any_tree(),
        place in prop::sample::select(&HEADERS[..]),
        value in prop::option::of(prop::sample::select(&VALUES[..4])),
        present in prop::collection::vec(any::<bool>(), COOKIES.len()),
    ) {
        let pairs: Vec<_> = COOKIES.iter().zip(present).filter(|(_, is_there)| *is_there).collect();
        let cookies = pairs.iter().map(|(name, _)| format!("{name}=good")).collect::<Vec<_>>().join("; ");
        let mut headers: Vec<(&str, &[u8])> = vec![("cookie", cookies.as_bytes())];
        headers.extend(value.map(|value: &str| (place, value.as_bytes())));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let [one, other] = [tree.clone(), mirrored(&tree)].map(|tree| runtime.block_on(answer_to(&chain_of(&tree), &headers)));
        prop_assert_eq!(one == ACCEPTED, other == ACCEPTED, "{:?} became {:?}", one, other);
    }
}

fn has_and(tree: &Tree) -> bool {
    match tree {
        Tree::And(..) => true,
        Tree::Or(left, right) => has_and(left) || has_and(right),
        Tree::Nested(tree) | Tree::Anew(tree) => has_and(tree),
        Tree::Header(_) | Tree::Cookie(_) | Tree::CookieFirst(..) | Tree::HeaderFirst(..) => false,
    }
}

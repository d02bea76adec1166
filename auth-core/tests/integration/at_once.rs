//! What a chain decides without asking again: beside cookies alone, and where revocations are known without waiting.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use auth_core::{
    Accept, AuthRequest, BoxError, Carrier, Chain, Challenge, Evidence, Outcome, Principal, PrincipalId, Rejection,
    RevocationCheck, Strategy, Transport, async_trait,
    extract::{Extractor as _, bearer, cookie, header},
};

use crate::support::{Name, answer, head, now};

/// Accepts `good` in one place, and counts how often it is asked.
#[derive(Clone)]
struct Looks {
    place: Place,
    says_ambient_only: bool,
    asked: Count,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Place {
    Bearer,
    Key,
    Cookie,
    OtherCookie,
    CookieOrBearer,
}

#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// How many since the last time.
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

impl Place {
    fn is_cookie(self) -> bool {
        matches!(self, Self::Cookie | Self::OtherCookie)
    }

    fn looks(self) -> Looks {
        Looks { place: self, says_ambient_only: false, asked: Count::default() }
    }

    fn says_ambient_only(self) -> Looks {
        Looks { says_ambient_only: true, ..self.looks() }
    }
}

#[async_trait]
impl Strategy for Looks {
    type User = Name;

    fn name(&self) -> &str {
        "looks"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::bearer("api"));
    }

    fn is_ambient_only(&self) -> bool {
        self.says_ambient_only
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<Name>, BoxError> {
        self.asked.add();
        let found = match self.place {
            Place::Bearer => bearer().extract(request),
            Place::Key => header("x-key").extract(request),
            Place::Cookie => cookie("jwt").extract(request),
            Place::OtherCookie => cookie("other").extract(request),
            Place::CookieOrBearer => cookie("jwt").or(bearer()).extract(request),
        };
        Ok(match found {
            Ok(None) => Outcome::Absent,
            Ok(Some(found)) => match found.expose() {
                "good" => {
                    let accept = Accept::new("ann", found.carrier()).add_name(PrincipalId::new("issuer", "ann"));
                    Outcome::Accept(accept.credential_id("issuer", "id"))
                }
                "unknown" => Outcome::Unrecognized,
                "down" => return Err("the store is down".into()),
                _ => Outcome::Reject(Rejection::invalid_credentials()),
            },
            Err(malformed) => malformed.into(),
        })
    }
}

const COOKIE: (&str, &[u8]) = ("cookie", b"jwt=good");
const GOOD: (&str, &[u8]) = ("authorization", b"Bearer good");
const WRONG: (&str, &[u8]) = ("authorization", b"Bearer wrong");
const ACCEPTED: (u16, &str) = (200, "accepted");
const INVALID: (u16, &str) = (401, "invalid_credentials");

async fn answer_to<U: Principal>(chain: &Chain<U>, headers: &[(&str, &[u8])]) -> (u16, &'static str) {
    let head = head("/", headers);
    let decision = chain.authenticate(&AuthRequest::new(&head, Transport::Http, now())).await;
    decision.map_or_else(|refusal| answer(&refusal), |_| ACCEPTED)
}

#[tokio::test]
async fn chain_of_bearer_alone_is_asked_once_beside_a_cookie() {
    let looks = Place::Bearer.looks();
    let chain = Chain::new().or(looks.clone());
    assert_eq!((answer_to(&chain, &[GOOD, COOKIE]).await, looks.asked.take()), (ACCEPTED, 1));
    assert_eq!((answer_to(&chain, &[WRONG, COOKIE]).await, looks.asked.take()), (INVALID, 1));
    assert_eq!((answer_to(&chain, &[COOKIE]).await, looks.asked.take()), ((401, "missing_credentials"), 1));
}

#[tokio::test]
async fn chain_of_cookies_alone_is_asked_once_if_it_says_so() {
    for (looks, asked) in [(Place::Cookie.says_ambient_only(), 1), (Place::Cookie.looks(), 2)] {
        let other = Looks { place: Place::OtherCookie, asked: Count::default(), ..looks.clone() };
        for chain in [Chain::new().or(looks.clone()), Chain::new().or(looks.clone()).or(other)] {
            assert_eq!((answer_to(&chain, &[COOKIE]).await, looks.asked.take()), (ACCEPTED, asked));
            assert_eq!((answer_to(&chain, &[COOKIE, WRONG]).await, looks.asked.take()), (ACCEPTED, asked));
        }
    }
}

#[tokio::test]
async fn chain_of_both_is_asked_again_beside_a_good_cookie() {
    let (cookies, tokens) = (Place::Cookie.says_ambient_only(), Place::Bearer.looks());
    for (chain, tokens_asked) in
        [(Chain::new().or(cookies.clone()).or(tokens.clone()), 1), (Chain::new().or(tokens.clone()).or(cookies), 2)]
    {
        assert_eq!((answer_to(&chain, &[COOKIE]).await, tokens.asked.take()), (ACCEPTED, tokens_asked));
        assert_eq!(answer_to(&chain, &[COOKIE, GOOD]).await, ACCEPTED);
        assert_eq!(answer_to(&chain, &[COOKIE, WRONG]).await, INVALID);
        tokens.asked.take();
    }
    // A strategy that reads both does not say that it reads cookies alone.
    let chain = Chain::new().or(Place::CookieOrBearer.looks());
    assert_eq!(answer_to(&chain, &[COOKIE, WRONG]).await, INVALID);
}

#[tokio::test]
async fn name_and_arc_say_the_same_of_their_strategy() {
    let looks = Place::Cookie.says_ambient_only();
    let shared: Arc<dyn Strategy<User = Name>> = Arc::new(looks.clone());
    for (chain, asked) in [
        (Chain::new().or(looks.clone().named("web")), 1),
        (Chain::new().or(Arc::new(looks.clone())), 1),
        (Chain::new().or(Arc::clone(&shared)), 1),
        (Chain::new().or(Arc::new(shared.named("web"))), 1),
        (Chain::new().or(Looks { says_ambient_only: false, ..looks.clone() }.named("web")), 2),
        (Chain::new().or(Arc::new(Looks { says_ambient_only: false, ..looks.clone() })), 2),
    ] {
        assert_eq!((answer_to(&chain, &[COOKIE]).await, looks.asked.take()), (ACCEPTED, asked), "{chain:?}");
    }
}

/// They may have a strategy inside that reads more.
#[tokio::test]
async fn map_and_nested_chain_are_asked_again() {
    let looks = Place::Cookie.says_ambient_only();
    let cookies = || Chain::new().or(looks.clone());
    let both = || cookies().and(Place::OtherCookie.says_ambient_only()).map_user(|(user, _)| user);
    for chain in [
        cookies().map_user(|user| user),
        cookies().try_map(Ok),
        cookies().and_then(|accept| Ok(Outcome::Accept(accept))),
        Chain::new().or(cookies()),
        both(),
    ] {
        let asked = (answer_to(&chain, &[("cookie", b"jwt=good; other=good")]).await, looks.asked.take());
        assert_eq!(asked, (ACCEPTED, 2), "{chain:?}");
        let chain = chain.or(Place::Bearer.looks());
        assert_eq!(answer_to(&chain, &[("cookie", b"jwt=good; other=good"), WRONG]).await, INVALID);
        looks.asked.take();
    }
}

/// Every chain of up to three strategies beside every credential.
#[tokio::test]
async fn saying_that_only_cookies_are_read_changes_no_answer() {
    const PLACES: [Place; 4] = [Place::Bearer, Place::Key, Place::Cookie, Place::OtherCookie];
    const VALUES: [Option<&str>; 5] = [None, Some("good"), Some("wrong"), Some("unknown"), Some("down")];
    let mut orders = PLACES.map(|place| vec![place]).to_vec();
    for at in 0.. {
        let Some(order) = orders.get(at).filter(|order| order.len() < 3).cloned() else { break };
        let longer = PLACES.into_iter().filter(|place| !order.contains(place));
        orders.extend(longer.map(|place| order.iter().copied().chain([place]).collect()));
    }
    assert_eq!(orders.len(), 4 + 12 + 24);
    let mut accepted = 0;
    for order in &orders {
        let chain_of = |looks: fn(Place) -> Looks| {
            let mut all = order.iter().map(|place| if place.is_cookie() { looks(*place) } else { place.looks() });
            let first = Chain::new().or(all.next().unwrap());
            all.fold(first, Chain::or)
        };
        let (says, silent) = (chain_of(Place::says_ambient_only), chain_of(Place::looks));
        let values = |at: usize, place| if order.contains(&place) { VALUES.get(..5 - at) } else { VALUES.get(..1) };
        for bearer in values(0, Place::Bearer).unwrap() {
            for key in values(0, Place::Key).unwrap() {
                for cookie in values(0, Place::Cookie).unwrap() {
                    for other in values(1, Place::OtherCookie).unwrap() {
                        let bearer = bearer.map(|value| format!("Bearer {value}"));
                        let cookies = [("jwt", cookie), ("other", other)];
                        let cookies = cookies.map(|(name, value)| value.map(|value| format!("{name}={value}")));
                        let cookies = cookies.into_iter().flatten().collect::<Vec<_>>().join("; ");
                        let mut headers = vec![("cookie", cookies.as_bytes())];
                        headers.extend(bearer.as_ref().map(|value| ("authorization", value.as_bytes())));
                        headers.extend(key.map(|value| ("x-key", value.as_bytes())));
                        let expected = answer_to(&silent, &headers).await;
                        assert_eq!(answer_to(&says, &headers).await, expected, "{order:?} {headers:?}");
                        accepted += usize::from(expected == ACCEPTED);
                    }
                }
            }
        }
    }
    assert!(accepted > 100, "{accepted}");
}

/// Answers at once what a test says, and counts how often it is asked.
#[derive(Clone, Default)]
struct Check {
    at_once: Option<bool>,
    /// `None`: it fails.
    is_revoked: Option<bool>,
    asked: Count,
    asked_at_once: Count,
}

#[async_trait]
impl RevocationCheck for Check {
    async fn is_revoked(&self, _: &Evidence) -> Result<bool, BoxError> {
        self.asked.add();
        self.is_revoked.ok_or_else(|| "the store is down".into())
    }

    fn is_any_revoked_at_once(&self, _: &Evidence) -> Option<bool> {
        self.asked_at_once.add();
        self.at_once
    }
}

fn checked(place: Place, check: impl RevocationCheck) -> Chain<Name> {
    let looks = if place.is_cookie() { place.says_ambient_only() } else { place.looks() };
    Chain::new().or(looks).revocation(check)
}

const REVOKED: (u16, &str) = (401, "revoked");
const DOWN: (u16, &str) = (503, "unavailable");

/// What is known at once, what is answered if it is asked, the answer of the chain, and how often it was asked.
const CHECKS: [(Option<bool>, Option<bool>, (u16, &str), usize); 5] = [
    (Some(false), None, ACCEPTED, 0),
    (Some(true), Some(true), REVOKED, 1),
    (None, Some(false), ACCEPTED, 1),
    (None, Some(true), REVOKED, 1),
    (None, None, DOWN, 1),
];

#[tokio::test]
async fn check_is_asked_only_if_it_does_not_know_at_once() {
    for (at_once, is_revoked, expected, asked) in CHECKS {
        for (place, credential) in [(Place::Bearer, GOOD), (Place::Cookie, COOKIE)] {
            let check = Check { at_once, is_revoked, ..Check::default() };
            let shared: Arc<dyn RevocationCheck> = Arc::new(check.clone());
            for chain in [checked(place, check.clone()), checked(place, Arc::new(shared))] {
                assert_eq!(answer_to(&chain, &[credential]).await, expected, "{place:?} {at_once:?} {is_revoked:?}");
                assert_eq!((check.asked_at_once.take(), check.asked.take()), (1, asked));
            }
        }
    }
}

/// In each order. What one check knows at once does not speak for another one.
#[tokio::test]
async fn one_of_two_checks_that_has_to_be_asked_decides() {
    let knows = Check { at_once: Some(false), is_revoked: Some(false), ..Check::default() };
    for (at_once, is_revoked, expected, asked) in CHECKS {
        let other = Check { at_once, is_revoked, ..Check::default() };
        for (place, credential) in [(Place::Bearer, GOOD), (Place::Cookie, COOKIE)] {
            for chain in [
                checked(place, knows.clone()).revocation(other.clone()),
                checked(place, other.clone()).revocation(knows.clone()),
            ] {
                assert_eq!(answer_to(&chain, &[credential]).await, expected, "{at_once:?} {is_revoked:?}");
                assert_eq!(other.asked.take(), asked);
            }
        }
    }
}

#[tokio::test]
async fn both_sides_of_an_and_are_asked_about() {
    let check = Check { at_once: Some(false), is_revoked: Some(true), ..Check::default() };
    let both = || Chain::new().or(Place::Cookie.says_ambient_only()).and(Place::OtherCookie.says_ambient_only());
    let cookies: (&str, &[u8]) = ("cookie", b"jwt=good; other=good");
    assert_eq!(answer_to(&both(), &[cookies]).await, ACCEPTED);
    assert_eq!(answer_to(&both().revocation(check.clone()), &[cookies]).await, REVOKED);
    assert_eq!((check.asked_at_once.take(), check.asked.take() > 0), (0, true));
}

#[tokio::test]
async fn wrong_header_beside_a_cookie_is_refused_before_a_check_is_asked() {
    let check = Check { at_once: Some(false), is_revoked: Some(false), ..Check::default() };
    let chain = checked(Place::Cookie, check.clone()).or(Place::Bearer.looks());
    assert_eq!(answer_to(&chain, &[COOKIE, WRONG]).await, INVALID);
    assert_eq!((check.asked_at_once.take(), check.asked.take()), (0, 0));
}

/// The answer must not depend on which credential opened the connection.
#[tokio::test]
async fn renewal_never_stands_at_once() {
    let check = Check { at_once: Some(false), is_revoked: Some(false), ..Check::default() };
    let chain = checked(Place::Cookie, check.clone());
    let head = head("/", &[COOKIE]);
    let request = AuthRequest::new(&head, Transport::InBand, now());
    let open = chain.authenticate(&request).await.unwrap();
    assert_eq!((open.evidence().carrier(), check.asked_at_once.take()), (Carrier::Cookie, 1));
    chain.renew(&request, open.evidence()).await.unwrap();
    assert_eq!((check.asked_at_once.take(), check.asked.take()), (0, 1));
}

//! Laws for all chains and all headers, tested on random ones.

use auth_core::{
    AuthRequest, Chain, Challenge, RefusalKind, Transport,
    extract::{Extractor, auth_scheme, bearer, cookie, header, query, raw_subprotocol, subprotocol},
};
use proptest::prelude::*;

use crate::support::{Name, Say, ask, jwt, now};

/// A tree of `or` and `and` over scripted leaves.
#[derive(Clone, Debug)]
enum Tree {
    Leaf(Say),
    Or(Vec<Self>),
    And(Box<Self>, Box<Self>),
}

/// The outcome of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Accept,
    Absent,
    Unrecognized,
    Redirect,
    Reject,
    Error,
}

/// The decision table again, as short as possible.
fn oracle(tree: &Tree) -> Verdict {
    match tree {
        Tree::Leaf(Say::Accept) => Verdict::Accept,
        Tree::Leaf(Say::Absent) => Verdict::Absent,
        Tree::Leaf(Say::Unrecognized) => Verdict::Unrecognized,
        Tree::Leaf(Say::Redirect) => Verdict::Redirect,
        Tree::Leaf(Say::Reject) => Verdict::Reject,
        Tree::Leaf(_) => Verdict::Error,
        Tree::Or(trees) => {
            let verdicts: Vec<_> = trees.iter().map(oracle).collect();
            let goes_on = |verdict: &Verdict| matches!(verdict, Verdict::Absent | Verdict::Unrecognized);
            verdicts.iter().copied().find(|v| !goes_on(v)).or(verdicts.iter().copied().max()).unwrap()
        }
        Tree::And(left, right) => match (oracle(left), oracle(right)) {
            (Verdict::Accept, Verdict::Absent) | (Verdict::Absent, Verdict::Accept) => Verdict::Unrecognized,
            (left, right) => left.max(right),
        },
    }
}

/// Whether a request passes, in plain booleans. `optional` is the rule of an optional layer: without a credential, it passes.
fn goes_on(tree: &Tree, optional: bool) -> bool {
    lets_in(tree) || (optional && is_absent(tree))
}

fn lets_in(tree: &Tree) -> bool {
    match tree {
        Tree::Leaf(say) => *say == Say::Accept,
        Tree::Or(trees) => decides(trees, lets_in),
        Tree::And(left, right) => lets_in(left) && lets_in(right),
    }
}

fn is_absent(tree: &Tree) -> bool {
    match tree {
        Tree::Leaf(say) => *say == Say::Absent,
        Tree::Or(trees) => trees.iter().all(is_absent),
        Tree::And(left, right) => is_absent(left) && is_absent(right),
    }
}

/// Whether the chain stops after it.
fn stops(tree: &Tree) -> bool {
    match tree {
        Tree::Leaf(say) => !matches!(say, Say::Accept | Say::Absent | Say::Unrecognized),
        Tree::Or(trees) => decides(trees, stops),
        Tree::And(left, right) => stops(left) || stops(right),
    }
}

/// Whether one of these is the first tree that accepts or stops.
fn decides(trees: &[Tree], is_one: fn(&Tree) -> bool) -> bool {
    trees.iter().find(|tree| lets_in(tree) || stops(tree)).is_some_and(is_one)
}

/// Where to put a rejecting strategy beside a part of a tree.
#[derive(Clone, Copy, Debug)]
enum Beside {
    Before,
    After,
    And,
}

fn size(tree: &Tree) -> usize {
    1 + match tree {
        Tree::Leaf(_) => 0,
        Tree::Or(trees) => trees.iter().map(size).sum(),
        Tree::And(left, right) => size(left) + size(right),
    }
}

/// The tree with a rejecting strategy beside its `nth` part, counted from the root.
fn with_rejecting(tree: &Tree, nth: &mut usize, beside: Beside) -> Tree {
    let is_here = *nth == 0;
    *nth = nth.wrapping_sub(1);
    if is_here {
        let (tree, rejecting) = (tree.clone(), Tree::Leaf(Say::Reject));
        return match beside {
            Beside::Before => Tree::Or(vec![rejecting, tree]),
            Beside::After => Tree::Or(vec![tree, rejecting]),
            Beside::And => Tree::And(Box::new(tree), Box::new(rejecting)),
        };
    }
    let mut inner = |tree: &Tree| with_rejecting(tree, nth, beside);
    match tree {
        Tree::Leaf(say) => Tree::Leaf(*say),
        Tree::Or(trees) => Tree::Or(trees.iter().map(inner).collect()),
        Tree::And(left, right) => Tree::And(Box::new(inner(left)), Box::new(inner(right))),
    }
}

fn chain(tree: &Tree) -> Chain<Name> {
    match tree {
        Tree::Leaf(say) => Chain::new().or(jwt(*say)).map_user(|_| "user"),
        Tree::Or(trees) => {
            let mut trees = trees.iter().map(chain);
            let first = Chain::new().or(trees.next().unwrap());
            trees.fold(first, Chain::or)
        }
        Tree::And(left, right) => chain(left).and(chain(right)).map_user(|_| "user"),
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn verdict(chain: &Chain<Name>) -> Verdict {
    match run(ask(chain)) {
        Ok(_) => Verdict::Accept,
        Err(refusal) => match refusal.kind() {
            RefusalKind::Missing => Verdict::Absent,
            RefusalKind::Unrecognized => Verdict::Unrecognized,
            RefusalKind::Redirect => Verdict::Redirect,
            RefusalKind::Rejected => Verdict::Reject,
            _ => Verdict::Error,
        },
    }
}

/// Whether a layer lets the request through; see `AuthLayer::optional`.
fn went_on(chain: &Chain<Name>, optional: bool) -> bool {
    match run(ask(chain)) {
        Ok(_) => true,
        Err(refusal) => optional && refusal.kind() == RefusalKind::Missing,
    }
}

fn trees() -> impl Strategy<Value = Tree> {
    let says = [Say::Accept, Say::Absent, Say::Unrecognized, Say::Redirect, Say::Reject, Say::Error];
    let leaf = proptest::sample::select(says.to_vec()).prop_map(Tree::Leaf);
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..4).prop_map(Tree::Or),
            (inner.clone(), inner).prop_map(|(left, right)| Tree::And(Box::new(left), Box::new(right))),
        ]
    })
}

/// Every extractor, and all of them joined.
fn extractors() -> Vec<Box<dyn Extractor>> {
    let all: [fn() -> Box<dyn Extractor>; 7] = [
        || Box::new(bearer()),
        || Box::new(auth_scheme("Token")),
        || Box::new(header("x-api-key")),
        || Box::new(cookie("jwt")),
        || Box::new(query("token")),
        || Box::new(subprotocol("auth.bearer.")),
        || Box::new(raw_subprotocol("jwt.")),
    ];
    let joined = all.iter().skip(1).fold(all[0]().or(from_nothing()), |any, one| any.or(one()));
    all.iter().map(|one| one()).chain([Box::new(joined) as Box<dyn Extractor>]).collect()
}

fn from_nothing() -> impl Extractor {
    auth_core::extract::from_fn(auth_core::Carrier::Ticket, |_| None)
}

/// Bytes of a header value with a start that an extractor knows.
fn values() -> impl Strategy<Value = Vec<u8>> {
    let start = prop_oneof![
        Just("Bearer "),
        Just("Token"),
        Just("jwt="),
        Just("jwt=\""),
        Just("auth.v1, auth.bearer."),
        Just("chat,jwt."),
        Just("")
    ];
    (start, proptest::collection::vec(any::<u8>(), 0..64)).prop_map(|(start, rest)| [start.as_bytes(), &rest].concat())
}

proptest! {
    #[test]
    fn chain_decides_as_the_table_says(tree in trees()) {
        prop_assert_eq!(verdict(&chain(&tree)), oracle(&tree));
    }

    #[test]
    fn nested_chain_decides_like_the_chain_itself(tree in trees()) {
        prop_assert_eq!(verdict(&Chain::new().or(chain(&tree))), oracle(&tree));
    }

    #[test]
    fn request_passes_exactly_if_plain_booleans_say_so(tree in trees(), optional: bool) {
        prop_assert_eq!(went_on(&chain(&tree), optional), goes_on(&tree, optional));
    }

    #[test]
    fn adding_a_rejecting_strategy_never_grants_access(
        tree in trees(),
        part: proptest::sample::Index,
        beside in proptest::sample::select(vec![Beside::Before, Beside::After, Beside::And]),
        optional: bool,
    ) {
        let stricter = with_rejecting(&tree, &mut part.index(size(&tree)), beside);
        prop_assert!(went_on(&chain(&tree), optional) || !went_on(&chain(&stricter), optional));
        prop_assert!(verdict(&chain(&tree)) == Verdict::Accept || verdict(&chain(&stricter)) != Verdict::Accept);
    }

    #[test]
    fn demanded_or_first_rejecting_strategy_stops_every_request(tree in trees(), optional: bool) {
        for beside in [Beside::Before, Beside::And] {
            prop_assert!(!went_on(&chain(&with_rejecting(&tree, &mut 0, beside)), optional));
        }
    }

    #[test]
    fn optional_lets_through_only_accepted_or_without_credential(tree in trees()) {
        let chain = chain(&tree);
        let more = went_on(&chain, true) && !went_on(&chain, false);
        prop_assert_eq!(more, verdict(&chain) == Verdict::Absent);
    }

    #[test]
    fn extractors_never_panic_or_return_unclean_text(
        name in proptest::sample::select(vec!["authorization", "cookie", "x-api-key", "sec-websocket-protocol"]),
        lines in proptest::collection::vec(values(), 1..3),
        path in "[a-z%=&+?0-9]{0,40}",
    ) {
        let uri = format!("/?token={path}");
        let mut request = http::Request::builder().uri(uri);
        for line in &lines {
            // The HTTP parser rejects bytes that are not a header value.
            if let Ok(value) = http::HeaderValue::from_bytes(line) {
                request = request.header(name, value);
            }
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        for extractor in extractors() {
            let request = AuthRequest::new(&head, Transport::WebSocket, now());
            if let Ok(Some(found)) = extractor.extract(&request) {
                prop_assert!(!found.expose().is_empty() && found.expose().bytes().all(|b| b.is_ascii_graphic()));
            }
        }
    }

    #[test]
    fn challenge_of_any_text_is_a_header_value_that_reads_back(realm in any::<String>()) {
        let challenge = Challenge::bearer(&realm);
        let value = challenge.to_header_value();
        let text = std::str::from_utf8(value.as_bytes()).unwrap();
        let quoted = text.strip_prefix("Bearer realm=\"").and_then(|text| text.strip_suffix('"')).unwrap();
        let mut read = String::new();
        let mut chars = quoted.chars();
        while let Some(c) = chars.next() {
            prop_assert_ne!(c, '"');
            read.push(if c == '\\' { chars.next().unwrap() } else { c });
        }
        prop_assert_eq!(read, realm.chars().filter(|c| !c.is_control()).collect::<String>());
    }
}

//! Laws that hold for every chain and every header, tried on random ones.

use auth_core::{
    AuthRequest, Chain, Challenge, RefusalKind, Transport,
    extract::{Extractor, auth_scheme, bearer, cookie, header, query, raw_subprotocol, subprotocol},
};
use proptest::prelude::*;

use crate::support::{Say, ask, jwt, now};

/// A tree of `or` and `and` over scripted leaves.
#[derive(Clone, Debug)]
enum Tree {
    Leaf(Say),
    Or(Vec<Self>),
    And(Box<Self>, Box<Self>),
}

/// What a tree comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Accept,
    Absent,
    Foreign,
    Redirect,
    Reject,
    Error,
}

/// The decision table once more, as short as it can be said.
fn oracle(tree: &Tree) -> Verdict {
    match tree {
        Tree::Leaf(Say::Accept) => Verdict::Accept,
        Tree::Leaf(Say::Absent) => Verdict::Absent,
        Tree::Leaf(Say::Foreign) => Verdict::Foreign,
        Tree::Leaf(Say::Redirect) => Verdict::Redirect,
        Tree::Leaf(Say::Reject) => Verdict::Reject,
        Tree::Leaf(_) => Verdict::Error,
        Tree::Or(trees) => {
            let verdicts: Vec<_> = trees.iter().map(oracle).collect();
            let goes_on = |verdict: &Verdict| matches!(verdict, Verdict::Absent | Verdict::Foreign);
            verdicts.iter().copied().find(|v| !goes_on(v)).or(verdicts.iter().copied().max()).unwrap()
        }
        Tree::And(left, right) => match (oracle(left), oracle(right)) {
            (Verdict::Accept, Verdict::Absent) | (Verdict::Absent, Verdict::Accept) => Verdict::Foreign,
            (left, right) => left.max(right),
        },
    }
}

fn chain(tree: &Tree) -> Chain<()> {
    match tree {
        Tree::Leaf(say) => Chain::new().or(jwt(*say)).map_user(drop),
        Tree::Or(trees) => {
            let mut trees = trees.iter().map(chain);
            let first = Chain::new().or(trees.next().unwrap());
            trees.fold(first, Chain::or)
        }
        Tree::And(left, right) => chain(left).and(chain(right)).map_user(drop),
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn verdict(chain: &Chain<()>) -> Verdict {
    match run(ask(chain)) {
        Ok(_) => Verdict::Accept,
        Err(refusal) => match refusal.kind() {
            RefusalKind::Missing => Verdict::Absent,
            RefusalKind::Foreign => Verdict::Foreign,
            RefusalKind::Redirect => Verdict::Redirect,
            RefusalKind::Rejected => Verdict::Reject,
            _ => Verdict::Error,
        },
    }
}

fn trees() -> impl Strategy<Value = Tree> {
    let says = [Say::Accept, Say::Absent, Say::Foreign, Say::Redirect, Say::Reject, Say::Error];
    let leaf = proptest::sample::select(says.to_vec()).prop_map(Tree::Leaf);
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..4).prop_map(Tree::Or),
            (inner.clone(), inner).prop_map(|(left, right)| Tree::And(Box::new(left), Box::new(right))),
        ]
    })
}

/// Every extractor there is, and all of them joined.
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

/// Bytes of a header value that start like something an extractor knows.
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
    fn nested_chain_decides_as_the_chain_itself(tree in trees()) {
        prop_assert_eq!(verdict(&Chain::new().or(chain(&tree))), oracle(&tree));
    }

    #[test]
    fn adding_a_strategy_that_rejects_never_grants(tree in trees()) {
        let before = verdict(&chain(&tree));
        let rejecting = || Chain::new().or(jwt(Say::Reject)).map_user(drop);
        for stricter in [chain(&tree).or(rejecting()), Chain::new().or(rejecting()).or(chain(&tree))] {
            prop_assert!(verdict(&stricter) != Verdict::Accept || before == Verdict::Accept);
        }
        for both in [chain(&tree).and(rejecting()), rejecting().and(chain(&tree))] {
            prop_assert_ne!(verdict(&both.map_user(drop)), Verdict::Accept);
        }
    }

    #[test]
    fn nobody_is_let_in_where_no_leaf_accepts(tree in trees()) {
        fn accepts(tree: &Tree) -> bool {
            match tree {
                Tree::Leaf(say) => *say == Say::Accept,
                Tree::Or(trees) => trees.iter().any(accepts),
                Tree::And(left, right) => accepts(left) && accepts(right),
            }
        }
        prop_assert!(accepts(&tree) || verdict(&chain(&tree)) != Verdict::Accept);
    }

    #[test]
    fn no_extractor_panics_or_gives_an_unclean_text(
        name in proptest::sample::select(vec!["authorization", "cookie", "x-api-key", "sec-websocket-protocol"]),
        lines in proptest::collection::vec(values(), 1..3),
        path in "[a-z%=&+?0-9]{0,40}",
    ) {
        let uri = format!("/?token={path}");
        let mut request = http::Request::builder().uri(uri);
        for line in &lines {
            // What is no header value does not come past the HTTP parser either.
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

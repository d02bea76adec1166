//! Random routers from all methods of `Protected`: only what was added with `public` answers without a credential.

use std::convert::Infallible;

use auth_core::Chain;
use axum::{
    Router,
    body::Body,
    extract::Request,
    handler::Handler,
    http::Method,
    response::Response,
    routing::{MethodFilter, MethodRouter, on},
};
use proptest::prelude::*;
use tower::{ServiceExt as _, service_fn};
use ws_adapter::{AuthLayer, Protected};

use crate::support::*;

/// The parts of a router.
#[derive(Clone, Debug)]
enum Item {
    /// One bit for each of `FILTERS`.
    Route(u8),
    Service,
    NestService,
    Nest(Part),
}

#[derive(Clone, Debug)]
struct Part {
    items: Vec<Item>,
    fallback: bool,
}

/// Every way to add something to a `Protected`. Add a new one here and to `WAYS`.
#[derive(Clone, Debug)]
enum Step {
    Route(u8),
    RouteService,
    Nest(Part),
    NestService,
    Merge(Vec<Item>),
    /// Another `Protected`, with closed and public items.
    MergeProtected(Vec<Item>, Vec<Item>),
    MethodNotAllowed,
    WithState,
    Public(Vec<Item>),
    /// The closed items have their own layer; the public ones are open.
    PublicProtected(Vec<Item>, Vec<Item>),
    /// One path with public methods; all others are closed.
    Shared(u8),
}

/// How unknown paths are answered. At most one fallback is possible.
#[derive(Clone, Copy, Debug)]
enum Unknown {
    ByDefault,
    Fallback,
    FallbackService,
    MergedFallback,
    PublicFallback,
}

const WAYS: [&str; 13] = [
    "new",
    "route",
    "route_service",
    "nest",
    "nest_service",
    "merge",
    "fallback",
    "fallback_service",
    "method_not_allowed_fallback",
    "public",
    "into_router",
    "with_state",
    "from",
];

const FILTERS: [(MethodFilter, Method); 7] = [
    (MethodFilter::GET, Method::GET),
    (MethodFilter::POST, Method::POST),
    (MethodFilter::PUT, Method::PUT),
    (MethodFilter::PATCH, Method::PATCH),
    (MethodFilter::DELETE, Method::DELETE),
    (MethodFilter::OPTIONS, Method::OPTIONS),
    (MethodFilter::TRACE, Method::TRACE),
];
const ALL: u8 = 0b111_1111;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Public,
    Closed,
}

impl Side {
    fn answer(self) -> Response {
        let side = if self == Self::Public { "public" } else { "closed" };
        Response::builder().header("side", side).body(Body::empty()).unwrap()
    }

    fn handler(self) -> impl Handler<((),), ()> {
        move || async move { self.answer() }
    }

    fn methods(self, bits: u8) -> MethodRouter {
        let chosen = FILTERS.iter().enumerate().filter(|(place, _)| bits & (1 << place) != 0);
        chosen.fold(MethodRouter::new(), |methods, (_, (filter, _))| methods.merge(on(*filter, self.handler())))
    }
}

/// A service without a nameable type.
macro_rules! service {
    ($side:expr) => {{
        let side = $side;
        service_fn(move |_: Request| async move { Ok::<_, Infallible>(side.answer()) })
    }};
}

/// Builds routers, and records their paths.
#[derive(Default)]
struct Builder {
    count: usize,
    /// Path, methods, and the side that must answer.
    added: Vec<(String, u8, Side)>,
    /// Paths that were not added.
    others: Vec<String>,
}

impl Builder {
    fn path(&mut self, prefix: &str, bits: u8, side: Side) -> String {
        self.count += 1;
        let path = format!("/p{}", self.count);
        self.added.push((format!("{prefix}{path}"), bits, side));
        self.others.push(format!("{prefix}/unknown{}", self.count));
        path
    }

    fn items(&mut self, prefix: &str, items: &[Item], side: Side) -> Router {
        let mut router = Router::new();
        for item in items {
            router = match item {
                Item::Route(bits) => router.route(&self.path(prefix, *bits, side), side.methods(*bits)),
                Item::Service => router.route_service(&self.path(prefix, ALL, side), service!(side)),
                Item::NestService => {
                    let path = self.path(prefix, ALL, side);
                    self.added.push((format!("{prefix}{path}/below"), ALL, side));
                    router.nest_service(&path, service!(side))
                }
                Item::Nest(part) => {
                    let (path, part) = self.part(prefix, part, side);
                    router.nest(&path, part)
                }
            };
        }
        router
    }

    fn part(&mut self, prefix: &str, part: &Part, side: Side) -> (String, Router) {
        self.count += 1;
        let path = format!("/n{}", self.count);
        let mut router = self.items(&format!("{prefix}{path}"), &part.items, side);
        if part.fallback {
            router = router.fallback(side.handler());
        }
        self.others.push(format!("{prefix}{path}/unknown/deep"));
        (path, router)
    }

    fn step(&mut self, whole: Protected<AuthLayer<User>>, step: &Step) -> Protected<AuthLayer<User>> {
        use Side::{Closed, Public};
        match step {
            Step::Route(bits) => whole.route(&self.path("", *bits, Closed), Closed.methods(*bits)),
            Step::RouteService => whole.route_service(&self.path("", ALL, Closed), service!(Closed)),
            Step::NestService => {
                let path = self.path("", ALL, Closed);
                self.added.push((format!("{path}/below"), ALL, Closed));
                whole.nest_service(&path, service!(Closed))
            }
            Step::Nest(part) => {
                let (path, router) = self.part("", part, Closed);
                whole.nest(&path, router)
            }
            Step::Merge(items) => whole.merge(self.items("", items, Closed)),
            Step::MergeProtected(closed, public) => {
                let other = Protected::new(guard()).merge(self.items("", closed, Closed));
                whole.merge(other.public(self.items("", public, Closed)))
            }
            Step::MethodNotAllowed => whole.method_not_allowed_fallback(Closed.handler()),
            Step::WithState => whole.with_state(()),
            Step::Public(items) => whole.public(self.items("", items, Public)),
            Step::PublicProtected(closed, public) => {
                let other = Protected::new(guard()).merge(self.items("", closed, Closed));
                whole.public(other.public(self.items("", public, Public)))
            }
            Step::Shared(bits) => {
                let path = self.path("", *bits, Public);
                self.added.push((path.clone(), ALL & !bits, Closed));
                let public = Router::new().route(&path, Public.methods(*bits));
                whole.route(&path, Closed.methods(ALL & !bits)).public(public)
            }
        }
    }

    fn whole(&mut self, steps: &[Step], unknown: Unknown) -> Router {
        let mut whole = Protected::new(guard());
        for step in steps {
            whole = self.step(whole, step);
        }
        match unknown {
            Unknown::ByDefault => whole,
            Unknown::Fallback => whole.fallback(Side::Closed.handler()),
            Unknown::FallbackService => whole.fallback_service(service!(Side::Closed)),
            Unknown::MergedFallback => whole.merge(Router::new().fallback(Side::Closed.handler())),
            Unknown::PublicFallback => whole.public(Router::new().fallback(Side::Public.handler())),
        }
        .into()
    }
}

fn guard() -> AuthLayer<User> {
    layer(Chain::new().or(basic()))
}

/// `ann:password`
const ANN: &str = "Basic YW5uOnBhc3N3b3Jk";

async fn ask(app: &Router, method: &Method, path: &str, credential: Option<&str>) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(credential) = credential {
        request = request.header("authorization", credential);
    }
    app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

fn side(response: &Response) -> Option<Side> {
    match response.headers().get("side")?.to_str().unwrap() {
        "public" => Some(Side::Public),
        _ => Some(Side::Closed),
    }
}

async fn check(steps: &[Step], unknown: Unknown) {
    let mut builder = Builder::default();
    let app = builder.whole(steps, unknown);
    for (path, bits, added) in &builder.added {
        for (place, (_, method)) in FILTERS.iter().enumerate() {
            if bits & (1 << place) == 0 {
                continue;
            }
            let credential = (*added == Side::Closed).then_some(ANN);
            let answered = ask(&app, method, path, credential).await;
            assert_eq!(side(&answered), Some(*added), "{method} {path} is not there: {}", answered.status());
        }
    }
    let everywhere = ["/", "/nowhere", "/no/where/at/all"].map(str::to_owned);
    let paths = builder.added.iter().map(|(path, ..)| path).chain(&builder.others).chain(&everywhere);
    let methods = FILTERS.iter().map(|(_, method)| method.clone()).chain([Method::HEAD, Method::CONNECT]);
    let methods: Vec<_> = methods.chain([Method::from_bytes(b"ANYTHING").unwrap()]).collect();
    for path in paths {
        for method in &methods {
            let answer = ask(&app, method, path, None).await;
            let status = answer.status();
            assert_ne!(side(&answer), Some(Side::Closed), "{method} {path} is open");
            assert!(!status.is_success() || side(&answer) == Some(Side::Public), "{method} {path} is open");
        }
    }
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let leaf = prop_oneof![bits().prop_map(Item::Route), Just(Item::Service), Just(Item::NestService)];
    let item = leaf.prop_recursive(2, 6, 3, |item| part_of(item).prop_map(Item::Nest));
    prop::collection::vec(item, 0..3)
}

fn part_of(item: impl Strategy<Value = Item>) -> impl Strategy<Value = Part> {
    (prop::collection::vec(item, 0..3), any::<bool>()).prop_map(|(items, fallback)| Part { items, fallback })
}

fn bits() -> impl Strategy<Value = u8> {
    1..=ALL
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        bits().prop_map(Step::Route),
        Just(Step::RouteService),
        (items(), any::<bool>()).prop_map(|(items, fallback)| Step::Nest(Part { items, fallback })),
        Just(Step::NestService),
        items().prop_map(Step::Merge),
        (items(), items()).prop_map(|(closed, public)| Step::MergeProtected(closed, public)),
        Just(Step::MethodNotAllowed),
        Just(Step::WithState),
        items().prop_map(Step::Public),
        (items(), items()).prop_map(|(closed, public)| Step::PublicProtected(closed, public)),
        (1..ALL).prop_map(Step::Shared),
    ]
}

fn unknown() -> impl Strategy<Value = Unknown> {
    prop_oneof![
        Just(Unknown::ByDefault),
        Just(Unknown::Fallback),
        Just(Unknown::FallbackService),
        Just(Unknown::MergedFallback),
        Just(Unknown::PublicFallback),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn only_public_routes_answer_without_a_credential(steps in prop::collection::vec(step(), 0..7), unknown in unknown()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(&steps, unknown));
    }
}

#[test]
fn random_routers_use_every_way_to_add_a_route() {
    let source = include_str!("../../src/protected/mod.rs");
    let functions = source.lines().filter_map(|line| {
        let name = line.trim_start().strip_prefix("pub fn ").or_else(|| line.trim_start().strip_prefix("fn "))?;
        name.split(['(', '<']).next()
    });
    // These add nothing.
    let added: Vec<_> = functions.filter(|name| !["close", "clone", "fmt"].contains(name)).collect();
    assert_eq!(added, WAYS);
}

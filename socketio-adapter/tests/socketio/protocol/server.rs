//! The application that the suite asks for, alone and behind a chain.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use auth_core::{
    Accept, AuthRequest, BoxError, Chain, Challenge, Outcome, Rejection, Strategy, async_trait,
    extract::{Extractor as _, bearer, socketio_auth},
};
use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
};
use bytes::Bytes;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{SeqAccess, Visitor, value::SeqAccessDeserializer},
    ser::SerializeTuple as _,
};
use serde_json::Value;
use socketio_adapter::SocketIoAuth;
use socketioxide::{
    SocketIo, SocketIoBuilder,
    extract::{AckSender, Data, SocketRef},
};
use ws_adapter::AuthLayer;

use crate::support::{Server, User};

/// How long the server waits for what.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    ping_interval: Duration,
    ping_timeout: Duration,
    connect_timeout: Duration,
}

impl Pace {
    /// What the suite configures.
    pub(super) const SUITE: Self = Self::of_millis(300, 200, 1_000);
    /// Pings come soon; a busy machine has time for the pongs.
    pub(super) const PINGS: Self = Self::of_millis(300, 5_000, 10_000);
    /// A `CONNECT` is due soon, and pings do not interfere.
    pub(super) const CONNECT: Self = Self::of_millis(25_000, 20_000, 1_000);
    /// Nothing happens by itself.
    pub(super) const CALM: Self = Self::of_millis(25_000, 20_000, 10_000);

    const fn of_millis(ping_interval: u64, ping_timeout: u64, connect_timeout: u64) -> Self {
        Self {
            ping_interval: Duration::from_millis(ping_interval),
            ping_timeout: Duration::from_millis(ping_timeout),
            connect_timeout: Duration::from_millis(connect_timeout),
        }
    }

    fn configure(self, builder: SocketIoBuilder) -> SocketIoBuilder {
        builder.ping_interval(self.ping_interval).ping_timeout(self.ping_timeout)
    }
}

const MAX_PAYLOAD: u64 = 1_000_000;

/// socketioxide, with nothing in front.
pub(super) async fn plain(pace: Pace) -> (Server, Arrivals) {
    let (layer, io) = pace
        .configure(SocketIo::builder())
        .connect_timeout(pace.connect_timeout)
        .max_payload(MAX_PAYLOAD)
        .build_layer();
    for namespace in NAMESPACES {
        io.ns(namespace, welcome);
    }
    start(Router::new().layer(layer)).await
}

/// The same application behind a chain that knows the tokens of [`Key`].
pub(super) async fn guarded(pace: Pace) -> (Server, Arrivals) {
    let (layer, io) = SocketIoAuth::new(AuthLayer::new(Chain::new().or(Key)))
        .connect_timeout(pace.connect_timeout)
        .max_message(usize::try_from(MAX_PAYLOAD).unwrap())
        .configure(|builder| pace.configure(builder))
        .build();
    for namespace in NAMESPACES {
        io.ns(namespace, welcome);
    }
    start(Router::new().layer(layer)).await
}

/// How many requests have arrived at a server.
#[derive(Clone, Default)]
pub(super) struct Arrivals(Arc<AtomicUsize>);

impl Arrivals {
    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

async fn start(router: Router) -> (Server, Arrivals) {
    let arrivals = Arrivals::default();
    let count = {
        let arrivals = arrivals.clone();
        move |request: Request, next: Next| {
            arrivals.0.fetch_add(1, Ordering::SeqCst);
            next.run(request)
        }
    };
    (Server::start(router.layer(from_fn(count))).await, arrivals)
}

const NAMESPACES: [&str; 2] = ["/", "/custom"];

async fn welcome(socket: SocketRef, Data(auth): Data<Value>) {
    socket.on("message", async |socket: SocketRef, Data(arguments): Data<Arguments>| {
        socket.emit("message-back", &arguments).unwrap();
    });
    socket.on("message-with-ack", async |Data(arguments): Data<Arguments>, ack: AckSender| {
        ack.send(&arguments).unwrap();
    });
    socket.on("leave", async |socket: SocketRef| socket.disconnect().unwrap());
    socket.emit("auth", &auth).unwrap();
}

/// Knows two tokens of one user, in the header or in `auth`.
struct Key;

impl Key {
    const TOKENS: [&str; 2] = ["123", "abc"];
}

#[async_trait]
impl Strategy for Key {
    type User = User;

    fn name(&self) -> &str {
        "key"
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        out.push(Challenge::bearer("test"));
    }

    async fn authenticate(&self, request: &AuthRequest<'_>) -> Result<Outcome<User>, BoxError> {
        Ok(match bearer().or(socketio_auth("token")).extract(request) {
            Ok(None) => Outcome::Absent,
            Ok(Some(key)) if Self::TOKENS.contains(&key.expose()) => {
                Outcome::Accept(Accept::new(User("ann".into()), key.carrier()))
            }
            _ => Outcome::Reject(Rejection::invalid_credentials()),
        })
    }
}

/// The arguments of an event, as a tuple of any length: socketioxide takes a list for one argument.
struct Arguments(Vec<Argument>);

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Argument {
    Json(Value),
    Binary(Bytes),
}

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sequence;

        impl<'de> Visitor<'de> for Sequence {
            type Value = Arguments;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("arguments")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, arguments: A) -> Result<Arguments, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(arguments)).map(Arguments)
            }
        }

        deserializer.deserialize_tuple(0, Sequence)
    }
}

impl Serialize for Arguments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        for argument in &self.0 {
            tuple.serialize_element(argument)?;
        }
        tuple.end()
    }
}

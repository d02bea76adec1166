//! GraphQL over WebSocket for authenticated users, on `graphql-transport-ws`: a query, a mutation and a subscription.
//!
//! ```text
//! SECRET=… cargo run -p demo --example graphql
//! ```
//!
//! It reads bearer tokens (HS256, with `sub` and `exp`) from the payload of `connection_init`. At `/graphql`, async-graphql reads
//! `connection_init` itself. At `/consumed` the layer answers it, and the handler never sees the token.
#![expect(clippy::print_stdout, reason = "it prints its address for the program that starts it")]

#[path = "../src/clock.rs"]
mod clock;

use std::{error::Error, future::ready, sync::Arc, time::Duration};

use async_graphql::{
    Context, Data, EmptyMutation, Object, Result, Schema, Subscription,
    http::{WebSocket, WebSocketProtocols, WsMessage},
};
use auth_core::{Authenticated, Chain, Principal, PrincipalId};
use auth_jwt::Jwt;
use axum::{Router, extract::ws::Message, routing::any};
use futures_util::{SinkExt as _, Stream, StreamExt as _, stream};
use serde::Deserialize;
use tokio::net::TcpListener;
use ws_adapter::{AuthLayer, AuthSocket, AuthWebSocketUpgrade, Close, GraphqlTransportWs, Protected};

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

struct User {
    id: String,
}

impl Principal for User {
    fn principal_id(&self) -> Option<PrincipalId> {
        Some(PrincipalId::new("", &self.id))
    }
}

struct Query;

#[Object]
impl Query {
    /// The name of the user.
    async fn me(&self, context: &Context<'_>) -> Result<String> {
        Ok(context.data::<Authenticated<User>>()?.id.clone())
    }
}

struct Subscriptions;

#[Subscription]
impl Subscriptions {
    /// The name of the user, again and again.
    async fn ticks(&self, context: &Context<'_>) -> Result<impl Stream<Item = String> + use<>> {
        let name = context.data::<Authenticated<User>>()?.id.clone();
        Ok(stream::unfold((name, 0_u32), |(name, number)| async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Some((format!("{name} {number}"), (name, number.wrapping_add(1))))
        }))
    }
}

type AppSchema = Schema<Query, EmptyMutation, Subscriptions>;

/// Answers the messages of a client. `init` replaces a `connection_init` that the layer has answered.
async fn talk(schema: AppSchema, socket: AuthSocket<User>, init: Option<&'static str>) {
    let mut data = Data::default();
    data.insert(socket.user());
    let (mut sink, mut stream) = socket.split();
    let texts = stream.by_ref().filter_map(|message| {
        ready(match message {
            Ok(Message::Text(text)) => Some(text.to_string()),
            _ => None,
        })
    });
    let texts = stream::iter(init.map(str::to_owned)).chain(texts);
    let answers = WebSocket::new(schema, texts, WebSocketProtocols::GraphQLWS).connection_data(data);
    // The layer has sent the acknowledgement, so drop async-graphql's.
    let mut answers = answers.skip(usize::from(init.is_some()));
    let close = loop {
        match answers.next().await {
            Some(WsMessage::Text(text)) => {
                if sink.send(Message::Text(text.into())).await.is_err() {
                    break Close::NORMAL;
                }
            }
            Some(WsMessage::Close(code, reason)) => {
                break Close::try_new(code, reason).unwrap_or(Close::PROTOCOL_ERROR);
            }
            None => break Close::NORMAL,
        }
    };
    drop(answers);
    if let Ok(socket) = sink.reunite(stream) {
        socket.close(close);
    }
}

fn app(layer: &AuthLayer<User>, codec: GraphqlTransportWs, path: &str, init: Option<&'static str>) -> Router {
    let schema = Schema::new(Query, EmptyMutation, Subscriptions);
    let open = async move |ws: AuthWebSocketUpgrade<User>| {
        ws.protocols(["graphql-transport-ws"]).on_upgrade(move |socket| talk(schema, socket, init))
    };
    Protected::new(layer.clone().first_message().codec(codec)).route(path, any(open)).into_router()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let jwt = Jwt::<Claims>::hs256(std::env::var("SECRET")?)?;
    let mut layer =
        AuthLayer::new(Chain::new().or(jwt.verify(|claims: Claims| async move { Some(User { id: claims.sub }) })));
    // For tests: each line of standard input moves the clock by so many seconds.
    if std::env::args().any(|argument| argument == "--clock-from-stdin") {
        layer = layer.timer(Arc::new(clock::moved_by_stdin()));
    }
    let app = Router::new().merge(app(&layer, GraphqlTransportWs::new().forward(), "/graphql", None)).merge(app(
        &layer,
        GraphqlTransportWs::new(),
        "/consumed",
        Some(r#"{"type":"connection_init"}"#),
    ));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("ws://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

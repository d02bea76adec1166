//! What one node runs: a chain, its revocations and tickets, and a registry.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use auth_core::{AuthRequest, Chain, Principal, PrincipalId, Revocation, Transport};
use auth_jwt::{Jwt, Signer};
use auth_store::{RedisStore, Revocations, Store, TicketGrant, Tickets};
use http::request::Parts;
use serde::{Deserialize, Serialize};
use ws_adapter::{
    AuthLayer, Close, Connections, Sockets,
    adapter::{Checkpoint, End, Entered, Place},
};

use crate::{
    Result,
    counted::Counted,
    order::{Stamp, Tally, unix_nanos},
    sharded::Sharded,
};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const ISSUER: &str = "https://id.example";
const TTL: Duration = Duration::from_secs(900);

#[derive(Clone)]
pub struct User {
    id: String,
}

impl Principal for User {
    fn principal_id(&self) -> Option<PrincipalId> {
        Some(PrincipalId::new("", &self.id))
    }
}

/// Their look-up has four keys: `jti`, `sid`, the token's name of the user, and the application's.
#[derive(Deserialize, Serialize)]
struct Claims {
    sub: String,
    jti: String,
    sid: String,
    iat: u64,
    exp: u64,
}

pub struct Service {
    revocations: Revocations,
    feed: Counted,
    chain: Chain<User>,
    tickets: Tickets,
    checkpoint: Checkpoint<User>,
    signer: Signer,
    closed: Arc<Mutex<Vec<Stamp>>>,
}

/// A connection in the registry.
pub struct Held {
    _entered: Entered,
    _place: Arc<Place>,
}

impl Service {
    /// A service over the Redis servers at these URLs. Its registry follows the revocations, if `follows` is set.
    pub fn new(urls: &[&str], prefix: &str, follows: bool) -> Result<Self> {
        let stores = urls.iter().map(|url| Ok(RedisStore::new(url)?.prefix(prefix))).collect::<Result<Vec<_>>>()?;
        match <[RedisStore; 1]>::try_from(stores) {
            Ok([store]) => Self::over(store, follows),
            Err(stores) => Self::over(Sharded(stores), follows),
        }
    }

    fn over(store: impl Store + Clone, follows: bool) -> Result<Self> {
        let revocations = Revocations::new(store.clone()).max_credential_age(TTL);
        let tickets = Tickets::new(store, "/ws")?;
        let feed = Counted::new(revocations.clone());
        let connections = Connections::new();
        if follows {
            connections.follow(feed.clone());
        }
        let jwt = Jwt::<Claims>::hs256(SECRET)?
            .issuer(ISSUER)
            .audience("chat")
            .verify(|claims: Claims| async move { Some(User { id: claims.sub }) });
        let ticket = tickets
            .strategy()
            .verify(|grant: TicketGrant| async move { Some(User { id: grant.principal().subject().to_owned() }) });
        let chain = Chain::new().or(jwt).or(ticket).revocation(revocations.clone());
        let layer: AuthLayer<User> = AuthLayer::new(chain.clone()).sockets(Sockets::new().connections(&connections));
        Ok(Self {
            revocations,
            feed,
            chain,
            tickets,
            checkpoint: layer.into_checkpoint(),
            signer: Signer::hs256(SECRET)?.issuer(ISSUER).audience("chat"),
            closed: Arc::default(),
        })
    }

    /// A request with a token of this user.
    pub fn request(&self, user: usize) -> Result<Parts> {
        let iat = SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
        let claims = Claims {
            sub: format!("user-{user}"),
            jti: token(user),
            sid: format!("session-{user:016}"),
            iat,
            exp: iat + TTL.as_secs(),
        };
        let token = self.signer.sign(&claims)?;
        let request = http::Request::get("/ws").header("host", "chat.example");
        Ok(request.header("authorization", format!("Bearer {}", token.expose())).body(())?.into_parts().0)
    }

    pub async fn revoke(&self, user: usize) -> Result<()> {
        let revocation = Revocation::credential(ISSUER, token(user)).ends_at(SystemTime::now() + TTL);
        Ok(self.revocations.revoke(&revocation).await?)
    }

    pub async fn revoke_user(&self, user: usize) -> Result<()> {
        let user = PrincipalId::new("", format!("user-{user}"));
        Ok(self.revocations.revoke(&Revocation::user(user, SystemTime::now())).await?)
    }

    pub async fn revoke_connection(&self, user: usize) -> Result<()> {
        Ok(self.revocations.revoke(&Revocation::connection(format!("{user:024x}"))).await?)
    }

    pub async fn ask(&self, request: &Parts) -> Result<()> {
        let request = AuthRequest::new(request, Transport::Http, SystemTime::now());
        self.chain.authenticate(&request).await.map(drop).map_err(text)
    }

    /// Opens a connection, as a handshake does up to the upgrade.
    pub async fn enter(&self, request: &Parts, user: usize) -> Result<Held> {
        let asked = AuthRequest::new(request, Transport::WebSocket, SystemTime::now());
        let accepted = self.checkpoint.check(&asked).await.and_then(|checked| checked.user).map_err(text)?;
        let id = self.checkpoint.new_id().map_err(text)?;
        let end = Arc::new(Socket { user, closed: Arc::clone(&self.closed) });
        let place = Arc::new(self.checkpoint.place(id, Transport::WebSocket, request, end));
        let entered = self.checkpoint.enter(&place, &accepted, &asked).await.map_err(text)?;
        place.begin();
        place.opened();
        Ok(Held { _entered: entered, _place: place })
    }

    /// Buys a ticket, and gives a handshake with it.
    pub async fn buy_ticket(&self, request: &Parts) -> Result<Parts> {
        let asked = AuthRequest::new(request, Transport::Http, SystemTime::now());
        let user = self.chain.authenticate(&asked).await.map_err(text)?;
        let ticket = self.tickets.issue(user.evidence(), request).await.map_err(text)?;
        let handshake = http::Request::get(format!("/ws?ticket={}", ticket.value().expose()));
        Ok(handshake.header("host", "chat.example").body(())?.into_parts().0)
    }

    pub fn closed(&self) -> Vec<Stamp> {
        std::mem::take(&mut self.closed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn tally(&self) -> Tally {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner).len() as u64;
        Tally { closed, ..self.feed.tally() }
    }
}

fn token(user: usize) -> String {
    format!("token-{user:016}")
}

fn text(refusal: auth_core::Refusal) -> crate::Error {
    let cause = std::error::Error::source(&refusal).map(ToString::to_string).unwrap_or_default();
    format!("{} {}: {cause}", refusal.status(), refusal.code()).into()
}

/// Notes when the registry ends it.
struct Socket {
    user: usize,
    closed: Arc<Mutex<Vec<Stamp>>>,
}

impl End for Socket {
    fn end(&self, _: Close) {
        let stamp = Stamp { user: self.user, unix_nanos: unix_nanos() };
        self.closed.lock().unwrap_or_else(PoisonError::into_inner).push(stamp);
    }
}

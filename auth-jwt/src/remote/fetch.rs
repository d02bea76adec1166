use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use auth_core::Timer;
use aws_lc_rs::digest;
use http::{HeaderValue, Uri, header};

use super::{
    FetchError, FetchErrorKind,
    client::{Client, Reply},
    discovery::Discovery,
    document::IgnoredKey,
    format::{self, Format},
    found, lifetime,
    location::PlainHttp,
    state::{Digest, Fetched},
};
use crate::KeySet;

/// How long a fetch may take, including discovery.
const LIMIT: Duration = Duration::from_secs(5);
/// How long a discovered location is used if keys can be fetched from it.
const REDISCOVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Where the keys are.
pub(super) enum JwksLocation {
    Known(Uri),
    Discovered(Discovery),
}

impl JwksLocation {
    /// The location that is fetched first: the configured one, or the discovery document.
    pub(super) fn first(&self) -> &Uri {
        match self {
            Self::Known(location) => location,
            Self::Discovered(discovery) => discovery.document(),
        }
    }
}

impl fmt::Debug for JwksLocation {
    /// Without the query of a URL, which may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(location) => f.debug_tuple("Known").field(&found::url(location)).finish(),
            Self::Discovered(discovery) => f.debug_tuple("Discovered").field(discovery).finish(),
        }
    }
}

pub(super) struct Fetcher {
    client: Client,
    place: JwksLocation,
    format: Format,
    plain: PlainHttp,
    timer: Arc<dyn Timer>,
    memory: Mutex<Memory>,
}

/// State that one fetch keeps for the next.
#[derive(Default)]
struct Memory {
    location: Option<(Uri, SystemTime)>,
    /// The `ETag` of the current set, and its location.
    validator: Option<(Uri, HeaderValue)>,
    /// The digest of the last document.
    read: Option<Digest>,
}

impl Fetcher {
    pub(super) fn new(
        client: Client,
        place: JwksLocation,
        format: Format,
        plain: PlainHttp,
        timer: Arc<dyn Timer>,
    ) -> Self {
        Self { client, place, format, plain, timer, memory: Mutex::default() }
    }

    /// The issuer, if its keys are found by discovery.
    pub(super) fn issuer(&self) -> Option<&str> {
        match &self.place {
            JwksLocation::Known(_) => None,
            JwksLocation::Discovered(discovery) => Some(discovery.issuer()),
        }
    }

    pub(super) fn place(&self) -> &JwksLocation {
        &self.place
    }

    /// One fetch within the time limit. Only one may run at a time.
    pub(super) async fn fetch(&self) -> Result<Fetched, FetchError> {
        let limit = self.timer.sleep(LIMIT);
        let result = tokio::select! {
            biased;
            () = limit => Err(FetchErrorKind::TimedOut.into()),
            result = self.attempt() => result,
        };
        result.map_err(|error| {
            // The keys may have moved.
            let location = self.memory().location.take();
            let url = found::url(location.as_ref().map_or(self.place.first(), |(location, _)| location));
            error.or_because(|kind| missing(kind, &url))
        })
    }

    async fn attempt(&self) -> Result<Fetched, FetchError> {
        let location = self.location().await?;
        let validator = self.memory().validator.clone().filter(|(from, _)| *from == location).map(|(_, tag)| tag);
        let (headers, body) = match self.get_set(&location, validator.as_ref()).await? {
            Reply::NotModified(headers) => {
                return Ok(Fetched { set: None, lifetime: lifetime::asked_for(&headers) });
            }
            Reply::Ok { headers, body } => (headers, body),
        };
        let set = self.read(&body)?;
        if self.format.is_constant() {
            self.memory().validator = headers.get(header::ETAG).map(|tag| (location, tag.clone()));
        }
        Ok(Fetched { set: Some(set), lifetime: lifetime::asked_for(&headers) })
    }

    /// The keys in the document, with a digest. Ignored keys are logged once, and not at each fetch.
    fn read(&self, body: &[u8]) -> Result<(KeySet, Digest), FetchErrorKind> {
        let mut ignored = Vec::new();
        let keys = format::read(body, self.format, self.timer.now(), &mut ignored);
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(body);
        // A certificate can expire while the document stays the same.
        context.update(format!("{ignored:?}").as_bytes());
        let mut sum = [0; 32];
        sum.copy_from_slice(context.finish().as_ref());
        if self.memory().read.replace(sum) != Some(sum) {
            ignored.iter().for_each(IgnoredKey::log);
        }
        Ok((keys?, sum))
    }

    /// Fetches a set in the right format, or the answer that it has not changed.
    async fn get_set(&self, location: &Uri, validator: Option<&HeaderValue>) -> Result<Reply, FetchError> {
        let reply = self.client.get(location, validator).await?;
        if let Reply::Ok { headers, body } = &reply
            && let Some(what) = self.format.mismatch(headers, body)
        {
            let text = format!("expected {} at {}, found {what}", self.format.describe(), found::url(location));
            return Err(FetchError::caused_by(FetchErrorKind::Malformed, text));
        }
        Ok(reply)
    }

    async fn location(&self) -> Result<Uri, FetchError> {
        let discovery = match &self.place {
            JwksLocation::Known(location) => return Ok(location.clone()),
            JwksLocation::Discovered(discovery) => discovery,
        };
        let now = self.timer.now();
        if let Some((location, since)) = &self.memory().location
            && now.duration_since(*since).is_ok_and(|age| age < REDISCOVER)
        {
            return Ok(location.clone());
        }
        let document = discovery.document();
        let Reply::Ok { headers, body } = self.client.get(document, None).await? else {
            return Err(FetchErrorKind::Status.into());
        };
        let refuse =
            |why| FetchError::caused_by(FetchErrorKind::Discovery, format!("{why}, at {}", found::url(document)));
        if let Some(what) = found::not_an_object(&headers, &body) {
            return Err(refuse(format!("expected a discovery document, found {what}")));
        }
        let location = discovery.jwks_uri(&body, &self.plain).map_err(refuse)?;
        self.client.headers().warn_unless_for(&location);
        self.memory().location = Some((location.clone(), now));
        Ok(location)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The source of an error that has no other source.
fn missing(kind: FetchErrorKind, url: &str) -> String {
    match kind {
        FetchErrorKind::TimedOut => format!("expected a complete answer within {} s from {url}", LIMIT.as_secs()),
        FetchErrorKind::NoUsableKey => {
            format!(
                "expected a key that verifies signatures at {url}, found none: the log has a line for each key left out"
            )
        }
        FetchErrorKind::PrivateKey => {
            format!("expected only certificates at {url}, found a private key of an unknown pair")
        }
        FetchErrorKind::TooLarge => format!("expected 100 keys at most, found more at {url}"),
        _ => format!("while asking {url}"),
    }
}

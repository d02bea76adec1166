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
    document::LeftOut,
    format::{self, Format},
    found, lifetime,
    location::PlainHttp,
    state::{Digest, Fetched},
};
use crate::KeySet;

/// How long a fetch may take, the discovery that may come before included.
const LIMIT: Duration = Duration::from_secs(5);
/// How long a location that was discovered is good for, as long as keys come from it.
const REDISCOVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Where the keys are.
pub(super) enum Place {
    Known(Uri),
    Discovered(Discovery),
}

impl Place {
    /// What is fetched first. It is the location that was configured, or is made of it.
    pub(super) fn first(&self) -> &Uri {
        match self {
            Self::Known(location) => location,
            Self::Discovered(discovery) => discovery.document(),
        }
    }
}

impl fmt::Debug for Place {
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
    place: Place,
    format: Format,
    plain: PlainHttp,
    timer: Arc<dyn Timer>,
    memory: Mutex<Memory>,
}

/// What one fetch leaves for the next.
#[derive(Default)]
struct Memory {
    location: Option<(Uri, SystemTime)>,
    /// The `ETag` of the set that counts, and where it came from.
    validator: Option<(Uri, HeaderValue)>,
    /// What was read last.
    read: Option<Digest>,
}

impl Fetcher {
    pub(super) fn new(client: Client, place: Place, format: Format, plain: PlainHttp, timer: Arc<dyn Timer>) -> Self {
        Self { client, place, format, plain, timer, memory: Mutex::default() }
    }

    /// The issuer, if its keys are found by discovery.
    pub(super) fn issuer(&self) -> Option<&str> {
        match &self.place {
            Place::Known(_) => None,
            Place::Discovered(discovery) => Some(discovery.issuer()),
        }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// One fetch, within its limit of time. No two may run at once.
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

    /// The keys in the document, and what tells them apart from others. What is left out of it is logged once, and not at
    /// each fetch.
    fn read(&self, body: &[u8]) -> Result<(KeySet, Digest), FetchErrorKind> {
        let mut left_out = Vec::new();
        let keys = format::read(body, self.format, self.timer.now(), &mut left_out);
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(body);
        // A certificate ends while the document stays as it is.
        context.update(format!("{left_out:?}").as_bytes());
        let mut sum = [0; 32];
        sum.copy_from_slice(context.finish().as_ref());
        if self.memory().read.replace(sum) != Some(sum) {
            left_out.iter().for_each(LeftOut::log);
        }
        Ok((keys?, sum))
    }

    /// A set, which is read by others, or the answer that it has not changed.
    async fn get_set(&self, location: &Uri, validator: Option<&HeaderValue>) -> Result<Reply, FetchError> {
        let reply = self.client.get(location, validator).await?;
        if let Reply::Ok { headers, body } = &reply
            && let Some(what) = self.format.is_missed_by(headers, body)
        {
            let text = format!("expected {} at {}, found {what}", self.format.describe(), found::url(location));
            return Err(FetchError::caused_by(FetchErrorKind::Malformed, text));
        }
        Ok(reply)
    }

    async fn location(&self) -> Result<Uri, FetchError> {
        let discovery = match &self.place {
            Place::Known(location) => return Ok(location.clone()),
            Place::Discovered(discovery) => discovery,
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
        if let Some(what) = found::no_object(&headers, &body) {
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

/// What is told of an error that has no cause of its own.
fn missing(kind: FetchErrorKind, url: &str) -> String {
    match kind {
        FetchErrorKind::TimedOut => format!("expected a whole answer within {} s from {url}", LIMIT.as_secs()),
        FetchErrorKind::NoUsableKey => {
            format!(
                "expected a key that verifies signatures at {url}, found none: the log has a line for each key left out"
            )
        }
        FetchErrorKind::TooLarge => format!("expected 100 keys at most, found more at {url}"),
        _ => format!("while asking {url}"),
    }
}

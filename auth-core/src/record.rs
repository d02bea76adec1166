use std::{
    any::Any,
    borrow::Cow,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL},
    request::Parts,
    uri::PathAndQuery,
};
use zeroize::Zeroizing;

use crate::Needs;

/// What is known about a request beyond its head: the target that was sent, the credentials that layers have taken out,
/// and what strategies have used up for it.
///
/// It is in the extensions of the request, so that an inner layer judges the same request as an outer one. Only an
/// [`AuthRequest`](crate::AuthRequest) reads it. Clones share one record.
///
/// For adapters: make one with [`of`](Self::of) before the chain runs, and [`take`](Self::take) the credentials out before
/// the request goes on.
#[derive(Clone)]
pub struct RequestRecord(Arc<Record>);

struct Record {
    target: Uri,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// `None` until something is taken.
    taken: Option<Arc<Taken>>,
    remembered: Vec<Arc<dyn Any + Send + Sync>>,
}

/// The credentials that layers have taken out of a request.
#[derive(Clone, Default)]
pub(crate) struct Taken {
    /// As in the query: `name=value`.
    query: Vec<Zeroizing<String>>,
    subprotocols: Vec<Zeroizing<Vec<u8>>>,
    /// Each word, and the entry that followed it.
    after: Vec<(Cow<'static, str>, Option<Zeroizing<Vec<u8>>>)>,
}

impl RequestRecord {
    /// The record of this request. If there is none yet, makes one that notes the target.
    #[must_use]
    pub fn of(parts: &mut Parts) -> Self {
        if let Some(record) = parts.extensions.get::<Self>() {
            return record.clone();
        }
        let record = Self::new(original_target(parts));
        parts.extensions.insert(record.clone());
        record
    }

    /// As [`of`](Self::of), but makes no record if the request already says all that a new one would note: no credential is to
    /// be taken out, and axum keeps the target. That saves most requests four allocations.
    ///
    /// A strategy may still keep something with the request: see [`AuthRequest::into_record`](crate::AuthRequest::into_record).
    #[must_use]
    pub fn if_needed(parts: &mut Parts, needs: &Needs) -> Option<Self> {
        let is_needed =
            needs.names_secrets_to_take() || !keeps_target(parts) || parts.extensions.get::<Self>().is_some();
        is_needed.then(|| Self::of(parts))
    }

    /// Marks the headers that may hold credentials as sensitive.
    pub fn mark_sensitive(parts: &mut Parts, needs: &Needs) {
        let is_secret = |name: &HeaderName| {
            *name == AUTHORIZATION
                || *name == COOKIE
                || *name == PROXY_AUTHORIZATION
                || needs.header_names().contains(name)
        };
        let secrets = parts.headers.iter_mut().filter(|(name, _)| is_secret(name));
        secrets.for_each(|(_, value)| value.set_sensitive(true));
    }

    /// A record to keep with an open connection, and to use for each later decision about it. It holds the path that was
    /// sent, in memory of its own. It does not hold the query, the credentials, or what strategies have kept.
    #[must_use]
    pub fn without_credentials(&self) -> Self {
        Self::new(self.path())
    }

    /// A record for a later decision about the same opening request. It holds the path that was sent and the credentials
    /// that were taken out, but not what strategies have kept.
    #[must_use]
    pub fn with_credentials(&self) -> Self {
        let state = State { taken: self.taken(), ..State::default() };
        Self(Arc::new(Record { target: self.path(), state: Mutex::new(state) }))
    }

    /// A copy of the record in memory of its own, for an adapter that keeps the head of a request for a long time: the
    /// original target keeps the whole read buffer alive. What is taken or kept later is only in one of the two.
    #[must_use]
    pub fn in_own_memory(&self) -> Self {
        let State { taken, remembered } = &*self.state();
        let state = State { taken: taken.clone(), remembered: remembered.clone() };
        // OK because it was parsed as a target before.
        let target = self.0.target.to_string().parse().unwrap_or_else(|_| self.0.target.clone());
        Self(Arc::new(Record { target, state: Mutex::new(state) }))
    }

    /// Takes the credentials that `needs` names out of the query and the subprotocols, and marks the headers that may hold
    /// others as sensitive. Handlers and logs further in no longer see them by accident. Strategies of an inner layer find
    /// them through [`AuthRequest`](crate::AuthRequest).
    pub fn take(&self, parts: &mut Parts, needs: &Needs) {
        Self::mark_sensitive(parts, needs);
        if !needs.names_secrets_to_take() {
            return;
        }
        let mut taken = Taken::default();
        take_query(&mut parts.uri, needs.query_names(), &mut taken.query);
        #[cfg(feature = "axum")]
        if let Some(original) = parts.extensions.get_mut::<axum::extract::OriginalUri>() {
            take_query(&mut original.0, needs.query_names(), &mut Vec::new());
        }
        let known = self.taken();
        let is_known = |word: &str| known.iter().any(|known| known.subprotocols_after(word).next().is_some());
        let is_new = |word: &&Cow<'static, str>| !is_known(word);
        // Another entry follows a word whose token is gone.
        let words: Vec<_> = needs.subprotocol_words().iter().filter(is_new).cloned().collect();
        take_subprotocols(&mut parts.headers, needs.subprotocol_prefixes(), &words, &mut taken);
        if !taken.query.is_empty() || !taken.subprotocols.is_empty() || !taken.after.is_empty() {
            let mut state = self.state();
            let all = Arc::make_mut(state.taken.get_or_insert_default());
            all.query.append(&mut taken.query);
            all.subprotocols.append(&mut taken.subprotocols);
            all.after.append(&mut taken.after);
        }
    }

    /// The path as the client sent it: percent-encoded, with prefixes that nested routers remove, without the query. `*` for
    /// `OPTIONS *`; empty if the target has no path (`CONNECT host:443`).
    #[must_use]
    pub fn sent_path(&self) -> &str {
        self.0.target.path()
    }

    /// Whether layers have taken a credential out of the query.
    #[must_use]
    pub fn has_query_credential(&self) -> bool {
        self.state().taken.as_ref().is_some_and(|taken| !taken.query.is_empty())
    }

    pub(crate) fn find(parts: &Parts) -> Self {
        parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Self::new(original_target(parts)))
    }

    pub(crate) fn target(&self) -> &Uri {
        &self.0.target
    }

    pub(crate) fn taken(&self) -> Option<Arc<Taken>> {
        self.state().taken.clone()
    }

    pub(crate) fn remember<T: Send + Sync + 'static>(&self, value: T) {
        self.state().remembered.push(Arc::new(value));
    }

    pub(crate) fn recall<T: 'static, R>(&self, find: impl FnMut(&T) -> Option<R>) -> Option<R> {
        // Outside the lock, since `find` is the caller's code.
        let remembered = self.state().remembered.clone();
        remembered.iter().filter_map(|value| value.downcast_ref()).find_map(find)
    }

    /// The path that was sent, in memory of its own.
    fn path(&self) -> Uri {
        self.0.target.path().to_owned().try_into().unwrap_or_default()
    }

    fn new(target: Uri) -> Self {
        Self(Arc::new(Record { target, state: Mutex::default() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RequestRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestRecord").finish_non_exhaustive()
    }
}

impl Taken {
    /// The values of a query parameter, percent-decoded.
    pub(crate) fn query_values<'t>(&'t self, name: &str) -> impl Iterator<Item = Cow<'t, str>> {
        self.query.iter().flat_map(move |pair| query_values(pair, name))
    }

    pub(crate) fn subprotocols(&self) -> impl Iterator<Item = &[u8]> {
        let after = self.after.iter().filter_map(|(_, entry)| entry.as_ref());
        self.subprotocols.iter().chain(after).map(|entry| entry.as_slice())
    }

    /// The entry after each occurrence of a word; `None` if nothing followed.
    pub(crate) fn subprotocols_after<'t>(&'t self, word: &str) -> impl Iterator<Item = Option<&'t [u8]>> {
        let after = self.after.iter().filter(move |(other, _)| other == word);
        after.map(|(_, entry)| entry.as_ref().map(|entry| entry.as_slice()))
    }
}

/// The values of a parameter in a query, percent-decoded.
pub(crate) fn query_values<'q>(query: &'q str, name: &str) -> impl Iterator<Item = Cow<'q, str>> {
    form_urlencoded::parse(query.as_bytes()).filter(move |(other, _)| other == name).map(|(_, value)| value)
}

/// The entries of `Sec-WebSocket-Protocol`, across all its lines.
pub(crate) fn subprotocols(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    lines.flat_map(|line| line.as_bytes().split(|&b| b == b',')).map(<[u8]>::trim_ascii)
}

/// The entry after each occurrence of a word in `Sec-WebSocket-Protocol`; `None` if nothing follows.
pub(crate) fn subprotocols_after<'h>(headers: &'h HeaderMap, word: &str) -> impl Iterator<Item = Option<&'h [u8]>> {
    let entries = || subprotocols(headers).filter(|entry| !entry.is_empty());
    let next = entries().skip(1).map(Some).chain([None]);
    entries().zip(next).filter(move |(entry, _)| *entry == word.as_bytes()).map(|(_, next)| next)
}

/// Whether axum keeps the target for inner layers.
#[cfg(feature = "axum")]
fn keeps_target(parts: &Parts) -> bool {
    parts.extensions.get::<axum::extract::OriginalUri>().is_some()
}

#[cfg(not(feature = "axum"))]
fn keeps_target(_: &Parts) -> bool {
    false
}

/// The target before a nested router removed a prefix from its path.
fn original_target(parts: &Parts) -> Uri {
    #[cfg(feature = "axum")]
    if let Some(original) = parts.extensions.get::<axum::extract::OriginalUri>() {
        return original.0.clone();
    }
    parts.uri.clone()
}

fn take_query(uri: &mut Uri, names: &[Cow<'static, str>], taken: &mut Vec<Zeroizing<String>>) {
    let Some(query) = uri.query().filter(|_| !names.is_empty()) else {
        return;
    };
    let is_secret = |pair: &str| form_urlencoded::parse(pair.as_bytes()).any(|(name, _)| names.contains(&name));
    let (secret, kept): (Vec<&str>, Vec<&str>) = query.split('&').partition(|pair| is_secret(pair));
    if secret.is_empty() {
        return;
    }
    taken.extend(secret.into_iter().map(|pair| Zeroizing::new(pair.to_owned())));
    let kept = kept.join("&");
    *uri = with_path_and_query(uri, uri.path(), (!kept.is_empty()).then_some(&*kept));
}

/// The URI with another path and query.
pub(crate) fn with_path_and_query(uri: &Uri, path: &str, query: Option<&str>) -> Uri {
    let target = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let mut parts = uri.clone().into_parts();
    // OK because path and query come from URIs. If this ever fails, both go, so no secret stays.
    parts.path_and_query = Some(PathAndQuery::try_from(target).unwrap_or_else(|_| PathAndQuery::from_static("/")));
    Uri::from_parts(parts).unwrap_or_default()
}

fn take_subprotocols(
    headers: &mut HeaderMap,
    prefixes: &[Cow<'static, str>],
    words: &[Cow<'static, str>],
    taken: &mut Taken,
) {
    let own = |entry: &[u8]| Zeroizing::new(entry.to_owned());
    for word in words {
        taken.after.extend(subprotocols_after(headers, word).map(|entry| (word.clone(), entry.map(own))));
    }
    let is_word = |entry: &[u8]| words.iter().any(|word| word.as_bytes() == entry);
    let has_prefix = |entry: &[u8]| prefixes.iter().any(|prefix| entry.starts_with(prefix.as_bytes()));
    let (mut kept, mut follows_word) = (Vec::new(), false);
    for entry in subprotocols(headers).filter(|entry| !entry.is_empty()) {
        let is_taken = std::mem::replace(&mut follows_word, is_word(entry));
        if !is_taken && has_prefix(entry) {
            taken.subprotocols.push(own(entry));
        } else if !is_taken {
            kept.push(entry);
        }
    }
    if taken.subprotocols.is_empty() && taken.after.is_empty() {
        return;
    }
    let kept = kept.join(b", ".as_slice());
    headers.remove(SEC_WEBSOCKET_PROTOCOL);
    if let Ok(kept) = HeaderValue::from_bytes(&kept)
        && !kept.is_empty()
    {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, kept);
    }
}

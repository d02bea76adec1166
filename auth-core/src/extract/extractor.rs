use std::fmt;

use super::{Credential, Malformed};
use crate::{AuthRequest, Challenge, Needs};

/// Finds a raw credential in a request and says which carrier brought it.
pub trait Extractor: Send + Sync + 'static {
    /// Looks for the credential. `Ok(None)` means that this extractor finds none.
    ///
    /// # Errors
    /// [`Malformed`] if the place is there but broken: a repeated header, a scheme without a token, extra words.
    fn extract<'r>(&self, request: &'r AuthRequest<'_>) -> Result<Option<Credential<'r>>, Malformed>;

    /// Looks for the credential on behalf of a strategy that refuses more than `max_len` bytes. The strategy compares
    /// [`Credential::byte_len`] before anything else.
    ///
    /// An extractor need not check a credential of more bytes: it returns [`Credential::too_long`], so that long junk is
    /// refused without being read. The default looks as [`extract`](Self::extract) does. An extractor that wraps another one
    /// forwards both calls.
    ///
    /// # Errors
    /// As for [`extract`](Self::extract). What is longer than `max_len` need not be found malformed.
    fn extract_within<'r>(
        &self,
        request: &'r AuthRequest<'_>,
        max_len: usize,
    ) -> Result<Option<Credential<'r>>, Malformed> {
        let _ = max_len;
        self.extract(request)
    }

    /// Adds what the middleware must prepare before the decision, or take out after it. The default adds nothing.
    fn needs(&self, needs: &mut Needs) {
        let _ = needs;
    }

    /// Adds the challenges that ask a client for its credential here, such as `Bearer`, without a realm: the strategy adds it.
    /// A cookie has none.
    fn challenges(&self, out: &mut Vec<Challenge>);

    /// Looks with `other` too; `self` takes precedence.
    fn or<E: Extractor>(self, other: E) -> AnyOf
    where
        Self: Sized,
    {
        AnyOf::new(self).or(other)
    }
}

impl<E: Extractor + ?Sized> Extractor for Box<E> {
    fn extract<'r>(&self, request: &'r AuthRequest<'_>) -> Result<Option<Credential<'r>>, Malformed> {
        (**self).extract(request)
    }

    fn extract_within<'r>(
        &self,
        request: &'r AuthRequest<'_>,
        max_len: usize,
    ) -> Result<Option<Credential<'r>>, Malformed> {
        (**self).extract_within(request, max_len)
    }

    fn needs(&self, needs: &mut Needs) {
        (**self).needs(needs);
    }

    fn challenges(&self, out: &mut Vec<Challenge>) {
        (**self).challenges(out);
    }
}

impl Needs {
    /// The needs of this extractor. For most strategies, this is all of [`Strategy::needs`](crate::Strategy::needs).
    ///
    /// ```
    /// use auth_core::{Needs, extract::{Extractor as _, header, query}};
    ///
    /// let needs = Needs::of(&header("x-api-key").or(query("key")));
    /// assert_eq!(needs.header_names(), ["x-api-key"]);
    /// assert_eq!(needs.query_names(), ["key"]);
    /// ```
    #[must_use]
    pub fn of<E: Extractor + ?Sized>(extractor: &E) -> Self {
        let mut needs = Self::default();
        extractor.needs(&mut needs);
        needs
    }
}

/// Several extractors in order of precedence; made by [`Extractor::or`].
///
/// All of them look, so that a contradictory request is noticed:
///
/// - The first that finds an explicit credential wins. An ambient one counts only if there is no explicit one: a cookie hides
///   nothing that was sent on purpose.
/// - A second explicit credential that differs is an error. So is a broken explicit place.
/// - A broken cookie is an error only if no explicit credential was found.
pub struct AnyOf(Vec<Box<dyn Extractor>>);

impl AnyOf {
    fn new(first: impl Extractor) -> Self {
        Self(vec![Box::new(first)])
    }

    /// Looks with `other` too, after the others.
    #[must_use]
    pub fn or(mut self, other: impl Extractor) -> Self {
        self.0.push(Box::new(other));
        self
    }
}

impl Extractor for AnyOf {
    fn extract<'r>(&self, request: &'r AuthRequest<'_>) -> Result<Option<Credential<'r>>, Malformed> {
        self.extract_within(request, usize::MAX)
    }

    fn extract_within<'r>(
        &self,
        request: &'r AuthRequest<'_>,
        max_len: usize,
    ) -> Result<Option<Credential<'r>>, Malformed> {
        let mut explicit: Option<Credential<'r>> = None;
        let mut ambient: Option<Credential<'r>> = None;
        let mut broken_ambient = None;
        for extractor in &self.0 {
            match extractor.extract_within(request, max_len) {
                Ok(None) => {}
                Ok(Some(found)) if found.carrier().is_explicit() => match &explicit {
                    Some(known) if !known.is_same_as(&found) => {
                        return Err(Malformed::new(found.carrier(), "two different credentials"));
                    }
                    Some(_) => {}
                    None => explicit = Some(found),
                },
                Ok(Some(found)) => ambient = ambient.or(Some(found)),
                Err(broken) if broken.carrier().is_explicit() => return Err(broken),
                Err(broken) => broken_ambient = broken_ambient.or(Some(broken)),
            }
        }
        match broken_ambient {
            // If the cookies contradict each other, none of them counts.
            Some(broken) if explicit.is_none() => Err(broken),
            _ => Ok(explicit.or(ambient)),
        }
    }

    fn needs(&self, needs: &mut Needs) {
        self.0.iter().for_each(|extractor| extractor.needs(needs));
    }

    /// The challenges of all places, each once. A last resort is not named beside a better place.
    fn challenges(&self, out: &mut Vec<Challenge>) {
        let mut all = Vec::new();
        self.0.iter().for_each(|extractor| extractor.challenges(&mut all));
        let has_better = all.iter().any(|challenge| !challenge.is_last_resort());
        for challenge in all {
            if !(has_better && challenge.is_last_resort() || out.contains(&challenge)) {
                out.push(challenge);
            }
        }
    }

    fn or<E: Extractor>(self, other: E) -> AnyOf {
        Self::or(self, other)
    }
}

impl fmt::Debug for AnyOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyOf").field("extractors", &self.0.len()).finish_non_exhaustive()
    }
}

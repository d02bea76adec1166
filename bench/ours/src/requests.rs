use floors::Tokens;
use http::{HeaderValue, Request, header::AUTHORIZATION, request::Parts};

/// Heads of requests, in turn. Only the credential changes from one to the next.
///
/// A server has just parsed the head that it asks about, so the head is in the processor's cache; only the bytes of the
/// credential come from farther away, here as for the floors. Over a thousand whole heads in turn would measure the memory.
pub struct Requests {
    head: Parts,
    credentials: Vec<HeaderValue>,
    next: usize,
}

impl Requests {
    pub fn bearing(tokens: &Tokens) -> Self {
        Self::with(tokens.all().iter().map(|token| format!("Bearer {token}")))
    }

    /// These credentials, each in a head of its own.
    pub fn whole_heads(mut self) -> Vec<Parts> {
        (0..self.credentials.len()).map(|_| self.next().clone()).collect()
    }

    /// Without a credential.
    pub fn bare() -> Self {
        Self::with([])
    }

    /// With these values of `Authorization`.
    pub fn with(values: impl IntoIterator<Item = String>) -> Self {
        let value = |text| HeaderValue::from_maybe_shared(bytes::Bytes::from(text)).expect("a header");
        let credentials: Vec<_> = values.into_iter().map(value).collect();
        let mut head = Request::get("/me").header("host", "127.0.0.1").body(()).expect("a request").into_parts().0;
        if let Some(first) = credentials.first() {
            head.headers.insert(AUTHORIZATION, first.clone());
        }
        Self { head, credentials, next: 0 }
    }

    /// The next head; after the last one, the first. It copies no bytes.
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> &Parts {
        if let Some(place) = self.head.headers.get_mut(AUTHORIZATION) {
            self.next = (self.next + 1) % self.credentials.len();
            place.clone_from(&self.credentials[self.next]);
        }
        &self.head
    }
}

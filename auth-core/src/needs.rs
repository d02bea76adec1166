use std::borrow::Cow;

use http::HeaderName;

/// What a strategy asks of the middleware: to read a payload before the decision, and to take secrets out after it.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    payload: bool,
    subprotocol_prefixes: Vec<Cow<'static, str>>,
    subprotocol_words: Vec<Cow<'static, str>>,
    subprotocol_answers: Vec<Cow<'static, str>>,
    query_names: Vec<Cow<'static, str>>,
    header_names: Vec<HeaderName>,
    kept_cookies: Vec<&'static str>,
}

impl Needs {
    /// Asks the middleware to read the body.
    pub fn set_payload(&mut self) {
        self.payload = true;
    }

    /// Asks the middleware to take out subprotocols with this prefix.
    pub fn add_subprotocol_prefix(&mut self, prefix: impl Into<Cow<'static, str>>) {
        self.subprotocol_prefixes.push(prefix.into());
    }

    /// Asks the middleware to take out the subprotocol after this word. The word itself stays.
    pub fn add_subprotocol_word(&mut self, word: impl Into<Cow<'static, str>>) {
        self.subprotocol_words.push(word.into());
    }

    /// Names a subprotocol to answer with if the handler chooses none. Clients offer it beside a credential for this purpose;
    /// it is not a protocol of its own.
    pub fn add_subprotocol_answer(&mut self, name: impl Into<Cow<'static, str>>) {
        self.subprotocol_answers.push(name.into());
    }

    /// Asks the middleware to take out a query parameter.
    pub fn add_query_name(&mut self, name: impl Into<Cow<'static, str>>) {
        self.query_names.push(name.into());
    }

    /// Asks the middleware to mark a header sensitive, so that logs redact it. `Authorization` and `Cookie` always are.
    pub fn add_header_name(&mut self, name: HeaderName) {
        self.header_names.push(name);
    }

    /// Asks the middleware to keep a cookie of a handshake for later decisions about the connection, such as the id of a device. The
    /// strategy reads it with [`AuthRequest::kept_cookie`](crate::AuthRequest::kept_cookie).
    ///
    /// # Security
    /// Never name a credential here: browsers send cookies by themselves. All other cookies are left out.
    pub fn add_kept_cookie(&mut self, name: &'static str) {
        self.kept_cookies.push(name);
    }

    /// Adds the needs of another strategy.
    pub fn merge(&mut self, other: Self) {
        self.payload |= other.payload;
        self.header_names.extend(other.header_names);
        self.subprotocol_prefixes.extend(other.subprotocol_prefixes);
        self.subprotocol_words.extend(other.subprotocol_words);
        self.subprotocol_answers.extend(other.subprotocol_answers);
        self.query_names.extend(other.query_names);
        for name in other.kept_cookies {
            if !self.kept_cookies.contains(&name) {
                self.kept_cookies.push(name);
            }
        }
    }

    /// Whether the middleware reads the body.
    #[must_use]
    pub fn payload(&self) -> bool {
        self.payload
    }

    /// Subprotocols with these prefixes hold a secret.
    #[must_use]
    pub fn subprotocol_prefixes(&self) -> &[Cow<'static, str>] {
        &self.subprotocol_prefixes
    }

    /// The subprotocol after each of these words holds a secret.
    #[must_use]
    pub fn subprotocol_words(&self) -> &[Cow<'static, str>] {
        &self.subprotocol_words
    }

    /// Subprotocols to answer with if the handler chooses none, in order of preference.
    #[must_use]
    pub fn subprotocol_answers(&self) -> &[Cow<'static, str>] {
        &self.subprotocol_answers
    }

    /// Whether the query or the subprotocols may hold a secret.
    pub(crate) fn names_secrets_to_take(&self) -> bool {
        let (prefixes, words) = (&self.subprotocol_prefixes, &self.subprotocol_words);
        !(self.query_names.is_empty() && prefixes.is_empty() && words.is_empty())
    }

    /// Headers with these names hold a secret.
    #[must_use]
    pub fn header_names(&self) -> &[HeaderName] {
        &self.header_names
    }

    /// Query parameters with these names hold a secret.
    #[must_use]
    pub fn query_names(&self) -> &[Cow<'static, str>] {
        &self.query_names
    }

    /// The names of the cookies that are kept with the head of a handshake. They must not be credentials.
    #[must_use]
    pub fn kept_cookies(&self) -> &[&'static str] {
        &self.kept_cookies
    }
}

use std::borrow::Cow;

use http::HeaderName;

/// What a strategy wants of the middleware: to read a payload before, and to take secrets out of the request after.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    payload: bool,
    subprotocol_prefixes: Vec<Cow<'static, str>>,
    subprotocol_words: Vec<Cow<'static, str>>,
    subprotocol_answers: Vec<Cow<'static, str>>,
    query_names: Vec<Cow<'static, str>>,
    header_names: Vec<HeaderName>,
}

impl Needs {
    /// Asks for the body to be read.
    pub fn set_payload(&mut self) {
        self.payload = true;
    }

    /// Asks for subprotocols that start so to be taken out.
    pub fn add_subprotocol_prefix(&mut self, prefix: impl Into<Cow<'static, str>>) {
        self.subprotocol_prefixes.push(prefix.into());
    }

    /// Asks for the subprotocol that follows this word to be taken out; the word itself stays.
    pub fn add_subprotocol_word(&mut self, word: impl Into<Cow<'static, str>>) {
        self.subprotocol_words.push(word.into());
    }

    /// Names a subprotocol that means no protocol: it is offered beside a credential, so that the server has something to
    /// answer. It is answered where nothing else is chosen.
    pub fn add_subprotocol_answer(&mut self, name: impl Into<Cow<'static, str>>) {
        self.subprotocol_answers.push(name.into());
    }

    /// Asks for a query parameter to be taken out.
    pub fn add_query_name(&mut self, name: impl Into<Cow<'static, str>>) {
        self.query_names.push(name.into());
    }

    /// Asks for a header of the strategy's own to be marked sensitive, so that it is redacted where requests are
    /// logged. `Authorization` and `Cookie` always are.
    pub fn add_header_name(&mut self, name: HeaderName) {
        self.header_names.push(name);
    }

    /// Adds what another strategy wants.
    pub fn merge(&mut self, other: Self) {
        self.payload |= other.payload;
        self.header_names.extend(other.header_names);
        self.subprotocol_prefixes.extend(other.subprotocol_prefixes);
        self.subprotocol_words.extend(other.subprotocol_words);
        self.subprotocol_answers.extend(other.subprotocol_answers);
        self.query_names.extend(other.query_names);
    }

    /// Whether the body is to be read.
    #[must_use]
    pub fn payload(&self) -> bool {
        self.payload
    }

    /// Subprotocols that start so hold a secret.
    #[must_use]
    pub fn subprotocol_prefixes(&self) -> &[Cow<'static, str>] {
        &self.subprotocol_prefixes
    }

    /// Subprotocols that follow these words hold a secret.
    #[must_use]
    pub fn subprotocol_words(&self) -> &[Cow<'static, str>] {
        &self.subprotocol_words
    }

    /// Subprotocols that are answered where nothing else is chosen, in order of preference.
    #[must_use]
    pub fn subprotocol_answers(&self) -> &[Cow<'static, str>] {
        &self.subprotocol_answers
    }

    /// Headers of these names hold a secret.
    #[must_use]
    pub fn header_names(&self) -> &[HeaderName] {
        &self.header_names
    }

    /// Query parameters of these names hold a secret.
    #[must_use]
    pub fn query_names(&self) -> &[Cow<'static, str>] {
        &self.query_names
    }
}

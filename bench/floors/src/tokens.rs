use crate::{AUDIENCE, ISSUER, Key};

/// The number of different tokens, used in turn. No side gains from having seen the last one.
pub const DISTINCT: usize = 1024;

/// The claims of one token: 154 bytes, which make an HS256 token of 287 bytes.
pub struct Payload {
    number: usize,
    padding: usize,
}

impl Payload {
    /// Each number below 9,000 gives other claims of the same length.
    #[must_use]
    pub fn new(number: usize) -> Self {
        Self { number, padding: 0 }
    }

    /// Adds an unused claim of this many bytes.
    #[must_use]
    pub fn padding(mut self, bytes: usize) -> Self {
        self.padding = bytes;
        self
    }

    #[must_use]
    pub fn json(&self) -> String {
        let (sub, jti) = (1000 + self.number, 0x0123_4567_89ab_cdef_u64 + self.number as u64);
        let padding = match self.padding {
            0 => String::new(),
            bytes => format!(r#","padding":"{}""#, "x".repeat(bytes)),
        };
        format!(r#"{{"sub":"{sub}","name":"admin","scope":"read write","iss":"{ISSUER}","aud":"{AUDIENCE}","#,)
            + &format!(r#""iat":1700000000,"exp":4102444800,"jti":"{jti:016x}"{padding}}}"#)
    }
}

/// Different tokens of one key, in turn.
pub struct Tokens {
    all: Vec<String>,
    next: usize,
}

impl Tokens {
    /// [`DISTINCT`] tokens.
    #[must_use]
    pub fn new(key: &Key) -> Self {
        Self::from_fn(DISTINCT, |number| key.token(None, &Payload::new(number).json()))
    }

    /// As many texts as asked for, each made from its number.
    #[must_use]
    pub fn from_fn(count: usize, text: impl FnMut(usize) -> String) -> Self {
        Self { all: (0..count).map(text).collect(), next: 0 }
    }

    #[must_use]
    pub fn all(&self) -> &[String] {
        &self.all
    }

    /// The next token; after the last one, the first.
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> &str {
        self.next = (self.next + 1) % self.all.len();
        &self.all[self.next]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Algorithm;

    #[test]
    fn tokens_have_the_pinned_size_and_differ() {
        let tokens = Tokens::new(&Key::generate(Algorithm::Hs256));
        assert_eq!(Payload::new(0).json().len(), 154);
        assert!(tokens.all().iter().all(|token| token.len() == 287));
        let different: std::collections::HashSet<_> = tokens.all().iter().collect();
        assert_eq!(different.len(), DISTINCT);
    }
}

use floors::Tokens;
use http::{Request, header::AUTHORIZATION, request::Parts};

/// Heads of requests, in turn.
pub struct Requests {
    all: Vec<Parts>,
    next: usize,
}

impl Requests {
    pub fn bearing(tokens: &Tokens) -> Self {
        Self::from_fn(tokens.all().len(), |number| Some(format!("Bearer {}", tokens.all()[number])))
    }

    pub fn from_fn(count: usize, authorization: impl Fn(usize) -> Option<String>) -> Self {
        let parts = |number| {
            let mut request = Request::get("/me").header("host", "127.0.0.1");
            if let Some(value) = authorization(number) {
                request = request.header(AUTHORIZATION, value);
            }
            request.body(()).expect("a request").into_parts().0
        };
        Self { all: (0..count).map(parts).collect(), next: 0 }
    }

    pub fn next(&mut self) -> &Parts {
        self.next = (self.next + 1) % self.all.len();
        &self.all[self.next]
    }
}

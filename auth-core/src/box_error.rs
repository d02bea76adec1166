use std::error::Error;

/// A failure of the system behind a strategy: a store that is down, keys that cannot be fetched.
pub type BoxError = Box<dyn Error + Send + Sync>;

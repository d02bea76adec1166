use std::{error::Error, fmt};

/// Why a handler was not called: no user of the type that it asks for was let in, or the credential has ended.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct NotAuthenticated;

impl fmt::Display for NotAuthenticated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody is authenticated as the user that the handler asks for")
    }
}

impl Error for NotAuthenticated {}

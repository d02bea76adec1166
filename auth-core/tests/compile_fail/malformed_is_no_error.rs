//! A broken header is the client's mistake. A question mark must not turn it into a system error.

use auth_core::{AuthRequest, BoxError, extract::{Extractor, bearer}};

fn look(request: &AuthRequest<'_>) -> Result<(), BoxError> {
    bearer().extract(request)?;
    Ok(())
}

fn main() {}

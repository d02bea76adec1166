//! A broken header is the client's mistake, and must not become an error of the system by a question mark.

use auth_core::{AuthRequest, BoxError, extract::{Extractor, bearer}};

fn look(request: &AuthRequest<'_>) -> Result<(), BoxError> {
    bearer().extract(request)?;
    Ok(())
}

fn main() {}

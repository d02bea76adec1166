//! A chain without strategies is no chain.

use auth_core::{AuthRequest, Chain};

async fn ask(request: &AuthRequest<'_>) {
    let _ = Chain::new().authenticate(request).await;
}

fn main() {}

//! An empty chain is not a chain, and the errors say what is missing.

use auth_core::{AuthRequest, Chain, Strategy};

fn protect(_: Chain<u64>) {}

fn nest(_: impl Strategy) {}

async fn ask(request: &AuthRequest<'_>) {
    let _ = Chain::new().authenticate(request).await;
}

fn main() {
    protect(Chain::new());
    nest(Chain::new());
    let _ = Chain::new().or(Chain::new());
}

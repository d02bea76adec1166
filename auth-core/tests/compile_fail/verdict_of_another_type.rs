//! What a verify callback may give is told where it gives something else.

fn check<C, M>(_: impl auth_core::Verify<C, M>) {}

fn main() {
    check(|_claims: String| async { true });
}

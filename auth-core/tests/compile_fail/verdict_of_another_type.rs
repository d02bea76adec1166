//! The error for a wrong return type of a verify callback says what it may return.

fn check<C, M>(_: impl auth_core::Verify<C, M>) {}

fn main() {
    check(|_claims: String| async { true });
}

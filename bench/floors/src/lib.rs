//! What the benchmarks compare with: tokens, floors, other libraries by hand, and the harness.
//!
//! The floors are pinned. The tight verifier checks `iss`, `aud` and `exp` and returns owned claims; at least
//! [`DISTINCT`] tokens are used in turn. Nothing here depends on the crates that are measured.

mod by_hand;
mod claims;
mod harness;
mod key;
mod parsing;
mod raw;
mod results;
mod tight;
mod tokens;

pub use self::{
    by_hand::{jsonwebtoken10, jsonwebtoken11},
    claims::{AUDIENCE, Claims, ISSUER, User},
    harness::{Cost, Harness, thread_cpu_nanos},
    key::{Algorithm, Key},
    parsing::{parse, sha256},
    raw::RawCheck,
    results::{Line, record},
    tight::TightVerifier,
    tokens::{DISTINCT, Payload, Tokens},
};

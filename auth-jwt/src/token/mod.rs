//! Takes tokens apart without believing them.

mod base64url;
mod claims;
mod compact;
mod header;
pub(crate) mod json;

pub(crate) use self::{
    claims::{Audience, RawClaims, RegisteredClaims},
    compact::Compact,
    header::Header,
};

/// Why a token is not accepted. The texts are constants for the log; the client never reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Not ours: no JWT at all, or of another issuer.
    Foreign(&'static str),
    /// Ours, and wrong.
    Invalid(&'static str),
    /// Ours, and right once.
    Expired,
}

//! Parses tokens without trusting them.

mod base64url;
mod claims;
mod compact;
mod error;
mod header;
mod integer;
pub(crate) mod json;
pub(crate) mod log_text;
pub(crate) mod typed;

#[cfg(feature = "dpop")]
pub(crate) use self::error::Reason;
pub(crate) use self::{
    claims::{Audience, ProfileClaims, RawClaims, RegisteredClaims, Subject},
    compact::{Compact, has_header},
    error::TokenError,
    header::{Header, without_application},
};

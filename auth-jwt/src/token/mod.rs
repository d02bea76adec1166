//! Takes tokens apart without believing them.

mod base64url;
mod claims;
mod compact;
mod header;
pub(crate) mod json;
pub(crate) mod refused;

pub(crate) use self::{
    claims::{Audience, ProfileClaims, RawClaims, RegisteredClaims, Subject},
    compact::Compact,
    header::{Header, without_application},
    refused::Refused,
};

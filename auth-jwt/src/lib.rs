//! JSON Web Tokens as a strategy: strict parsing, pinned algorithms, typed claims, and a signer.

mod algorithm;
mod jwt;
mod key;
mod policy;
mod secret;
mod signer;
mod source;
mod strategy;
mod token;
#[cfg(test)]
mod vectors;

pub use self::{
    algorithm::Algorithm,
    jwt::Jwt,
    key::{KeySet, VerifyingKey},
    secret::HmacSecret,
    signer::{SignError, SignErrorKind, Signer, SigningKey},
    source::{KeySource, UnverifiedToken},
    strategy::JwtStrategy,
};

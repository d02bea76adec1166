//! Keys that verify.

mod check;
#[cfg(feature = "remote")]
mod compromised;
mod der;
mod jwk;
mod pem;
mod set;
mod thumbprint;
mod verifier;
mod verifying_key;
#[cfg(feature = "x509")]
mod x509;

pub(crate) use self::set::MAX_TRIES;
pub(crate) use self::{
    check::{PublicKey, RsaComponents, hmac_key},
    jwk::Jwk,
    pem::{PrivateDer, not_a_private_key},
    thumbprint::PublicMembers,
    verifier::Verifier,
};
#[cfg(feature = "x509")]
pub(crate) use self::{compromised::PrivateKeys, x509::Certificate};
#[cfg(feature = "remote")]
pub(crate) use self::{
    compromised::{CompromisedKeys, KeyTraces},
    set::is_crowded,
};
pub use self::{set::KeySet, verifying_key::VerifyingKey};

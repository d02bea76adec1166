//! HTTP Basic (RFC 7617) as a strategy.

mod credentials;
mod login;
#[cfg(feature = "argon2")]
mod passwords;
mod strategy;

#[cfg(feature = "argon2")]
pub use self::passwords::{Argon2Passwords, PasswordError, PasswordErrorKind};
pub use self::{
    login::{BasicLogin, Password},
    strategy::{Basic, BasicStrategy},
};

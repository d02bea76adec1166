//! HTTP Basic (RFC 7617) as a strategy.

mod credentials;
mod login;
mod strategy;

pub use self::{
    login::{BasicLogin, Password},
    strategy::{Basic, BasicStrategy},
};

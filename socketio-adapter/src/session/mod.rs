//! One engine.io transport: its owner, who is in which namespace, and until when.

mod answer;
mod core;
mod credit;
mod end;
mod opener;
mod posts;
mod presence;
mod renewal;
mod sessions;
mod state;
mod stream;
#[cfg(test)]
pub(super) mod tests;
mod traffic;

pub(super) use self::{
    core::{Handle, Session, ended},
    opener::{Opener, is_guest, warn_of_guest},
    sessions::Sessions,
    state::Admission,
    stream::Stream,
    traffic::Traffic,
};

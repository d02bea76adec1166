//! What a client sends to log in.

use auth_basic::Password;
use serde::Deserialize;

use crate::{
    body::{Kind, decoded},
    return_to::ReturnTo,
};

/// The longest body that is read.
pub(super) const MAX_LEN: usize = 16 * 1024;

/// What was typed.
pub(super) struct Typed {
    pub(super) username: String,
    pub(super) password: Password,
    pub(super) remember: bool,
    /// `None` if there is none, or if it is not local.
    pub(super) return_to: Option<ReturnTo>,
}

/// `None` if it is malformed, or if a name or password is missing or repeated.
pub(super) fn parse(kind: Kind, body: &[u8]) -> Option<Typed> {
    match kind {
        Kind::Form => form(str::from_utf8(body).ok()?),
        Kind::Json => json(body),
    }
}

fn json(body: &[u8]) -> Option<Typed> {
    #[derive(Deserialize)]
    struct Fields {
        username: String,
        password: String,
        #[serde(default)]
        remember: bool,
    }
    let Fields { username, password, remember } = serde_json::from_slice(body).ok()?;
    Some(Typed { username, password: Password::new(password), remember, return_to: None })
}

fn form(body: &str) -> Option<Typed> {
    let (mut username, mut password, mut remember, mut return_to) = (None, None, false, None);
    for pair in body.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "username" if username.is_none() => username = Some(decoded(value)?),
            "password" if password.is_none() => password = Some(Password::new(decoded(value)?)),
            "username" | "password" => return None,
            "remember" => remember = matches!(value, "on" | "true" | "1"),
            "returnTo" => return_to = decoded(value).and_then(|target| ReturnTo::parse(&target)),
            _ => {}
        }
    }
    Some(Typed { username: username?, password: password?, remember, return_to })
}

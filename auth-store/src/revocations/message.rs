//! A revocation on its way to other nodes, as JSON.

use auth_core::{BoxError, PrincipalId, Revocation, RevocationTarget};
use serde::{Deserialize, Serialize};

use crate::instant::{from_nanos, to_nanos};

#[derive(Deserialize, Serialize)]
struct Message {
    /// The node that sends it.
    from: String,
    #[serde(flatten)]
    what: What,
    end_unix_nanos: Option<u64>,
}

#[derive(Deserialize, Serialize)]
#[serde(tag = "revoked", rename_all = "snake_case")]
enum What {
    Credential { issuer: String, id: String },
    Session { issuer: String, id: String },
    User { issuer: String, subject: String, until_unix_nanos: u64 },
    Connection { id: String },
}

pub(super) fn encode(revocation: &Revocation, node: &str) -> Result<Vec<u8>, BoxError> {
    let what = match revocation.target().clone() {
        RevocationTarget::Credential { issuer, id } => What::Credential { issuer, id },
        RevocationTarget::Session { issuer, id } => What::Session { issuer, id },
        RevocationTarget::User { user, until } => What::User {
            issuer: user.issuer().to_owned(),
            subject: user.subject().to_owned(),
            until_unix_nanos: to_nanos(until),
        },
        RevocationTarget::Connection { id } => What::Connection { id },
        _ => return Err("a revocation of this kind cannot be sent to other nodes".into()),
    };
    let message = Message { from: node.to_owned(), what, end_unix_nanos: revocation.end().map(to_nanos) };
    Ok(serde_json::to_vec(&message)?)
}

/// A message from the store.
pub(super) enum Decoded {
    Revoked(Revocation),
    /// This node sent it.
    Own,
    /// It has another format, or a later version.
    Unknown,
}

pub(super) fn decode(message: &[u8], node: &str) -> Decoded {
    let Ok(message) = serde_json::from_slice::<Message>(message) else {
        return Decoded::Unknown;
    };
    // Without a name, a node cannot recognize its own messages.
    if !node.is_empty() && message.from == node {
        return Decoded::Own;
    }
    let revocation = match message.what {
        What::Credential { issuer, id } => Revocation::credential(issuer, id),
        What::Session { issuer, id } => Revocation::session(issuer, id),
        What::User { issuer, subject, until_unix_nanos } => match from_nanos(until_unix_nanos) {
            Some(until) => Revocation::user(PrincipalId::new(issuer, subject), until),
            None => return Decoded::Unknown,
        },
        What::Connection { id } => Revocation::connection(id),
    };
    match message.end_unix_nanos.and_then(from_nanos) {
        Some(end) => Decoded::Revoked(revocation.ends_at(end)),
        None => Decoded::Revoked(revocation),
    }
}

use serde::{Deserialize, Serialize};

pub const ISSUER: &str = "https://id.example.org";
pub const AUDIENCE: &str = "bench";

/// What every verifier returns. `aud` is checked and not kept.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Claims {
    pub sub: String,
    pub name: String,
    pub scope: String,
    pub iss: String,
    pub iat: u64,
    pub exp: u64,
    pub jti: String,
}

/// What a handler reads and answers with.
#[derive(Clone, Debug, Serialize)]
pub struct User {
    pub id: String,
    pub name: String,
}

impl From<Claims> for User {
    fn from(claims: Claims) -> Self {
        Self { id: claims.sub, name: claims.name }
    }
}

//! What tells that a token is something else than an ID token, where the type in its header does not tell.

use super::scopes::grants_beyond;
use crate::token::{ProfileClaims, Refused, json::Value, refused::ABSENT};

/// `typ` in the claims of Keycloak's other tokens.
const OTHER_TYPES: [&str; 5] = ["Bearer", "DPoP", "Refresh", "Offline", "Logout"];

/// The scopes of OpenID Connect Core, 5.4 and 11. They ask for claims about the user, and open no API; some issuers
/// repeat them in ID tokens.
const OPENID_SCOPES: [&str; 6] = ["openid", "profile", "email", "address", "phone", "offline_access"];

/// Refuses what the issuer has marked as another kind of token.
pub(crate) fn check_id_token(claims: &ProfileClaims<'_>) -> Result<(), Refused> {
    let refuse = |expected: String, found: &str| {
        let why = "the token is not an ID token, but one of another kind";
        Err(Refused::invalid(why).because(|| (expected, found.to_owned())))
    };
    if claims.events.is_some() {
        return refuse(format!("`events` {ABSENT}"), "`events`, as in a logout token");
    }
    match &claims.token_use {
        None => {}
        Some(Value::Text(text)) if is_id_token_use(text) => {}
        Some(_) => return refuse("`token_use` `id`".to_owned(), "another `token_use`"),
    }
    if matches!(&claims.typ, Some(Value::Text(typ)) if is_other_type(typ)) {
        return refuse(format!("`typ` of an ID token, or {ABSENT}"), "`typ` of another kind in the claims");
    }
    for (name, scopes) in [("scope", &claims.scope), ("scp", &claims.scp)] {
        if scopes.as_ref().is_some_and(|scopes| grants_beyond(scopes, &OPENID_SCOPES)) {
            let expected = format!("`{name}` {ABSENT}, or scopes of OpenID Connect alone");
            return refuse(expected, "other scopes, as in an access token");
        }
    }
    Ok(())
}

/// Refuses an ID token of Amazon Cognito, whose `aud` is what its access tokens have as `client_id`.
pub(crate) fn check_no_id_token(claims: &ProfileClaims<'_>) -> Result<(), Refused> {
    match &claims.token_use {
        Some(Value::Text(text)) if is_id_token_use(text) => Err(Refused::invalid("the token is an ID token")
            .because(|| ("another `token_use`, or one that is required".to_owned(), "`token_use` `id`".to_owned()))),
        _ => Ok(()),
    }
}

/// Amazon Cognito's word for an ID token.
pub(crate) fn is_id_token_use(token_use: &str) -> bool {
    token_use == "id"
}

pub(crate) fn is_other_type(typ: &str) -> bool {
    OTHER_TYPES.iter().any(|other| other.eq_ignore_ascii_case(typ))
}

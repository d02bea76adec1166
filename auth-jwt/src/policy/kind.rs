//! Recognizes tokens that are not ID tokens by their claims, if the `typ` of the header does not help.

use super::scopes::grants_beyond;
use crate::token::{ProfileClaims, TokenError, json::Value, log_text::ABSENT};

/// `typ` in the claims of Keycloak's other tokens.
const OTHER_TYPES: [&str; 5] = ["Bearer", "DPoP", "Refresh", "Offline", "Logout"];

/// The scopes of OpenID Connect Core, 5.4 and 11. They ask for claims about the user and give no access to an API. Some
/// issuers repeat them in ID tokens.
const OPENID_SCOPES: [&str; 6] = ["openid", "profile", "email", "address", "phone", "offline_access"];

/// Refuses tokens that the issuer has marked as another kind.
pub(crate) fn check_id_token(claims: &ProfileClaims<'_>) -> Result<(), TokenError> {
    let refuse = |expected: String, found: &str| {
        let why = "the token is not an ID token but another kind of token";
        Err(TokenError::invalid(why).because(|| (expected, found.to_owned())))
    };
    if claims.events.is_some() {
        return refuse(format!("`events` {ABSENT}"), "`events`, as in a logout token");
    }
    match claims.token_use {
        None => {}
        Some(Value::Text(text)) if is_id_token_use(text) => {}
        Some(_) => return refuse("`token_use` `id`".to_owned(), "another `token_use`"),
    }
    if matches!(claims.typ, Some(Value::Text(typ)) if is_other_type(typ)) {
        return refuse(format!("`typ` of an ID token, or {ABSENT}"), "`typ` of another kind in the claims");
    }
    for (name, scopes) in [("scope", claims.scope), ("scp", claims.scp)] {
        if scopes.is_some_and(|scopes| grants_beyond(scopes, &OPENID_SCOPES)) {
            let expected = format!("`{name}` {ABSENT}, or scopes of OpenID Connect alone");
            return refuse(expected, "other scopes, as in an access token");
        }
    }
    Ok(())
}

/// Refuses an ID token of Amazon Cognito. Its `aud` equals the `client_id` of Cognito's access tokens.
pub(crate) fn check_no_id_token(claims: &ProfileClaims<'_>) -> Result<(), TokenError> {
    match claims.token_use {
        Some(Value::Text(text)) if is_id_token_use(text) => Err(TokenError::invalid("the token is an ID token")
            .because(|| ("another `token_use`, or one that is required".to_owned(), "`token_use` `id`".to_owned()))),
        _ => Ok(()),
    }
}

/// Whether Amazon Cognito marks an ID token with this `token_use`.
pub(crate) fn is_id_token_use(token_use: &str) -> bool {
    token_use == "id"
}

pub(crate) fn is_other_type(typ: &str) -> bool {
    OTHER_TYPES.iter().any(|other| other.eq_ignore_ascii_case(typ))
}

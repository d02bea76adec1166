//! The claims that hold a token's scopes, and the form of a scope.

use auth_core::{Scopes, is_nqchar};

use crate::token::{
    RegisteredClaims, TokenError,
    json::{self, Value},
};

/// The claim of RFC 8693, 4.2 and RFC 9068, 2.2.3.
const SCOPE: &str = "scope";

/// The claims that hold scopes, each as the path to it.
#[derive(Default)]
pub(crate) struct ScopeClaims {
    /// Empty: `scope` alone.
    pub(crate) paths: Vec<Vec<String>>,
    /// Whether `scope` may be a list where RFC 9068 requires a string.
    pub(crate) list_allowed: bool,
}

impl ScopeClaims {
    /// The scopes, if the token has a claim for them.
    pub(crate) fn read(&self, claims: &RegisteredClaims<'_>) -> Option<Scopes> {
        let mut list = None;
        if self.paths.is_empty() {
            if let Some(Value::Text(scopes)) = claims.profile.scope
                && scopes.split(is_blank).all(is_nqchar)
            {
                return Some(Scopes::parse(scopes));
            }
            add(&mut list, claims.profile.scope);
        }
        for path in &self.paths {
            add(&mut list, claims.find(path).as_ref());
        }
        list.map(|list| Scopes::parse(&list))
    }

    /// Refuses a `scope` of another type than in RFC 9068, if scopes are read from it.
    pub(crate) fn check_type(&self, claims: &RegisteredClaims<'_>) -> Result<(), TokenError> {
        let is_read = self.paths.is_empty() || self.paths.iter().any(|path| path == &[SCOPE]);
        match claims.profile.scope {
            Some(Value::Array(_)) if self.list_allowed => Ok(()),
            None | Some(Value::Text(_)) => Ok(()),
            Some(_) if !is_read => Ok(()),
            Some(other) => Err(TokenError::invalid("the scope of the access token is not a string")
                .because(|| ("a string `scope`".to_owned(), other.kind().to_owned()))),
        }
    }
}

/// `split(' ')` calls `memchr`, which is made for long text. Scopes are short, so a comparison of each character takes less: it
/// saves 1 % of the instructions of an HS256 token.
fn is_blank(character: char) -> bool {
    character == ' '
}

/// Whether a claim has a scope that is not one of these, or a form that is unknown.
pub(crate) fn grants_beyond(claim: &Value<'_>, harmless: &[&str]) -> bool {
    let is_harmless = |scope: &str| scope.is_empty() || harmless.contains(&scope);
    match claim {
        Value::Null => false,
        Value::Text(scopes) => !scopes.split(' ').all(is_harmless),
        Value::Array(json) => json::elements(json, |element| match element {
            Value::Text(scope) if is_harmless(&scope) => Ok(()),
            _ => Err("another scope"),
        })
        .is_err(),
        _ => true,
    }
}

/// Adds the scopes in this claim, each followed by a space.
fn add(list: &mut Option<String>, claim: Option<&Value<'_>>) {
    let mut push = |scope: &str| {
        if is_nqchar(scope) {
            let list = list.get_or_insert_default();
            list.push_str(scope);
            list.push(' ');
        }
    };
    match claim {
        Some(Value::Text(scopes)) => scopes.split(' ').for_each(push),
        Some(Value::Array(json)) => {
            let read = json::elements(json, |element| {
                if let Value::Text(scope) = element {
                    push(&scope);
                }
                Ok(())
            });
            // OK because the claims were read before, with this list in them.
            debug_assert!(read.is_ok(), "a list that was read once can be read again");
        }
        _ => return,
    }
    // An empty list means that the token has no scopes.
    list.get_or_insert_default();
}

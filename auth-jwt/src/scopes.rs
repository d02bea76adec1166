//! Where the scopes of a token stand, and what counts as one.

use auth_core::Scopes;

use crate::{
    Jwt,
    jwt::is_plain,
    token::{
        Refused, RegisteredClaims,
        json::{self, Value},
    },
};

/// The claim of RFC 8693, 4.2 and RFC 9068, 2.2.3.
const SCOPE: &str = "scope";

/// The claims that hold scopes, each as the names that lead to it.
#[derive(Default)]
pub(crate) struct ScopeClaims {
    /// Empty: `scope` alone.
    paths: Vec<Vec<String>>,
    /// Whether `scope` may be a list where RFC 9068 wants a text.
    list_allowed: bool,
}

impl<C> Jwt<C> {
    /// Reads the [`Scopes`](auth_core::Scopes) of a token from this claim; by default, from `scope`.
    ///
    /// The claim is named by the path to it. A name may have dots and slashes in it, so a path is a list:
    ///
    /// | Issuer | Path |
    /// |---|---|
    /// | Okta, Entra | `["scp"]` |
    /// | Auth0 | `["permissions"]`, `["https://example.com/roles"]` |
    /// | Keycloak | `["realm_access", "roles"]`, `["resource_access", "chat", "roles"]` |
    ///
    /// Called again, it adds another claim, and the scopes are joined. `scope` then counts only if it is named too.
    ///
    /// The claim is a text with a space between scopes, or a list of texts. A claim that is absent, or of another type,
    /// gives no scopes. What cannot be a scope (RFC 6749, 3.3) is left out: an element of a list that is empty, has a
    /// space, a quote, a backslash or anything beyond visible ASCII, or is not a text. An empty path names no claim.
    ///
    /// ```
    /// # use auth_jwt::{Jwt, VerifyingKey};
    /// # fn build(key: VerifyingKey) {
    /// let jwt = Jwt::<serde_json::Value>::key(key)
    ///     .scopes_from(["scope"])
    ///     .scopes_from(["realm_access", "roles"]);
    /// # let _ = jwt; }
    /// ```
    ///
    /// # Security
    /// `require_scope` cannot tell a role from a scope of the same name. Join two claims only if a name means the same
    /// in both.
    pub fn scopes_from(mut self, path: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.policy.scopes.paths.push(path.into_iter().map(Into::into).collect());
        self
    }

    /// Accepts a list of texts as `scope` in an [access token](Self::access_token), where RFC 9068, 2.2.3 has one text.
    ///
    /// Without a profile, a list is accepted anyway.
    pub fn allow_scope_list(mut self) -> Self {
        self.policy.scopes.list_allowed = true;
        self
    }
}

impl ScopeClaims {
    /// The scopes, if the token tells any.
    pub(crate) fn read(&self, claims: &RegisteredClaims<'_>) -> Option<Scopes> {
        let mut list = None;
        if self.paths.is_empty() {
            add(&mut list, claims.profile.scope.as_ref());
        }
        for path in &self.paths {
            add(&mut list, claims.find(path).as_ref());
        }
        list.map(|list| Scopes::parse(&list))
    }

    /// Refuses a `scope` that is not what RFC 9068 says, if scopes are read from it.
    pub(crate) fn check_type(&self, claims: &RegisteredClaims<'_>) -> Result<(), Refused> {
        let is_read = self.paths.is_empty() || self.paths.iter().any(|path| path == &[SCOPE]);
        match &claims.profile.scope {
            Some(Value::Array(_)) if self.list_allowed => Ok(()),
            None | Some(Value::Text(_)) => Ok(()),
            Some(_) if !is_read => Ok(()),
            Some(other) => Err(Refused::invalid("the scope of the access token is not a text")
                .because(|| ("a text `scope`".to_owned(), other.kind().to_owned()))),
        }
    }
}

/// Whether a claim names a scope that is not one of these, or cannot be understood.
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

/// Adds the scopes in this claim, with a space behind each.
fn add(list: &mut Option<String>, claim: Option<&Value<'_>>) {
    let mut push = |scope: &str| {
        if is_plain(scope) {
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
    // A list without scopes says that there are none.
    list.get_or_insert_default();
}

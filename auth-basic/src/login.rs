use std::fmt;

use auth_core::{Secret, SharedStr};

/// A user name and a password, as the client sent them.
///
/// Either may be empty. The user name has no colon, and neither part has control characters. They are not normalized: see the
/// [crate documentation](crate#unicode).
///
/// `Debug` shows neither: people sometimes type their password into the wrong field.
#[derive(Clone)]
pub struct BasicLogin {
    /// Shared with the name in the evidence.
    username: SharedStr,
    password: Password,
}

impl BasicLogin {
    /// Makes a login for tests of verify callbacks. The parts are not checked.
    pub fn new(username: impl Into<String>, password: Password) -> Self {
        Self::of(username.into().into(), password)
    }

    pub(crate) fn of(username: SharedStr, password: Password) -> Self {
        Self { username, password }
    }

    /// The user name: the text before the first colon (RFC 7617, 2). It may be empty.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    pub(crate) fn shared_username(&self) -> SharedStr {
        self.username.clone()
    }

    /// The password: the text after the first colon, including later colons. It may be empty.
    #[must_use]
    pub fn password(&self) -> &Password {
        &self.password
    }

    /// Splits the login into user name and password.
    #[must_use]
    pub fn into_parts(self) -> (String, Password) {
        (self.username().to_owned(), self.password)
    }

    /// Whether the two logins are exactly equal.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        // Always compares both parts, so that the time does not reveal which one differs.
        self.password.ct_eq(other.password.expose()) & (self.username == other.username)
    }
}

impl fmt::Debug for BasicLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BasicLogin(<redacted>)")
    }
}

/// A password in clear text.
///
/// `Debug` redacts it. It has no `Display`, no serialization and no `==`, and it is zeroed when dropped.
///
/// # Security
/// Never log or store what [`expose`](Self::expose) returns. A stored password is a slow salted hash; the feature
/// `argon2` makes and checks such hashes.
#[derive(Clone)]
pub struct Password(Secret);

impl Password {
    /// Takes ownership of the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Secret::new(text))
    }

    /// The password itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Compares with another text, in a time that depends only on the lengths.
    #[must_use]
    pub fn ct_eq(&self, other: &str) -> bool {
        self.0.ct_eq(other)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_user_name_nor_password() {
        let login = BasicLogin::new("alice", Password::new("secret"));
        assert_eq!(format!("{login:?}"), "BasicLogin(<redacted>)");
        assert_eq!(format!("{:?}", login.password()), "Password(<redacted>)");
    }

    #[test]
    fn comparison_looks_at_both_parts() {
        let login = |username: &str, password: &str| BasicLogin::new(username, Password::new(password));
        assert!(login("a", "b").is_same_as(&login("a", "b")));
        assert!(!login("a", "b").is_same_as(&login("a", "c")));
        assert!(!login("a", "b").is_same_as(&login("b", "b")));
        assert!(login("a", "b").password().ct_eq("b"));
        assert!(!login("a", "b").password().ct_eq("bb"));
    }

    #[test]
    fn into_parts_returns_both_parts() {
        let (username, password) = BasicLogin::new("a", Password::new("b")).into_parts();
        assert_eq!((username.as_str(), password.expose()), ("a", "b"));
    }

    #[test]
    fn logins_are_send_and_sync() {
        fn is_send_and_sync<T: Send + Sync + 'static>() {}
        is_send_and_sync::<BasicLogin>();
        is_send_and_sync::<Password>();
    }
}

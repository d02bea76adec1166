use auth_core::PrincipalId;

/// The room that every connection of a user is in: `user:<subject>`, and for a subject of a named issuer
/// `issuer:<length>:<issuer>:user:<subject>`, where the length in bytes keeps one from passing for another.
#[must_use]
pub fn user_room(user: &PrincipalId) -> String {
    match user.issuer() {
        "" => format!("user:{}", user.subject()),
        issuer => format!("issuer:{}:{issuer}:user:{}", issuer.len(), user.subject()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_users_share_a_room() {
        let users =
            [("", "1"), ("a", "1"), ("a:user:1", "2"), ("a", "1:user:2"), ("", "a:1"), ("", "issuer:1:a:user:1")];
        let rooms: std::collections::HashSet<_> =
            users.iter().map(|(issuer, subject)| user_room(&PrincipalId::new(*issuer, *subject))).collect();
        assert_eq!(rooms.len(), users.len());
        assert!(rooms.contains("user:1"));
    }
}

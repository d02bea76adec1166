use auth_core::{Evidence, PrincipalId};

/// Realm and user name of a login, in its evidence.
///
/// The names of the evidence are not enough: the user type may have names of the same issuer, and a ticket has the names of
/// its parent. The name of the strategy is not enough either, since the application chooses it.
#[derive(Clone)]
pub(crate) struct OpenedBy(pub(crate) PrincipalId);

impl OpenedBy {
    /// Collects the user names of all logins to this realm in the evidence.
    pub(crate) fn find<'e>(evidence: &'e Evidence, realm: &str, usernames: &mut Vec<&'e str>) {
        let name = evidence.extra::<Self>().map(|Self(name)| name).filter(|name| name.issuer() == realm);
        usernames.extend(name.map(PrincipalId::subject));
        evidence.parts().iter().for_each(|part| Self::find(part, realm, usernames));
    }
}

//! Whom the evidence is about, and by which ids it can be revoked.

use super::Evidence;
use crate::{Id, IdKind, PrincipalId};

impl Evidence {
    /// The ids by which the credential can be revoked. For an `and`, see its parts.
    #[must_use]
    pub fn ids(&self) -> &[Id] {
        &self.facts.get().ids
    }

    /// The credential's own id, such as the `jti` of a token. The first one, if there are several.
    #[must_use]
    pub fn credential_id(&self) -> Option<&Id> {
        self.id_of(IdKind::Credential)
    }

    /// The session that the credential belongs to. The first one, if there are several.
    #[must_use]
    pub fn session_id(&self) -> Option<&Id> {
        self.id_of(IdKind::Session)
    }

    /// The id of the credential that this one was made from. The first one, if there are several.
    #[must_use]
    pub fn parent(&self) -> Option<&Id> {
        self.id_of(IdKind::Parent)
    }

    fn id_of(&self, kind: IdKind) -> Option<&Id> {
        self.ids().iter().find(|id| id.kind() == kind)
    }

    /// Every known name of the user; a revocation of a user matches any of them. For an `and`, see its parts.
    #[must_use]
    pub fn names(&self) -> &[PrincipalId] {
        &self.facts.get().names
    }

    /// The name that comparisons of two users use: the first of [`names`](Self::names). For an `and` without a name of its
    /// own, it is the name that its named parts agree on. A guest among the parts does not count.
    ///
    /// `None` for a guest, and for an `and` of two different users.
    #[must_use]
    pub fn principal(&self) -> Option<&PrincipalId> {
        if let Some(name) = self.names().first() {
            return Some(name);
        }
        let mut names = self.parts().iter().filter(|part| part.is_named()).map(Self::principal);
        let first = names.next()?;
        names.all(|name| name == first).then_some(first).flatten()
    }

    /// Whether both belong to the same user: each has a [`principal`](Self::principal), and the two are equal. A guest is
    /// never the same user as anybody.
    #[must_use]
    pub fn is_same_user(&self, other: &Self) -> bool {
        self.principal().is_some_and(|name| other.principal() == Some(name))
    }

    /// Whether a credential in it has names, none of which `open` has. It does not compare principals, since the names of the
    /// whole may not be known yet.
    pub(crate) fn names_another_than(&self, open: &Self) -> bool {
        match self.parts() {
            [] => !self.names().is_empty() && !self.names().iter().any(|name| open.has_name(name)),
            parts => parts.iter().any(|part| part.names_another_than(open)),
        }
    }

    fn has_name(&self, name: &PrincipalId) -> bool {
        self.names().contains(name) || self.parts().iter().any(|part| part.has_name(name))
    }

    /// Whether it, or a part of it, has a name.
    pub(crate) fn is_named(&self) -> bool {
        !self.names().is_empty() || self.parts().iter().any(Self::is_named)
    }

    /// Adds a name after the others.
    pub(crate) fn add_name(&mut self, name: PrincipalId) {
        if !self.names().contains(&name) {
            self.change_facts(|facts| facts.names.add(name));
        }
    }

    /// Sets the name that comparisons use.
    pub(crate) fn put_name_first(&mut self, name: PrincipalId) {
        if self.names().first() != Some(&name) {
            self.change_facts(|facts| facts.names.put_first(name));
        }
    }

    pub(crate) fn add_id(&mut self, id: Id) {
        self.change_facts(|facts| facts.ids.add(id));
    }

    /// Copies the names of the whole to each part, so that a logout under any name covers every credential.
    pub(crate) fn hand_names_down(&mut self) {
        for part in self.rare.iter_mut().flat_map(|rare| &mut rare.parts) {
            for name in &*self.facts.get().names {
                part.add_name(name.clone());
            }
            part.hand_names_down();
        }
    }
}

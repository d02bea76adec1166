use std::{collections::BTreeMap, sync::Arc};

use auth_basic::{Argon2Passwords, BasicLogin, Password, PasswordError};
use auth_core::{BoxError, Principal, PrincipalId};

/// A user of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Never changes.
    pub id: u32,
    /// The name to log in with.
    pub name: String,
}

impl Principal for Member {
    fn principal_id(&self) -> Option<PrincipalId> {
        Some(PrincipalId::new("", self.id.to_string()))
    }
}

/// All members, with their passwords. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Members {
    by_id: Arc<BTreeMap<u32, (Member, String)>>,
    passwords: Argon2Passwords,
}

impl Members {
    /// Members with these names and passwords, and the ids 1, 2, 3 and so on.
    pub async fn enrol(passwords: Argon2Passwords, list: &[(&str, &str)]) -> Result<Self, PasswordError> {
        let mut by_id = BTreeMap::new();
        for (id, (name, password)) in (1..).zip(list) {
            let hash = passwords.hash(&Password::new(*password)).await?;
            by_id.insert(id, (Member { id, name: (*name).to_owned() }, hash));
        }
        Ok(Self { by_id: Arc::new(by_id), passwords })
    }

    /// The member with this id.
    pub fn by_id(&self, id: u32) -> Option<Member> {
        self.by_id.get(&id).map(|(member, _)| member.clone())
    }

    /// The member with this name and password.
    pub async fn by_login(&self, login: BasicLogin) -> Result<Option<Member>, BoxError> {
        // Simulates a store that is down.
        if login.username() == "lost" {
            return Err("the members cannot be reached".into());
        }
        let known = self.by_id.values().find(|(member, _)| member.name == login.username());
        let stored = known.map(|(_, hash)| hash.as_str());
        let is_right = self.passwords.verify(stored, login.password()).await?;
        Ok(known.filter(|_| is_right).map(|(member, _)| member.clone()))
    }
}

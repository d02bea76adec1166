use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use auth_core::{BoxError, async_trait};

use super::table::{Row, Table, User, tutorial};

/// Anybody may register, so there is a limit.
const MAX_USERS: usize = 1_000;

/// Users by name.
pub(super) struct Memory(Mutex<BTreeMap<String, Row>>);

impl Memory {
    pub(super) fn new() -> Self {
        Self(Mutex::new(tutorial().map(|row| (row.user.name.clone(), row)).collect()))
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<String, Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Table for Memory {
    async fn by_id(&self, id: &str) -> Result<Option<User>, BoxError> {
        Ok(self.rows().values().find(|row| row.user.id == id).map(|row| row.user.clone()))
    }

    async fn by_name(&self, name: &str) -> Result<Option<Row>, BoxError> {
        Ok(self.rows().get(name).cloned())
    }

    async fn add(&self, row: Row) -> Result<bool, BoxError> {
        let mut rows = self.rows();
        if rows.contains_key(&row.user.name) {
            return Ok(false);
        }
        if rows.len() >= MAX_USERS {
            return Err("there are too many users in memory: start the program with --db".into());
        }
        rows.insert(row.user.name.clone(), row);
        Ok(true)
    }

    async fn set_hash(&self, id: &str, old: &str, new: &str) -> Result<bool, BoxError> {
        let mut rows = self.rows();
        let row = rows.values_mut().find(|row| row.user.id == id && row.hash == old);
        let Some(row) = row else { return Ok(false) };
        new.clone_into(&mut row.hash);
        Ok(true)
    }
}

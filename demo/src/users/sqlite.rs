use std::{path::Path, time::Duration};

use auth_core::{BoxError, async_trait};
use sqlx::{
    ConnectOptions as _, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};

use super::table::{Row, Table, User, tutorial};

/// How long a call waits for its turn, or for a lock of another process.
const PATIENCE: Duration = Duration::from_secs(1);

/// Users in a file. The store may have its tables in the same file.
pub(super) struct Sqlite(SqlitePool);

impl Sqlite {
    /// Makes the file and the table if they do not exist. A new table has the users of the tutorial.
    pub(super) async fn open(path: &Path) -> Result<Self, BoxError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(PATIENCE)
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new().max_connections(2).acquire_timeout(PATIENCE).connect_with(options).await?;
        let create = "CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, hash TEXT NOT NULL) STRICT";
        sqlx::query(create).execute(&pool).await?;
        let users = Self(pool);
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&users.0).await?;
        if count == 0 {
            for row in tutorial() {
                users.add(row).await?;
            }
        }
        Ok(users)
    }
}

#[async_trait]
impl Table for Sqlite {
    async fn by_id(&self, id: &str) -> Result<Option<User>, BoxError> {
        let found = sqlx::query_as("SELECT id, name FROM users WHERE id = ?").bind(id);
        let found: Option<(String, String)> = found.fetch_optional(&self.0).await?;
        Ok(found.map(|(id, name)| User { id, name }))
    }

    async fn by_name(&self, name: &str) -> Result<Option<Row>, BoxError> {
        let found = sqlx::query_as("SELECT id, name, hash FROM users WHERE name = ?").bind(name);
        let found: Option<(String, String, String)> = found.fetch_optional(&self.0).await?;
        Ok(found.map(|(id, name, hash)| Row { user: User { id, name }, hash }))
    }

    async fn add(&self, Row { user, hash }: Row) -> Result<bool, BoxError> {
        let add = sqlx::query("INSERT INTO users (id, name, hash) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING");
        let added = add.bind(user.id).bind(user.name).bind(hash).execute(&self.0).await?;
        Ok(added.rows_affected() == 1)
    }

    async fn set_hash(&self, id: &str, old: &str, new: &str) -> Result<bool, BoxError> {
        let set = sqlx::query("UPDATE users SET hash = ? WHERE id = ? AND hash = ?");
        let set = set.bind(new).bind(id).bind(old).execute(&self.0).await?;
        Ok(set.rows_affected() == 1)
    }
}

//! The store in a real Postgres, which the tests start, kill and restart.

mod budgets;
mod logins;
mod outage;
mod records;
mod shared;
mod tables;
#[cfg(feature = "postgres-tls")]
mod tls;
mod tokens;

use std::time::Duration;

use auth_store_sql::PostgresStore;
use test_support::postgres::Database;

/// For a busy machine. Tests of the timeout set another.
const PATIENCE: Duration = Duration::from_secs(8);

/// A store with connections of its own, and tables.
async fn store(database: &Database) -> PostgresStore {
    store_at(&database.url()).await
}

async fn store_at(url: &str) -> PostgresStore {
    let store = PostgresStore::connect(url).unwrap().timeout(PATIENCE);
    store.migrate().await.unwrap();
    store
}

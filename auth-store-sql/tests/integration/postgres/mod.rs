//! The store in a real Postgres, which the tests start, kill and restart.

mod records;

use auth_store_sql::PostgresStore;
use test_support::postgres::Database;

/// A store with connections of its own, and tables.
async fn store(database: &Database) -> PostgresStore {
    let store = PostgresStore::connect(&database.url()).unwrap();
    store.migrate().await.unwrap();
    store
}

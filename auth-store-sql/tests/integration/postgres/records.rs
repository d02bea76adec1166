//! Records. The suite is in `test-support`.

use test_support::postgres::Database;

use super::store;

mod laws {
    use auth_store_sql::PostgresStore;

    use super::{Database, store};

    test_support::record_laws!(start);

    async fn start() -> Option<(PostgresStore, Database)> {
        let database = Database::create()?;
        Some((store(&database).await, database))
    }
}

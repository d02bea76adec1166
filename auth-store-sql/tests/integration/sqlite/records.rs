//! Records. The suite is in `test-support`.

use super::file::File;

mod laws {
    use super::File;
    use auth_store_sql::SqliteStore;

    test_support::record_laws!(start);

    async fn start() -> Option<(SqliteStore, File)> {
        let file = File::new();
        Some((file.store().await, file))
    }
}

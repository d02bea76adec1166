//! Counters of failures. The suite is in `test-support`.

mod laws {
    use auth_core::ManualClock;
    use auth_store_sql::SqliteStore;

    use super::super::file::File;
    use crate::support::clock;

    test_support::budget_laws!(start);

    async fn start() -> Option<(SqliteStore, ManualClock, File)> {
        let (file, clock) = (File::new(), clock());
        // For a thousand writers that take turns on a slow disk.
        let store = file.store().await.timeout(std::time::Duration::from_secs(30));
        Some((store.clock(clock.clone()), clock, file))
    }
}

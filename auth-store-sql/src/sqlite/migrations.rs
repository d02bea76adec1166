use sqlx::{Connection as _, SqliteConnection};

/// What each version adds, from 1.
const MIGRATIONS: [&str; 1] = [include_str!("../../migrations/sqlite-1.sql")];

/// Brings the tables up to date. Returns false, and changes nothing, if they are of a newer version.
pub(super) async fn run(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // Whoever comes second waits here, and finds the work done.
    let mut work = connection.begin_with("BEGIN IMMEDIATE").await?;
    let versions = "CREATE TABLE IF NOT EXISTS portcullis_migrations (
            version INTEGER NOT NULL PRIMARY KEY,
            applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
        ) STRICT";
    sqlx::raw_sql(versions).execute(&mut *work).await?;
    let look = sqlx::query_as("SELECT coalesce(max(version), 0) FROM portcullis_migrations");
    let (version,): (i64,) = look.fetch_one(&mut *work).await?;
    let Some(done) = usize::try_from(version).ok().filter(|done| *done <= MIGRATIONS.len()) else {
        work.rollback().await?;
        return Ok(false);
    };
    for (migration, version) in MIGRATIONS.into_iter().zip(1_i64..).skip(done) {
        sqlx::raw_sql(migration).execute(&mut *work).await?;
        let note = sqlx::query("INSERT INTO portcullis_migrations (version) VALUES ($1)").bind(version);
        note.execute(&mut *work).await?;
    }
    work.commit().await?;
    Ok(true)
}

use sqlx::{Connection as _, PgConnection};

/// What each version adds, from 1.
const MIGRATIONS: [&str; 1] = [include_str!("../../migrations/postgres-1.sql")];

/// Any number that no other program uses for an advisory lock of this database.
const LOCK: i64 = 0x706f_7274_6375_6c6c;

/// Brings the tables up to date. Returns false, and changes nothing, if they are of a newer version.
pub(super) async fn run(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    // A user who may not make tables can still start, if there is nothing to do.
    if is_there(connection).await? {
        match usize::try_from(version(connection).await?) {
            Ok(version) if version == MIGRATIONS.len() => return Ok(true),
            Ok(version) if version < MIGRATIONS.len() => {}
            _ => return Ok(false),
        }
    }
    let mut work = connection.begin().await?;
    // Whoever comes second waits here, and finds the work done. It may take longer than a call.
    sqlx::raw_sql("SET LOCAL statement_timeout = '30s'").execute(&mut *work).await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *work).await?;
    if !is_there(&mut work).await? {
        let versions = "CREATE TABLE portcullis_migrations (
                version BIGINT PRIMARY KEY,
                applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
            )";
        sqlx::raw_sql(versions).execute(&mut *work).await?;
    }
    let done = usize::try_from(version(&mut work).await?);
    let Some(done) = done.ok().filter(|done| *done <= MIGRATIONS.len()) else {
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

async fn is_there(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    // `to_regclass` would remember that there is none, and not see what another node has made meanwhile.
    let look = sqlx::query_as(
        "SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'portcullis_migrations' AND pg_table_is_visible(oid))",
    );
    let (is_there,): (bool,) = look.fetch_one(connection).await?;
    Ok(is_there)
}

async fn version(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    let look = sqlx::query_as("SELECT coalesce(max(version), 0) FROM portcullis_migrations");
    let (version,): (i64,) = look.fetch_one(connection).await?;
    Ok(version)
}

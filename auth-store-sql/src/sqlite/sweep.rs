use std::time::SystemTime;

use super::link::{Link, within};
use crate::{
    failure::Failure,
    times::{cutoff, to_nanos},
};

/// For each table: what has ended by `$1`, the first `$2` rows. Records and counters have more time: see `cutoff`.
const SWEEPS: [(&str, bool); 5] = [
    (
        "DELETE FROM portcullis_values WHERE key IN
         (SELECT key FROM portcullis_values WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2)",
        false,
    ),
    (
        "DELETE FROM portcullis_marks WHERE key IN
         (SELECT key FROM portcullis_marks WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2)",
        false,
    ),
    (
        "DELETE FROM portcullis_records WHERE key IN
         (SELECT key FROM portcullis_records WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2)",
        true,
    ),
    (
        "DELETE FROM portcullis_ended WHERE owner IN
         (SELECT owner FROM portcullis_ended WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2)",
        false,
    ),
    (
        "DELETE FROM portcullis_budgets WHERE key IN
         (SELECT key FROM portcullis_budgets WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2)",
        true,
    ),
];

/// Removes up to `limit` rows of each table. Other writers get their turn between two tables.
pub(super) async fn run(link: &Link, now: SystemTime, limit: u32) -> Result<u64, Failure> {
    let mut removed = 0;
    for (sweep, has_slack) in SWEEPS {
        let ended = if has_slack { cutoff(now) } else { to_nanos(now) };
        let mut lent = link.writer().await?;
        let sweep = sqlx::query(sweep).bind(ended).bind(limit);
        removed += within(lent.until, sweep.execute(lent.connection()?)).await?.rows_affected();
    }
    Ok(removed)
}

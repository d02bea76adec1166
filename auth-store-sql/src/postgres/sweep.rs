use std::{sync::Arc, time::SystemTime};

use tokio::time::timeout_at;

use super::{clock::now, link::Link};
use crate::{
    failure::Failure,
    times::{cutoff, to_nanos},
};

/// For each table, the first `$1` rows that have ended. What another node has locked, as it sweeps too or lets a record live on, is
/// left to it: nobody waits. A row is compared again when it is locked, so nothing goes that was moved meanwhile. With `ARRAY`, the
/// rows are chosen once.
macro_rules! sweep {
    ($table:literal, $key:literal, $ended:expr) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE ",
            $key,
            " = ANY (ARRAY (SELECT ",
            $key,
            " FROM ",
            $table,
            " WHERE ends_at <= ",
            $ended,
            " ORDER BY ends_at LIMIT $1 FOR UPDATE SKIP LOCKED))"
        )
    };
}

/// By the clock of the server.
const BY_SERVER: [&str; 3] = [
    sweep!("portcullis_values", "key", now!()),
    sweep!("portcullis_marks", "key", now!()),
    sweep!("portcullis_messages", "id", now!()),
];

const BUDGETS: &str = sweep!("portcullis_budgets", "key", now!());

/// By a clock of this node, which is `$2`.
const RECORDS: &str = sweep!("portcullis_records", "key", "$2");
const BUDGETS_BY_NODE: &str = sweep!("portcullis_budgets", "key", "$2");
const ENDED: &str = sweep!("portcullis_ended", "owner", "$2");

/// Removes up to `limit` rows of each table. Counters are compared with `budgets`, if it is set.
pub(super) async fn run(
    link: &Arc<Link>,
    now: SystemTime,
    budgets: Option<SystemTime>,
    limit: u32,
) -> Result<u64, Failure> {
    let by_server = BY_SERVER.map(|sweep| (sweep, None));
    // Records have more time: see `cutoff`.
    let by_node = [(RECORDS, Some(cutoff(now))), (ENDED, Some(to_nanos(now)))];
    let budgets = budgets.map_or((BUDGETS, None), |now| (BUDGETS_BY_NODE, Some(to_nanos(now))));
    let mut removed = 0;
    for (sweep, ended) in by_server.into_iter().chain(by_node).chain([budgets]) {
        let mut lent = link.lend().await?;
        let (connection, until) = lent.parts()?;
        let sweep = sqlx::query(sweep).bind(i64::from(limit));
        let sweep = if let Some(ended) = ended { sweep.bind(ended) } else { sweep };
        let done = timeout_at(until, sweep.execute(connection)).await;
        removed += lent.settle(done)?.rows_affected();
    }
    Ok(removed)
}

use std::{
    pin::pin,
    sync::{Arc, Weak},
    time::Duration,
};

use auth_core::{RevocationCheck, RevocationEvent, RevocationFeed};
use futures_util::{
    FutureExt as _, StreamExt as _,
    future::{self, Either, FusedFuture as _},
    stream,
};
use tokio::{select, time};

use super::{
    member::Member,
    registry::{Connections, Tables},
    revoked::is_revoked,
};
use crate::Close;

/// How many connections are checked at once after news were missed.
const AT_A_TIME: usize = 64;
/// How long one check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait before a failed check is repeated.
const PAUSE: Duration = Duration::from_secs(1);

impl Connections {
    /// Closes connections when `feed` says that their credential was revoked, with 4403 `revoked`, until the registry is gone.
    /// It also asks the feed about every credential once more after its connection was entered.
    ///
    /// After the feed has missed something, every open connection is checked again. If a check fails, it is repeated until it
    /// succeeds.
    ///
    /// Give the same store to [`Chain::revocation`](auth_core::Chain::revocation), which refuses revoked credentials in new
    /// requests.
    ///
    /// # Panics
    /// If the registry follows another feed already, or if there is no tokio runtime.
    pub fn follow<F: RevocationFeed + Clone>(&self, feed: F) {
        let is_first = self.registry.tables.check.set(Arc::new(feed.clone())).is_ok();
        assert!(is_first, "the registry follows a feed already");
        let (tables, mut alive) = (Arc::downgrade(&self.registry.tables), self.registry.tables.alive.subscribe());
        tokio::spawn(async move {
            select! {
                // It never changes; it is dropped.
                _ = alive.changed() => {}
                () = follow(feed, tables) => {}
            }
        });
    }
}

async fn follow(feed: impl RevocationFeed, tables: Weak<Tables>) {
    let mut listener = feed.listen().await;
    // Connections may have opened before it listened.
    let mut recheck = recheck(&feed, &tables).boxed().fuse();
    // A check in progress is not dropped for another: if news were missed again and again, it would never end.
    let mut again = false;
    loop {
        let news = {
            let mut listening = pin!(listener.next());
            loop {
                match future::select(&mut listening, &mut recheck).await {
                    Either::Left((news, _)) => break news,
                    Either::Right(((), _)) if again => {
                        again = false;
                        recheck = self::recheck(&feed, &tables).boxed().fuse();
                    }
                    Either::Right(((), _)) => {}
                }
            }
        };
        let Some(news) = news else {
            tracing::error!("a feed of revocations has ended: open connections hear of none any more");
            return recheck.await;
        };
        match news {
            RevocationEvent::Revoked(revocation) => {
                let Some(tables) = tables.upgrade() else {
                    return;
                };
                let covered = tables.index().covered_by(&revocation);
                covered.iter().for_each(|member| member.end(Close::REVOKED));
                tracing::debug!(?revocation, closed = covered.len(), "something was revoked");
            }
            // News of an unknown kind may mean the same.
            _ if recheck.is_terminated() => recheck = self::recheck(&feed, &tables).boxed().fuse(),
            _ => again = true,
        }
    }
}

/// Checks every open connection, until there is an answer for each.
async fn recheck(check: &dyn RevocationCheck, tables: &Weak<Tables>) {
    let Some(open) = tables.upgrade().map(|tables| tables.index().all().map(Arc::downgrade).collect::<Vec<_>>()) else {
        return;
    };
    let mut left = open;
    while !left.is_empty() {
        let asked = stream::iter(left).map(|member| async move {
            let failed = match member.upgrade() {
                Some(open) => end_if_revoked(check, &open).await.is_err(),
                None => false,
            };
            failed.then_some(member)
        });
        left = asked.buffer_unordered(AT_A_TIME).filter_map(future::ready).collect().await;
        if !left.is_empty() {
            tracing::warn!(connections = left.len(), "it cannot be said whether open connections were revoked");
            time::sleep(PAUSE).await;
        }
    }
}

async fn end_if_revoked(check: &dyn RevocationCheck, member: &Member) -> Result<(), ()> {
    for evidence in member.evidences() {
        match is_revoked(check, &evidence, CHECK_TIMEOUT).await {
            Ok(true) => member.end(Close::REVOKED),
            Ok(false) => {}
            Err(_) => return Err(()),
        }
    }
    Ok(())
}

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

use super::{Connections, Shared, is_revoked, member::Member};
use crate::Close;

/// How many connections are looked up at a time after news were missed.
const AT_A_TIME: usize = 64;
/// How long one look may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long is waited before what could not be looked up is looked up again.
const PAUSE: Duration = Duration::from_secs(1);

impl Connections {
    /// Closes what `feed` tells to be revoked, with 4403 `revoked`, until the registry is gone; and asks it about every
    /// credential once more when its connection has been entered.
    ///
    /// After the feed has missed something, every open connection is looked up anew, and again for as long as that cannot
    /// be done.
    ///
    /// It is the chain's [`revocation`](auth_core::Chain::revocation) that keeps revoked credentials from coming in by
    /// any other way: give it the same.
    ///
    /// # Panics
    /// If the registry follows another feed already, or if there is no tokio runtime.
    pub fn follow<F: RevocationFeed + Clone>(&self, feed: F) {
        let is_first = self.shared.check.set(Arc::new(feed.clone())).is_ok();
        assert!(is_first, "the registry follows a feed already");
        let (shared, mut alive) = (Arc::downgrade(&self.shared), self.shared.alive.subscribe());
        tokio::spawn(async move {
            select! {
                // It never changes; it is dropped.
                _ = alive.changed() => {}
                () = follow(feed, shared) => {}
            }
        });
    }
}

async fn follow(feed: impl RevocationFeed, shared: Weak<Shared>) {
    let mut listener = feed.listen().await;
    // Whatever was opened before it could listen.
    let mut recheck = recheck(&feed, &shared).boxed().fuse();
    // A look that is under way is not given up for another: where news are missed again and again, it would never end.
    let mut again = false;
    loop {
        let news = {
            let mut listening = pin!(listener.next());
            loop {
                match future::select(&mut listening, &mut recheck).await {
                    Either::Left((news, _)) => break news,
                    Either::Right(((), _)) if again => {
                        again = false;
                        recheck = self::recheck(&feed, &shared).boxed().fuse();
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
                let Some(shared) = shared.upgrade() else {
                    return;
                };
                let covered = shared.index().covered_by(&revocation);
                covered.iter().for_each(|member| member.end(Close::REVOKED));
                tracing::debug!(?revocation, closed = covered.len(), "something was revoked");
            }
            // Of what is not known here, the same is to be feared.
            _ if recheck.is_terminated() => recheck = self::recheck(&feed, &shared).boxed().fuse(),
            _ => again = true,
        }
    }
}

/// Looks every open connection up, until an answer was had for each.
async fn recheck(check: &dyn RevocationCheck, shared: &Weak<Shared>) {
    let Some(open) = shared.upgrade().map(|shared| shared.index().all().map(Arc::downgrade).collect::<Vec<_>>()) else {
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

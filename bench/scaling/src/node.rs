//! One node: a process that does what the coordinator says.

use std::{
    io::{BufRead as _, Write as _, stdin, stdout},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use redis::{cluster::ClusterClient, cluster_async::ClusterConnection};
use tokio::{runtime::Builder, task::JoinSet, time::sleep};

use crate::{
    Result,
    order::{Answer, Done, Kind, Order, Stamp, Work, unix_nanos},
    service::{Held, Service},
};

/// How many different tokens requests use in turn.
const TOKENS: usize = 1000;

/// How many connections are entered at once.
const AT_ONCE: usize = 64;

pub fn run(urls: &str, prefix: &str, follows: bool) -> Result<()> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let urls: Vec<String> = urls.split(',').map(str::to_owned).collect();
    let service = {
        let _in_runtime = runtime.enter();
        Arc::new(Service::new(&urls.iter().map(String::as_str).collect::<Vec<_>>(), prefix, follows)?)
    };
    let mut held = Vec::new();
    answer(&Answer::Ready)?;
    for line in stdin().lock().lines() {
        let done = match serde_json::from_str(&line?)? {
            Order::Enter { first, count } => {
                held.extend(runtime.block_on(enter(&service, first, count))?);
                Answer::Ready
            }
            Order::Leave => {
                held.clear();
                Answer::Ready
            }
            Order::Work(work) => Answer::Done(runtime.block_on(do_work(&service, &urls, work))?),
            Order::Closed => Answer::Closed(service.closed()),
            Order::Tally => Answer::Tally(service.tally()),
        };
        answer(&done)?;
    }
    Ok(())
}

fn answer(answer: &Answer) -> Result<()> {
    let mut out = stdout().lock();
    serde_json::to_writer(&mut out, answer)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

async fn enter(service: &Arc<Service>, first: usize, count: usize) -> Result<Vec<Held>> {
    let (mut tasks, next) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
    for _ in 0..AT_ONCE {
        let (service, next) = (Arc::clone(service), Arc::clone(&next));
        tasks.spawn(async move {
            let mut held = Vec::new();
            loop {
                let user = next.fetch_add(1, Relaxed);
                if user >= count {
                    return Ok::<_, crate::Error>(held);
                }
                let request = service.request(first + user)?;
                held.push(service.enter(&request, first + user).await?);
            }
        });
    }
    let mut all = Vec::new();
    while let Some(held) = tasks.join_next().await {
        all.append(&mut held??);
    }
    all.shrink_to_fit();
    Ok(all)
}

async fn do_work(service: &Arc<Service>, urls: &[String], work: Work) -> Result<Done> {
    let requests = (0..TOKENS).map(|user| service.request(work.first + user)).collect::<Result<Vec<_>>>()?;
    let cluster = match work.kind {
        Kind::ClusterLookUp => Some(ClusterClient::new(urls.to_vec())?.get_async_connection().await?),
        _ => None,
    };
    let shared = Arc::new((requests, AtomicUsize::new(0), Mutex::new(Done::default())));
    let (begun, mut tasks) = (Instant::now(), JoinSet::new());
    for _ in 0..work.at_once {
        let (service, shared, cluster) = (Arc::clone(service), Arc::clone(&shared), cluster.clone());
        tasks.spawn(async move {
            let (requests, next, _) = &*shared;
            let mut mine = Done::default();
            while begun.elapsed().as_secs_f64() < work.secs {
                let number = next.fetch_add(1, Relaxed);
                if number >= work.count {
                    break;
                }
                let user = work.first + number;
                if matches!(work.kind, Kind::Revoke | Kind::RevokeConnection) {
                    mine.begun.push(Stamp { user, unix_nanos: unix_nanos() });
                }
                match once(&service, work.kind, user, &requests[number % TOKENS], cluster.as_ref()).await {
                    Ok(()) => mine.done += 1,
                    Err(error) => {
                        mine.failed += 1;
                        let cause = error.source().map(ToString::to_string).unwrap_or_default();
                        mine.why = Some(format!("{error} {cause}"));
                        mine.last_failure_unix_nanos = Some(unix_nanos());
                        // A client that is refused doesn't come back at once.
                        sleep(Duration::from_millis(5)).await;
                    }
                }
                if work.pause_micros > 0 {
                    sleep(Duration::from_micros(work.pause_micros)).await;
                }
            }
            let mut all = shared.2.lock().unwrap_or_else(PoisonError::into_inner);
            all.done += mine.done;
            all.failed += mine.failed;
            all.why = mine.why.or(all.why.take());
            all.begun.append(&mut mine.begun);
            all.last_failure_unix_nanos = all.last_failure_unix_nanos.max(mine.last_failure_unix_nanos);
        });
    }
    while let Some(task) = tasks.join_next().await {
        task?;
    }
    let mut done = std::mem::take(&mut *shared.2.lock().unwrap_or_else(PoisonError::into_inner));
    done.secs = begun.elapsed().as_secs_f64();
    Ok(done)
}

async fn once(
    service: &Service,
    kind: Kind,
    user: usize,
    request: &http::request::Parts,
    cluster: Option<&ClusterConnection>,
) -> Result<()> {
    match kind {
        Kind::Revoke => service.revoke(user).await,
        Kind::RevokeUser => service.revoke_user(user).await,
        Kind::RevokeConnection => service.revoke_connection(user).await,
        Kind::Request => service.ask(request).await,
        Kind::Handshake => service.enter(request, user).await.map(drop),
        Kind::BuyTicket => service.buy_ticket(request).await.map(drop),
        Kind::Ticket => service.enter(&service.buy_ticket(request).await?, user).await.map(drop),
        Kind::ClusterLookUp => {
            let mut cluster = cluster.cloned().ok_or("no cluster")?;
            let mut mget = redis::cmd("MGET");
            for name in ["credential", "session", "user", "user-of-issuer"] {
                mget.arg(format!("auth:{name}:{:043}", user % TOKENS));
            }
            mget.query_async::<Vec<Option<String>>>(&mut cluster).await?;
            Ok(())
        }
    }
}

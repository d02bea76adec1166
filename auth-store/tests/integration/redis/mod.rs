//! The same on a real Redis, which the tests start, kill and restart.

mod budgets;
mod cluster;
mod contract;
mod fake;
mod lost;
mod outage;
mod records;
mod server;
mod shared;
#[cfg(feature = "redis-tls")]
mod tls;
mod user;

use ::redis::FromRedisValue;

use test_support::redis::Server;

/// Sends a command on a separate connection.
async fn ask<T: FromRedisValue + Send + 'static>(server: &Server, words: &[&str]) -> T {
    let (url, mut command) = (server.url(), ::redis::Cmd::new());
    command.arg(words);
    let ask = move || command.query(&mut ::redis::Client::open(url).unwrap().get_connection().unwrap()).unwrap();
    tokio::task::spawn_blocking(ask).await.unwrap()
}

/// How many connections the server has accepted. Each `ask` opens one.
async fn connections(server: &Server) -> u32 {
    let info = ask::<String>(server, &["INFO", "stats"]).await;
    let count = info.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
    count.unwrap().parse().unwrap()
}

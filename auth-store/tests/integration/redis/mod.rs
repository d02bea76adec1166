//! The same on a real Redis, which the tests start, kill and restart.

mod fake;
mod lost;
mod outage;
mod server;
mod shared;

use ::redis::FromRedisValue;

use self::server::Server;

/// Sends a command on a separate connection.
async fn ask<T: FromRedisValue + Send + 'static>(server: &Server, words: &[&str]) -> T {
    let (url, mut command) = (server.url(), ::redis::Cmd::new());
    command.arg(words);
    let ask = move || command.query(&mut ::redis::Client::open(url).unwrap().get_connection().unwrap()).unwrap();
    tokio::task::spawn_blocking(ask).await.unwrap()
}

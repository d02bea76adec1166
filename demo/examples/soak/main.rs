//! A soak test: good and hostile clients of every kind of connection, for minutes. `scripts/soak.sh` builds and starts it.
//!
//! The server is a separate process. The test reads its memory and descriptors from outside. Two things pass or fail: the memory
//! of the server, and what is left in its registries. It also prints what the good clients see. Linux only.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "this program is a test, not a library")]

mod attack;
mod client;
mod good;
mod hostile;
mod report;
mod server;
mod watch;
mod world;

use std::{process::ExitCode, time::Duration};

use auth_core::BoxError;
use clap::{Args, Parser, Subcommand};

/// Good and hostile clients against one server, for minutes.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve on a free port of the loopback, print the address, and answer questions on standard input
    Serve {
        /// As in `attack`
        #[arg(long)]
        pending: usize,
    },
    /// Start a server, play all clients, and check what is left
    Attack(Plan),
}

/// How many clients, how fast, and for how long.
#[derive(Args, Clone, Debug)]
struct Plan {
    /// Seconds until the clients stop; a tenth of the time is quiet
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Good clients of each kind
    #[arg(long, default_value_t = 200)]
    good: usize,
    /// Hostile clients of each kind
    #[arg(long, default_value_t = 200)]
    hostile: usize,
    /// The pause between two acts of a hostile client, in milliseconds
    #[arg(long, default_value_t = 1000)]
    pause: u64,
    /// The pause between two bursts of a flood, in milliseconds
    #[arg(long, default_value_t = 500)]
    flood_pause: u64,
    /// The bytes of a burst
    #[arg(long, default_value_t = 60_000)]
    burst: usize,
    /// Play only acts with this in their names, such as `raw: pings`; to find the act that causes a failure
    #[arg(long, default_value = "")]
    only: String,
    /// How many connections without a credential the server allows; other limits have their defaults
    #[arg(long, default_value_t = 1000)]
    pending: usize,
    /// How far the server's memory may move from its start, in MiB
    #[arg(long, default_value_t = 64)]
    memory: u64,
}

impl Plan {
    fn quiet(&self) -> Duration {
        Duration::from_secs(self.seconds) / 10
    }

    fn attacked(&self) -> Duration {
        Duration::from_secs(self.seconds) - self.quiet()
    }

    fn pause(&self) -> Duration {
        Duration::from_millis(self.pause)
    }

    fn flood_pause(&self) -> Duration {
        Duration::from_millis(self.flood_pause)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let passed = match Cli::parse().command {
        Command::Serve { pending } => server::serve(pending).await.map(|()| true),
        Command::Attack(plan) => attack::run(plan).await,
    };
    match passed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => fail(&error),
    }
}

fn fail(error: &BoxError) -> ExitCode {
    println!("soak: {error}");
    ExitCode::FAILURE
}

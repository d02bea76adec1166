//! The command line of the demo.

mod clock;

use std::{
    error::Error,
    io::{IsTerminal as _, Write as _},
    net::Ipv4Addr,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use auth_core::ClientAddress;
use auth_store::RedisStore;
use auth_store_sql::SqliteStore;
use clap::{Parser, Subcommand};
use demo::{Limits, Server, Settings, Users, app, hints, sign, warnings};
use tokio::net::TcpListener;

/// An echo server behind one chain of strategies: JWT, then Basic, then the session of a login.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, env = "PORT", default_value_t = 3000)]
    port: u16,
    /// The HMAC secret of the tokens
    #[arg(long, env = "SECRET", default_value = "secret", hide_env_values = true, global = true)]
    secret: String,
    /// Show pages why their WebSocket is refused: open it, then close it with a code
    #[arg(long)]
    accept_then_close: bool,
    /// Where browsers find the server, if it is behind a proxy: https://app.example. The default is the port on 127.0.0.1
    #[arg(long, env = "PUBLIC_ORIGIN")]
    public_origin: Option<String>,
    /// How many proxies stand before the server. Each adds an address to `X-Forwarded-For`
    #[arg(long, default_value_t = 0)]
    proxies: usize,
    /// Share logins, tickets and revocations with other nodes: redis://host:6379
    #[arg(long, env = "REDIS", hide_env_values = true)]
    redis: Option<String>,
    /// Keep users, logins, tickets, revocations and failures in this file of SQLite, which is made if it does not exist. With --redis, only the
    /// users
    #[arg(long, env = "DB", value_name = "FILE")]
    db: Option<PathBuf>,
    /// How many wrong passwords are free at once, for one user from one address
    #[arg(long, default_value_t = Limits::default().failures)]
    login_failures: u32,
    /// After how many seconds one of them is forgotten
    #[arg(long, default_value_t = Limits::default().wait.as_secs())]
    login_wait: u64,
    /// On shutdown, close the sockets one by one over this many seconds
    #[arg(long, default_value_t = 0)]
    drain: u64,
    /// For tests: each line of standard input moves the clock by that many seconds
    #[arg(long, hide = true)]
    clock_from_stdin: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Print a signed token
    Token {
        /// The id of the user; the demo knows 1001
        #[arg(long, default_value = "1001")]
        sub: String,
        /// How long the token is valid, in seconds
        #[arg(long, default_value_t = 900)]
        ttl: u64,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut settings = Settings::new(cli.secret.as_str());
    settings.accept_then_close = cli.accept_then_close;
    settings.client_address = ClientAddress::behind_proxies(cli.proxies);
    (settings.limits.failures, settings.limits.wait) = (cli.login_failures, Duration::from_secs(cli.login_wait));
    if let Some(path) = &cli.db {
        let store =
            SqliteStore::open(path).await.map_err(|error| format!("{} cannot be used: {error}", path.display()))?;
        (settings.store, settings.records) = (Arc::new(store.clone()), Arc::new(store.clone()));
        settings.budgets = Arc::new(store);
        settings.users = Users::in_file(path).await?;
    }
    if let Some(url) = &cli.redis {
        // Redis may be down for now. Then requests that need it get a 503.
        let store = RedisStore::new(url)?;
        (settings.store, settings.records) = (Arc::new(store.clone()), Arc::new(store.clone()));
        settings.budgets = Arc::new(store);
    }
    if cli.clock_from_stdin {
        settings.timer = Arc::new(clock::moved_by_stdin());
    }
    if let Some(Command::Token { sub, ttl }) = cli.command {
        let token = sign(&settings, &sub, Duration::from_secs(ttl))?;
        return Ok(writeln!(std::io::stdout(), "{}", token.expose())?);
    }

    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, cli.port)).await.map_err(|error| {
        format!(
            "port {} on 127.0.0.1 cannot be used ({error}): stop what holds it, or choose another with PORT",
            cli.port
        )
    })?;
    // The port may have been chosen by the system.
    settings.public_origin = match cli.public_origin {
        Some(origin) => origin,
        None => format!("http://{}", listener.local_addr()?),
    };
    let app = app(&settings)?;
    for warning in warnings(&cli.secret) {
        tracing::warn!("{warning}");
    }
    write!(std::io::stdout(), "{}", hints(listener.local_addr()?, &cli.secret, &settings)?)?;
    let mut server = Server::default();
    server.spread = Duration::from_secs(cli.drain);
    server.run(listener, app, settings.shutdown.clone(), stop_signal()).await;
    Ok(())
}

/// Completes on Ctrl-C, and on SIGTERM if the system has it.
async fn stop_signal() {
    let ctrl_c = tokio::signal::ctrl_c();
    #[cfg(unix)]
    if let Ok(mut term) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = ctrl_c => {}
            _ = term.recv() => {}
        }
        return;
    }
    let _ = ctrl_c.await;
}

//! What a WebSocket costs behind the chain, beside a bare one.
//!
//! Each server is a process of its own on CPU 0; run this program on CPU 1. It measures
//!
//! - handshakes: open, one echo, close, 64 at a time;
//! - echoes over 64 open sockets;
//! - the memory of an idle socket: the slope from 2,000 to 10,000, so that what a server allocates once does not count.
//!
//! Linux only. Both processes need 10,100 file descriptors (`ulimit -n`). The environment: `ROUNDS` (5), `LOAD_SECONDS`
//! (2), `ONLY` (`handshakes`, `echoes` or `memory`), `IDLE` (how many seconds idle sockets are watched; 10).

mod client;
mod memory;
mod process;
mod rate;
mod server;

use std::{env, error::Error};

use floors::Key;
use tokio::runtime::Builder;

pub type Failure = Box<dyn Error + Send + Sync>;

/// Behind the chain last.
const KINDS: [&str; 4] = ["bare axum", "bare axum, 4 KiB buffers", "ours, no pings", "ours"];

fn main() -> Result<(), Failure> {
    let mut args = env::args().skip(1);
    if args.next().as_deref() == Some("serve") {
        let kind = args.next().ok_or("serve what?")?;
        return Builder::new_multi_thread().enable_all().build()?.block_on(server::serve(&kind));
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let key = Key::hmac(format!("{:032x}", fastrand::u128(..)).into());
    let only = env::var("ONLY").unwrap_or_default();
    if "handshakes".contains(&only) {
        rate::measure(&runtime, &key, rate::What::Handshakes)?;
    }
    if "echoes".contains(&only) {
        rate::measure(&runtime, &key, rate::What::Echoes)?;
    }
    if "memory".contains(&only) {
        memory::measure(&runtime, &key)?;
    }
    Ok(())
}

/// A number from the environment.
fn number(name: &str, default: u64) -> u64 {
    let Ok(text) = env::var(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}"))
}

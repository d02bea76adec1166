//! What one login with a password costs: Argon2id with the defaults of `Argon2Passwords`.

use std::time::Instant;

use auth_basic::{Argon2Passwords, Password};
use tokio::{runtime::Builder, task::JoinSet};

use crate::{Result, report::line, usage};

const LOGINS: usize = 40;

pub fn run() -> Result<()> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let passwords = Argon2Passwords::new();
        let stored = passwords.hash(&Password::new("correct horse")).await?;
        let this = std::process::id();
        let (begun, cpu) = (Instant::now(), usage::cpu(this)?);
        let mut peak = 0;
        for _ in 0..LOGINS / 2 {
            let mut both = JoinSet::new();
            for _ in 0..2 {
                let (passwords, stored) = (passwords.clone(), stored.clone());
                both.spawn(async move { passwords.verify(Some(&stored), &Password::new("correct horse")).await });
            }
            while let Some(verified) = both.join_next().await {
                if !verified?? {
                    return Err("a good password was refused".into());
                }
                peak = peak.max(usage::resident(this)?);
            }
        }
        let cpu = usage::cpu(this)? - cpu;
        line(
            "a password, two at once",
            format!(
                "{:.1} ms CPU each; {:.1} a second on two cores; {:.0} MiB resident at most",
                cpu * 1e3 / LOGINS as f64,
                LOGINS as f64 / begun.elapsed().as_secs_f64(),
                peak as f64 / f64::from(1 << 20),
            ),
        );
        Ok(())
    })
}

//! What ran the benchmark, and the versions of what it compares.

use std::{error::Error, fs, process::Command};

use serde::{Deserialize, Serialize};

use crate::table::Table;

/// What is recorded when a run begins: names and texts.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Run {
    run: Vec<(String, String)>,
}

impl Run {
    pub fn table(&self) -> String {
        let mut table = Table::new(&["", ""]);
        for (name, text) in &self.run {
            table.row(&[name, text]);
        }
        table.text()
    }
}

/// The packages that are named in the page, and where they matter.
const PACKAGES: [&str; 11] = [
    "aws-lc-rs",
    "axum",
    "tokio",
    "jsonwebtoken",
    "axum-jwt-auth",
    "jwt-authorizer",
    "authkestra-axum",
    "tower-oauth2-resource-server",
    "oauth-resource-server",
    "tower-sessions",
    "axum-login",
];

/// A run that begins now, on this machine.
pub fn begin(mode: &str, parts: &str) -> Result<Run, Box<dyn Error>> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let field =
        |name| cpus.lines().find_map(|line: &str| line.strip_prefix(name)?.split_once(": ")).map(|(_, text)| text);
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let memory = fs::read_to_string("/proc/meminfo")?;
    let kib = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    let gib = kib.and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1024.0 / 1024.0;
    let model = field("model name").unwrap_or("unknown");
    let [family, number] = ["cpu family", "model\t"].map(|name| field(name).unwrap_or("?"));
    let rows = [
        ("Date", output("date", &["-u", "+%F"])?),
        ("Run", mode.to_owned()),
        ("Parts", parts.to_owned()),
        ("Processor", format!("{model} (family {family}, model {number}), {cores} cores, {gib:.0} GiB of memory")),
        ("Kernel", format!("Linux {}", fs::read_to_string("/proc/sys/kernel/osrelease")?.trim())),
        ("Compiler", output("rustc", &["--version"])?),
        ("Profile", "release, `lto = \"thin\"`, `codegen-units = 1`".to_owned()),
        ("Versions", versions(include_str!("../../Cargo.lock"))),
    ];
    Ok(Run { run: rows.map(|(name, text)| (name.to_owned(), text)).into() })
}

fn output(program: &str, args: &[&str]) -> Result<String, Box<dyn Error>> {
    Ok(String::from_utf8(Command::new(program).args(args).output()?.stdout)?.trim().to_owned())
}

fn versions(lock: &str) -> String {
    let mut found = Vec::new();
    for package in PACKAGES {
        let head = format!("name = \"{package}\"\nversion = \"");
        let versions: Vec<_> = lock.split(&head).skip(1).filter_map(|rest| rest.split('"').next()).collect();
        if !versions.is_empty() {
            found.push(format!("{package} {}", versions.join(" and ")));
        }
    }
    found.join(", ")
}

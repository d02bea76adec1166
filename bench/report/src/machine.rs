//! What ran the benchmark, and the versions of what it compares.

use std::{error::Error, fs, process::Command};

use crate::table::Table;

/// The packages that are named in the page, and where they matter.
const PACKAGES: [&str; 9] = [
    "aws-lc-rs",
    "axum",
    "tokio",
    "jsonwebtoken",
    "axum-jwt-auth",
    "jwt-authorizer",
    "authkestra-axum",
    "tower-oauth2-resource-server",
    "oauth-resource-server",
];

pub fn machine() -> Result<String, Box<dyn Error>> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let field =
        |name| cpus.lines().find_map(|line: &str| line.strip_prefix(name)?.split_once(": ")).map(|(_, text)| text);
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let memory = fs::read_to_string("/proc/meminfo")?;
    let kib = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    let gib = kib.and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1024.0 / 1024.0;
    let mut table = Table::new(&["", ""]);
    table.row(&["Date".into(), output("date", &["-u", "+%F"])?]);
    let model = field("model name").unwrap_or("unknown");
    let [family, number] = ["cpu family", "model\t"].map(|name| field(name).unwrap_or("?"));
    table.row(&[
        "Processor".into(),
        format!("{model} (family {family}, model {number}), {cores} cores, {gib:.0} GiB of memory"),
    ]);
    table.row(&["Kernel".into(), format!("Linux {}", fs::read_to_string("/proc/sys/kernel/osrelease")?.trim())]);
    table.row(&["Compiler".into(), output("rustc", &["--version"])?]);
    table.row(&["Profile".to_owned(), "release, `lto = \"thin\"`, `codegen-units = 1`".to_owned()]);
    table.row(&["Versions".into(), versions(include_str!("../../Cargo.lock"))]);
    Ok(table.text())
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

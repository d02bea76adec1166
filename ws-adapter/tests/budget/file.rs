use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::PathBuf};

/// Rewrites the file instead of comparing, if it is set.
const UPDATE: &str = "UPDATE_BUDGET";

const COMMAND: &str = "UPDATE_BUDGET=1 cargo test -p ws-adapter --all-features --test budget";
const HEAD: &str =
    "# What one request allocates: how often, how many bytes, and on which path. To change it on purpose:\n";

/// What a path allocates each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) allocations: u64,
    pub(crate) bytes: u64,
}

pub(crate) type Path = (&'static str, Cost);

/// The costs that were agreed on.
pub(crate) struct Budget {
    file: PathBuf,
    allowed: BTreeMap<String, Cost>,
}

impl Budget {
    pub(crate) fn file() -> Self {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/budget/budget.txt");
        let text = fs::read_to_string(&file).unwrap_or_default();
        Self { file, allowed: parse(&text) }
    }

    /// Fails if a path costs more or less than the file says, or if one of them doesn't know it.
    pub(crate) fn check(&self, paths: &[Path]) {
        if env::var_os(UPDATE).is_some() {
            return fs::write(&self.file, render(paths)).unwrap();
        }
        let differences = differences(&self.allowed, paths);
        let file = self.file.display();
        assert!(
            differences.is_empty(),
            "{file} is not what requests cost:\n{differences}To change it on purpose:\n{COMMAND}"
        );
    }
}

fn parse(text: &str) -> BTreeMap<String, Cost> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let cost = |line: &str| {
        let (allocations, rest) = line.trim().split_once(' ')?;
        let (bytes, path) = rest.trim().split_once(' ')?;
        let cost = Cost { allocations: allocations.parse().ok()?, bytes: bytes.parse().ok()? };
        Some((path.trim().to_owned(), cost))
    };
    lines.map(|line| cost(line).unwrap_or_else(|| panic!("not a line of the budget: {line}"))).collect()
}

fn render(paths: &[Path]) -> String {
    let mut text = format!("{HEAD}# {COMMAND}\n");
    for (path, Cost { allocations, bytes }) in paths {
        writeln!(text, "{allocations:>4} {bytes:>7}  {path}").unwrap();
    }
    text
}

fn differences(allowed: &BTreeMap<String, Cost>, paths: &[Path]) -> String {
    let mut text = String::new();
    for (path, now) in paths {
        match allowed.get(*path) {
            Some(old) if old == now => {}
            Some(old) => {
                writeln!(text, "- {path}: {} instead of {}: {}", say(now), say(old), advice(now, old)).unwrap()
            }
            None => writeln!(text, "- {path}: {}, and the file has no line for it", say(now)).unwrap(),
        }
    }
    for path in allowed.keys().filter(|path| !paths.iter().any(|(counted, _)| counted == path)) {
        writeln!(text, "- {path}: only in the file").unwrap();
    }
    text
}

fn say(cost: &Cost) -> String {
    format!("{} allocations of {} bytes", cost.allocations, cost.bytes)
}

fn advice(now: &Cost, old: &Cost) -> &'static str {
    if now.allocations > old.allocations || now.bytes > old.bytes { "it costs more" } else { "lower the budget" }
}

#[test]
fn cost_over_or_under_the_budget_is_a_difference() {
    let cost = |allocations, bytes| Cost { allocations, bytes };
    let allowed =
        parse(&render(&[("same", cost(2, 64)), ("more", cost(2, 64)), ("less", cost(2, 64)), ("gone", cost(1, 8))]));
    assert_eq!(
        differences(
            &allowed,
            &[("same", cost(2, 64)), ("more", cost(2, 65)), ("less", cost(1, 64)), ("new", cost(0, 0))]
        ),
        "\
- more: 2 allocations of 65 bytes instead of 2 allocations of 64 bytes: it costs more
- less: 1 allocations of 64 bytes instead of 2 allocations of 64 bytes: lower the budget
- new: 0 allocations of 0 bytes, and the file has no line for it
- gone: only in the file
"
    );
}

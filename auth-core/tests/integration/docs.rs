//! What the pages in `docs/` promise of their code is true.

use std::{fs, path::Path};

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)).unwrap()
}

/// Code hosts show the lines that rustdoc hides. The page promises about twenty lines.
#[test]
fn strategy_of_the_page_is_about_twenty_lines_and_runs() {
    let page = page("writing-a-strategy.md");
    let (_, code) = page.split_once("```rust\n").unwrap();
    let (code, rest) = code.split_once("```").unwrap();
    assert!(!code.lines().any(|line| line.trim() == "#" || line.starts_with("# ")), "a line is hidden");
    assert!(code.contains("fn main()") && code.contains("assert_eq!"), "what is shown is what is run");
    assert!(!rest.contains("impl Strategy for"), "there is one copy");

    let (_, strategy) = code.split_once("impl Strategy for ApiKey {\n").unwrap();
    let (body, _) = strategy.split_once("\n}\n").unwrap();
    let lines = 2 + body.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= 24, "the strategy has {lines} lines");
    for part in ["fn needs(", "Absent", "Unrecognized", "Accept", "Reject", "malformed.into()", ".await?"] {
        assert!(body.contains(part), "the strategy shows {part}");
    }
}

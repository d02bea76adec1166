//! The pages in `docs/` name tests that must exist, and promise things about their code that must be true.

use std::{fs, path::Path};

/// The tests of this crate and of the layer, which decides about bodies.
fn tests() -> String {
    let folders = ["tests/integration", "../ws-adapter/tests/integration"];
    let folders = folders.map(|folder| fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap());
    let files = folders.into_iter().flatten().map(|entry| entry.unwrap().path());
    files.map(|path| fs::read_to_string(path).unwrap()).collect()
}

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)).unwrap()
}

#[test]
fn tests_that_chain_md_names_exist() {
    let page = page("chain.md");
    let tests = tests();
    let words = page.split('`').skip(1).step_by(2);
    // Tests have long names. Only one setting has a name as long.
    let is_test = |word: &&str| word.matches('_').count() > 2 && !word.contains(['(', ' ']);
    let names: Vec<_> = words.filter(is_test).filter(|&word| word != "try_next_on_reject").collect();
    assert!(names.len() > 50, "the page names its tests");
    let unknown: Vec<_> = names.iter().filter(|name| !tests.contains(&format!("fn {name}("))).collect();
    assert!(unknown.is_empty(), "chain.md names tests that do not exist: {unknown:#?}");
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

//! The tables in `docs/` name the tests that show each cell; a test that is renamed must not leave a name behind.

use std::{fs, path::Path};

fn tests_of_this_crate() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn tests_that_chain_md_names_exist() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/chain.md");
    let page = fs::read_to_string(page).unwrap();
    let tests = tests_of_this_crate();
    let words = page.split('`').skip(1).step_by(2);
    // A test is named in a sentence; the only setting with so long a name has a section of its own.
    let is_test = |word: &&str| word.matches('_').count() > 2 && !word.contains(['(', ' ']);
    let names: Vec<_> = words.filter(is_test).filter(|&word| word != "try_next_on_reject").collect();
    assert!(names.len() > 50, "the page names its tests");
    let unknown: Vec<_> = names.iter().filter(|name| !tests.contains(&format!("fn {name}("))).collect();
    assert!(unknown.is_empty(), "chain.md names tests that do not exist: {unknown:#?}");
}

//! `docs/evidence.md` names tests of all crates. Every name there must exist.

use std::{collections::HashSet, fs, path::Path};

/// All Rust files below a folder, except what is built or installed there.
fn rust_in(folder: &Path) -> String {
    let mut code = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && !["target", "node_modules"].contains(&&*name) {
            code += &rust_in(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            code += &fs::read_to_string(&path).unwrap();
        }
    }
    code
}

/// The names of all tests in the code, and of the laws of `test-support`, which each store runs as a test.
fn tests_in(code: &str) -> HashSet<&str> {
    let mut names = HashSet::new();
    let mut is_test = false;
    for line in code.lines().map(str::trim) {
        let law = line.strip_prefix("pub async fn ").and_then(|rest| {
            rest.split_once('<').filter(|(_, bound)| bound.starts_with("R: Records") || bound.starts_with("B: Budgets"))
        });
        names.extend(law.map(|(name, _)| name));
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if !line.starts_with("#[") && !line.starts_with("//") {
            let name = line.split_once("fn ").and_then(|(_, rest)| rest.split_once('('));
            names.extend(name.filter(|_| is_test).map(|(name, _)| name));
            is_test = false;
        }
    }
    names
}

/// Everything in `code` in the last column of a table.
fn tests_named_in(page: &str) -> Vec<&str> {
    let rows = page.lines().filter_map(|line| line.strip_suffix(" |")?.rsplit_once(" | "));
    rows.flat_map(|(_, cell)| cell.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn tests_that_the_evidence_page_names_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let code = rust_in(&root);
    let tests = tests_in(&code);
    let page = fs::read_to_string(root.join("docs/evidence.md")).unwrap();
    let names = tests_named_in(&page);
    assert!(names.len() > 500, "the page names its tests");
    let unknown: Vec<_> = names.iter().filter(|name| !tests.contains(*name)).collect();
    assert!(unknown.is_empty(), "evidence.md names tests that do not exist: {unknown:#?}");
}

#[test]
fn no_other_page_names_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let code = rust_in(&root);
    let tests = tests_in(&code);
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = ["README.md", "SECURITY.md", "CONTRIBUTING.md"].map(|page| root.join(page));
    for path in docs.chain(pages).filter(|path| path.is_file() && !path.ends_with("evidence.md")) {
        let page = fs::read_to_string(&path).unwrap();
        let words = page.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let named: Vec<_> = words.filter(|word| word.contains('_') && tests.contains(word)).collect();
        assert!(named.is_empty(), "{} names tests: {named:#?}", path.display());
    }
}

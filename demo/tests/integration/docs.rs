//! `docs/evidence.md` names tests of all crates; a test that is renamed must not leave a name behind.

use std::{fs, path::Path};

/// All the Rust in a folder, below it too, but for what is built or installed there.
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

/// Everything in `code` in the last column of a table.
fn tests_named_in(page: &str) -> Vec<&str> {
    let rows = page.lines().filter_map(|line| line.strip_suffix(" |")?.rsplit_once(" | "));
    rows.flat_map(|(_, cell)| cell.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn tests_that_the_evidence_page_names_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let code = rust_in(&root);
    let page = fs::read_to_string(root.join("docs/evidence.md")).unwrap();
    let names = tests_named_in(&page);
    assert!(names.len() > 150, "the page names its tests");
    let unknown: Vec<_> = names.iter().filter(|name| !code.contains(&format!("fn {name}("))).collect();
    assert!(unknown.is_empty(), "evidence.md names tests that do not exist: {unknown:#?}");
}

#[test]
fn tests_that_asvs_md_names_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let code = rust_in(&root);
    for page in ["docs/asvs.md"] {
        let text = fs::read_to_string(root.join(page)).unwrap();
        let words = text.split('`').skip(1).step_by(2);
        // What else is called so is a setting, which is a function as well, or a counter.
        let is_letter = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        let is_name =
            |word: &&str| word.matches('_').count() > 1 && word.chars().all(is_letter) && !word.ends_with("_total");
        let names: Vec<_> = words.filter(is_name).collect();
        assert!(names.len() > 100, "{page} names its tests");
        let unknown: Vec<_> = names.iter().filter(|name| !code.contains(&format!("fn {name}("))).collect();
        assert!(unknown.is_empty(), "{page} names tests that do not exist: {unknown:#?}");
    }
}

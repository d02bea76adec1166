//! Keys that the program itself replaces.

use std::{env, fs, path::PathBuf, process};

use auth_jwt::{KeyFile, KeySet, ReloadableKeys};

use crate::support::*;

fn keys(keys: &[&Key]) -> KeySet {
    KeySet::from_jwks(&set(keys).to_string()).unwrap()
}

#[test]
fn replaced_keys_count_at_once() {
    let (clock, old, new) = (clock(), Key::new("a"), Key::new("b"));
    let source = ReloadableKeys::new(keys(&[&old]));
    let ask = |key: &Key| now(verdict(&source, &key.token(&clock), &clock)).unwrap();
    assert_eq!((ask(&old), ask(&new)), (ACCEPTED, UNRECOGNIZED));
    // Replacing them through a clone affects all clones.
    source.clone().replace(keys(&[&new]));
    assert_eq!((ask(&old), ask(&new)), (UNRECOGNIZED, ACCEPTED));
}

#[test]
fn running_request_keeps_its_keys() {
    let (old, new) = (Key::new("a"), Key::new("b"));
    let source = ReloadableKeys::new(keys(&[&old]));
    let found = source.current();
    source.replace(keys(&[&new]));
    assert_eq!(found.keys()[0].kid(), Some("a"));
    assert_eq!(source.current().keys()[0].kid(), Some("b"));
}

/// A file of this test, which is deleted on drop.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, text: &str) -> Self {
        let path = env::temp_dir().join(format!("auth-jwt-{}-{name}.json", process::id()));
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn write(&self, text: &str) {
        fs::write(&self.0, text).unwrap();
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn file_is_read_again_only_on_reload() {
    let (clock, old, new) = (clock(), Key::new("a"), Key::new("b"));
    let file = TempFile::new("reload", &set(&[&old]).to_string());
    let source = KeyFile::open(&file.0).unwrap();
    let ask = |key: &Key| now(verdict(&source, &key.token(&clock), &clock)).unwrap();
    file.write(&set(&[&new]).to_string());
    assert_eq!((ask(&old), ask(&new)), (ACCEPTED, UNRECOGNIZED));
    source.reload().unwrap();
    assert_eq!((ask(&old), ask(&new)), (UNRECOGNIZED, ACCEPTED));
}

#[test]
fn broken_file_never_replaces_a_good_set() {
    let (clock, key) = (clock(), Key::new("a"));
    let whole = set(&[&key]).to_string();
    let file = TempFile::new("broken", &whole);
    let source = KeyFile::open(&file.0).unwrap();
    let half = whole.split_at(whole.len() / 2).0;
    let private = jwks([key.jwk_with("d", serde_json::json!("AAAA"))]).to_string();
    for broken in ["", "{}", r#"{"keys":[]}"#, half, &private] {
        file.write(broken);
        assert!(source.reload().is_err(), "{broken}");
        assert_eq!(now(verdict(&source, &key.token(&clock), &clock)), Some(ACCEPTED));
    }
    fs::remove_file(&file.0).unwrap();
    assert!(source.reload().is_err());
    assert_eq!(source.current().keys().len(), 1);
}

#[test]
fn file_that_is_not_there_or_broken_does_not_open() {
    assert!(KeyFile::open("/nowhere/keys.json").is_err());
    let file = TempFile::new("open", r#"{"keys":[]}"#);
    assert!(KeyFile::open(&file.0).is_err());
}

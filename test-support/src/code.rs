//! The source code of a crate, for tests that look for what has no test yet.

use std::{fs, path::Path};

/// All the code in a folder, up to the unit tests of each file.
pub fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            text += &sources(&entry);
        } else {
            text += fs::read_to_string(entry).unwrap().split("#[cfg(test)]").next().unwrap();
        }
    }
    text
}

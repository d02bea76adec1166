//! What a published crate needs. The package does not contain the files around it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Members of the workspace that stay unpublished.
const UNPUBLISHED: [&str; 2] = ["demo", "test-support"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn members() -> Vec<String> {
    let manifest = read("Cargo.toml");
    let (_, members) = manifest.split_once("members = [").unwrap();
    let (members, _) = members.split_once(']').unwrap();
    members.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

fn published() -> Vec<String> {
    members().into_iter().filter(|name| !UNPUBLISHED.contains(&name.as_str())).collect()
}

#[test]
fn only_crates_for_users_are_published() {
    for name in members() {
        let is_unpublished = read(format!("{name}/Cargo.toml")).contains("publish = false");
        assert_eq!(is_unpublished, UNPUBLISHED.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn a_published_crate_has_what_crates_io_and_docs_rs_show() {
    for name in published() {
        let manifest = read(format!("{name}/Cargo.toml"));
        for line in [
            "description = ",
            "license.workspace = true",
            "repository.workspace = true",
            "readme = \"README.md\"",
            "keywords = [",
            "categories = [",
            "[package.metadata.docs.rs]\nall-features = true\nrustdoc-args = [\"--cfg\", \"docsrs\"]\n",
        ] {
            assert!(manifest.contains(line), "{name} lacks {line:?}");
        }
        assert!(read(format!("{name}/src/lib.rs")).contains("#![cfg_attr(docsrs, feature(doc_cfg))]"), "{name}");
        assert!(read(format!("{name}/README.md")).starts_with(&format!("# {name}\n")), "{name}");
        assert!(read(format!("{name}/CHANGELOG.md")).starts_with("# Changelog\n"), "{name}");
    }
}

#[test]
fn readme_of_a_crate_names_every_feature() {
    for name in published() {
        let (manifest, readme) = (read(format!("{name}/Cargo.toml")), read(format!("{name}/README.md")));
        let (_, features) = manifest.split_once("[features]\n").unwrap();
        let (features, _) = features.split_once("\n[").unwrap();
        let names = features.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
        for feature in names.filter(|name| *name != "default" && !name.starts_with(['#', ' '])) {
            assert!(readme.contains(&format!("`{feature}`")), "{name}/README.md lacks the feature {feature}");
        }
    }
}

#[test]
fn a_published_crate_carries_the_licences_of_the_project() {
    for name in published() {
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            let own = format!("{name}/{licence}");
            assert_eq!(read(&own), read(licence), "{own}");
            assert!(!root().join(&own).is_symlink(), "{own} is a link, which some systems cannot unpack");
        }
    }
}

#[test]
fn crates_name_each_other_by_the_version_that_is_published() {
    let manifest = read("Cargo.toml");
    let (_, package) = manifest.split_once("[workspace.package]\n").unwrap();
    let version = package.lines().find_map(|line| line.strip_prefix("version = ")).unwrap();
    for name in published() {
        let Some(line) = manifest.lines().find(|line| line.starts_with(&format!("{name} = {{"))) else { continue };
        // A crate that follows another project has its own version.
        let own = read(format!("{name}/Cargo.toml"));
        let own = own.lines().find_map(|line| line.strip_prefix("version = ")).unwrap_or(version);
        assert!(line.contains(&format!("version = {own}")), "{line}");
    }
}

/// Only a crate's own dependencies count. Those of another member count there.
#[test]
fn rust_version_is_that_of_the_dependencies_or_later() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--all-features"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let by_id = |list: &Value| -> BTreeMap<String, Value> {
        list.as_array().unwrap().iter().map(|entry| (text(&entry["id"]), entry.clone())).collect()
    };
    let packages = by_id(&metadata["packages"]);
    let nodes = by_id(&metadata["resolve"]["nodes"]);
    let members: Vec<_> = metadata["workspace_members"].as_array().unwrap().iter().map(text).collect();
    for member in &members {
        let own = version(&packages[member]["rust_version"]);
        let (mut seen, mut open) = (BTreeSet::new(), vec![member.clone()]);
        while let Some(id) = open.pop() {
            if !seen.insert(id.clone()) || (id != *member && members.contains(&id)) {
                continue;
            }
            let (name, needed) = (text(&packages[&id]["name"]), version(&packages[&id]["rust_version"]));
            // The facade documents the need of its feature `socketio` there.
            if packages[member]["name"] == "portcullis" && name == "socketioxide" {
                continue;
            }
            assert!(needed <= own, "{member} promises Rust {own:?}, but {name} needs {needed:?}");
            for dependency in nodes[&id]["deps"].as_array().unwrap() {
                if dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"] != "dev") {
                    open.push(text(&dependency["pkg"]));
                }
            }
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Major and minor version; zeros for a package without one.
fn version(value: &Value) -> (u32, u32) {
    let mut numbers = value.as_str().unwrap_or("0.0").split('.').map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

#[test]
fn documentation_says_where_a_page_outside_of_the_package_is() {
    let mut named = 0;
    for name in published() {
        for (file, block) in doc_comments(&root().join(name).join("src")) {
            let mut parts: Vec<_> = block.split(".md").collect();
            parts.pop();
            let mut before = String::new();
            for part in parts {
                before += part;
                let page = before.rsplit(|c: char| !c.is_alphanumeric() && !"-_./:#".contains(c)).next().unwrap();
                if page.starts_with("https://") {
                    continue;
                }
                assert!(
                    before.contains("repository") && !before.ends_with(&format!("]({page}")),
                    "{}: {page}.md is not in the package: say that it is in the repository, and do not link to it",
                    file.display(),
                );
                assert!(root().join(format!("{page}.md")).exists(), "{}: {page}.md does not exist", file.display());
                named += 1;
                before += ".md";
            }
        }
    }
    assert!(named > 0, "the search finds nothing");
}

#[test]
fn a_published_crate_includes_only_files_of_its_own() {
    let mut included = 0;
    for name in published() {
        let own = fs::canonicalize(root().join(&name)).unwrap();
        for path in rust_below(&own.join("src")) {
            let text = fs::read_to_string(&path).unwrap();
            let files =
                ["include_str!(\"", "include_bytes!(\""].into_iter().flat_map(|start| text.split(start).skip(1));
            let files = files.filter_map(|rest| rest.split_once('"'));
            for (file, _) in files {
                let included_path = fs::canonicalize(path.parent().unwrap().join(file)).unwrap();
                assert!(included_path.starts_with(&own), "{} includes {file}", path.display());
                included += 1;
            }
        }
    }
    assert!(included > 0, "the search finds nothing");
}

/// Every doc comment below a folder.
fn doc_comments(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for path in rust_below(folder) {
        let text = fs::read_to_string(&path).unwrap();
        let mut block = String::new();
        for line in text.lines().chain([""]) {
            let line = line.trim_start();
            if let Some(words) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) {
                block += words;
            } else if !block.is_empty() {
                found.push((path.clone(), std::mem::take(&mut block)));
            }
        }
    }
    found
}

fn rust_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

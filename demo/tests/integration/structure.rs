//! No two files of a crate need each other, neither directly nor through others.
//!
//! A file *needs* another one if a `use` or a path in it, inside a macro too, leads to something that is defined there.
//! Re-exports are followed to the definition.
//!
//! These do not count: re-exports, `mod`, `pub(in …)`, documentation and test code. Method calls do not count either: only the
//! compiler knows the file of a method.

mod names;
mod uses;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use self::{
    names::{Module, Names, is_test, module_of},
    uses::uses,
};

/// Every crate of the workspace.
const CRATES: [&str; 11] = [
    "auth-core",
    "auth-jwt",
    "auth-basic",
    "auth-store",
    "auth-store-sql",
    "auth-session",
    "ws-adapter",
    "socketio-adapter",
    "portcullis",
    "demo",
    "test-support",
];

#[test]
fn files_of_a_crate_need_each_other_in_one_direction() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for name in CRATES {
        let found = cycles(&root.join(name).join("src"));
        assert!(found.is_empty(), "cycles of files of `{name}`: {found:#?}");
    }
}

#[test]
fn the_table_holds_every_crate_of_the_workspace() {
    let manifest = include_str!("../../../Cargo.toml");
    let members = manifest.lines().find(|line| line.starts_with("members")).unwrap();
    let members: Vec<_> = members.split('"').skip(1).step_by(2).collect();
    assert_eq!(members, CRATES);
}

#[test]
fn a_cycle_is_found_in_each_form_of_use() {
    // `b.rs` needs `a.rs`. Whether `a.rs` with this text needs `b.rs`:
    let cases = [
        ("use crate::b::B;", true),
        ("use super::b::{B as Other};", true),
        ("use crate::{B, c::C};", true),
        ("fn f(_: &crate::b::B) {}", true),
        ("fn f() { super::b::b(); }", true),
        ("fn f() { use crate::b::b; }", true),
        ("use crate::b; fn f() { b::b(); }", true),
        ("use super::*; impl B {}", true),
        ("use super::b::*; impl B {}", true),
        ("use super::b::E::*;", true),
        ("mod inner { fn f() { super::super::b::b(); } }", true),
        ("fn f() { println!(\"{:?}\", crate::b::b()); }", true),
        ("use crate::b::b; fn f() { println!(\"{:?}\", b()); }", true),
        ("pub use crate::b::b; fn f() { b(); }", true),
        ("fn f() { made_in_b!(); }", true),
        ("#[cfg(feature = \"test\")] use crate::b::B;", true),
        ("#[cfg(not(test))] use crate::b::B;", true),
        ("#[cfg(any(test, unix))] use crate::b::B;", true),
        // Through a third file.
        ("use crate::c::C;", true),
        ("use crate::c::B;", true),
        ("", false),
        ("pub use crate::b::B;", false),
        ("pub(crate) use super::b::*;", false),
        ("pub(in crate::b) struct X;", false),
        ("use crate::d::D;", false),
        ("use super::b;", false),
        ("use b::B;", false),
        ("pub use crate::b::b; fn f() { println!(\"{}\", x.b); }", false),
        ("/// [`B`](crate::b::B)\nstruct X;", false),
        ("#[cfg(test)] mod tests { use crate::b::B; }", false),
        ("#[cfg(all(test, unix))] use crate::b::B;", false),
        ("impl A { #[cfg(test)] fn f() { crate::b::b(); } }", false),
    ];
    let folder = std::env::temp_dir().join(format!("structure-{}", std::process::id()));
    fs::create_dir_all(folder.join("a")).unwrap();
    let others = [
        ("lib.rs", "mod a; mod b; mod c; mod d; pub use self::{a::A, b::B};"),
        ("b.rs", "pub struct B(crate::A); pub enum E { V } pub fn b() {} macro_rules! made_in_b { () => {}; }"),
        ("c.rs", "pub use crate::b::B; pub struct C(B);"),
        ("d.rs", "pub struct D;"),
        ("a/tests.rs", "use crate::b::B;"),
    ];
    for (file, text) in others {
        fs::write(folder.join(file), text).unwrap();
    }
    for (text, is_cycle) in cases {
        fs::write(folder.join("a.rs"), format!("pub struct A; #[cfg(test)] mod tests; {text}")).unwrap();
        let found = cycles(&folder);
        assert_eq!(!found.is_empty(), is_cycle, "{text}: {found:#?}");
    }
    fs::remove_dir_all(folder).unwrap();
}

/// A file, relative to the root of its crate.
type File = String;

/// Every use that is part of a cycle of files.
fn cycles(root: &Path) -> Vec<String> {
    let files = parse(root);
    let names = Names::of(&files);
    let needs: BTreeMap<_, _> = files.iter().map(|(file, code)| (file, uses(file, code, &names))).collect();
    let mut found = Vec::new();
    for (file, needed) in &needs {
        for (other, by) in needed {
            if reached(other, &needs).contains(*file) {
                found.push(format!("{file} needs {other} by {by}"));
            }
        }
    }
    found
}

/// The files of a crate, without test code.
fn parse(root: &Path) -> BTreeMap<File, syn::File> {
    let mut files = BTreeMap::new();
    let mut open = vec!["lib.rs".to_owned(), "main.rs".to_owned()];
    open.retain(|file| root.join(file).exists());
    while let Some(file) = open.pop() {
        let code = syn::parse_file(&fs::read_to_string(root.join(&file)).unwrap()).unwrap();
        for module in modules_in(&module_of(&file), &code.items) {
            let candidates = [".rs", "/mod.rs"].map(|end| module.join("/") + end);
            open.push(candidates.into_iter().find(|file| root.join(file).exists()).unwrap());
        }
        files.insert(file, code);
    }
    assert!(!files.is_empty(), "{} has neither `lib.rs` nor `main.rs`", root.display());
    files
}

/// The modules with a file of their own, below the root of the crate. A module with `#[path]` belongs to another folder.
fn modules_in(module: &Module, items: &[syn::Item]) -> Vec<Module> {
    let mut found = Vec::new();
    for item in items {
        if let syn::Item::Mod(inner) = item
            && !is_test(&inner.attrs)
            && !inner.attrs.iter().any(|attribute| attribute.path().is_ident("path"))
        {
            let module = [module.clone(), vec![inner.ident.to_string()]].concat();
            match &inner.content {
                Some((_, items)) => found.extend(modules_in(&module, items)),
                None => found.push(module),
            }
        }
    }
    found
}

/// What a file needs, directly or through others.
fn reached<'n>(from: &'n File, needs: &'n BTreeMap<&File, BTreeMap<File, String>>) -> BTreeSet<&'n File> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(file) = open.pop() {
        if seen.insert(file) {
            open.extend(needs.get(file).into_iter().flat_map(BTreeMap::keys));
        }
    }
    seen
}

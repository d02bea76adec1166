//! Where the names of a crate are defined.

use std::collections::{BTreeMap, HashMap, HashSet};

use syn::{Attribute, Ident, Item, Meta, Token, UseTree, punctuated::Punctuated};

use super::File;

/// The path of a module, or of something in it, from the root of the crate.
pub(super) type Module = Vec<String>;

/// Every name of a crate, by its module.
#[derive(Default)]
pub(super) struct Names {
    modules: HashSet<Module>,
    definitions: HashMap<(Module, String), File>,
    imports: HashMap<(Module, String), Vec<String>>,
    globs: HashMap<Module, Vec<Vec<String>>>,
    /// By name only: a macro is visible in the modules after it.
    macros: HashMap<String, File>,
}

impl Names {
    pub(super) fn of(files: &BTreeMap<File, syn::File>) -> Self {
        let mut names = Self::default();
        for (file, code) in files {
            names.add(module_of(file), file, &code.items);
        }
        names
    }

    fn add(&mut self, module: Module, file: &File, items: &[Item]) {
        for item in items {
            let (attributes, name) = head(item);
            let key = |name: &Ident| (module.clone(), name.to_string());
            match (item, name) {
                _ if is_test(attributes) => {}
                (Item::Mod(inner), Some(name)) => {
                    if let Some((_, items)) = &inner.content {
                        self.add([module.clone(), vec![name.to_string()]].concat(), file, items);
                    }
                }
                (Item::Use(item), _) => {
                    for (path, name) in imports(item) {
                        match name {
                            Some(name) => drop(self.imports.insert((module.clone(), name), path)),
                            None => self.globs.entry(module.clone()).or_default().push(path),
                        }
                    }
                }
                (Item::Macro(_), Some(name)) => drop(self.macros.insert(name.to_string(), file.clone())),
                (_, Some(name)) => drop(self.definitions.insert(key(name), file.clone())),
                (_, None) => {}
            }
        }
        self.modules.insert(module);
    }

    /// The file that defines the target of a path, as seen from a module; `None` if it is a module or outside the crate.
    pub(super) fn find(&self, module: &Module, path: &[String]) -> Option<&File> {
        self.resolve(module, path, &mut HashSet::new())
    }

    pub(super) fn find_macro(&self, name: &Ident) -> Option<&File> {
        self.macros.get(&name.to_string())
    }

    /// As [`find`](Self::find). `seen` holds the names followed so far, because names may form a cycle.
    fn resolve(&self, from: &Module, path: &[String], seen: &mut HashSet<(Module, String)>) -> Option<&File> {
        let (mut module, mut path) = (from.clone(), path);
        loop {
            let (name, rest) = path.split_first()?;
            match name.as_str() {
                "self" => {}
                "crate" => module.clear(),
                "super" => drop(module.pop()?),
                _ => {
                    let child = [module.clone(), vec![name.clone()]].concat();
                    if rest.is_empty() || !self.modules.contains(&child) {
                        return self.resolve_name(module, name, rest, seen);
                    }
                    module = child;
                }
            }
            path = rest;
        }
    }

    fn resolve_name(
        &self,
        module: Module,
        name: &str,
        rest: &[String],
        seen: &mut HashSet<(Module, String)>,
    ) -> Option<&File> {
        let key = (module, name.to_owned());
        if let Some(file) = self.definitions.get(&key) {
            return Some(file);
        }
        if !seen.insert(key.clone()) {
            return None;
        }
        if let Some(path) = self.imports.get(&key) {
            return self.resolve(&key.0, &[path, rest].concat(), seen);
        }
        let (module, name) = key;
        let globs = self.globs.get(&module)?;
        globs.iter().find_map(|path| self.resolve(&module, &[path, [name.clone()].as_slice(), rest].concat(), seen))
    }
}

/// The module of a file.
pub(super) fn module_of(file: &File) -> Module {
    let mut module: Module = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

/// The imports of a `use`: each path with its local name, or `None` for a glob. Paths that begin with `::` leave the crate and
/// are skipped.
pub(super) fn imports(item: &syn::ItemUse) -> Vec<(Vec<String>, Option<String>)> {
    let mut found = Vec::new();
    if item.leading_colon.is_none() {
        add_imports(&item.tree, &[], &mut found);
    }
    found
}

fn add_imports(tree: &UseTree, prefix: &[String], found: &mut Vec<(Vec<String>, Option<String>)>) {
    let with = |name: &Ident| [prefix, &[name.to_string()]].concat();
    match tree {
        UseTree::Path(path) => add_imports(&path.tree, &with(&path.ident), found),
        UseTree::Name(name) if name.ident == "self" => found.push((prefix.to_vec(), prefix.last().cloned())),
        UseTree::Name(name) => found.push((with(&name.ident), Some(name.ident.to_string()))),
        UseTree::Rename(rename) => found.push((with(&rename.ident), Some(rename.rename.to_string()))),
        UseTree::Glob(_) => found.push((prefix.to_vec(), None)),
        UseTree::Group(group) => group.items.iter().for_each(|tree| add_imports(tree, prefix, found)),
    }
}

/// Attributes and name of an item.
pub(super) fn head(item: &Item) -> (&[Attribute], Option<&Ident>) {
    match item {
        Item::Const(item) => (&item.attrs, Some(&item.ident)),
        Item::Enum(item) => (&item.attrs, Some(&item.ident)),
        Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
        Item::Impl(item) => (&item.attrs, None),
        Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
        Item::Mod(item) => (&item.attrs, Some(&item.ident)),
        Item::Static(item) => (&item.attrs, Some(&item.ident)),
        Item::Struct(item) => (&item.attrs, Some(&item.ident)),
        Item::Trait(item) => (&item.attrs, Some(&item.ident)),
        Item::Type(item) => (&item.attrs, Some(&item.ident)),
        Item::Union(item) => (&item.attrs, Some(&item.ident)),
        Item::Use(item) => (&item.attrs, None),
        _ => (&[], None),
    }
}

/// Whether the attributes limit an item to tests.
pub(super) fn is_test(attributes: &[Attribute]) -> bool {
    let needs_test = |attribute: &Attribute| attribute.parse_args().is_ok_and(|condition| needs_test(&condition));
    attributes.iter().any(|attribute| attribute.path().is_ident("cfg") && needs_test(attribute))
}

/// Whether a `cfg` condition requires `test`.
fn needs_test(condition: &Meta) -> bool {
    let parts = || -> Vec<Meta> {
        let parts = condition
            .require_list()
            .and_then(|list| list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated));
        parts.into_iter().flatten().collect()
    };
    match condition.path().get_ident().map(Ident::to_string).as_deref() {
        Some("test") => true,
        Some("all") => parts().iter().any(needs_test),
        Some("any") => parts().iter().all(needs_test),
        _ => false,
    }
}

//! What a file needs from other files.

use std::{collections::BTreeMap, mem};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use super::{
    File,
    names::{Module, Names, head, imports, is_test, module_of},
};

/// Each file that this one needs, with a path to it.
pub(super) fn uses(file: &File, code: &syn::File, names: &Names) -> BTreeMap<File, String> {
    let mut uses = Uses { names, module: module_of(file), needs: BTreeMap::new() };
    uses.visit_file(code);
    uses.needs.remove(file);
    uses.needs
}

struct Uses<'n> {
    names: &'n Names,
    /// The module around the visited item.
    module: Module,
    needs: BTreeMap<File, String>,
}

impl Uses<'_> {
    fn path(&mut self, path: &[String]) {
        if let Some(file) = self.names.find(&self.module, path) {
            self.needs.entry(file.clone()).or_insert_with(|| path.join("::"));
        }
    }

    /// The paths in the input of a macro. A name after a dot is a field or a method.
    fn tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut between) = (Vec::new(), String::new());
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if between != "::" {
                        self.path(&mem::take(&mut path));
                    }
                    if between != "." {
                        path.push(name.to_string());
                    }
                    between.clear();
                }
                TokenTree::Punct(punct) => between.push(punct.as_char()),
                TokenTree::Group(group) => {
                    self.path(&mem::take(&mut path));
                    self.tokens(group.stream());
                    between.clear();
                }
                TokenTree::Literal(_) => {
                    self.path(&mem::take(&mut path));
                    between.clear();
                }
            }
        }
        self.path(&path);
    }
}

impl<'ast> Visit<'ast> for Uses<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test(head(item).0) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if matches!(item.vis, syn::Visibility::Inherited) {
            imports(item).iter().for_each(|(path, _)| self.path(path));
        }
    }

    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.path(&names);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        let file = called.path.get_ident().and_then(|name| self.names.find_macro(name));
        if let Some(file) = file {
            self.needs.entry(file.clone()).or_insert_with(|| "a macro".to_owned());
        }
        self.tokens(called.tokens.clone());
        visit::visit_macro(self, called);
    }
}

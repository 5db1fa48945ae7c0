//! Which file uses what other file defines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use super::attributes::{are_test_only, is_test_only};
use super::modules::{Modules, Names, imports, plain};

/// From a file to the files that it uses, and by which names.
pub type Arrows = BTreeMap<PathBuf, BTreeMap<PathBuf, BTreeSet<String>>>;

/// The arrows between the files of a crate.
///
/// What a file re-exports (`pub use`) it does not use by that: whoever uses it there uses both files.
pub fn arrows(modules: &Modules) -> Arrows {
    let mut arrows = Arrows::new();
    for (at, module) in modules.all.iter().enumerate() {
        let mut reader = Reader {
            modules,
            at,
            used: BTreeMap::new(),
        };
        for item in &module.items {
            reader.visit_item(item);
        }
        let from = arrows.entry(module.file.clone()).or_default();
        for (file, names) in reader.used {
            if file != module.file {
                from.entry(file).or_default().extend(names);
            }
        }
    }
    arrows
}

struct Reader<'a> {
    modules: &'a Modules,
    at: usize,
    used: BTreeMap<PathBuf, BTreeSet<String>>,
}

impl Reader<'_> {
    fn path(&mut self, path: &[String]) {
        self.add(path, self.modules.files_of(self.at, path));
    }

    fn add(&mut self, path: &[String], files: BTreeSet<&std::path::Path>) {
        let name = path
            .iter()
            .rfind(|name| *name != "self")
            .cloned()
            .unwrap_or_default();
        for file in files {
            self.used
                .entry(file.to_path_buf())
                .or_default()
                .insert(name.clone());
        }
    }

    /// Tokens that a macro gets, which may not be Rust: every `a::b::c` in them counts, except what
    /// stands behind a dot.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path = Names::new();
        let mut colons = 0;
        let mut behind_dot = false;
        for token in tokens {
            match &token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end_of_path(&mut path);
                    }
                    if !behind_dot {
                        path.push(plain(ident));
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Punct(punct) => {
                    self.end_of_path(&mut path);
                    behind_dot = punct.as_char() == '.' && !behind_dot;
                    colons = 0;
                    continue;
                }
                TokenTree::Group(group) => {
                    self.end_of_path(&mut path);
                    self.tokens(group.stream());
                }
                TokenTree::Literal(_) => self.end_of_path(&mut path),
            }
            colons = 0;
            behind_dot = false;
        }
        self.end_of_path(&mut path);
    }

    fn end_of_path(&mut self, path: &mut Names) {
        if !path.is_empty() {
            self.path(path);
            path.clear();
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test_only(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !are_test_only(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if matches!(item.vis, syn::Visibility::Inherited) && item.leading_colon.is_none() {
            for (_, path) in imports(&item.tree) {
                self.path(&path);
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let names: Names = path
                .segments
                .iter()
                .map(|part| plain(&part.ident))
                .collect();
            self.path(&names);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        let names: Names = called
            .path
            .segments
            .iter()
            .map(|part| plain(&part.ident))
            .collect();
        self.add(&names, self.modules.files_of_macro(self.at, &names));
        self.tokens(called.tokens.clone());
    }

    /// Derives read paths from attributes: `#[arg(value_parser = size)]`, and serde in strings.
    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
            if list.path.is_ident("serde") {
                for token in list.tokens.clone() {
                    if let Ok(text) = syn::parse2::<syn::LitStr>(token.into())
                        && let Ok(path) = text.parse::<syn::Path>()
                    {
                        self.visit_path(&path);
                    }
                }
            }
        }
    }
}

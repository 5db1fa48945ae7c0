//! The modules of a crate, the names in each, and the file that defines what a path names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use syn::visit::{self, Visit};

use super::attributes::{is_test_only, path_attribute};

/// A path as it is written, without generic arguments: `crate`, `matrix`, `Layout`.
pub type Names = Vec<String>;

/// All modules of one crate, its root first. Test-only ones are left out.
#[derive(Default)]
pub struct Modules {
    /// The modules; a module is spoken of by its place in this list.
    pub all: Vec<Module>,
    imports: usize,
}

/// One module: a file, or a block `mod name { ... }` within one.
pub struct Module {
    /// The file that it stands in.
    pub file: PathBuf,
    /// What stands in it, without what only tests compile.
    pub items: Vec<syn::Item>,
    parent: Option<usize>,
    names: BTreeMap<String, Vec<Binding>>,
    globs: Vec<Import>,
}

/// What a name stands for in its module. A name may be a module and a function at once.
#[derive(Clone)]
enum Binding {
    Item,
    Module(usize),
    Import(Import),
}

#[derive(Clone)]
struct Import {
    id: usize,
    path: Names,
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Module(usize),
    /// An item, defined in a file of this module.
    ItemOf(usize),
    /// On the way to an item: this module has imported it, and is named as if it defined it.
    Through(usize),
}

impl Modules {
    /// Reads the crate whose root file is given: `src/lib.rs` or `src/main.rs`.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let mut modules = Self::default();
        let folder = root.parent().unwrap_or(root).to_path_buf();
        modules.read_file(root.to_path_buf(), folder, None)?;
        Ok(modules)
    }

    /// The files that define what a path names, seen from a module, and those that re-export it on the way there.
    /// Modules, and what other crates define, have none; the root of the crate re-exports for others.
    pub fn files_of(&self, at: usize, path: &[String]) -> BTreeSet<&Path> {
        self.find(at, path, &mut Vec::new())
            .into_iter()
            .filter_map(|found| match found {
                Found::ItemOf(module) => Some(self.all[module].file.as_path()),
                Found::Through(module) if module != at && module != 0 => {
                    Some(self.all[module].file.as_path())
                }
                Found::Module(_) | Found::Through(_) => None,
            })
            .collect()
    }

    /// As `files_of`, for a macro's name: a `macro_rules!` is known below the module that has it.
    pub fn files_of_macro(&self, at: usize, path: &[String]) -> BTreeSet<&Path> {
        let mut module = Some(at);
        while let Some(id) = module {
            let files = self.files_of(id, path);
            if !files.is_empty() || path.len() > 1 {
                return files;
            }
            module = self.all[id].parent;
        }
        BTreeSet::new()
    }

    /// `folder` is where the files of the module's children are.
    fn read_file(
        &mut self,
        file: PathBuf,
        folder: PathBuf,
        parent: Option<usize>,
    ) -> anyhow::Result<usize> {
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        let parsed =
            syn::parse_file(&text).with_context(|| format!("cannot parse {}", file.display()))?;
        self.read_items(parsed.items, file, folder, parent)
    }

    fn read_items(
        &mut self,
        items: Vec<syn::Item>,
        file: PathBuf,
        folder: PathBuf,
        parent: Option<usize>,
    ) -> anyhow::Result<usize> {
        let id = self.all.len();
        self.all.push(Module {
            file: file.clone(),
            items: Vec::new(),
            parent,
            names: BTreeMap::new(),
            globs: Vec::new(),
        });
        let mut kept = Vec::new();
        for item in items.into_iter().filter(|item| !is_test_only(item)) {
            match item {
                syn::Item::Mod(module) => {
                    let name = plain(&module.ident);
                    let below = folder.join(&name);
                    let child = match (module.content, path_attribute(&module.attrs)) {
                        (Some((_, items)), _) => {
                            self.read_items(items, file.clone(), below, Some(id))?
                        }
                        (None, Some(path)) => {
                            let child = file.with_file_name("").join(path);
                            let below = child.with_file_name("");
                            self.read_file(child, below, Some(id))?
                        }
                        (None, None) => {
                            let beside = below.with_extension("rs");
                            let child = if beside.exists() {
                                beside
                            } else {
                                below.join("mod.rs")
                            };
                            self.read_file(child, below, Some(id))?
                        }
                    };
                    self.bind(id, name, Binding::Module(child));
                }
                item => {
                    if let Some(name) = defined_name(&item) {
                        self.bind(id, name, Binding::Item);
                    }
                    let mut uses = Uses::default();
                    uses.visit_item(&item);
                    for (name, path) in uses.found {
                        self.import(id, name, path);
                    }
                    kept.push(item);
                }
            }
        }
        self.all[id].items = kept;
        Ok(id)
    }

    fn bind(&mut self, at: usize, name: String, binding: Binding) {
        self.all[at].names.entry(name).or_default().push(binding);
    }

    fn import(&mut self, at: usize, name: Option<String>, path: Names) {
        self.imports += 1;
        let import = Import {
            id: self.imports,
            path,
        };
        match name {
            Some(name) => self.bind(at, name, Binding::Import(import)),
            None => self.all[at].globs.push(import),
        }
    }

    /// `open` are the imports that are being followed: two may name each other.
    fn find(&self, at: usize, path: &[String], open: &mut Vec<usize>) -> BTreeSet<Found> {
        let Some((first, rest)) = path.split_first() else {
            return BTreeSet::from([Found::Module(at)]);
        };
        let starts = match first.as_str() {
            "crate" | "$crate" => BTreeSet::from([Found::Module(0)]),
            "self" => BTreeSet::from([Found::Module(at)]),
            "super" => self.all[at].parent.map(Found::Module).into_iter().collect(),
            name => self.look_up(at, name, open),
        };
        // A function may be called as a module is; a path that goes on is that of the module.
        let goes_on = !rest.is_empty() && starts.iter().any(|s| matches!(s, Found::Module(_)));
        let mut found = BTreeSet::new();
        for start in starts {
            match start {
                Found::ItemOf(_) | Found::Through(_) if goes_on => {}
                Found::Module(module) => found.extend(self.find(module, rest, open)),
                // What follows is a variant or an associated item.
                Found::ItemOf(_) | Found::Through(_) => {
                    found.insert(start);
                }
            }
        }
        found
    }

    fn look_up(&self, at: usize, name: &str, open: &mut Vec<usize>) -> BTreeSet<Found> {
        let module = &self.all[at];
        let mut found = BTreeSet::new();
        for binding in module.names.get(name).into_iter().flatten() {
            match binding {
                Binding::Item => {
                    found.insert(Found::ItemOf(at));
                }
                Binding::Module(module) => {
                    found.insert(Found::Module(*module));
                }
                Binding::Import(import) => found.extend(self.follow(at, import, None, open)),
            }
        }
        if found.is_empty() {
            for glob in &module.globs {
                found.extend(self.follow(at, glob, Some(name), open));
            }
        }
        let imported = |found: &Found| matches!(found, Found::ItemOf(item) if *item != at);
        if found.iter().any(imported) {
            found.insert(Found::Through(at));
        }
        found
    }

    /// What an import leads to, or a name in the module that a glob leads to.
    fn follow(
        &self,
        at: usize,
        import: &Import,
        name: Option<&str>,
        open: &mut Vec<usize>,
    ) -> BTreeSet<Found> {
        if open.contains(&import.id) {
            return BTreeSet::new();
        }
        open.push(import.id);
        let targets = self.find(at, &import.path, open);
        let found = match name {
            None => targets,
            Some(name) => targets
                .into_iter()
                .filter_map(|target| match target {
                    Found::Module(module) => Some(self.look_up(module, name, open)),
                    Found::ItemOf(_) | Found::Through(_) => None,
                })
                .flatten()
                .collect(),
        };
        open.pop();
        found
    }
}

/// An identifier without the `r#` of raw ones.
pub fn plain(ident: &proc_macro2::Ident) -> String {
    ident.to_string().trim_start_matches("r#").to_owned()
}

/// The name that an item gives to what it defines.
fn defined_name(item: &syn::Item) -> Option<String> {
    let ident = match item {
        syn::Item::Const(item) => &item.ident,
        syn::Item::Enum(item) => &item.ident,
        syn::Item::Fn(item) => &item.sig.ident,
        syn::Item::Macro(item) => item.ident.as_ref()?,
        syn::Item::Static(item) => &item.ident,
        syn::Item::Struct(item) => &item.ident,
        syn::Item::Trait(item) => &item.ident,
        syn::Item::Type(item) => &item.ident,
        syn::Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(plain(ident))
}

/// The imports in an item, those within functions included. Globs have no name.
#[derive(Default)]
struct Uses {
    found: Vec<(Option<String>, Names)>,
}

impl<'ast> Visit<'ast> for Uses {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test_only(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_none() {
            self.found.extend(imports(&item.tree));
        }
    }
}

/// The names that a `use` brings in, and the path of each.
pub fn imports(tree: &syn::UseTree) -> Vec<(Option<String>, Names)> {
    match tree {
        syn::UseTree::Path(path) => imports(&path.tree)
            .into_iter()
            .map(|(name, mut names)| {
                let own = plain(&path.ident);
                // `a::{self}` is `a`.
                if names == ["self"] {
                    return (
                        Some(name.filter(|name| name != "self").unwrap_or(own.clone())),
                        vec![own],
                    );
                }
                names.insert(0, own);
                (name, names)
            })
            .collect(),
        syn::UseTree::Name(name) => {
            let name = plain(&name.ident);
            vec![(Some(name.clone()), vec![name])]
        }
        syn::UseTree::Rename(rename) => {
            vec![(Some(plain(&rename.rename)), vec![plain(&rename.ident)])]
        }
        syn::UseTree::Glob(_) => vec![(None, Vec::new())],
        syn::UseTree::Group(group) => group.items.iter().flat_map(imports).collect(),
    }
}

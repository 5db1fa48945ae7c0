//! The rule on small crates that are made up.

use super::*;
use crate::metadata::Target;

/// The circles of a crate with these files below `src`.
fn circles_of(files: &[(&str, &str)]) -> Vec<Circle> {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let target = Target {
        kind: vec!["lib".to_owned()],
        src_path: root.path().join("lib.rs"),
    };
    let package = Package {
        name: "small".to_owned(),
        dependencies: Vec::new(),
        targets: vec![target],
    };
    circles(root.path(), &[package]).unwrap()
}

fn names_of(files: &[(&str, &str)]) -> Vec<String> {
    circles_of(files)
        .iter()
        .map(|circle| list(&circle.files))
        .collect()
}

/// Whether `a.rs`, with this text, is in a circle with `b.rs`, which uses `crate::a::A`.
fn closes(text: &str) -> bool {
    let a = format!("pub struct A; {text}");
    let found = names_of(&[
        (
            "lib.rs",
            "mod a; mod b; pub use b::B as Renamed; macro_rules! made { () => {} }",
        ),
        ("a.rs", &a),
        (
            "b.rs",
            "use crate::a::A; pub struct B(A); pub enum Kind { One } pub const B_MAX: u8 = 1; \
             pub fn b() {} pub mod inner { pub trait Deep {} } macro_rules! m { () => {} } \
             pub(crate) use m;",
        ),
    ]);
    assert!(found.is_empty() || found == ["a.rs, b.rs"], "{found:?}");
    !found.is_empty()
}

#[test]
fn every_way_to_name_an_item_is_an_arrow() {
    for text in [
        "use crate::b::B;",
        "use super::b::{B as Other, Kind};",
        "use crate::b; fn f() { b::b() }",
        "use crate::b::{self as c}; const A_MAX: u8 = c::B_MAX;",
        "use crate::b::*; fn f(_: Kind) {}",
        "use super::*; fn f(_: b::B) {}",
        "use super::*; fn f(_: Renamed) {}",
        "use crate::b::Kind::One;",
        "fn f() -> Option<super::b::Kind> { None }",
        "fn f() { use crate::b::b as g; g() }",
        "impl crate::b::inner::Deep for A {}",
        "impl crate::Renamed { fn g() {} }",
        "fn f() { println!(\"{}\", crate::b::B_MAX) }",
        "fn f() { crate::b::m!() }",
        "use crate::b::m; fn f() { m!() }",
        "#[serde(with = \"crate::b::inner::Deep\")] struct S;",
        "#[arg(value_parser = crate::b::b)] struct S;",
        "mod part { use super::super::b::B; }",
        "macro_rules! w { () => { $crate::b::b() } }",
        "#[cfg(not(test))] use crate::b::B;",
        "#[cfg(any(test, feature = \"x\"))] use crate::b::B;",
    ] {
        assert!(closes(text), "{text}");
    }
}

/// Whoever reads `b.rs` looks up `Low` in `a/mod.rs` first, which uses `b.rs`.
#[test]
fn a_file_that_re_exports_is_used_as_well() {
    let circles = |used: &str| {
        names_of(&[
            ("lib.rs", "mod a; mod b; pub use a::Low as Root;"),
            (
                "a/mod.rs",
                "pub mod low; pub use low::{Low, low}; fn f(_: crate::b::B) {}",
            ),
            ("a/low.rs", "pub struct Low; pub fn low() {}"),
            ("b.rs", &format!("pub struct B; fn f(_: {used}) {{}}")),
        ])
    };
    assert_eq!(circles("crate::a::Low"), ["a/mod.rs, b.rs"]);
    // A function has the name of the module.
    assert_eq!(circles("crate::a::low::Low"), [""; 0]);
    assert_eq!(circles("crate::Root"), ["a/mod.rs, b.rs"]);
}

#[test]
fn what_is_no_use_is_no_arrow() {
    for text in [
        "pub use crate::b::B;",
        "pub(crate) use super::b::*;",
        "use crate::b;",
        "#[cfg(test)] use crate::b::B;",
        "#[cfg(all(test, unix))] mod tests { use crate::b::B; }",
        "#[test] fn f() { crate::b::b() }",
        "impl A { #[cfg(test)] fn f() { crate::b::b() } }",
        "fn f() { ::b::b(); std::b::B; self.b.b() }",
        "/// [`crate::b::B`]\nfn f() { \"crate::b::B\"; }",
        "struct B; fn f(_: B) {}",
    ] {
        assert!(!closes(text), "{text}");
    }
}

#[test]
fn files_are_found_as_the_compiler_finds_them() {
    let found = names_of(&[
        ("lib.rs", "mod a; mod inline { pub mod d; }"),
        (
            "a/mod.rs",
            "mod b; #[path = \"elsewhere.rs\"] mod c; pub struct A(b::B, c::C);",
        ),
        ("a/b.rs", "mod e; pub struct B(super::A, e::E);"),
        (
            "a/b/e.rs",
            "pub struct E(super::super::A, crate::inline::d::D);",
        ),
        ("a/elsewhere.rs", "pub struct C(super::A);"),
        ("inline/d.rs", "pub struct D(crate::a::A);"),
    ]);
    assert_eq!(
        found,
        ["a/b/e.rs, a/b.rs, a/elsewhere.rs, a/mod.rs, inline/d.rs"]
    );
}

#[test]
fn a_macro_of_a_module_above_is_an_arrow_up() {
    let found = names_of(&[
        ("lib.rs", "mod a;"),
        (
            "a.rs",
            "macro_rules! m { () => {} } mod b; fn f() { b::b() }",
        ),
        ("a/b.rs", "pub fn b() { m!() }"),
    ]);
    assert_eq!(found, ["a/b.rs, a.rs"]);
}

#[test]
fn imports_of_each_other_end() {
    let found = names_of(&[
        ("lib.rs", "mod a; mod b;"),
        (
            "a.rs",
            "pub use crate::b::*; pub use crate::b::X; fn f(_: X, _: Y) {}",
        ),
        (
            "b.rs",
            "pub use crate::a::*; pub use crate::a::X; fn f(_: X, _: Y) {}",
        ),
    ]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_circle_is_told_with_the_arrows_that_close_it() {
    let found = circles_of(&[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "pub struct A(crate::b::B, crate::c::C);"),
        ("b.rs", "pub struct B(crate::c::C);"),
        ("c.rs", "pub struct C(crate::d::D); fn f(_: crate::a::A) {}"),
        ("d.rs", "pub struct D;"),
    ]);
    assert_eq!(found.len(), 1);
    let message = found[0].to_string();
    assert!(
        message.starts_with("3 files use each other: a.rs, b.rs, c.rs\n"),
        "{message}"
    );
    assert!(
        message.ends_with("would not:\n    c.rs -> a.rs: A"),
        "{message}"
    );
}

#[test]
fn the_list_of_accepted_circles_can_only_shrink() {
    let found = circles_of(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "pub struct A(Box<crate::b::B>);"),
        ("b.rs", "pub struct B(Box<crate::a::A>);"),
        ("c.rs", "pub struct C;"),
    ]);
    let accepted = |files| {
        [Accepted {
            below: "",
            files,
            reason: "so it is",
        }]
    };
    assert!(judge(&found, &accepted(&["a.rs", "b.rs"])).is_empty());
    for (files, messages) in [
        (
            &["a.rs", "b.rs", "c.rs"][..],
            &["is smaller now: leave in the list only a.rs, b.rs"][..],
        ),
        (
            &["a.rs", "c.rs"],
            &["2 files use each other: a.rs, b.rs", "is gone"],
        ),
    ] {
        let told = judge(&found, &accepted(files));
        assert_eq!(told.len(), messages.len(), "{told:?}");
        for (told, message) in told.iter().zip(messages) {
            assert!(told.contains(message), "{told}");
        }
    }
}

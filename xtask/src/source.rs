//! Rules on the words that may appear in the workspace's source files.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use proc_macro2::{Ident, TokenStream, TokenTree};

/// The folders whose code may say `unsafe`: the SIMD kernels.
pub const UNSAFE_ALLOWED_BELOW: &[&str] = &["crates/ring/src/simd"];

/// Code that runs in the server's role. An entry covers the folder of that name and the file
/// `NAME.rs` beside it.
///
/// Whoever runs this code holds no secret key, so it has no reason to name the type.
pub const SERVER_ROLE: &[&str] = &[
    "bindings/python/src/images",
    "bindings/python/src/remote",
    "bindings/python/src/server",
    "crates/ckks/src/scheme/arithmetic",
    "crates/ckks/src/scheme/operators",
    "crates/ckks/src/scheme/server",
    "crates/ckks/src/scheme/value",
    "crates/ckks/src/scheme/vector",
    "crates/client/src",
    "crates/learn/src/files",
    "crates/learn/src/session",
    "crates/nets/src/server",
    // Its tests play the owner too.
    "crates/service/src",
    "crates/tapetum/src/networks/server",
    "crates/tapetum/src/remote",
    "crates/tapetum/src/server",
];

/// The type that server code must not name.
const SECRET_KEY: &str = "SecretKey";

/// What is wrong with the file at `path` (relative to the workspace), one message an occurrence.
///
/// Only code counts: comments, documentation and string literals are free to speak of both words,
/// and the lint `unsafe_code` is another word.
pub fn violations(path: &Path, text: &str) -> anyhow::Result<Vec<String>> {
    let unsafe_allowed = covers(UNSAFE_ALLOWED_BELOW, path);
    let server_role = covers(SERVER_ROLE, path);

    let tokens: TokenStream = text
        .parse()
        .map_err(|error| anyhow!("cannot parse {}: {error}", path.display()))?;
    let mut identifiers = Vec::new();
    collect(tokens, &mut identifiers);
    let found = identifiers.iter().filter_map(|identifier| {
        let at = format!("{}:{}", path.display(), identifier.span().start().line);
        if identifier == "unsafe" && !unsafe_allowed {
            Some(format!(
                "unsafe: {at}: `unsafe` may appear only below {}. Use a safe construction, \
                 or move the kernel there",
                UNSAFE_ALLOWED_BELOW.join(", ")
            ))
        } else if identifier == SECRET_KEY && server_role {
            Some(format!(
                "secret-key: {at}: code in the server's role must not name `{SECRET_KEY}`. \
                 Take evaluation keys, or move this code to the owner's side"
            ))
        } else {
            None
        }
    });
    Ok(found.collect())
}

fn collect(tokens: TokenStream, identifiers: &mut Vec<Ident>) {
    for token in tokens {
        match token {
            TokenTree::Ident(identifier) => identifiers.push(identifier),
            TokenTree::Group(group) => collect(group.stream(), identifiers),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

fn covers(places: &[&str], path: &Path) -> bool {
    places.iter().any(|place| {
        path.starts_with(place) || path == Path::new(place).with_extension("rs").as_path()
    })
}

/// Every `.rs` file below `root`, relative to it and sorted; hidden folders and build outputs are
/// left out.
pub fn rust_files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
            let path = entry.path();
            // A link is not followed: it could lead out of the workspace or in a circle.
            let kind = entry.file_type()?;
            if kind.is_dir() && !is_skipped(&path) {
                folders.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|e| e == "rs") {
                files.push(path.strip_prefix(root)?.to_path_buf());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Hidden folders, and those that a tool marked as a cache, as cargo marks each target directory.
fn is_skipped(folder: &Path) -> bool {
    let hidden = folder
        .file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    hidden || folder.join("CACHEDIR.TAG").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(path: &str, text: &str) -> Vec<String> {
        violations(Path::new(path), text).unwrap()
    }

    #[test]
    fn unsafe_outside_simd_is_found_with_its_line() {
        let text = "fn f() {\n    unsafe { g() }\n}\n#[unsafe(no_mangle)]\nfn h() {}\n";
        for path in [
            "crates/ring/src/ntt.rs",
            "crates/ckks/src/lib.rs",
            "crates/ring/src/simd_helpers.rs",
            "xtask/src/main.rs",
            "fuzz/fuzz_targets/wire.rs",
        ] {
            let found = judge(path, text);
            assert_eq!(found.len(), 2, "{path}");
            assert!(found[0].contains(&format!("{path}:2:")), "{}", found[0]);
            assert!(found[1].contains(&format!("{path}:4:")), "{}", found[1]);
        }
    }

    #[test]
    fn unsafe_in_simd_is_allowed() {
        for path in ["crates/ring/src/simd/avx2.rs", "crates/ring/src/simd.rs"] {
            assert!(judge(path, "unsafe fn f() {}").is_empty(), "{path}");
        }
    }

    #[test]
    fn speaking_of_unsafe_is_not_using_it() {
        let text =
            "#![deny(unsafe_code)]\n// no unsafe here\n/// unsafe\nconst A: &str = \"unsafe\";";
        assert!(judge("crates/ckks/src/lib.rs", text).is_empty());
    }

    #[test]
    fn a_secret_key_in_the_servers_role_is_found() {
        let text = "use tapetum_ckks::{PublicKey, SecretKey as K};";
        for path in [
            "crates/tapetum/src/server/train.rs",
            "crates/tapetum/src/server.rs",
            "crates/service/src/jobs/run.rs",
        ] {
            assert_eq!(judge(path, text).len(), 1, "{path}");
        }
        for path in [
            "crates/tapetum/src/owner/keys.rs",
            "crates/ckks/src/keys.rs",
        ] {
            assert!(judge(path, text).is_empty(), "{path}");
        }
    }

    #[test]
    fn a_server_may_explain_that_it_refuses_secret_keys() {
        let text = "/// Refuses a SecretKey.\nconst WHY: &str = \"this file holds a SecretKey\";";
        assert!(judge("crates/tapetum/src/server/mod.rs", text).is_empty());
    }

    #[test]
    fn hidden_folders_and_build_outputs_are_not_read() {
        let root = tempfile::tempdir().unwrap();
        for file in [
            "crates/a/src/lib.rs",
            "crates/a/README.md",
            "out/CACHEDIR.TAG",
            "out/debug/build.rs",
            ".hidden/x.rs",
        ] {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        assert_eq!(
            rust_files(root.path()).unwrap(),
            [Path::new("crates/a/src/lib.rs")]
        );
    }
}

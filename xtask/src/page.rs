//! The browser's page: WebAssembly, its glue, and the files that are written by hand.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use wasm_bindgen_cli_support::Bindgen;

use crate::tools::cargo;
#[cfg(feature = "dist")]
use crate::tools::{output, rustc};

const PACKAGE: &str = "tapetum-web";
/// What it is compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// What cargo calls the module.
const MODULE: &str = "tapetum_web.wasm";
/// How the page calls it.
const NAME: &str = "tapetum";
/// The script that uses it.
const WORKER: &str = "worker.js";
/// Flags for the compiler, unless the environment has others.
const FLAGS_VARIABLE: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS";
const FLAGS: &str = "-C target-feature=+simd128";

/// Whether the compiler has the target, or cargo is to compile the target's standard library as well.
#[cfg(feature = "dist")]
pub fn can_be_compiled() -> bool {
    if std::env::var_os("CARGO_UNSTABLE_BUILD_STD").is_some() {
        return true;
    }
    let arguments = ["--print", "target-libdir", "--target", TARGET];
    output(rustc().args(arguments)).is_ok_and(|folder| Path::new(folder.trim_end()).is_dir())
}

/// Writes the page into a folder.
pub fn make(root: &Path, dir: &Path) -> anyhow::Result<()> {
    let target_dir =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    compile(root, &target_dir)?;
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    Bindgen::new()
        .input_path(target_dir.join(TARGET).join("release").join(MODULE))
        .out_name(NAME)
        .no_modules(true)?
        .typescript(false)
        .omit_default_module_path(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(dir)?;
    let sources = root.join("bindings/web/page");
    for entry in
        fs::read_dir(&sources).with_context(|| format!("cannot read {}", sources.display()))?
    {
        let from = entry?.path();
        let to = dir.join(from.file_name().unwrap_or_default());
        fs::copy(&from, &to).with_context(|| format!("cannot write {}", to.display()))?;
    }
    // The worker may ask for no script, so that what binds it to the module is a part of it.
    let (glue, worker) = (dir.join(format!("{NAME}.js")), dir.join(WORKER));
    let text = fs::read_to_string(&glue).and_then(|glue| Ok(glue + &fs::read_to_string(&worker)?));
    text.and_then(|text| fs::write(&worker, text))
        .and_then(|()| fs::remove_file(&glue))
        .with_context(|| format!("cannot write {}", worker.display()))?;
    println!("The page is in {}", dir.display());
    println!("Serve it with: tapetum serve --page {}", dir.display());
    println!("Build it into the server: TAPETUM_PAGE as an absolute path, when cargo compiles");
    Ok(())
}

fn compile(root: &Path, target_dir: &Path) -> anyhow::Result<()> {
    let flags = std::env::var_os(FLAGS_VARIABLE).unwrap_or_else(|| OsString::from(FLAGS));
    let status = cargo()
        .args([
            "build",
            "--locked",
            "--release",
            "--target",
            TARGET,
            "-p",
            PACKAGE,
        ])
        .arg("--target-dir")
        .arg(target_dir)
        .env(FLAGS_VARIABLE, flags)
        .current_dir(root)
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        bail!(
            "the page was not compiled: without the target {TARGET}, run `rustup target add {TARGET}`"
        );
    }
    Ok(())
}

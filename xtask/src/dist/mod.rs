//! A release: a folder with the command, which has the server and the browser's page inside, the Python wheel, licences of
//! all parts, bills of materials, and checksums. `docs/release.md` describes it.

mod checksums;
mod files;
mod licences;
mod materials;
mod parts;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use clap::Parser;

use crate::page;
use crate::tools::{cargo, output, rustc};
use files::{copy, make_empty};
use parts::{COMMAND, Lock, PAGE, Part, WHEEL};

/// What is copied as it is.
const COPIED: [&str; 3] = ["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"];

/// Makes a release folder.
#[derive(Debug, Parser)]
#[command(name = "cargo run -p xtask --features dist -- dist")]
pub struct Dist {
    /// The folder to make: empty, or not there yet; target/tapetum-VERSION by default.
    dir: Option<PathBuf>,
    /// Build in the browser's page of this folder, as `xtask page` makes it, in place of compiling it.
    #[arg(long, value_name = "DIR")]
    page: Option<PathBuf>,
    /// The profile to compile command and wheel in. With `dev` it takes minutes less, for a try.
    #[arg(long, value_name = "NAME", default_value = "dist")]
    profile: String,
    /// Fail if the page or the wheel cannot be made, in place of going on without.
    #[arg(long)]
    complete: bool,
}

impl Dist {
    /// Reads the words after `dist`. Ends the program if they ask for help or make no sense.
    pub fn from_words<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        Self::parse_from(std::iter::once("dist").chain(words))
    }

    /// Makes the folder.
    pub fn make(&self, root: &Path) -> anyhow::Result<()> {
        let lock = Lock::read(root)?;
        let dir = match &self.dir {
            Some(dir) => dir.clone(),
            None => lock
                .target_dir()
                .join(format!("tapetum-{}", lock.version())),
        };
        make_empty(&dir)?;

        let mut held = vec![&COMMAND];
        let page = self.page(root, lock.target_dir())?;
        if page.is_some() {
            held.push(&PAGE);
        }
        let command = self.compile_command(root, lock.target_dir(), page.as_deref())?;
        copy(&command, &dir)?;
        if self.make_wheel(root, &dir)? {
            held.push(&WHEEL);
        }
        for name in COPIED {
            copy(&root.join(name), &dir)?;
        }
        licences::write(&lock, &held, &dir)?;
        for part in &held {
            materials::write(&lock, part, &dir)?;
        }
        fs::write(dir.join("BUILD.txt"), self.build(root, &held)?)
            .context("cannot write BUILD.txt")?;
        checksums::write(&dir)?;
        show(&dir)
    }

    /// The folder of the page to be built in.
    fn page(&self, root: &Path, target_dir: &Path) -> anyhow::Result<Option<PathBuf>> {
        if let Some(page) = &self.page {
            let page = fs::canonicalize(page)
                .with_context(|| format!("cannot find the page {}", page.display()))?;
            return Ok(Some(page));
        }
        if !page::can_be_compiled() {
            let remedy = format!(
                "run `rustup target add {}`, or name a page by --page",
                page::TARGET
            );
            self.goes_without("the browser's page", &remedy)?;
            return Ok(None);
        }
        let dir = target_dir.join("page");
        // Files of an earlier version would be built in too.
        if dir.exists() {
            fs::remove_dir_all(&dir).with_context(|| format!("cannot empty {}", dir.display()))?;
        }
        page::make(root, &dir)?;
        Ok(Some(dir))
    }

    /// The command, compiled.
    fn compile_command(
        &self,
        root: &Path,
        target_dir: &Path,
        page: Option<&Path>,
    ) -> anyhow::Result<PathBuf> {
        let mut cargo = cargo();
        cargo
            .args(["build", "--locked", "--profile", &self.profile])
            .args(["--package", COMMAND.package, "--features", COMMAND.features])
            .current_dir(root);
        match page {
            Some(page) => cargo.env("TAPETUM_PAGE", page),
            None => cargo.env_remove("TAPETUM_PAGE"),
        };
        if !cargo.status().context("cannot run cargo")?.success() {
            bail!("the command was not compiled: see above");
        }
        let folder = match self.profile.as_str() {
            "dev" => "debug",
            other => other,
        };
        let name = format!("tapetum{}", std::env::consts::EXE_SUFFIX);
        Ok(target_dir.join(folder).join(name))
    }

    /// Makes the wheel, if there is what makes wheels.
    fn make_wheel(&self, root: &Path, dir: &Path) -> anyhow::Result<bool> {
        let mut maturin = Command::new("maturin");
        maturin
            .args(["build", "--locked", "--profile", &self.profile])
            .arg("--manifest-path")
            .arg(root.join("bindings/python/Cargo.toml"))
            .arg("--out")
            .arg(dir);
        match maturin.status() {
            Ok(status) if status.success() => Ok(true),
            Ok(_) => bail!("maturin made no wheel"),
            Err(e) if e.kind() == ErrorKind::NotFound => {
                self.goes_without("the Python wheel", "run `pip install maturin`")?;
                Ok(false)
            }
            Err(e) => Err(e).context("cannot run maturin"),
        }
    }

    /// From what it was made, and by which compiler.
    fn build(&self, root: &Path, held: &[&Part]) -> anyhow::Result<String> {
        let git = |words: &[&str]| output(Command::new("git").args(words).current_dir(root));
        let commit = match (git(&["rev-parse", "HEAD"]), git(&["status", "--porcelain"])) {
            (Ok(commit), Ok(changes)) if changes.is_empty() => commit.trim_end().to_owned(),
            (Ok(commit), _) => {
                format!("{}, with changes that are not committed", commit.trim_end())
            }
            (Err(_), _) => "unknown: not made in a git repository".to_owned(),
        };
        let compiler = output(rustc().arg("-vV"))?;
        let held: Vec<_> = held.iter().map(|part| part.title).collect();
        Ok(format!(
            "holds: {}\ncommit: {commit}\nprofile: {}\n{compiler}",
            held.join(", "),
            self.profile
        ))
    }

    /// Says that something is missing, or fails for it.
    fn goes_without(&self, what: &str, remedy: &str) -> anyhow::Result<()> {
        if self.complete {
            bail!("{what} cannot be made: {remedy}");
        }
        eprintln!("WITHOUT {}: {remedy}", what.to_uppercase());
        Ok(())
    }
}

/// Lists what was made.
fn show(dir: &Path) -> anyhow::Result<()> {
    println!("The release is in {}:", dir.display());
    for (name, path) in files::list(dir)? {
        println!(
            "{:>10.1} kB  {name}",
            fs::metadata(path)?.len() as f64 / 1e3
        );
    }
    Ok(())
}

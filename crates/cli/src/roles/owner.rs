//! The owner's directory.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tapetum_ckks::SecretKey;

use super::SECRET_KEY;
use crate::files;
use crate::plan::Plan;

/// A directory with a secret key.
pub struct Owner {
    /// Where it is.
    pub dir: PathBuf,
    /// What was agreed.
    pub plan: Plan,
    /// The secret key.
    pub secret: SecretKey,
}

impl Owner {
    /// Opens a directory that `keygen` made.
    pub fn open(dir: &Path) -> Result<Self> {
        let plan = Plan::read(dir)?;
        let advice = "only the owner can do this, in the directory that `tapetum keygen` made";
        let path = files::existing(dir, SECRET_KEY, advice)?;
        let secret = SecretKey::read(files::open(&path)?)
            .with_context(|| format!("cannot use {}", path.display()))?;
        plan.check_key(secret.parameters(), &path)?;
        Ok(Self {
            dir: dir.to_owned(),
            plan,
            secret,
        })
    }
}

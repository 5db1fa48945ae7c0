//! The server's side. Nothing here can name a secret key, and its commands do not run where they
//! find one.

mod batches;
pub mod classify;
mod descent;
mod sums;
pub mod train;

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use tapetum_ckks::{Encoder, EvaluationKeys, Evaluator, Parameters};

use crate::failure::Failure;
use crate::files;
use crate::plan::Plan;
use crate::progress::Steps;
use crate::roles::{EVALUATION_KEYS, is_secret_key};

/// Most directories that are searched for secret keys.
const MAX_DIRECTORIES: usize = 1000;

/// A directory with evaluation keys and without a secret key.
pub struct Server {
    /// What was agreed.
    pub plan: Plan,
    /// The evaluation keys at work.
    pub evaluator: Evaluator,
    /// The encoder that belongs to it, for public constants.
    pub encoder: Encoder,
}

impl Server {
    /// Opens a directory that `keygen` made, unless there is a secret key anywhere in it.
    pub fn open(dir: &Path, steps: Steps) -> Result<Self> {
        refuse_secret_keys(dir)?;
        let plan = Plan::read(dir)?;
        let advice = "ask the owner for this directory as `tapetum keygen` made it";
        let path = files::existing(dir, EVALUATION_KEYS, advice)?;
        let step = steps.begin("loading evaluation keys");
        let keys = EvaluationKeys::read(step.open(&path)?)
            .with_context(|| format!("cannot use {}", path.display()))?;
        plan.check_key(keys.parameters(), &path)?;
        step.finish();
        let evaluator = Evaluator::with_keys(keys);
        Ok(Self {
            plan,
            encoder: Encoder::new(evaluator.parameters()),
            evaluator,
        })
    }

    /// The parameters of the keys.
    pub fn parameters(&self) -> &Parameters {
        self.evaluator.parameters()
    }
}

/// Looks at every file of a directory and of those below it, whatever its name. Links count as
/// what they lead to.
fn refuse_secret_keys(dir: &Path) -> Result<()> {
    let mut directories = vec![dir.to_owned()];
    let mut seen = HashSet::new();
    while let Some(dir) = directories.pop() {
        let unreadable = || format!("cannot read the folder {}", dir.display());
        // Links may lead in circles.
        if !seen.insert(dir.canonicalize().with_context(unreadable)?) {
            continue;
        }
        if seen.len() > MAX_DIRECTORIES {
            let message = format!(
                "there are more than {MAX_DIRECTORIES} folders under {}: give the server a \
                 directory of its own",
                dir.display()
            );
            return Err(Failure::Role(message).into());
        }
        for entry in fs::read_dir(&dir).with_context(unreadable)? {
            let path = entry.with_context(unreadable)?.path();
            if path.is_dir() {
                directories.push(path);
            } else if path.is_file() {
                refuse_secret_key(&path)?;
            }
        }
    }
    Ok(())
}

/// Refuses a file that is a secret key; any other file is none of its business.
pub(crate) fn refuse_secret_key(path: &Path) -> Result<()> {
    if is_secret_key(path)? {
        let message = format!(
            "{} holds a secret key, and this is a command of the server, which must never have \
             one: remove the file from here; if it has been on a server, make new keys",
            path.display()
        );
        return Err(Failure::Role(message).into());
    }
    Ok(())
}

//! The server's side. Nothing here can name a secret key, and its commands do not run where they
//! find one.

mod batches;
pub mod classify;
mod descent;
mod sums;
pub mod train;

#[cfg(feature = "fuzzing")]
pub(crate) use batches::Batches;

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use tapetum_ckks::{EvaluationKeys, Evaluator, MemoryBudget, Parameters};

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
}

impl Server {
    /// Opens a directory that `keygen` made, unless there is a secret key anywhere in it. Keys stay in
    /// their file until they are used; of those that were, `key_memory` bytes stay in memory, or all.
    pub fn open(dir: &Path, key_memory: Option<u64>, steps: Steps) -> Result<Self> {
        refuse_secret_keys(dir)?;
        let plan = Plan::read(dir)?;
        let advice = "ask the owner for this directory as `tapetum keygen` made it";
        let path = files::existing(dir, EVALUATION_KEYS, advice)?;
        let step = steps.begin("checking evaluation keys");
        let budget = key_memory.map_or(MemoryBudget::UNLIMITED, MemoryBudget::bytes);
        let keys = EvaluationKeys::open(&path, budget)
            .with_context(|| format!("cannot use {}", path.display()))?;
        plan.check_key(keys.parameters(), &path)?;
        step.finish();
        Ok(Self {
            plan,
            evaluator: Evaluator::with_keys(keys),
        })
    }

    /// The parameters of the keys.
    pub fn parameters(&self) -> &Parameters {
        self.evaluator.parameters()
    }
}

/// Looks at every file of a directory and of those below it, whatever its name. Links count as
/// what they lead to.
pub(crate) fn refuse_secret_keys(dir: &Path) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keygen;
    use crate::roles::PUBLIC_KEY;
    use tapetum_ckks::{Encryptor, PublicKey};
    use tapetum_learn::EstimatorConfig;

    #[test]
    fn keys_stay_in_their_file_within_the_budget() {
        let temporary = tempfile::tempdir().unwrap();
        let [owner, server] = ["owner", "server"].map(|name| temporary.path().join(name));
        let plan =
            Plan::for_learner(EstimatorConfig::LinearMeans, "table", 28, Some(5), 20, 2).unwrap();
        let steps = Steps::new(true);
        keygen::make(&plan, &owner, None, Some(&server), steps).unwrap();
        let public = PublicKey::read(files::open(&owner.join(PUBLIC_KEY)).unwrap()).unwrap();
        let held_after_use = |key_memory: Option<u64>| {
            let server = Server::open(&server, key_memory, steps).unwrap();
            let held = || server.evaluator.keys().memory_bytes();
            assert_eq!(held(), 0);
            let ones = server.evaluator.encoder().encode(&[1.0], 1).unwrap();
            let ones = Encryptor::with_public_key(&public).encrypt(&ones).unwrap();
            server.evaluator.rotate(&ones, 1).unwrap();
            held()
        };
        let key = held_after_use(None);
        assert!(key > 0);
        assert_eq!(held_after_use(Some(key)), key);
        assert_eq!(held_after_use(Some(key - 1)), 0);
    }
}

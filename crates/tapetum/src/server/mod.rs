//! The server's side. Nothing here can name a secret key, and its functions do not run where they
//! find one.

mod classify;
mod options;
mod passes;
mod shards;
mod sums;
mod train;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use tapetum_ckks::{EvaluationKeys, Evaluator, Parameters};

use crate::error::{Context, Error, Result};
use crate::folders;
use crate::folders::keys::evaluation_keys;
use crate::plan::Plan;
use crate::progress::Progress;

pub use classify::Classified;
pub use options::{TrainOptions, Trained};
pub use passes::PassTraining;
pub use shards::write_keys;
pub use sums::{Added, add_sums};
pub use tapetum_learn::Model;

/// Most directories that are searched for secret keys.
const MAX_DIRECTORIES: usize = 1000;
/// What is to be said where files of an earlier version are involved.
const NOT_KNOWN: &str = "files of an earlier version have no ids, or a model was made elsewhere: that all have the same \
                         features cannot be checked";

/// Who trains and classifies what it cannot see.
pub struct Server {
    /// What was agreed.
    pub plan: Plan,
    /// The evaluation keys at work.
    pub evaluator: Evaluator,
    /// Where its files are, if it has any.
    dir: Option<PathBuf>,
    /// What to know of its keys.
    note: Option<String>,
}

impl Server {
    /// A server that has these keys in memory.
    ///
    /// # Errors
    /// [`ErrorKind::Role`](crate::ErrorKind::Role) if they do not belong to the plan.
    pub fn new(plan: &Plan, keys: EvaluationKeys) -> Result<Self> {
        let name = Path::new("the set of evaluation keys");
        let note = plan.check_key((keys.parameters(), keys.key_set()), name)?;
        Ok(Self::with(None, plan.clone(), keys, note))
    }

    /// Opens a directory that `keygen` made, unless there is a secret key anywhere in it. Keys stay in
    /// their file until they are used; of those that were, `key_memory` bytes stay in memory, or all.
    ///
    /// # Errors
    /// [`Error`] if a file is missing, damaged, or belongs to another plan.
    pub fn open(dir: &Path, key_memory: Option<u64>, progress: &dyn Progress) -> Result<Self> {
        refuse_secret_keys(dir)?;
        let plan = Plan::read(dir)?;
        let check = |keys: &EvaluationKeys, path: &Path| {
            plan.check_key((keys.parameters(), keys.key_set()), path)
        };
        let (keys, note) = evaluation_keys(dir, "keygen", key_memory, progress, check)?;
        Ok(Self::with(Some(dir), plan, keys, note))
    }

    fn with(dir: Option<&Path>, plan: Plan, keys: EvaluationKeys, note: Option<String>) -> Self {
        Self {
            plan,
            evaluator: Evaluator::with_keys(keys),
            dir: dir.map(Path::to_owned),
            note,
        }
    }

    /// What to know of keys and files that are not known to belong together.
    fn notes(&self, is_known: bool) -> Vec<String> {
        let unknown = (!is_known).then(|| NOT_KNOWN.to_owned());
        self.note.iter().cloned().chain(unknown).collect()
    }

    /// The parameters of the keys.
    pub fn parameters(&self) -> &Parameters {
        self.evaluator.parameters()
    }

    fn dir(&self) -> Result<&Path> {
        self.dir.as_deref().context("the server has no directory")
    }
}

/// Looks for secret keys in every file of a directory and of those below it, whatever its name. Links count
/// as what they lead to.
///
/// # Errors
/// [`ErrorKind::Role`](crate::ErrorKind::Role) if there is one, or there are too many folders to look.
pub fn refuse_secret_keys(dir: &Path) -> Result<()> {
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
            return Err(Error::role(message));
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
fn refuse_secret_key(path: &Path) -> Result<()> {
    folders::refuse_secret_key(
        path,
        "and this is a command of the server, which must never have one: remove the file from here; if it \
         has been on a server, make new keys",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folders::{PUBLIC_KEY, files};
    use crate::owner::{self, Directories};
    use crate::progress::Silent;
    use tapetum_ckks::{Encryptor, PublicKey};
    use tapetum_learn::EstimatorConfig;

    #[test]
    fn keys_stay_in_their_file_within_the_budget() {
        let temporary = tempfile::tempdir().unwrap();
        let [owner, server] = ["owner", "server"].map(|name| temporary.path().join(name));
        let plan = Plan::for_table(EstimatorConfig::LinearMeans, 5, 20).unwrap();
        let directories = Directories {
            owner: &owner,
            contributor: None,
            server: Some(&server),
        };
        owner::make(&plan, directories, &Silent).unwrap();
        let public = PublicKey::read(files::open(&owner.join(PUBLIC_KEY)).unwrap()).unwrap();
        let held_after_use = |key_memory: Option<u64>| {
            let server = Server::open(&server, key_memory, &Silent).unwrap();
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

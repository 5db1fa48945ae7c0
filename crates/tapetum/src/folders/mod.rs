//! The three directories, and what each may hold.
//!
//! | file | owner | contributor | server |
//! |---|---|---|---|
//! | `plan.json`: what was agreed | yes | yes | yes |
//! | `secret.key` | yes | never | never |
//! | `public.key` | yes | yes | |
//! | `evaluation.keys` | if `keygen` was told no server | | yes |
//! | `features.json`: how features are standardised | yes | yes | never |
//! | `*.index.csv`: what was encrypted, with labels | yes | yes | never |
//! | `published.json`: how many results were given out with noise | yes | | |
//!
//! For a network (`tapetum net keygen`), `network.plan.json` is in place of `plan.json`, and nothing else but keys.
//!
//! A server that classifies with a plain model may have that anywhere.
//!
//! No command writes over its inputs, nor over anything but an earlier result of the same kind: [`Output`].
//!
//! `keygen` writes the first four and never replaces a key; `encrypt` and `decrypt --publish` write the others.

pub mod files;
mod index;
pub mod inspect;
pub(crate) mod keys;
pub mod model;
pub mod network_plan;
mod output;
pub(crate) mod sums;

use std::path::Path;

use tapetum_ckks::wire;

use crate::error::{Error, Result};

pub use index::{Entry, Index};
pub use output::Output;

/// All keys: none of them is ever replaced.
pub const KEYS: [&str; 3] = [SECRET_KEY, PUBLIC_KEY, EVALUATION_KEYS];
/// The secret key, in the owner's directory alone.
pub const SECRET_KEY: &str = "secret.key";
/// How the file of a secret key under a passphrase begins.
pub(crate) const SEALED: &[u8; 21] = b"TAPETUM SEALED KEY 1\n";
/// The public key.
pub const PUBLIC_KEY: &str = "public.key";
/// The evaluation keys.
pub const EVALUATION_KEYS: &str = "evaluation.keys";
/// How many results were published under a key.
pub const PUBLISHED: &str = "published.json";
/// The fitted pipeline from images to features.
pub const FEATURES: &str = "features.json";

/// The plan of a network, in the directories of all roles.
pub const NETWORK_PLAN: &str = "network.plan.json";

/// Whether a file holds a secret key, be it whole or not, or has the name of one.
pub fn is_secret_key(path: &Path) -> Result<bool> {
    let has_name = path.file_name().is_some_and(|name| name == SECRET_KEY);
    Ok(has_name
        || files::starts_with(path, SEALED)?
        || wire::inspect(files::open(path)?).is_ok_and(|summary| summary.file_type.is_secret()))
}

/// What the owner should know whose secret key other users can read.
pub fn exposed_key(owner: &Path) -> Option<String> {
    let key = owner.join(SECRET_KEY);
    files::is_open_to_others(&key).then(|| {
        format!(
            "other users of this machine can read {key}, and with it all that is encrypted: chmod 600 {key}",
            key = key.display()
        )
    })
}

/// Refuses a file that holds a secret key, with advice for who has found it; any other file is none of its
/// business.
pub(crate) fn refuse_secret_key(path: &Path, advice: &str) -> Result<()> {
    match is_secret_key(path)? {
        false => Ok(()),
        true => Err(Error::role(format!(
            "{} holds a secret key, {advice}",
            path.display()
        ))),
    }
}

/// A path in a directory of a test's own.
#[cfg(test)]
pub(crate) fn scratch(name: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    (dir, path)
}

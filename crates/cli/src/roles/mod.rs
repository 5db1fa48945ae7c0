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
//!
//! A server that classifies with a plain model may have that anywhere.
//!
//! `keygen` writes the first four and never replaces a key; `encrypt` writes the others.

pub mod owner;
pub mod sender;

use std::path::Path;

use anyhow::Result;
use tapetum_ckks::wire::inspect;

use crate::files;

/// All keys: none of them is ever replaced.
pub const KEYS: [&str; 3] = [SECRET_KEY, PUBLIC_KEY, EVALUATION_KEYS];
/// The secret key, in the owner's directory alone.
pub const SECRET_KEY: &str = "secret.key";
/// The public key.
pub const PUBLIC_KEY: &str = "public.key";
/// The evaluation keys.
pub const EVALUATION_KEYS: &str = "evaluation.keys";
/// The fitted pipeline from images to features.
pub const FEATURES: &str = "features.json";

/// Whether a file holds a secret key, be it whole or not, or has the name of one.
pub fn is_secret_key(path: &Path) -> Result<bool> {
    let has_name = path.file_name().is_some_and(|name| name == SECRET_KEY);
    Ok(has_name || inspect(files::open(path)?).is_ok_and(|summary| summary.file_type.is_secret()))
}

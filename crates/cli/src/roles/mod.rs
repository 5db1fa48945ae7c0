//! The three directories, and what each may hold.
//!
//! | file | owner | contributor | server |
//! |---|---|---|---|
//! | `plan.json`: what was agreed | yes | yes | yes |
//! | `secret.key` | yes | never | never |
//! | `public.key` | yes | yes | |
//! | `evaluation.keys` | yes | | yes |
//! | `features.json`: how features are standardised | yes | yes | never |

pub mod owner;
pub mod sender;

/// The secret key, in the owner's directory alone.
pub const SECRET_KEY: &str = "secret.key";
/// The public key.
pub const PUBLIC_KEY: &str = "public.key";
/// The evaluation keys.
pub const EVALUATION_KEYS: &str = "evaluation.keys";
/// The fitted pipeline from images to features.
pub const FEATURES: &str = "features.json";

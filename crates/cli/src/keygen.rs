//! The owner's first command: all keys, each where it belongs.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use tapetum_ckks::{KeyGenerator, SecretKey};
use tapetum_vision::{Pipeline, Samples};

use crate::args::{DEFAULT_FEATURES, DEFAULT_ROWS, Keygen, TABLE_FEATURES};
use crate::failure::Failure;
use crate::plan::Plan;
use crate::progress::Steps;
use crate::roles::{EVALUATION_KEYS, FEATURES, KEYS, PUBLIC_KEY, SECRET_KEY};
use crate::{data, files};

/// What was made.
#[derive(Debug, Serialize)]
pub struct Made {
    /// Bytes of the secret key.
    pub secret_key: u64,
    /// Bytes of the public key.
    pub public_key: u64,
    /// Bytes of the evaluation keys.
    pub evaluation_keys: u64,
    /// log2 of the ring degree.
    pub log_n: u32,
    /// log2 of the largest modulus of a key.
    pub log_qp: f64,
    /// By the table.
    pub security_bits: u32,
    /// Levels of a fresh ciphertext.
    pub levels: usize,
}

/// Makes a plan from the arguments, and all keys for it.
pub fn run(args: &Keygen, steps: Steps) -> Result<Made> {
    if let Some(path) = &args.classify_only {
        return classify_only(args, path, steps);
    }
    let plan = plan(args)?;
    make(
        &plan,
        &args.owner,
        args.contributor.as_deref(),
        args.server.as_deref(),
        steps,
    )
}

/// Keys for a plain model, and its features where samples are encrypted.
fn classify_only(args: &Keygen, path: &Path, steps: Steps) -> Result<Made> {
    let text = files::read_text(path)?;
    let pipeline =
        Pipeline::from_json(&text).with_context(|| format!("cannot use {}", path.display()))?;
    let plan = Plan::classify_only(&pipeline)?;
    let (owner, contributor) = (args.owner.as_path(), args.contributor.as_deref());
    let made = make(&plan, owner, contributor, args.server.as_deref(), steps)?;
    for dir in [Some(owner), contributor].into_iter().flatten() {
        files::write_private(&dir.join(FEATURES), text.as_bytes())?;
    }
    Ok(made)
}

fn plan(args: &Keygen) -> Result<Plan> {
    let kind = &args.kind;
    if let Some(path) = &args.like {
        let table = data::read_table(path)?;
        let Samples::Table(samples) = table.samples() else {
            let message = format!("{} holds images, not a table", path.display());
            return Err(Failure::Input(message).into());
        };
        let rows = args.rows.unwrap_or(samples.rows());
        return Plan::for_kind(kind, TABLE_FEATURES, Some(samples.columns()), rows);
    }
    let features = kind.features.as_deref().unwrap_or(DEFAULT_FEATURES);
    Plan::for_kind(
        kind,
        features,
        args.columns,
        args.rows.unwrap_or(DEFAULT_ROWS),
    )
}

/// Makes the keys of a plan in the directories of the three roles.
pub fn make(
    plan: &Plan,
    owner: &Path,
    contributor: Option<&Path>,
    server: Option<&Path>,
    steps: Steps,
) -> Result<Made> {
    check_directories(owner, contributor, server)?;
    let parameters = plan.parameters()?;
    let key_plan = plan.keys(&parameters)?;
    let step = steps.begin(&format!("making {} evaluation keys", key_plan.len()));
    let secret = SecretKey::generate(&parameters)?;
    let mut generator = KeyGenerator::new(&secret)?;
    let public = generator.public_key()?;
    let evaluation = generator.evaluation_keys_with(&key_plan, |done| {
        step.advance(done, key_plan.len());
    })?;
    for dir in [Some(owner), contributor, server].into_iter().flatten() {
        plan.write(dir)?;
    }
    // The secret key last: a directory that has one is complete.
    let mut public_key = 0;
    for dir in [Some(owner), contributor].into_iter().flatten() {
        public_key = files::write_atomically(&dir.join(PUBLIC_KEY), |file| public.write(file))?;
    }
    let evaluation_keys =
        files::write_atomically(&server.unwrap_or(owner).join(EVALUATION_KEYS), |file| {
            evaluation.write(file)
        })?;
    let secret_key = files::write_private(&owner.join(SECRET_KEY), &secret.to_bytes())?;
    step.finish();
    Ok(Made {
        secret_key,
        public_key,
        evaluation_keys,
        log_n: parameters.log_n(),
        log_qp: parameters.log_qp(),
        security_bits: parameters.security().bits(),
        levels: parameters.max_level(),
    })
}

/// Directories must be apart, and existing keys are never replaced.
fn check_directories(
    owner: &Path,
    contributor: Option<&Path>,
    server: Option<&Path>,
) -> Result<()> {
    let refuse = |message: String| Err(Failure::Role(message).into());
    for dir in [Some(owner), contributor, server].into_iter().flatten() {
        for key in KEYS.map(|name| dir.join(name)) {
            // A link to nowhere counts too.
            if key.symlink_metadata().is_ok() {
                return refuse(format!(
                    "{} is there already, and what belongs to it would be lost: choose another \
                     directory, or remove the file yourself",
                    key.display()
                ));
            }
        }
    }
    // Only what exists can be compared.
    for dir in [Some(owner), contributor, server].into_iter().flatten() {
        files::create_dir(dir)?;
    }
    let real = |dir: &Path| {
        dir.canonicalize()
            .with_context(|| format!("cannot read the folder {}", dir.display()))
    };
    let real_owner = real(owner)?;
    let is_server =
        |dir: &&Path| dir.join(EVALUATION_KEYS).exists() && !dir.join(SECRET_KEY).exists();
    if let Some(server) = real_owner.ancestors().find(is_server) {
        return refuse(format!(
            "{} is a server's directory and would hold the secret key as well: give the owner a \
             directory of its own",
            server.display()
        ));
    }
    for (name, dir) in [("contributor", contributor), ("server", server)] {
        if let Some(dir) = dir
            && real_owner.starts_with(real(dir)?)
        {
            return refuse(format!(
                "{} would hold the secret key as well: give the {name} a directory of its own",
                dir.display()
            ));
        }
    }
    if let (Some(contributor), Some(server)) = (contributor, server)
        && real(contributor)?.starts_with(real(server)?)
    {
        return refuse(format!(
            "the contributor's directory {} lies in the server's, where everything that is private \
             to the contributor would be visible: give the contributor a directory of its own",
            contributor.display()
        ));
    }
    Ok(())
}

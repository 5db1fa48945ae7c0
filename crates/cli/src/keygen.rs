//! The owner's first command: all keys, each where it belongs.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;
use tapetum_ckks::{KeyGenerator, SecretKey};
use tapetum_vision::{FeatureSpec, Samples};

use crate::args::Keygen;
use crate::failure::Failure;
use crate::plan::{Learner, Plan};
use crate::progress::Steps;
use crate::roles::{EVALUATION_KEYS, PUBLIC_KEY, SECRET_KEY};
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
    let learner = Learner::by_name(args.learner);
    let (features, columns, rows) = shape(args, &learner)?;
    let plan = Plan::new(learner, features, args.side, columns, rows)?;
    make(
        &plan,
        &args.owner,
        args.contributor.as_deref(),
        args.server.as_deref(),
        steps,
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
    let key_plan = plan.requirements(&parameters)?.key_plan(&parameters);
    let step = steps.begin(&format!("making {} evaluation keys", key_plan.len()));
    let secret = SecretKey::generate(&parameters)?;
    let mut generator = KeyGenerator::new(&secret)?;
    let public = generator.public_key()?;
    let evaluation = generator.evaluation_keys_with(&key_plan, |done| {
        step.advance(done, key_plan.len());
    })?;
    for dir in [Some(owner), contributor, server].into_iter().flatten() {
        files::create_dir(dir)?;
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
    let secret_key = files::write_secret(&owner.join(SECRET_KEY), &secret.to_bytes())?;
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

/// Directories must differ, and an existing secret key is never replaced.
fn check_directories(
    owner: &Path,
    contributor: Option<&Path>,
    server: Option<&Path>,
) -> Result<()> {
    let same = |a: &Path, b: &Path| {
        a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
    };
    for (name, dir) in [("contributor", contributor), ("server", server)] {
        if let Some(dir) = dir
            && (same(owner, dir) || dir.join(SECRET_KEY).exists())
        {
            let message = format!(
                "{} would hold the secret key as well: give the {name} a directory of its own",
                dir.display()
            );
            return Err(Failure::Role(message).into());
        }
    }
    let secret = owner.join(SECRET_KEY);
    if secret.exists() {
        let message = format!(
            "{} is there already, and whatever was encrypted for it would be lost: choose \
             another directory, or remove the file yourself",
            secret.display()
        );
        return Err(Failure::Role(message).into());
    }
    Ok(())
}

/// The features, their number with the intercept, and the number of samples expected.
fn shape(args: &Keygen, learner: &Learner) -> Result<(String, usize, usize)> {
    let intercept = usize::from(learner.wants_intercept());
    if let Some(path) = &args.like {
        let table = data::read_table(path)?;
        let Samples::Table(samples) = table.samples() else {
            let message = format!("{} holds images, not a table", path.display());
            return Err(Failure::Input(message).into());
        };
        return Ok((
            "table".to_owned(),
            samples.columns() + intercept,
            samples.rows(),
        ));
    }
    let spec: FeatureSpec = args.features.parse()?;
    let columns = match (spec.is_table(), args.columns) {
        (true, Some(columns)) => columns,
        (true, None) => {
            let message = "a table may have any number of features: say it with --columns, or \
                           name a table with --like";
            return Err(Failure::Input(message.to_owned()).into());
        }
        (false, _) => spec.columns(args.side)?,
    };
    Ok((args.features.clone(), columns + intercept, args.rows))
}

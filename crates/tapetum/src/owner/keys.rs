//! The owner's first command: all keys, each where it belongs.

use std::path::Path;

use serde::Serialize;
use tapetum_ckks::{EvaluationKeys, KeyGenerator, PublicKey, SecretKey};
use tapetum_vision::Pipeline;

use super::{Owner, Passphrase, key_file};
use crate::error::{Context, Error, Result};
use crate::folders::{EVALUATION_KEYS, FEATURES, KEYS, PUBLIC_KEY, SECRET_KEY, files};
use crate::plan::Plan;
use crate::progress::Progress;

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

/// The directories of the roles that keys are made for.
#[derive(Clone, Copy, Debug)]
pub struct Directories<'a> {
    /// The owner's: the secret and the public key.
    pub owner: &'a Path,
    /// A contributor's: the public key.
    pub contributor: Option<&'a Path>,
    /// The server's: the evaluation keys. Without it the owner keeps them, to pass them on.
    pub server: Option<&'a Path>,
}

impl<'a> Directories<'a> {
    /// Those in which samples are encrypted.
    fn encrypting(self) -> impl Iterator<Item = &'a Path> {
        [Some(self.owner), self.contributor].into_iter().flatten()
    }

    fn all(self) -> impl Iterator<Item = &'a Path> {
        self.encrypting().chain(self.server)
    }
}

/// Makes keys to classify with a plain model whose `features.json` this is, and puts that where
/// samples are encrypted. Under keys to `publish` so many results, those can be given to everybody.
///
/// # Errors
/// As [`make`], and if the file is not one of features, or scores of such features cannot be published.
pub fn classify_only(
    directories: Directories<'_>,
    features: &Path,
    publish: Option<u64>,
    passphrase: Option<&Passphrase>,
    progress: &dyn Progress,
) -> Result<Made> {
    let text = files::read_text(features)?;
    let pipeline =
        Pipeline::from_json(&text).with_context(|| format!("cannot use {}", features.display()))?;
    let plan = match publish {
        Some(results) => Plan::classify_and_publish(&pipeline, results)?,
        None => Plan::classify_only(&pipeline)?,
    };
    let made = make_protected(&plan, directories, passphrase, progress)?;
    for dir in directories.encrypting() {
        files::write_private(&dir.join(FEATURES), text.as_bytes())?;
    }
    Ok(made)
}

/// Makes the keys of a plan in the directories of the three roles.
///
/// # Errors
/// [`Error`] if a directory holds a key already, or one that it must not have.
pub fn make(plan: &Plan, directories: Directories<'_>, progress: &dyn Progress) -> Result<Made> {
    make_protected(plan, directories, None, progress)
}

/// The same, with the secret key kept under a passphrase if there is one.
///
/// # Errors
/// As [`make`].
pub fn make_protected(
    plan: &Plan,
    directories: Directories<'_>,
    passphrase: Option<&Passphrase>,
    progress: &dyn Progress,
) -> Result<Made> {
    check_directories(directories)?;
    let parameters = plan.parameters()?;
    let key_plan = plan.keys(&parameters)?;
    let step = progress.begin(&format!("making {} evaluation keys", key_plan.len()));
    let secret = SecretKey::generate(&parameters)?;
    let plan = plan.for_keys(secret.key_set());
    let mut generator = KeyGenerator::new(&secret)?;
    let public = generator.public_key()?;
    let evaluation = generator.evaluation_keys_with(&key_plan, |done| {
        step.advance(done, key_plan.len());
    })?;
    let keys = Keys {
        plan: &plan,
        secret: &secret,
        public: &public,
        evaluation: &evaluation,
    };
    let made = keys.write(directories, passphrase)?;
    step.finish();
    Ok(made)
}

impl Owner {
    /// Writes this owner's keys and features into the directories of the three roles, as [`make`] does with keys that
    /// it makes. The evaluation keys are those of [`Owner::evaluation_keys`].
    ///
    /// # Errors
    /// [`Error`] if a directory holds a key already, or one that it must not have.
    pub fn write(
        &self,
        evaluation: &EvaluationKeys,
        directories: Directories<'_>,
        passphrase: Option<&Passphrase>,
    ) -> Result<Made> {
        check_directories(directories)?;
        let key = (evaluation.parameters(), evaluation.key_set());
        let name = Path::new("the set of evaluation keys");
        self.plan().check_key(key, name)?;
        self.write_published(directories.owner)?;
        if let Some(pipeline) = self.pipeline()? {
            let json = pipeline.to_json()?;
            for dir in directories.encrypting() {
                files::write_private(&dir.join(FEATURES), json.as_bytes())?;
            }
        }
        let keys = Keys {
            plan: self.plan(),
            secret: &self.secret,
            public: &self.public_key()?,
            evaluation,
        };
        keys.write(directories, passphrase)
    }
}

/// All keys of a plan.
struct Keys<'a> {
    plan: &'a Plan,
    secret: &'a SecretKey,
    public: &'a PublicKey,
    evaluation: &'a EvaluationKeys,
}

impl Keys<'_> {
    /// Writes each key where it belongs.
    fn write(&self, directories: Directories<'_>, passphrase: Option<&Passphrase>) -> Result<Made> {
        for dir in directories.all() {
            self.plan.write(dir)?;
        }
        // The secret key last: a directory that has one is complete.
        let mut public_key = 0;
        for dir in directories.encrypting() {
            let path = dir.join(PUBLIC_KEY);
            public_key = files::write_atomically(&path, |file| self.public.write(file))?;
        }
        let server = directories.server.unwrap_or(directories.owner);
        let evaluation_keys = files::write_atomically(&server.join(EVALUATION_KEYS), |file| {
            self.evaluation.write(file)
        })?;
        let file = key_file(self.secret, passphrase)?;
        let secret_key = files::write_private(&directories.owner.join(SECRET_KEY), &file)?;
        let parameters = self.secret.parameters();
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
}

/// Directories must be apart, and existing keys are never replaced.
pub(crate) fn check_directories(directories: Directories<'_>) -> Result<()> {
    let Directories {
        owner,
        contributor,
        server,
    } = directories;
    let refuse = |message: String| Err(Error::role(message));
    for dir in directories.all() {
        for key in KEYS.map(|name| dir.join(name)) {
            // A link to nowhere counts too.
            if key.symlink_metadata().is_ok() {
                return refuse(format!(
                    "{} already exists; replacing it would make existing ciphertexts unreadable: choose \
                     another directory, or remove the file yourself",
                    key.display()
                ));
            }
        }
    }
    // Only what exists can be compared.
    files::create_private_dir(owner)?;
    for dir in directories.all() {
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

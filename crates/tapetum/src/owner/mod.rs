//! The owner: the only one who holds the secret key.

mod decryption;
mod keys;
mod passphrase;
mod publishing;

use std::path::Path;

use tapetum_ckks::{Decryptor, EvaluationKeys, KeyGenerator, PublicKey, SecretKey};
use tapetum_learn::{EncryptedScores, Metrics, classes_of, score_rounding};
use tapetum_vision::{DataSet, Pipeline, Samples};

use crate::contributor::Contributor;
use crate::encrypted::{EncryptedDataSet, EncryptedSamples};
use crate::error::{Context, Error, Result};
use crate::folders::{SECRET_KEY, files};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::samples::class_labels;

pub use decryption::{Answer, DecryptedModel, Digits};
pub(crate) use keys::check_directories;
pub use keys::{Directories, Made, classify_only, make, make_protected};
pub use passphrase::{Passphrase, key_file, key_from_file};
pub use publishing::Published;

/// The secret key of a directory, with what gives the passphrase if it is kept under one.
pub(crate) fn open_key(
    dir: &Path,
    passphrase: impl FnOnce() -> Result<Passphrase>,
) -> Result<SecretKey> {
    let advice = "only the owner can do this, in the directory where the keys were made";
    let path = files::existing(dir, SECRET_KEY, advice)?;
    let file = passphrase::read(&path)?;
    key_from_file(&file, passphrase).with_context(|| format!("cannot use {}", path.display()))
}

/// Who holds the secret key.
pub struct Owner {
    secret: SecretKey,
    /// Counts what is published where there is no directory to count in.
    decryptor: Decryptor,
    contributor: Contributor,
}

impl Owner {
    /// Makes a secret key for a plan, in memory.
    ///
    /// # Errors
    /// [`Error`] if the system gives no randomness.
    pub fn generate(plan: &Plan) -> Result<Self> {
        let secret = SecretKey::generate(&plan.parameters()?)?;
        let plan = plan.for_keys(secret.key_set());
        Ok(Self {
            contributor: Contributor::owner(None, plan, &secret),
            decryptor: Decryptor::new(&secret),
            secret,
        })
    }

    /// An owner whose key and pipeline are kept elsewhere than in a directory.
    ///
    /// # Errors
    /// [`ErrorKind::Role`](crate::ErrorKind::Role) if they do not belong to the plan.
    pub fn with_key(plan: &Plan, secret: SecretKey, pipeline: Pipeline) -> Result<Self> {
        let key = (secret.parameters(), secret.key_set());
        let note = plan.check_key(key, Path::new("the secret key"))?;
        let mut contributor = Contributor::owner(None, plan.clone(), &secret).noting(note);
        contributor.adopt(pipeline)?;
        Ok(Self {
            decryptor: Decryptor::new(&secret),
            secret,
            contributor,
        })
    }

    /// Opens a directory that `keygen` made.
    ///
    /// # Errors
    /// [`Error`] if a file is missing, damaged, or belongs to another plan, or if the secret key is
    /// kept under a passphrase.
    pub fn open(dir: &Path) -> Result<Self> {
        Self::open_with(dir, || {
            Err(Error::role(format!(
                "{} is kept under a passphrase, which is not given",
                dir.join(SECRET_KEY).display()
            )))
        })
    }

    /// The same, with what gives the passphrase if the secret key is kept under one.
    ///
    /// # Errors
    /// As [`open`](Self::open), and those of the passphrase.
    pub fn open_with(dir: &Path, passphrase: impl FnOnce() -> Result<Passphrase>) -> Result<Self> {
        let plan = Plan::read(dir)?;
        let secret = open_key(dir, passphrase)?;
        let key = (secret.parameters(), secret.key_set());
        let note = plan.check_key(key, &dir.join(SECRET_KEY))?;
        Ok(Self {
            contributor: Contributor::owner(Some(dir), plan, &secret).noting(note),
            decryptor: Decryptor::new(&secret),
            secret,
        })
    }

    /// The same owner, whose samples the server knows by this name instead of `owner`.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.contributor.name);
        self
    }

    /// What was agreed.
    pub fn plan(&self) -> &Plan {
        &self.contributor.plan
    }

    /// The secret key, to be kept: whoever has it reads everything.
    pub fn secret_key(&self) -> &SecretKey {
        &self.secret
    }

    /// The owner as one who encrypts.
    pub fn contributor(self) -> Contributor {
        self.contributor
    }

    /// The public key, for contributors.
    ///
    /// # Errors
    /// [`Error`] if the system gives no randomness.
    pub fn public_key(&self) -> Result<PublicKey> {
        Ok(KeyGenerator::new(&self.secret)?.public_key()?)
    }

    /// All keys that the server needs. They reveal nothing.
    ///
    /// # Errors
    /// [`Error`] if the system gives no randomness.
    pub fn evaluation_keys(&self, progress: &dyn Progress) -> Result<EvaluationKeys> {
        let plan = self.plan().keys(self.secret.parameters())?;
        let step = progress.begin(&format!("making {} evaluation keys", plan.len()));
        let mut generator = KeyGenerator::new(&self.secret)?;
        let keys = generator.evaluation_keys_with(&plan, |done| step.advance(done, plan.len()))?;
        step.finish();
        Ok(keys)
    }

    /// How samples become features, once training data were encrypted: for contributors, who need the
    /// same.
    ///
    /// # Errors
    /// [`Error`] if the file cannot be read.
    pub fn pipeline(&self) -> Result<Option<Pipeline>> {
        self.contributor.pipeline()
    }

    /// Keeps features that everyone is to use, and says where they are.
    pub(crate) fn adopt_features(&mut self, pipeline: Pipeline) -> Result<std::path::PathBuf> {
        self.contributor.adopt(pipeline)?;
        Ok(self.contributor.features_path().unwrap_or_default())
    }

    /// Encrypts samples and their labels, to train on; see [`Contributor::encrypt`].
    ///
    /// # Errors
    /// As there.
    pub fn encrypt(&mut self, data: &DataSet, progress: &dyn Progress) -> Result<EncryptedDataSet> {
        self.contributor.encrypt(data, progress)
    }

    /// Encrypts samples to be classified; see [`Contributor::encrypt_samples`].
    ///
    /// # Errors
    /// As there.
    pub fn encrypt_samples(
        &self,
        samples: &Samples,
        progress: &dyn Progress,
    ) -> Result<EncryptedSamples> {
        self.contributor.encrypt_samples(samples, progress)
    }

    /// The scores of samples, [rounded](tapetum_learn::score_rounding): of two classes one each, positive for the second
    /// class; of more, one for each class.
    ///
    /// # Errors
    /// [`Error`] if they do not decrypt with this key.
    pub fn decision_function(&self, scores: &EncryptedScores) -> Result<Vec<f64>> {
        let rounding = score_rounding(self.secret.parameters());
        let exact = self.open_scores(scores)?;
        Ok(exact.into_iter().map(|s| rounding.round(s)).collect())
    }

    /// The share of samples that are classified correctly.
    ///
    /// # Errors
    /// As [`decision_function`](Self::decision_function), and if there are not as many labels.
    pub fn accuracy(&self, scores: &EncryptedScores, data: &DataSet) -> Result<f64> {
        let labels = class_labels(data)?;
        Ok(Metrics::new(&self.open_scores(scores)?, &labels)?.accuracy)
    }

    /// The classes of samples, as indices of the classes of the training data.
    ///
    /// # Errors
    /// As [`decision_function`](Self::decision_function).
    pub fn predict(&self, scores: &EncryptedScores) -> Result<Vec<usize>> {
        let found = classes_of(&self.open_scores(scores)?, scores.outputs());
        Ok(found.into_iter().map(usize::from).collect())
    }
}

//! Everyone who encrypts: the owner with the secret key, contributors with the public one.

mod encryption;
pub(crate) mod ranges;

use std::io::Write;
use std::path::{Path, PathBuf};

use tapetum_ckks::{Encryptor, PublicKey, SecretKey};
use tapetum_vision::{DataSet, Pipeline, Samples};

use crate::encrypted::{EncryptedDataSet, EncryptedSamples};
use crate::error::{Context, Error, Result};
use crate::folders::FEATURES;
use crate::folders::files::{self, Pending, Readers};
use crate::folders::keys::public_key;
use crate::plan::Plan;
use crate::progress::Progress;

pub use encryption::{Encrypted, LabelsAre};

/// Who encrypts samples.
pub struct Contributor {
    /// Where its files are, if it has any.
    pub(crate) dir: Option<PathBuf>,
    /// What was agreed.
    pub plan: Plan,
    /// The key to encrypt with.
    pub encryptor: Encryptor,
    /// By which name the server knows it.
    pub name: String,
    /// How samples become features, if that was fitted in memory.
    fitted: Option<Pipeline>,
    /// Where the backbone's file is, if not where the plan says.
    backbone: Option<PathBuf>,
    /// What to know of its key.
    pub(crate) note: Option<String>,
}

impl Contributor {
    /// A contributor that encrypts for models trained on features of this pipeline, which is
    /// [`Owner::pipeline`](crate::Owner::pipeline).
    ///
    /// # Errors
    /// [`ErrorKind::Role`](crate::ErrorKind::Role) if key, pipeline and plan do not belong together.
    pub fn new(plan: &Plan, key: &PublicKey, pipeline: Pipeline) -> Result<Self> {
        let note = plan.check_key(
            (key.parameters(), key.key_set()),
            Path::new("the public key"),
        )?;
        let encryptor = Encryptor::with_public_key(key);
        let contributor = Self::with(None, plan.clone(), encryptor, "contributor");
        let mut contributor = contributor.noting(note);
        plan.check_pipeline("the pipeline", &pipeline)?;
        contributor.fitted = Some(pipeline);
        Ok(contributor)
    }

    /// A contributor's directory, as `keygen` made it.
    ///
    /// # Errors
    /// [`Error`] if a file is missing, damaged, or belongs to another plan.
    pub fn open(dir: &Path) -> Result<Self> {
        let plan = Plan::read(dir)?;
        let (key, path) = public_key(dir, "keygen")?;
        let note = plan.check_key((key.parameters(), key.key_set()), &path)?;
        let encryptor = Encryptor::with_public_key(&key);
        Ok(Self::with(Some(dir), plan, encryptor, "contributor").noting(note))
    }

    /// The owner as a contributor: ciphertexts carry seeds and are half as large.
    pub(crate) fn owner(dir: Option<&Path>, plan: Plan, secret: &SecretKey) -> Self {
        Self::with(dir, plan, Encryptor::with_secret_key(secret), "owner")
    }

    fn with(dir: Option<&Path>, plan: Plan, encryptor: Encryptor, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            dir: dir.map(Path::to_owned),
            plan,
            encryptor,
            fitted: None,
            backbone: None,
            note: None,
        }
    }

    /// The same, with what there is to know of its key.
    pub(crate) fn noting(self, note: Option<String>) -> Self {
        Self { note, ..self }
    }

    /// Encrypts samples and their labels, to train on. Features are standardised as those of the first
    /// data were.
    ///
    /// # Errors
    /// [`Error`] if the data do not have the plan's classes and features.
    pub fn encrypt(&mut self, data: &DataSet, progress: &dyn Progress) -> Result<EncryptedDataSet> {
        self.encrypt_in_memory(data, progress)
    }

    /// Encrypts samples to be classified.
    ///
    /// # Errors
    /// As [`encrypt`](Self::encrypt), and if nothing was encrypted to train on before.
    pub fn encrypt_samples(
        &self,
        samples: &Samples,
        progress: &dyn Progress,
    ) -> Result<EncryptedSamples> {
        self.encrypt_samples_in_memory(samples, progress)
    }

    /// The backbone's file is here.
    pub fn use_backbone(&mut self, path: &Path) -> Result<()> {
        let spec = self.plan.feature_spec()?;
        if !spec.wants_colour() {
            let message = format!("--backbone: the features of the plan, {spec}, use none");
            return Err(Error::input(message));
        }
        self.plan.features = spec.with_backbone_at(path).to_string();
        self.backbone = Some(path.to_owned());
        Ok(())
    }

    /// The pipeline from samples to features that was fitted before, if there is one.
    pub fn pipeline(&self) -> Result<Option<Pipeline>> {
        let Some(path) = self.features_path().filter(|path| path.exists()) else {
            return Ok(self.fitted.clone());
        };
        let pipeline = Pipeline::from_json(&files::read_text(&path)?)
            .with_context(|| format!("cannot use {}", path.display()))?;
        self.plan
            .check_pipeline(&path.display().to_string(), &pipeline)?;
        Ok(Some(match &self.backbone {
            Some(path) => pipeline.with_backbone_at(path),
            None => pipeline,
        }))
    }

    pub(crate) fn features_path(&self) -> Option<PathBuf> {
        self.dir.as_ref().map(|dir| dir.join(FEATURES))
    }

    /// Keeps a pipeline that another contributor has fitted, for all that is encrypted from here on.
    ///
    /// # Errors
    /// [`Error`] if it is not for this plan, or cannot be written.
    pub fn adopt(&mut self, pipeline: Pipeline) -> Result<()> {
        self.plan.check_pipeline("the pipeline", &pipeline)?;
        match self.dir.is_some() {
            true => drop(self.write_pipeline(&pipeline)?.commit()?),
            false => self.fitted = Some(pipeline),
        }
        Ok(())
    }

    /// Writes a fitted pipeline. Means and deviations tell the average image, so they are as
    /// private as the images.
    fn write_pipeline(&self, pipeline: &Pipeline) -> Result<Pending> {
        let path = self.features_path().context("there is no directory")?;
        let json = pipeline.to_json()?;
        Pending::write(&path, Readers::User, |file| file.write_all(json.as_bytes()))
    }
}

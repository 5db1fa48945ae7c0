//! Whoever encrypts: the owner with the secret key, a contributor with the public one.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tapetum_ckks::{Encryptor, PublicKey};
use tapetum_vision::Pipeline;

use super::owner::Owner;
use super::{FEATURES, PUBLIC_KEY};
use crate::failure::Failure;
use crate::files::{self, Pending, Readers};
use crate::plan::Plan;

/// A directory from which samples are encrypted.
pub struct Sender {
    /// Where it is.
    pub dir: PathBuf,
    /// What was agreed.
    pub plan: Plan,
    /// The key to encrypt with.
    pub encryptor: Encryptor,
    /// By which name the server knows it.
    pub name: String,
    /// Where the backbone's file is, if not where the plan says.
    backbone: Option<PathBuf>,
}

impl Sender {
    /// The owner encrypts: ciphertexts carry seeds and are half as large.
    pub fn owner(dir: &Path) -> Result<Self> {
        let Owner { dir, plan, secret } = Owner::open(dir)?;
        let encryptor = Encryptor::with_secret_key(&secret);
        Ok(Self::new(dir, plan, encryptor, "owner"))
    }

    /// A contributor encrypts.
    pub fn contributor(dir: &Path) -> Result<Self> {
        let plan = Plan::read(dir)?;
        let advice = "ask the owner for this directory as `tapetum keygen` made it";
        let path = files::existing(dir, PUBLIC_KEY, advice)?;
        let key = PublicKey::read(files::open(&path)?)
            .with_context(|| format!("cannot use {}", path.display()))?;
        plan.check_key(key.parameters(), &path)?;
        let encryptor = Encryptor::with_public_key(&key);
        Ok(Self::new(dir.to_owned(), plan, encryptor, "contributor"))
    }

    fn new(dir: PathBuf, plan: Plan, encryptor: Encryptor, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            dir,
            plan,
            encryptor,
            backbone: None,
        }
    }

    /// The backbone's file is here.
    pub fn use_backbone(&mut self, path: &Path) -> Result<()> {
        let spec = self.plan.feature_spec()?;
        if !spec.wants_colour() {
            let message = format!("--backbone: the features of the plan, {spec}, use none");
            return Err(Failure::Input(message).into());
        }
        self.plan.features = spec.with_backbone_at(path).to_string();
        self.backbone = Some(path.to_owned());
        Ok(())
    }

    /// The pipeline from samples to features that was fitted before, if there is one.
    pub fn pipeline(&self) -> Result<Option<Pipeline>> {
        let path = self.dir.join(FEATURES);
        if !path.exists() {
            return Ok(None);
        }
        let pipeline = Pipeline::from_json(&files::read_text(&path)?)
            .with_context(|| format!("cannot use {}", path.display()))?;
        if pipeline.columns() != self.plan.columns {
            let message = format!(
                "{} makes {} features, but the keys were made for {}: use --refit, or make keys \
                 for these features",
                path.display(),
                pipeline.columns(),
                self.plan.columns
            );
            return Err(Failure::Role(message).into());
        }
        Ok(Some(match &self.backbone {
            Some(path) => pipeline.with_backbone_at(path),
            None => pipeline,
        }))
    }

    /// Writes a fitted pipeline. Means and deviations tell the average image, so they are as
    /// private as the images.
    pub fn write_pipeline(&self, pipeline: &Pipeline) -> Result<Pending> {
        let json = pipeline.to_json()?;
        Pending::write(&self.dir.join(FEATURES), Readers::User, |file| {
            file.write_all(json.as_bytes())
        })
    }
}

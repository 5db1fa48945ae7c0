//! Who computes, and cannot decrypt.

use std::path::Path;

use tapetum_ckks::{EvaluationKeys, Evaluator, limit_idle_buffers};
use tapetum_nets::{
    EncodedNetwork, EncryptedImage, EncryptedScores, IDLE_BUFFERS, Network, NetworkPlan,
    NetworkPlanFile,
};

use super::{check_parameters, read_bundle};
use crate::error::{Context, Error, Result};
use crate::folders::keys::evaluation_keys;
use crate::folders::{EVALUATION_KEYS, NETWORK_PLAN, files, network_plan};
use crate::progress::Progress;
use crate::server::refuse_secret_keys;

/// A network and somebody's evaluation keys.
pub struct NetworkServer {
    network: EncodedNetwork,
    plan: NetworkPlan,
    evaluator: Evaluator,
}

impl NetworkServer {
    /// Prepares the network. The process keeps [`IDLE_BUFFERS`] for reuse from now on.
    ///
    /// # Errors
    /// If the plan is of another network.
    pub fn new(network: &Network, plan: &NetworkPlan, keys: EvaluationKeys) -> Result<Self> {
        limit_idle_buffers(IDLE_BUFFERS);
        Ok(Self {
            network: network.encode(plan)?,
            plan: plan.clone(),
            evaluator: Evaluator::with_keys(keys),
        })
    }

    /// Opens a server's directory, unless there is a secret key anywhere in it. Keys stay in their file until they are
    /// used; of those that were, `key_memory` bytes stay in memory, or all.
    ///
    /// # Errors
    /// If a file is missing, damaged, or of another plan.
    pub fn open(
        dir: &Path,
        network: &Network,
        key_memory: Option<u64>,
        progress: &dyn Progress,
    ) -> Result<Self> {
        refuse_secret_keys(dir)?;
        let file = network_plan::in_directory(dir)?;
        let check = |keys: &EvaluationKeys, path: &Path| {
            check_parameters(file.plan(), keys.parameters(), path)
        };
        let (keys, ()) = evaluation_keys(dir, "net keygen", key_memory, progress, check)?;
        let step = progress.begin("making the network ready");
        let server = Self::new(network, file.plan(), keys)?;
        step.finish();
        Ok(server)
    }

    /// Writes a server's directory, for a machine that is to compute with these keys.
    ///
    /// # Errors
    /// If the keys have other parameters than the plan, the directory has keys already, or it cannot be written.
    pub fn write_keys(file: &NetworkPlanFile, keys: &EvaluationKeys, dir: &Path) -> Result<u64> {
        let path = dir.join(EVALUATION_KEYS);
        check_parameters(file.plan(), keys.parameters(), &path)?;
        files::create_dir(dir)?;
        if path.exists() {
            return Err(Error::role(format!(
                "{} already exists: choose another directory",
                path.display()
            )));
        }
        refuse_secret_keys(dir)?;
        network_plan::write(file, &dir.join(NETWORK_PLAN))?;
        files::write_atomically(&path, |out| keys.write(out))
    }

    /// Classifies an encrypted image. `finished` is told the number of each layer when it is done.
    ///
    /// # Errors
    /// If the image is for another plan, or keys are missing.
    pub fn classify(
        &self,
        image: &EncryptedImage,
        progress: &dyn Progress,
        finished: &mut dyn FnMut(usize),
    ) -> Result<EncryptedScores> {
        let total = self.plan.layers().len();
        let step = progress.begin(&format!("classifying an image, {total} layers"));
        let scores = self.network.classify(&self.evaluator, image, &mut |done| {
            step.advance(done, total);
            finished(done - 1);
        })?;
        step.finish();
        Ok(scores)
    }

    /// Classifies the image of a file and writes the encrypted scores. Returns their bytes.
    ///
    /// # Errors
    /// As [`classify`](Self::classify), and if a file cannot be used.
    pub fn classify_file(&self, image: &Path, out: &Path, progress: &dyn Progress) -> Result<u64> {
        let unusable = || format!("cannot use {}", image.display());
        let bundle = read_bundle(image, self.evaluator.parameters())?;
        let read = EncryptedImage::from_bundle(bundle, &self.plan).with_context(unusable)?;
        let scores = self.classify(&read, progress, &mut |_| ())?;
        let bundle = scores.to_bundle()?;
        files::write_atomically(out, |file| bundle.write(file))
    }
}

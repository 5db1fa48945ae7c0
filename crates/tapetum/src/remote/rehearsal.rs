//! Everything that comes before a classification on a server: keys, encrypted images, a model trained
//! on them. The demo and the benchmark begin with it.

use std::path::{Path, PathBuf};

use tapetum_client::CreateTraining;
use tapetum_learn::EstimatorConfig;
use tapetum_vision::{Pipeline, Split, embedded};

use super::Remote;
use crate::contributor::{Contributor, LabelsAre};
use crate::error::{Context, Result};
use crate::folders::{PUBLIC_KEY, files};
use crate::owner::{self, Directories, Owner};
use crate::plan::{Plan, PlanOptions};
use crate::progress::Progress;
use crate::samples::Samples;

/// What is to be told apart from the rest.
const POSITIVE: &str = "cat";
/// The part of the images that is held out, as in the demo without a server.
const HELD_OUT: (usize, usize) = (448, 1984);

/// What to rehearse.
pub struct Script {
    /// The training algorithm.
    pub estimator: EstimatorConfig,
    /// How many images, for training and test together.
    pub images: usize,
    /// The seed that chooses and splits the images.
    pub seed: u64,
}

/// A model on a server, trained on encrypted images of the embedded collection, and who may use it.
pub struct Rehearsal {
    /// What was agreed.
    pub plan: Plan,
    /// How an image becomes features.
    pub pipeline: Pipeline,
    /// The images in the clear, to compare with.
    pub split: Split,
    /// The directory with the secret key.
    pub owner_dir: PathBuf,
    /// Where what is sent is written.
    pub outbox: PathBuf,
    /// Who encrypts the held-out images.
    pub contributor: Contributor,
    /// The id of the model.
    pub model: String,
    /// Ids of all that is on the server, the newest first.
    objects: [String; 4],
    /// Bytes that were sent.
    pub sent: u64,
}

impl Rehearsal {
    /// Makes keys in `dir`, encrypts, sends, and has a model trained.
    pub async fn run(
        remote: &Remote,
        dir: &Path,
        script: &Script,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let images = script.images;
        let test = images * HELD_OUT.0 / HELD_OUT.1;
        let (animals, _) = embedded::animal_shapes()?.without_repeats();
        let split = animals
            .one_vs_rest(POSITIVE, true, script.seed)?
            .split_counts(images - test, test, script.seed)?;

        // The owner makes keys, and sends those that are not secret.
        let options = PlanOptions::images(script.estimator.clone(), split.train.len());
        let plan = Plan::new(options)?;
        let (owner_dir, contributor_dir) = (dir.join("owner"), dir.join("contributor"));
        let outbox = dir.join("outbox");
        let directories = Directories {
            owner: &owner_dir,
            contributor: Some(&contributor_dir),
            server: Some(&outbox),
        };
        let made = owner::make(&plan, directories, progress)?;
        let public_key = owner_dir.join(PUBLIC_KEY);
        let prepared = remote
            .prepare(&outbox, Some(&public_key), "demo", progress)
            .await?;

        // The owner's images, with encrypted labels.
        let sender = Owner::open(&owner_dir)?.contributor();
        let train_file = outbox.join("train.enc");
        let samples = Samples::Labelled(split.train.clone());
        sender.encrypt_file(&samples, LabelsAre::Encrypted, false, &train_file, progress)?;
        let data_set = prepared.data_set.context("these keys are for training")?;
        remote.append(&data_set, &train_file, progress).await?;
        let training = CreateTraining::new("demo", &data_set, &prepared.key_set);
        let trained = remote.train(&training, progress).await?;
        let model = trained
            .result
            .context("a training that has succeeded has a model")?;

        let pipeline = sender.pipeline()?.context("the pipeline was just fitted")?;
        let mut contributor = Contributor::open(&contributor_dir)?;
        contributor.adopt(pipeline.clone())?;
        let sent = made.evaluation_keys + made.public_key + files::size(&train_file)?;
        Ok(Self {
            plan,
            pipeline,
            split,
            owner_dir,
            outbox,
            contributor,
            objects: [
                model.clone(),
                data_set,
                prepared.key_set,
                prepared.parameter_set,
            ],
            model,
            sent,
        })
    }

    /// Deletes on the server what was sent and made there.
    pub async fn clear_away(&self, remote: &Remote) -> Result<()> {
        for id in &self.objects {
            remote.delete(id).await?;
        }
        Ok(())
    }
}

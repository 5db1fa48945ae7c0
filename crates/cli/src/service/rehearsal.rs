//! Everything that comes before a classification on a server: keys, encrypted images, a model trained
//! on them. The demo and the benchmark begin with it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tapetum_client::{Client, JobKind};
use tapetum_vision::{Pipeline, Split, embedded};

use super::roles::{finish, send};
use crate::args::{DEFAULT_FEATURES, Kind, LabelsAre, LearnerName};
use crate::data::Samples;
use crate::encrypt::encrypt;
use crate::keygen;
use crate::plan::Plan;
use crate::progress::Steps;
use crate::roles::sender::Sender;
use crate::roles::{EVALUATION_KEYS, PUBLIC_KEY};

/// What is to be told apart from the rest.
const POSITIVE: &str = "cat";
/// Pixels along each side of an image.
const SIDE: usize = 28;
/// The part of the images that is held out, as in the demo without a server.
const HELD_OUT: (usize, usize) = (448, 1984);

/// What to rehearse.
pub struct Script {
    /// The training algorithm.
    pub learner: LearnerName,
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
    pub contributor: Sender,
    /// The id of the model.
    pub model: String,
    /// Collections and ids of all that is on the server, the newest first.
    pub objects: [(&'static str, String); 4],
    /// Bytes that were sent.
    pub sent: u64,
}

impl Rehearsal {
    /// Makes keys in `dir`, encrypts, sends, and has a model trained.
    pub async fn run(client: &Client, dir: &Path, script: &Script, steps: Steps) -> Result<Self> {
        let images = script.images;
        let test = images * HELD_OUT.0 / HELD_OUT.1;
        let (animals, _) = embedded::animal_shapes()?.without_repeats();
        let split = animals
            .one_vs_rest(POSITIVE, true, script.seed)?
            .split_counts(images - test, test, script.seed)?;

        // The owner makes keys, and sends those that are not secret.
        let kind = Kind {
            learner: script.learner,
            classes: 2,
            features: None,
            side: SIDE,
            steps: None,
            batch: None,
            iterations: None,
        };
        let plan = Plan::for_kind(&kind, DEFAULT_FEATURES, None, split.train.len())?;
        let (owner_dir, contributor_dir) = (dir.join("owner"), dir.join("contributor"));
        let outbox = dir.join("outbox");
        keygen::make(
            &plan,
            &owner_dir,
            Some(&contributor_dir),
            Some(&outbox),
            steps,
        )?;
        let mut sent = 0;
        let parameters = plan.parameters()?;
        let upload = client.upload_bytes(parameters.to_bytes()).await?;
        let parameter_set = client.create_parameter_set("demo", &upload).await?.id;
        let evaluation_keys = send(client, &outbox.join(EVALUATION_KEYS), steps, &mut sent).await?;
        let public_key = send(client, &owner_dir.join(PUBLIC_KEY), steps, &mut sent).await?;
        let key_set = client
            .create_key_set("demo", &parameter_set, &evaluation_keys, Some(&public_key))
            .await?
            .id;

        // The owner's images, with encrypted labels.
        let owner = Sender::owner(&owner_dir)?;
        let train_file = outbox.join("train.enc");
        let samples = Samples::Labelled(split.train.clone());
        encrypt(
            &owner,
            &samples,
            LabelsAre::Encrypted,
            false,
            &train_file,
            steps,
        )?;
        let data_set = client
            .create_data_set("demo", &parameter_set, &plan.training_spec()?)
            .await?
            .id;
        let upload = send(client, &train_file, steps, &mut sent).await?;
        client.append(&data_set, "owner", &upload).await?;
        let job = client.train("demo", &data_set, &key_set).await?;
        let step = steps.begin(&format!(
            "the server trains on {} encrypted images",
            split.train.len()
        ));
        let trained = finish(client, JobKind::Training, &job.id, &step).await?;
        step.finish();
        let model = trained
            .result
            .context("a training that has succeeded has a model")?;

        let pipeline = owner.pipeline()?.context("the pipeline was just fitted")?;
        let contributor = Sender::contributor(&contributor_dir)?;
        contributor.write_pipeline(&pipeline)?.commit()?;
        Ok(Self {
            plan,
            pipeline,
            split,
            owner_dir,
            outbox,
            contributor,
            objects: [
                ("models", model.clone()),
                ("data-sets", data_set),
                ("key-sets", key_set),
                ("parameter-sets", parameter_set),
            ],
            model,
            sent,
        })
    }

    /// Deletes on the server what was sent and made there.
    pub async fn clear_away(&self, client: &Client) -> Result<()> {
        for (collection, id) in &self.objects {
            client.delete(collection, id).await?;
        }
        Ok(())
    }
}

//! A server over HTTPS in place of a value in memory.

use tapetum_ckks::EvaluationKeys;
use tapetum_ckks::wire::Bundle;
use tapetum_client::{CreateTraining, JobKind};
use tapetum_learn::EncryptedScores;
use tokio::runtime::Runtime;

use super::{Prepared, Remote, threads};
use crate::encrypted::{EncryptedDataSet, EncryptedSamples};
use crate::error::{Context, Result};
use crate::folders::files;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::server_side::ServerSide;

/// A server that has the keys of a plan. Each training makes a data set of its own there; all that was sent
/// stays until it is deleted.
///
/// Its functions wait for the server, so they are not for asynchronous code, which uses [`Remote`].
pub struct RemoteServer {
    remote: Remote,
    plan: Plan,
    prepared: Prepared,
    runtime: Runtime,
}

impl RemoteServer {
    /// Sends parameters and keys.
    ///
    /// # Errors
    /// [`Error`](crate::Error) if the server cannot be reached or refuses.
    pub fn new(remote: Remote, plan: &Plan, keys: &EvaluationKeys) -> Result<Self> {
        let runtime = threads()?;
        let prepared = runtime.block_on(async {
            let keys = remote.client.upload_bytes(keys.to_bytes()).await?;
            remote.settle(plan, "", &keys, None).await
        })?;
        Ok(Self {
            remote,
            plan: plan.clone(),
            prepared,
            runtime,
        })
    }

    /// What was sent: ids.
    pub fn prepared(&self) -> &Prepared {
        &self.prepared
    }
}

impl ServerSide for RemoteServer {
    /// Its id.
    type Model = String;

    fn fit(&self, data: &EncryptedDataSet, progress: &dyn Progress) -> Result<String> {
        let (client, prepared) = (&self.remote.client, &self.prepared);
        let spec = self.plan.training_spec()?;
        let trained = self.runtime.block_on(async {
            let data_set = client.create_data_set("", &prepared.parameter_set, &spec);
            let data_set = data_set.await?.id;
            let upload = client.upload_bytes(data.to_bytes()?).await?;
            client
                .append(&data_set, data.contributor(), &upload)
                .await?;
            let training = CreateTraining::new("", &data_set, &prepared.key_set);
            self.remote.train(&training, progress).await
        })?;
        trained
            .result
            .context("a training that has succeeded has a model")
    }

    fn decision_function(
        &self,
        model: &String,
        samples: &EncryptedSamples,
        progress: &dyn Progress,
    ) -> Result<EncryptedScores> {
        let client = &self.remote.client;
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("scores.enc");
        self.runtime.block_on(async {
            let upload = client.upload_bytes(samples.to_bytes()?).await?;
            let job = client.classify("", model, &upload).await?;
            let step = progress.begin("the server classifies");
            let job = self.remote.finish(JobKind::Classification, &job.id, &*step);
            let job = job.await?;
            step.finish();
            Result::<u64>::Ok(client.scores(&job.id, &path).await?)
        })?;
        let bundle = Bundle::read(&self.plan.parameters()?, &mut files::open(&path)?)?;
        Ok(EncryptedScores::from_bundle(bundle)?)
    }
}

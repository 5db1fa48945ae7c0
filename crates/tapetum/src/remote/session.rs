//! A server over HTTPS in place of a value in memory.

mod networks;

use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{EvaluationKeys, Parameters};
use tapetum_client::{CreateTraining, JobKind, KeysDetails, Object, WhoAmI};
use tapetum_learn::{EncryptedModel, EncryptedScores, PlainModel, PlainModelFile};
use tokio::runtime::Runtime;

use super::{Prepared, Remote, threads};
use crate::encrypted::{EncryptedDataSet, EncryptedSamples};
use crate::error::{Context, Error, Result};
use crate::folders::files;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::server_side::ServerSide;

/// Ids of trainings begin like this, those of classifications otherwise.
const TRAINING: &str = "trn_";

/// A server over HTTPS, with the keys of a plan or for those who have none. Each training makes a data set of its own
/// there; all that was sent stays until it is deleted.
///
/// Its functions wait for the server, so they are not for asynchronous code, which uses [`Remote`]. A progress that
/// unwinds ends the waiting, not the job: [`cancel`](Self::cancel) does.
pub struct RemoteServer {
    remote: Remote,
    keys: Option<(Plan, Prepared)>,
    runtime: Runtime,
}

impl RemoteServer {
    /// Sends parameters and keys.
    ///
    /// # Errors
    /// [`Error`], as of all that follow, if the server cannot be reached or refuses.
    pub fn new(
        remote: Remote,
        plan: &Plan,
        keys: &EvaluationKeys,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let mut server = Self::without_keys(remote)?;
        let upload = server.upload("evaluation keys", keys.to_bytes(), progress)?;
        let settled = server.remote.settle(plan, "", &upload, None);
        server.keys = Some((plan.clone(), server.runtime.block_on(settled)?));
        Ok(server)
    }

    /// The server for who brings no keys: a contributor, or who has samples classified by a model that is there.
    pub fn without_keys(remote: Remote) -> Result<Self> {
        Ok(Self {
            remote,
            keys: None,
            runtime: threads()?,
        })
    }

    /// The server with keys of this plan that it has already, under this id.
    pub fn with_key_set(remote: Remote, plan: &Plan, key_set: &str) -> Result<Self> {
        let mut server = Self::without_keys(remote)?;
        let client = &server.remote.client;
        let (details, digest) = server.runtime.block_on(async {
            let details = client.object("key-sets", key_set).await?.details;
            let details: KeysDetails = serde_json::from_value(details)?;
            let set: Object = (client.object("parameter-sets", &details.parameter_set)).await?;
            Result::<_>::Ok((details, set.details["digest"].clone()))
        })?;
        let wanted = plan.key_set.map(|id| id.to_string());
        // Keys of earlier versions do not say whose they are.
        let is_others = wanted.is_some() && details.key_set.is_some() && wanted != details.key_set;
        if is_others || digest != plan.parameters()?.digest().to_string() {
            return Err(Error::role(format!(
                "the keys {key_set} on the server are of another owner: give the id of those that this owner has sent"
            )));
        }
        let prepared = Prepared {
            parameter_set: details.parameter_set,
            key_set: key_set.to_owned(),
            data_set: None,
        };
        server.keys = Some((plan.clone(), prepared));
        Ok(server)
    }

    /// The tenant and the scopes of the token.
    pub fn whoami(&self) -> Result<(String, Vec<String>)> {
        let told = self.runtime.block_on(self.remote.client.whoami())?;
        let WhoAmI { tenant, scopes, .. } = serde_json::from_value(told)?;
        let scopes = scopes.into_iter().map(|scope| scope.name().to_owned());
        Ok((tenant, scopes.collect()))
    }

    /// What was sent: ids.
    pub fn prepared(&self) -> Option<&Prepared> {
        self.keys.as_ref().map(|(_, prepared)| prepared)
    }

    /// What the keys are for.
    pub fn plan(&self) -> Option<&Plan> {
        self.keys.as_ref().map(|(plan, _)| plan)
    }

    fn keys(&self) -> Result<(&Plan, &Prepared)> {
        let keys = self.keys.as_ref().map(|(plan, prepared)| (plan, prepared));
        keys.ok_or_else(|| {
            Error::role("this connection has no evaluation keys: connect with those of the owner")
        })
    }

    fn upload(&self, what: &str, bytes: Vec<u8>, progress: &dyn Progress) -> Result<String> {
        let step = progress.begin(&format!("sending {what}"));
        let mut advance = |done: u64, total: u64| step.advance_bytes(done, total);
        let sending = self.remote.client.upload_bytes_with(bytes, &mut advance);
        let upload = self.runtime.block_on(sending)?;
        step.finish();
        Ok(upload)
    }

    /// Makes an empty data set for trainings as the plan has them. Returns its id.
    pub fn create_data_set(&self) -> Result<String> {
        let (plan, prepared) = self.keys()?;
        let spec = plan.training_spec()?;
        let made = (self.remote.client).create_data_set("", &prepared.parameter_set, &spec);
        Ok(self.runtime.block_on(made)?.id)
    }

    /// Adds samples to a data set.
    pub fn append(
        &self,
        data_set: &str,
        data: &EncryptedDataSet,
        progress: &dyn Progress,
    ) -> Result<()> {
        if let Some(plan) = self.plan() {
            for (matrix, _) in &data.parts {
                plan.check_origin(matrix.origin())?;
            }
        }
        let upload = self.upload("samples", data.to_bytes()?, progress)?;
        let append = (self.remote.client).append(data_set, data.contributor(), &upload);
        self.runtime.block_on(append)?;
        Ok(())
    }

    /// Has a model trained on all samples of a data set but those of these contributors. Returns the id of the job.
    pub fn begin_training(&self, data_set: &str, without: &[String]) -> Result<String> {
        let (_, prepared) = self.keys()?;
        let training = CreateTraining {
            without: without.to_vec(),
            ..CreateTraining::new("", data_set, &prepared.key_set)
        };
        let created = self.remote.client.create_training(&training);
        Ok(self.runtime.block_on(created)?.id)
    }

    /// Waits for a training. Returns the id of its model.
    pub fn finish_training(&self, job: &str, progress: &dyn Progress) -> Result<String> {
        let step = progress.begin("the server trains");
        let trained = self.remote.finish(JobKind::Training, job, &*step);
        let trained = self.runtime.block_on(trained)?;
        step.finish();
        trained
            .result
            .context("a training that has succeeded has a model")
    }

    /// Has samples classified by the model of this id. Returns the id of the job.
    pub fn begin_classification(
        &self,
        model: &str,
        samples: &EncryptedSamples,
        progress: &dyn Progress,
    ) -> Result<String> {
        if let Some(plan) = self.plan() {
            plan.check_origin(samples.origin())?;
        }
        let upload = self.upload("samples", samples.to_bytes()?, progress)?;
        let created = self.remote.client.classify("", model, &upload);
        Ok(self.runtime.block_on(created)?.id)
    }

    /// Waits for a classification, and fetches its encrypted scores, which have these parameters.
    pub fn finish_classification(
        &self,
        job: &str,
        parameters: &Parameters,
        progress: &dyn Progress,
    ) -> Result<EncryptedScores> {
        let bundle = self.classified(job, parameters, progress)?;
        Ok(EncryptedScores::from_bundle(bundle)?)
    }

    /// Waits for a classification, and fetches its result.
    fn classified(
        &self,
        job: &str,
        parameters: &Parameters,
        progress: &dyn Progress,
    ) -> Result<Bundle<'static>> {
        let step = progress.begin("the server classifies");
        let finished = self.remote.finish(JobKind::Classification, job, &*step);
        self.runtime.block_on(finished)?;
        step.finish();
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("scores.enc");
        (self.runtime).block_on(self.remote.client.scores(job, &path))?;
        Ok(Bundle::read(parameters, &mut files::open(&path)?)?)
    }

    /// Ends a job.
    pub fn cancel(&self, job: &str) -> Result<()> {
        let kind = match job.starts_with(TRAINING) {
            true => JobKind::Training,
            false => JobKind::Classification,
        };
        self.runtime
            .block_on(self.remote.client.cancel(kind, job))?;
        Ok(())
    }

    /// Sends a model that is not encrypted, to classify samples of these keys with. Returns its id.
    pub fn add_model(
        &self,
        model: &PlainModel,
        classes: &[String],
        progress: &dyn Progress,
    ) -> Result<String> {
        let (_, prepared) = self.keys()?;
        let file = serde_json::to_vec(&PlainModelFile::new(model, classes))?;
        let upload = self.upload("a model", file, progress)?;
        let created = (self.remote.client).create_model("", &prepared.key_set, &upload);
        Ok(self.runtime.block_on(created)?.id)
    }

    /// Fetches a model that was trained, which is encrypted.
    pub fn model(&self, id: &str) -> Result<EncryptedModel> {
        let (plan, _) = self.keys()?;
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("model.enc");
        (self.runtime).block_on(self.remote.client.model(id, &path))?;
        let bundle = Bundle::read(&plan.parameters()?, &mut files::open(&path)?)?;
        Ok(EncryptedModel::from_bundle(bundle)?)
    }

    /// Deletes what has this id.
    pub fn delete(&self, id: &str) -> Result<()> {
        self.runtime.block_on(self.remote.delete(id)).map(drop)
    }
}

impl ServerSide for RemoteServer {
    /// Its id.
    type Model = String;

    fn fit(&self, data: &EncryptedDataSet, progress: &dyn Progress) -> Result<String> {
        let data_set = self.create_data_set()?;
        self.append(&data_set, data, progress)?;
        let job = self.begin_training(&data_set, &[])?;
        self.finish_training(&job, progress)
    }

    fn decision_function(
        &self,
        model: &String,
        samples: &EncryptedSamples,
        progress: &dyn Progress,
    ) -> Result<EncryptedScores> {
        let job = self.begin_classification(model, samples, progress)?;
        self.finish_classification(&job, samples.matrix().parameters(), progress)
    }
}

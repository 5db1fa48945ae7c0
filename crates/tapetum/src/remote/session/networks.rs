//! Networks on a server far away, from memory.

use std::path::Path;

use tapetum_ckks::{EvaluationKeys, Parameters};
use tapetum_nets::{EncryptedImage, EncryptedScores, NetworkPlanFile};

use super::RemoteServer;
use crate::error::Result;
use crate::folders::{NETWORK_PLAN, network_plan};
use crate::progress::Progress;

impl RemoteServer {
    /// Sends a network, which the server then sees, with its plan, for as many classifications per token as that. Returns
    /// its id.
    ///
    /// # Errors
    /// [`Error`](crate::Error), as of all that follow, if the server cannot be reached or refuses.
    pub fn add_network(
        &self,
        onnx: &Path,
        plan: &NetworkPlanFile,
        queries_per_token: Option<u32>,
        progress: &dyn Progress,
    ) -> Result<String> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join(NETWORK_PLAN);
        network_plan::write(plan, &path)?;
        let added = (self.remote).add_network(onnx, &path, queries_per_token, progress);
        Ok(self.runtime.block_on(added)?.id)
    }

    /// Fetches the plan of a network, which keys are made for.
    pub fn network_plan(&self, network: &str) -> Result<NetworkPlanFile> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join(NETWORK_PLAN);
        (self.runtime).block_on(self.remote.network_plan(network, &path))?;
        network_plan::read(&path)
    }

    /// Sends keys for the images of a plan. Returns their id.
    pub fn send_network_keys(
        &self,
        plan: &NetworkPlanFile,
        keys: &EvaluationKeys,
        progress: &dyn Progress,
    ) -> Result<String> {
        let upload = self.upload("evaluation keys", keys.to_bytes(), progress)?;
        let parameters = plan.plan().parameters()?;
        self.runtime.block_on(async {
            let set = self.remote.parameter_set(&parameters, "").await?;
            let keys = (self.remote.client).create_key_set("", &set, &upload, None);
            Ok(keys.await?.id)
        })
    }

    /// Has an image classified by a network under these keys. Returns the id of the job.
    pub fn begin_image(
        &self,
        (network, key_set): (&str, &str),
        image: &EncryptedImage,
        progress: &dyn Progress,
    ) -> Result<String> {
        let upload = self.upload("an image", image.to_bundle()?.to_bytes(), progress)?;
        let client = &self.remote.client;
        let created = client.classify_by_network("", network, key_set, &upload);
        Ok(self.runtime.block_on(created)?.id)
    }

    /// Waits for the classification of an image, and fetches its encrypted scores, which have these parameters.
    pub fn finish_image(
        &self,
        job: &str,
        parameters: &Parameters,
        progress: &dyn Progress,
    ) -> Result<EncryptedScores> {
        let bundle = self.classified(job, parameters, progress)?;
        Ok(EncryptedScores::from_bundle(bundle)?)
    }
}

//! Networks on a server: a provider's, and pictures of others under keys of their own.

use std::path::Path;

use tapetum_ckks::Parameters;
use tapetum_client::{CreateNetwork, JobView, Object};

use super::{Prepared, Remote, Sendable, name_of};
use crate::error::Result;
use crate::folders::{EVALUATION_KEYS, Output, files, network_plan};
use crate::progress::Progress;

impl Remote {
    /// Sends a network with its plan, which everyone on the server may read. `queries_per_token` is how many
    /// classifications each token may ask for in all, any number without it.
    ///
    /// # Errors
    /// [`Error`](crate::Error), as of all that follow: a file cannot be read, or is not what it should be, the server
    /// cannot be reached or refuses.
    pub async fn add_network(
        &self,
        network: &Path,
        plan: &Path,
        queries_per_token: Option<u32>,
        progress: &dyn Progress,
    ) -> Result<Object> {
        // Before anything is sent, not when its turn comes.
        Sendable::Network.check(network)?;
        Sendable::NetworkPlan.check(plan)?;
        let parameters = network_plan::read(plan)?.plan().parameters()?;
        let name = name_of(network);
        let request = CreateNetwork {
            parameter_set: self.parameter_set(&parameters, &name).await?,
            plan: self.send(Sendable::NetworkPlan, plan, progress).await?,
            network: self.send(Sendable::Network, network, progress).await?,
            queries_per_token,
            name,
        };
        let step = progress.begin("the server compares the network with its plan");
        let made = self.client.create_network(&request).await?;
        step.finish();
        Ok(made)
    }

    /// Fetches the plan of a network, which keys are made for. Returns its bytes.
    pub async fn network_plan(&self, network: &str, out: &Path) -> Result<u64> {
        Output::NetworkPlan.check(out, &[])?;
        Ok(self.client.network_plan(network, out).await?)
    }

    /// Sends the keys of a directory that `net keygen` made for a server.
    pub(super) async fn prepare_network(
        &self,
        keys: &Path,
        public_key: Option<&Path>,
        name: &str,
        progress: &dyn Progress,
    ) -> Result<Prepared> {
        let parameters = network_plan::in_directory(keys)?.plan().parameters()?;
        let advice = "name the directory that `tapetum net keygen` made for the server";
        let evaluation_keys = files::existing(keys, EVALUATION_KEYS, advice)?;
        let (evaluation_keys, public_key) = self
            .send_keys(&evaluation_keys, public_key, progress)
            .await?;
        let parameter_set = self.parameter_set(&parameters, name).await?;
        let keys = self.client.create_key_set(
            name,
            &parameter_set,
            &evaluation_keys,
            public_key.as_deref(),
        );
        Ok(Prepared {
            key_set: keys.await?.id,
            parameter_set,
            data_set: None,
        })
    }

    /// Has an encrypted photograph classified by a network, waits for it, and fetches the encrypted scores. Returns the
    /// job and the bytes of the scores.
    pub async fn classify_by_network(
        &self,
        network: &str,
        key_set: &str,
        image: &Path,
        out: &Path,
        progress: &dyn Progress,
    ) -> Result<(JobView, u64)> {
        Output::NetworkScores.check(out, &[image])?;
        let upload = self.send(Sendable::NetworkImage, image, progress).await?;
        let name = name_of(image);
        let job = self
            .client
            .classify_by_network(&name, network, key_set, &upload);
        self.fetch_scores(&job.await?.id, out, progress).await
    }

    /// The set of these parameters that is there already, or a new one: clients of a network may not make any.
    pub(super) async fn parameter_set(
        &self,
        parameters: &Parameters,
        name: &str,
    ) -> Result<String> {
        let digest = parameters.digest().to_string();
        let mut after: Option<String> = None;
        loop {
            let page: Vec<Object> = self.client.list("parameter-sets", after.as_deref()).await?;
            let same = page.iter().find(|set| set.details["digest"] == digest);
            if let Some(set) = same {
                return Ok(set.id.clone());
            }
            match page.last() {
                Some(last) => after = Some(last.id.clone()),
                None => break,
            }
        }
        let upload = self.client.upload_bytes(parameters.to_bytes()).await?;
        Ok(self.client.create_parameter_set(name, &upload).await?.id)
    }
}

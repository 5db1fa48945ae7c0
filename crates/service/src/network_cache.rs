//! Networks in memory, ready to be evaluated.

use std::sync::{Arc, Mutex, PoisonError};

use tapetum_nets::{EncodedNetwork, Network, NetworkPlan, NetworkPlanFile};

use crate::error::Result;

/// A network with its plan.
pub struct ReadyNetwork {
    /// Its plan.
    pub plan: NetworkPlan,
    /// Its weights.
    pub network: EncodedNetwork,
}

/// The network that was used last: making one ready takes as long as some classifications.
pub struct NetworkCache {
    /// Bytes that may be kept.
    budget: u64,
    last: Mutex<Option<(String, Arc<ReadyNetwork>)>>,
}

impl NetworkCache {
    /// Keeps no more than this.
    pub fn new(budget: u64) -> Self {
        Self {
            budget,
            last: Mutex::default(),
        }
    }

    /// The network of this id, made ready from what `read` brings unless it is there.
    pub fn ready(
        &self,
        id: &str,
        read: impl FnOnce() -> Result<(NetworkPlanFile, Network)>,
    ) -> Result<Arc<ReadyNetwork>> {
        let lock = || self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((last, found)) = &*lock()
            && last == id
        {
            return Ok(found.clone());
        }
        let (file, network) = read()?;
        let plan = file.plan().clone();
        let ready = Arc::new(ReadyNetwork {
            network: network.encode(&plan)?,
            plan,
        });
        if ready.plan.kept_bytes()? <= self.budget {
            *lock() = Some((id.to_owned(), ready.clone()));
        }
        Ok(ready)
    }
}

impl std::fmt::Debug for NetworkCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NetworkCache")
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

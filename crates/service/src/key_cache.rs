//! Evaluation keys in memory, within a budget.

use std::sync::{Arc, Mutex, PoisonError};

use tapetum_ckks::{EvaluationKeys, Evaluator, MemoryBudget};

use crate::error::Result;
use crate::store::blobs::Local;

/// What computes with one set of keys.
pub struct Engine {
    /// With the keys, which it expands from their file when it uses them.
    pub evaluator: Evaluator,
    /// The file of the keys.
    _file: Local,
}

/// Engines that were used last. Each expands keys within its share of the budget, and those that
/// nobody uses are dropped when the others need their memory.
pub struct KeyCache {
    budget: u64,
    share: u64,
    /// The one that was used last at the end.
    engines: Mutex<Vec<(String, Arc<Engine>)>>,
}

impl KeyCache {
    /// For this many jobs at a time.
    pub fn new(budget: u64, jobs: usize) -> Self {
        Self {
            budget,
            share: budget / jobs.max(1) as u64,
            engines: Mutex::default(),
        }
    }

    /// The engine of a key set, whose file `fetch` brings if it is needed.
    pub fn engine(
        &self,
        key_set: &str,
        fetch: impl FnOnce() -> Result<Local>,
    ) -> Result<Arc<Engine>> {
        let lock = || self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut engines = lock();
            if let Some(at) = engines.iter().position(|(id, _)| id == key_set) {
                let found = engines.remove(at);
                let engine = found.1.clone();
                engines.push(found);
                return Ok(engine);
            }
            self.make_room(&mut engines);
        }
        let file = fetch()?;
        let keys = EvaluationKeys::open(&*file, MemoryBudget::bytes(self.share))?;
        let engine = Arc::new(Engine {
            evaluator: Evaluator::with_keys(keys),
            _file: file,
        });
        let mut engines = lock();
        // Another job may have opened it meanwhile, and two would take twice the memory.
        if let Some((_, other)) = engines.iter().find(|(id, _)| id == key_set) {
            return Ok(other.clone());
        }
        engines.push((key_set.to_owned(), engine.clone()));
        Ok(engine)
    }

    /// How many key sets there are, and the bytes of expanded keys.
    pub fn counts(&self) -> (usize, u64) {
        let engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = |(_, engine): &(String, Arc<Engine>)| engine.evaluator.keys().memory_bytes();
        (engines.len(), engines.iter().map(bytes).sum())
    }

    /// Drops idle engines until the new one and those in use have their shares.
    fn make_room(&self, engines: &mut Vec<(String, Arc<Engine>)>) {
        let in_use = |engine: &Arc<Engine>| Arc::strong_count(engine) > 1;
        let reserved = |engines: &[(String, Arc<Engine>)]| {
            let bytes = |(_, engine): &(String, Arc<Engine>)| {
                // Also one without a key in memory has the tables of its parameters.
                if in_use(engine) {
                    self.share
                } else {
                    engine.evaluator.keys().memory_bytes() + tables(engine)
                }
            };
            engines.iter().map(bytes).sum::<u64>() + self.share
        };
        while reserved(engines) > self.budget {
            match engines.iter().position(|(_, engine)| !in_use(engine)) {
                Some(idle) => drop(engines.remove(idle)),
                None => return,
            }
        }
    }
}

/// About how many bytes the tables of an engine's parameters take: roots of unity and their quotients, both ways.
fn tables(engine: &Engine) -> u64 {
    const OF_A_RESIDUE: u64 = 32;
    let parameters = engine.evaluator.parameters();
    let primes = parameters.literal().q_bits.len() + parameters.literal().p_bits.len();
    (primes * parameters.degree()) as u64 * OF_A_RESIDUE
}

impl std::fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyCache")
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

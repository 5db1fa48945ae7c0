//! One budget of memory for all that a process computes.
//!
//! It has fixed parts, so that no kind of work waits for another: expanded keys, the encoded weights of a network, buffers
//! that are kept for reuse, checks of uploads, trainings, and classifications. A job runs only while the memory that was planned for it is set aside, and
//! one that never fits is refused when it is made.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::config::Config;
use crate::error::{Error, Result};

/// Memory is set aside in these.
const UNIT: u64 = 1 << 20;
/// What a check needs: one ciphertext or one part of a key at a time, packed and in words.
const CHECK: u64 = 128 << 20;
/// Most bytes of idle buffers, as in other programs.
const MAX_IDLE: u64 = 2 << 30;
/// Most bytes of a network that is kept ready: what networks' plans allow before weights are encoded at use.
const MAX_NETWORK: u64 = 1 << 30;

/// The parts of the budget.
#[derive(Debug)]
pub struct Memory {
    /// Expanded keys.
    pub keys: u64,
    /// A network that is kept ready.
    pub networks: u64,
    /// Buffers that are kept for reuse.
    pub idle: u64,
    /// Uploads that are checked at a time.
    pub checks: Checks,
    /// Trainings.
    pub trainings: Share,
    /// Classifications.
    pub classifications: Share,
}

impl Memory {
    /// As the operator has set it.
    pub fn new(config: &Config) -> Self {
        let all = config.work.memory;
        let keys = config.work.key_memory.min(all / 2);
        let networks = (all / 16).min(MAX_NETWORK);
        let idle = (all / 8).min(MAX_IDLE);
        let most = config.limits.concurrent_checks.max(1);
        let at_once = most.min((all / 8 / CHECK).max(1) as usize);
        let jobs = all.saturating_sub(keys + networks + idle + at_once as u64 * CHECK);
        Self {
            keys,
            networks,
            idle,
            checks: Checks::new(at_once),
            trainings: Share::new(jobs / 4 * 3),
            classifications: Share::new(jobs / 4),
        }
    }

    /// The parts and what is set aside of them, for the operator.
    pub fn parts(&self) -> [(&'static str, u64, u64); 2] {
        [
            ("training", &self.trainings),
            ("classification", &self.classifications),
        ]
        .map(|(name, share)| (name, share.bytes(), share.taken()))
    }
}

/// A part of the budget, of which jobs set something aside.
#[derive(Debug)]
pub struct Share {
    units: u32,
    free: Semaphore,
}

impl Share {
    fn new(bytes: u64) -> Self {
        let units = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).max(1);
        // Semaphores count further than that.
        let free = Semaphore::new(units as usize);
        Self { units, free }
    }

    /// All of it.
    pub fn bytes(&self) -> u64 {
        u64::from(self.units) * UNIT
    }

    /// What is set aside.
    pub fn taken(&self) -> u64 {
        self.bytes() - self.free.available_permits() as u64 * UNIT
    }

    /// Refuses what never fits.
    ///
    /// # Errors
    /// 422.
    pub fn check(&self, what: &str, planned: u64, advice: &str) -> Result<()> {
        if planned <= self.bytes() {
            return Ok(());
        }
        Err(Error::unacceptable(format!(
            "{what} needs about {} MiB of memory, this server has {} for it: {advice}, or ask its operator for more",
            planned.div_ceil(UNIT),
            self.units,
        )))
    }

    /// Sets memory aside as long as what is returned is there, in the order of those who ask. What was planned by a
    /// server with more memory gets all there is.
    ///
    /// # Errors
    /// Never in practice: the budget lives as long as the process.
    pub async fn set_aside(&self, planned: u64) -> Result<SemaphorePermit<'_>> {
        let units = u32::try_from(planned.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let free = self.free.acquire_many(units.min(self.units));
        free.await
            .map_err(|e| Error::internal("memory for a job", e))
    }
}

/// Checks of uploads, a few at a time, whoever has many of them: of each tenant no more wait with the others than are
/// made at a time.
#[derive(Debug)]
pub struct Checks {
    at_once: usize,
    all: Arc<Semaphore>,
    of_tenants: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// The right to check an upload.
#[derive(Debug)]
pub struct Check {
    _of_tenant: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Checks {
    fn new(at_once: usize) -> Self {
        Self {
            at_once,
            all: Arc::new(Semaphore::new(at_once)),
            of_tenants: Mutex::default(),
        }
    }

    /// Those that are made at a time.
    pub fn at_once(&self) -> usize {
        self.at_once
    }

    /// Waits until it is this tenant's turn.
    ///
    /// # Errors
    /// Never in practice, as [`Share::set_aside`].
    pub async fn turn(&self, tenant: &str) -> Result<Check> {
        let failed = |e| Error::internal("the queue of checks", e);
        let own = self.of_tenant(tenant);
        let of_tenant = own.acquire_owned().await.map_err(failed)?;
        let of_all = self.all.clone().acquire_owned().await.map_err(failed)?;
        Ok(Check {
            _of_tenant: of_tenant,
            _of_all: of_all,
        })
    }

    fn of_tenant(&self, tenant: &str) -> Arc<Semaphore> {
        let mut all = self
            .of_tenants
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = all.get(tenant).and_then(Weak::upgrade) {
            return found;
        }
        all.retain(|_, of_tenant| of_tenant.strong_count() > 0);
        let made = Arc::new(Semaphore::new(self.at_once));
        all.insert(tenant.to_owned(), Arc::downgrade(&made));
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn the_parts_are_all_there_is() {
        for gibibytes in [1, 2, 8, 100] {
            let mut config = Config::new("", ([127, 0, 0, 1], 0).into());
            config.work.memory = gibibytes << 30;
            let memory = Memory::new(&config);
            let checks = memory.checks.at_once as u64 * CHECK;
            let jobs = memory.trainings.bytes() + memory.classifications.bytes();
            let all = memory.keys + memory.networks + memory.idle + checks + jobs;
            assert!(all <= config.work.memory && all > config.work.memory - (4 << 20));
        }
    }

    #[test]
    fn what_does_not_fit_waits_and_what_never_fits_is_refused() {
        let share = Share::new(10 * UNIT);
        assert!(share.check("it", 10 * UNIT, "less").is_ok());
        let refused = share.check("it", 10 * UNIT + 1, "less").unwrap_err();
        assert_eq!(refused.status(), 422);
        let first = share.set_aside(6 * UNIT).now_or_never().unwrap().unwrap();
        assert_eq!(share.taken(), 6 * UNIT);
        assert!(share.set_aside(5 * UNIT).now_or_never().is_none());
        drop(first);
        assert!(share.set_aside(99 * UNIT).now_or_never().is_some());
    }

    #[test]
    fn one_tenant_with_many_checks_does_not_keep_the_next_waiting() {
        let checks = Checks::new(2);
        let held: Vec<_> = (0..2)
            .map(|_| checks.turn("a").now_or_never().unwrap())
            .collect();
        let (mut waiting, mut other) = (Box::pin(checks.turn("a")), Box::pin(checks.turn("b")));
        assert!((&mut waiting).now_or_never().is_none() && (&mut other).now_or_never().is_none());
        drop(held);
        assert!(other.now_or_never().is_some() && waiting.now_or_never().is_some());
        drop(checks.turn("c"));
        assert!(checks.of_tenants.lock().unwrap().len() <= 2);
    }
}

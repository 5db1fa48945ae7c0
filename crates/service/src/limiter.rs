//! How often a token may send requests: a bucket for each, filled at a steady rate. And how many requests a tenant may have
//! in progress.
//!
//! By hand: `governor` takes whole rates only, and would replace thirty lines.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::error::{Error, Result};

/// Buckets that are remembered; full ones are forgotten first.
const MAX_BUCKETS: usize = 10_000;

/// Counts requests by token.
#[derive(Debug)]
pub struct Limiter {
    per_second: f64,
    burst: f64,
    buckets: Mutex<HashMap<String, (f64, Instant)>>,
    working: Arc<Places>,
    waiting: Arc<Places>,
}

/// What one of several may have of `all` where the others have so many: half of the rest, so that there is always some
/// left for one more.
pub fn share(all: usize, others: usize) -> usize {
    (all.saturating_sub(others) / 2).max(1)
}

/// Places for the requests of tenants.
#[derive(Debug)]
struct Places {
    of_tenant: usize,
    of_all: usize,
    taken: Mutex<HashMap<String, usize>>,
}

impl Places {
    fn new((of_tenant, of_all): (usize, usize)) -> Arc<Self> {
        let taken = Mutex::default();
        Arc::new(Self {
            of_tenant,
            of_all,
            taken,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a request of a tenant, or how many the tenant has if these are too many.
    fn take(self: &Arc<Self>, tenant: &str) -> Result<Place, usize> {
        let mut taken = self.lock();
        let count = taken.get(tenant).copied().unwrap_or(0);
        let others = taken.values().sum::<usize>() - count;
        if count >= self.of_tenant.min(share(self.of_all, others)) {
            return Err(count);
        }
        taken.insert(tenant.to_owned(), count + 1);
        Ok(Place {
            tenant: tenant.to_owned(),
            places: self.clone(),
        })
    }
}

/// The place of a request in progress.
#[derive(Debug)]
pub struct Place {
    tenant: String,
    places: Arc<Places>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        if let Some(count) = taken.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.tenant);
            }
        }
    }
}

impl Limiter {
    /// Lets `per_second` requests of a token through in the long run, and `burst` at once; no more than
    /// `working` and `waiting`, of a tenant and of all tenants, are in progress together.
    pub fn new(
        per_second: f64,
        burst: f64,
        working: (usize, usize),
        waiting: (usize, usize),
    ) -> Self {
        Self {
            per_second,
            burst,
            buckets: Mutex::default(),
            working: Places::new(working),
            waiting: Places::new(waiting),
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// 429 if there are too many.
    pub fn admit(&self, token: &str) -> Result<()> {
        self.admit_at(token, Instant::now())
    }

    /// Counts a request of a tenant until what is returned is dropped. It may wait for bytes: tenants that let all of
    /// their own wait must not keep others out.
    ///
    /// # Errors
    /// 429 if there are too many.
    pub fn enter(&self, tenant: &str) -> Result<Place> {
        self.working.take(tenant).map_err(|count| {
            let message = format!("this tenant already has {count} requests in progress");
            Error::too_many(message, 1)
        })
    }

    /// The same for a request that has nothing to do until a job has made progress. Such requests have places of their
    /// own: those of a tenant whose jobs are queued would leave it none to send anything else.
    ///
    /// # Errors
    /// 429 if there are too many.
    pub fn wait(&self, tenant: &str) -> Result<Place> {
        self.waiting.take(tenant).map_err(|count| {
            let message = format!("this tenant already has {count} requests that wait for jobs");
            Error::too_many(message, 1)
        })
    }

    fn admit_at(&self, token: &str, now: Instant) -> Result<()> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = |(level, at): (f64, Instant)| {
            let gained = now.saturating_duration_since(at).as_secs_f64() * self.per_second;
            (level + gained).min(self.burst)
        };
        if buckets.len() >= MAX_BUCKETS && !buckets.contains_key(token) {
            buckets.retain(|_, bucket| filled(*bucket) < self.burst);
        }
        let level = buckets
            .get(token)
            .map_or(self.burst, |bucket| filled(*bucket));
        let left = level - 1.0;
        buckets.insert(
            token.to_owned(),
            (if left >= 0.0 { left } else { level }, now),
        );
        if left >= 0.0 {
            return Ok(());
        }
        let seconds = (-left / self.per_second).ceil().max(1.0) as u64;
        Err(Error::too_many(
            "this token exceeds its request rate",
            seconds,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn bursts_pass_and_the_rest_waits() {
        let limiter = Limiter::new(2.0, 3.0, (1, 9), (1, 9));
        let start = Instant::now();
        for _ in 0..3 {
            limiter.admit_at("a", start).unwrap();
        }
        let problem = limiter.admit_at("a", start).unwrap_err();
        assert_eq!(problem.status(), 429);
        limiter.admit_at("b", start).unwrap();
        limiter
            .admit_at("a", start + Duration::from_millis(600))
            .unwrap();
        assert!(
            limiter
                .admit_at("a", start + Duration::from_millis(600))
                .is_err()
        );
    }

    #[test]
    fn a_tenant_leaves_room_for_others() {
        let limiter = Limiter::new(2.0, 3.0, (2, 9), (3, 9));
        let first = limiter.enter("a").unwrap();
        let _second = limiter.enter("a").unwrap();
        assert_eq!(limiter.enter("a").unwrap_err().status(), 429);
        let _other = limiter.enter("b").unwrap();
        drop(first);
        let _third = limiter.enter("a").unwrap();
        assert!(limiter.enter("a").is_err());
    }

    #[test]
    fn requests_that_wait_take_no_place_of_those_that_work() {
        let limiter = Limiter::new(2.0, 3.0, (2, 9), (3, 9));
        let waiting: Vec<_> = std::iter::from_fn(|| limiter.wait("a").ok()).collect();
        assert_eq!(waiting.len(), 3);
        assert_eq!(limiter.wait("a").unwrap_err().status(), 429);
        let _other = limiter.wait("b").unwrap();
        let _working = [limiter.enter("a").unwrap(), limiter.enter("a").unwrap()];
        drop(waiting);
        limiter.wait("a").unwrap();
    }

    #[test]
    fn tenants_together_leave_room_for_one_more() {
        let limiter = Limiter::new(2.0, 3.0, (8, 16), (1, 16));
        let mut present = Vec::new();
        let mut taken = |tenant: &str| {
            let before = present.len();
            present.extend(std::iter::from_fn(|| limiter.enter(tenant).ok()));
            present.len() - before
        };
        assert_eq!(["a", "b", "c", "d", "e"].map(&mut taken), [8, 4, 2, 1, 1]);
    }
}

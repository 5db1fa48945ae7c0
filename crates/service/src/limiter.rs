//! How often a token may send requests: a bucket for each, filled at a steady rate. And how many requests a tenant may have
//! in progress.
//!
//! By hand: `governor` takes whole rates only, and would replace thirty lines.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
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
    /// Requests that a tenant may have in progress, and all tenants together.
    at_a_time: (usize, usize),
    present: Arc<Mutex<HashMap<String, usize>>>,
}

/// What one of several may have of `all` where the others have so many: half of the rest, so that there is always some
/// left for one more.
pub fn share(all: usize, others: usize) -> usize {
    (all.saturating_sub(others) / 2).max(1)
}

/// A request of a tenant in progress.
#[derive(Debug)]
pub struct Presence {
    tenant: String,
    present: Arc<Mutex<HashMap<String, usize>>>,
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = present.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                present.remove(&self.tenant);
            }
        }
    }
}

impl Limiter {
    /// Lets `per_second` requests of a token through in the long run, and `burst` at once; no more than
    /// `at_a_time` of a tenant and of all tenants are in progress together.
    pub fn new(per_second: f64, burst: f64, at_a_time: (usize, usize)) -> Self {
        Self {
            per_second,
            burst,
            buckets: Mutex::default(),
            at_a_time,
            present: Arc::default(),
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// 429 if there are too many.
    pub fn admit(&self, token: &str) -> Result<()> {
        self.admit_at(token, Instant::now())
    }

    /// Counts a request of a tenant until what is returned is dropped. Requests may wait, for a job or for
    /// bytes: tenants that let all of their own wait must not keep others out.
    ///
    /// # Errors
    /// 429 if there are too many.
    pub fn enter(&self, tenant: &str) -> Result<Presence> {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let count = present.get(tenant).copied().unwrap_or(0);
        let others = present.values().sum::<usize>() - count;
        let (of_tenant, of_all) = self.at_a_time;
        if count >= of_tenant.min(share(of_all, others)) {
            let message = format!("this tenant already has {count} requests in progress");
            return Err(Error::too_many(message, 1));
        }
        present.insert(tenant.to_owned(), count + 1);
        Ok(Presence {
            tenant: tenant.to_owned(),
            present: self.present.clone(),
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
        let limiter = Limiter::new(2.0, 3.0, (1, 9));
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
        let limiter = Limiter::new(2.0, 3.0, (2, 9));
        let first = limiter.enter("a").unwrap();
        let _second = limiter.enter("a").unwrap();
        assert_eq!(limiter.enter("a").unwrap_err().status(), 429);
        let _other = limiter.enter("b").unwrap();
        drop(first);
        let _third = limiter.enter("a").unwrap();
        assert!(limiter.enter("a").is_err());
    }

    #[test]
    fn tenants_together_leave_room_for_one_more() {
        let limiter = Limiter::new(2.0, 3.0, (8, 16));
        let mut present = Vec::new();
        let mut taken = |tenant: &str| {
            let before = present.len();
            present.extend(std::iter::from_fn(|| limiter.enter(tenant).ok()));
            present.len() - before
        };
        assert_eq!(["a", "b", "c", "d", "e"].map(&mut taken), [8, 4, 2, 1, 1]);
    }
}

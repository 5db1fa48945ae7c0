//! How often a token may ask: a bucket of tokens for each, filled at a steady rate.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::error::{Answer, Problem};

/// Buckets that are remembered; full ones are forgotten first.
const MAX_BUCKETS: usize = 10_000;

/// Counts requests by token.
#[derive(Debug)]
pub struct Limiter {
    per_second: f64,
    burst: f64,
    buckets: Mutex<HashMap<String, (f64, Instant)>>,
}

impl Limiter {
    /// Lets `per_second` requests through in the long run, and `burst` at once.
    pub fn new(per_second: f64, burst: f64) -> Self {
        Self {
            per_second,
            burst,
            buckets: Mutex::default(),
        }
    }

    /// Counts one request.
    ///
    /// # Errors
    /// 429 if there are too many.
    pub fn admit(&self, token: &str) -> Answer<()> {
        self.admit_at(token, Instant::now())
    }

    fn admit_at(&self, token: &str, now: Instant) -> Answer<()> {
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
        Err(Problem::too_many(
            "this token sends requests faster than it may",
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
        let limiter = Limiter::new(2.0, 3.0);
        let start = Instant::now();
        for _ in 0..3 {
            limiter.admit_at("a", start).unwrap();
        }
        let problem = limiter.admit_at("a", start).unwrap_err();
        assert_eq!((problem.status, problem.retry_after), (429, Some(1)));
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
}

//! When a request is sent again.
//!
//! Pauses are random and grow exponentially (Brooker 2015, "Exponential Backoff and Jitter"), so that clients who were
//! refused together do not return together. What ends it is the time that has passed and not the number of tries:
//! a server that is busy refuses some clients more often than others.

use std::time::Duration;

use tokio::time::Instant;

use super::error::{ClientError, Result};

/// The first pause is at most this long; each may be twice as long as the one before.
const FIRST: Duration = Duration::from_millis(500);
/// Random pauses do not grow beyond this.
const LARGEST: Duration = Duration::from_secs(8);
/// A server does not make a client wait longer than this at once.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How long a server may be too busy.
const BUSY: Duration = Duration::from_secs(180);
/// How long an earlier request, whose connection has broken, may hold what this one needs.
const TAKEN: Duration = Duration::from_secs(60);
/// How long a server may be out of reach, for example while it restarts.
const UNREACHABLE: Duration = Duration::from_secs(15);

/// The failures of one request.
#[derive(Debug, Default)]
pub struct Retry {
    /// When it first failed.
    since: Option<Instant>,
    failures: u32,
}

impl Retry {
    /// Waits until a request may be sent again; `repeats` says whether it may be after a connection has broken.
    ///
    /// # Errors
    /// The error itself if the request may not be sent again, or has failed for too long.
    pub async fn pause(&mut self, error: ClientError, repeats: bool) -> Result<()> {
        // A request that is to come back later has not been served, so any may be repeated then.
        let (least, patience) = match &error {
            ClientError::Problem(problem) => match problem.retry_after {
                Some(seconds) => (Duration::from_secs(seconds), BUSY),
                None => return Err(error),
            },
            ClientError::Connection(_) if repeats => (Duration::ZERO, UNREACHABLE),
            _ => return Err(error),
        };
        self.wait(error, least, patience).await
    }

    /// Waits although the server has not named a time: it will be done with an earlier request soon.
    ///
    /// # Errors
    /// The error itself if that has gone on for too long.
    pub async fn pause_for_earlier(&mut self, error: ClientError) -> Result<()> {
        self.wait(error, Duration::ZERO, TAKEN).await
    }

    async fn wait(
        &mut self,
        error: ClientError,
        least: Duration,
        patience: Duration,
    ) -> Result<()> {
        match self.next(Instant::now(), least, patience, random()) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Err(error),
        }
        Ok(())
    }

    /// The pause after a failure; nothing if it has failed for too long. `part` of the random pause is between 0 and 1.
    fn next(
        &mut self,
        now: Instant,
        least: Duration,
        patience: Duration,
        part: f64,
    ) -> Option<Duration> {
        let since = *self.since.get_or_insert(now);
        let most = FIRST.saturating_mul(1 << self.failures.min(8)).min(LARGEST);
        let pause = least.min(LONGEST_WAIT) + most.mul_f64(part);
        self.failures += 1;
        (now + pause <= since + patience).then_some(pause)
    }
}

/// Between 0 and 1. Without random numbers every pause is as long as it may be.
fn random() -> f64 {
    let mut bytes = [0; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::Problem;

    #[test]
    fn pauses_grow_from_what_the_server_asks_for_until_the_time_is_over() {
        let start = Instant::now();
        let (mut retry, mut now, mut pauses) = (Retry::default(), start, Vec::new());
        let least = Duration::from_secs(1);
        while let Some(pause) = retry.next(now, least, BUSY, 1.0) {
            pauses.push(pause.as_millis());
            now += pause;
        }
        assert_eq!(pauses[..6], [1500, 2000, 3000, 5000, 9000, 9000]);
        assert!(now <= start + BUSY && now + least + LARGEST > start + BUSY);
    }

    #[test]
    fn pauses_differ_and_are_never_shorter_than_asked() {
        let least = Duration::from_secs(2);
        let pause = |part| Retry::default().next(Instant::now(), least, BUSY, part);
        let [none, half, all] = [0.0, 0.5, 1.0].map(|part| pause(part).unwrap());
        assert!(none == least && least < half && half < all);
        let drawn: Vec<_> = (0..8).map(|_| random()).collect();
        assert!(drawn.iter().all(|part| (0.0..=1.0).contains(part)));
        assert!(drawn.iter().any(|part| *part != drawn[0]));
        let hour = Duration::from_secs(3600);
        let long = Retry::default().next(Instant::now(), hour, BUSY, 0.0);
        assert_eq!(long, Some(LONGEST_WAIT));
    }

    #[tokio::test]
    async fn what_may_not_be_repeated_fails_at_once() {
        let broken = || ClientError::Connection("it broke".to_owned());
        let again = Retry::default().pause(broken(), false).await;
        assert!(matches!(again, Err(ClientError::Connection(_))));
        Retry::default().pause(broken(), true).await.unwrap();
        let refused = ClientError::Problem(Box::new(Problem {
            kind: String::new(),
            title: String::new(),
            status: 403,
            detail: String::new(),
            retry_after: None,
        }));
        assert!(Retry::default().pause(refused, true).await.is_err());
    }
}

//! How fast bytes must move at least. A sign of life now and then is not enough: who sends a byte a second would keep
//! a place for days.

use std::time::Duration;

use tokio::time::Instant;

/// Bytes that move, in one window of time after the other.
#[derive(Debug)]
pub struct Pace {
    /// Bytes of a window.
    least: u64,
    window: Duration,
    end: Instant,
    moved: u64,
}

impl Pace {
    /// At least `rate` bytes a second, taken over each `window` from `now` on.
    pub fn new(rate: u64, window: Duration, now: Instant) -> Self {
        Self {
            least: (rate as f64 * window.as_secs_f64()) as u64,
            window,
            end: now + window,
            moved: 0,
        }
    }

    /// When the window ends, and there must have been enough.
    pub fn end(&self) -> Instant {
        self.end
    }

    /// So many more bytes have moved by `now`. Returns whether that is fast enough.
    pub fn moved(&mut self, bytes: u64, now: Instant) -> bool {
        self.moved += bytes;
        if now < self.end {
            return true;
        }
        let is_enough = self.moved >= self.least;
        (self.moved, self.end) = (0, now + self.window);
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_life_are_not_enough() {
        let start = Instant::now();
        let second = |seconds| start + Duration::from_secs(seconds);
        let mut pace = Pace::new(100, Duration::from_secs(10), start);
        // Fast at first, then one byte a second.
        assert!(pace.moved(5000, second(1)) && pace.moved(0, second(10)));
        assert!((11..20).all(|at| pace.moved(1, second(at))));
        assert!(!pace.moved(1, second(20)));
        // It is measured anew.
        assert!(pace.moved(999, second(29)) && pace.moved(1, second(30)));
    }
}

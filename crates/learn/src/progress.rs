//! How far a long computation is.

use std::sync::Mutex;

/// How far a computation is, in units that take about the same time each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Units that are finished.
    pub done: usize,
    /// Units in all.
    pub total: usize,
    /// What has just been done.
    pub what: &'static str,
}

/// Hears of progress. It is called from several threads, one at a time.
pub(crate) type Listener<'a> = dyn FnMut(Progress) + Send + 'a;

/// Counts units from several threads.
pub(crate) struct Counter<'a> {
    state: Mutex<(usize, &'a mut Listener<'a>)>,
    total: usize,
}

impl<'a> Counter<'a> {
    pub(crate) fn new(total: usize, listener: &'a mut Listener<'a>) -> Self {
        Self {
            state: Mutex::new((0, listener)),
            total,
        }
    }

    pub(crate) fn add(&self, units: usize, what: &'static str) {
        // A listener that panicked is not called again.
        let Ok(mut state) = self.state.lock() else {
            return;
        };
        state.0 += units;
        let done = state.0;
        (state.1)(Progress {
            done,
            total: self.total,
            what,
        });
    }
}

/// A counter, whatever becomes of the units.
pub(crate) trait Count: Sync {
    /// Adds finished units.
    fn add(&self, units: usize, what: &'static str);
}

impl Count for Counter<'_> {
    fn add(&self, units: usize, what: &'static str) {
        Counter::add(self, units, what);
    }
}

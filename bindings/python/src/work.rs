//! Long computations: without Python's lock, with progress, and until somebody presses Ctrl-C.
//!
//! A computation runs on a thread of its own. The calling thread waits, and looks from time to time whether a signal
//! has come (Python runs handlers on its main thread only) and how far the computation is. So no thread that computes
//! ever waits for Python's lock. A computation that is to stop unwinds from where it reports progress, like a
//! cancelled query of salsa: what it had written is whole, because files are renamed into place.

use std::any::Any;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;
use tapetum::{Progress, Result, Step};

use crate::error::{exception, named};

/// How often signals are looked for.
const PATIENCE: Duration = Duration::from_millis(50);

/// What is thrown to stop a computation.
struct Stopped;

/// How far a computation is.
#[derive(Clone, Default, PartialEq)]
struct State {
    what: String,
    done: u64,
    total: u64,
}

/// What the computing and the waiting thread share.
#[derive(Default)]
pub struct Watch {
    state: Mutex<State>,
    stop: AtomicBool,
    finished: AtomicBool,
}

impl Watch {
    fn set(&self, change: impl FnOnce(&mut State)) {
        if self.stop.load(Ordering::Relaxed) {
            resume_unwind(Box::new(Stopped));
        }
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn state(&self) -> State {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// What the library reports to.
pub struct Reporter(Arc<Watch>);

impl Progress for Reporter {
    fn begin(&self, what: &str) -> Box<dyn Step> {
        self.0.set(|state| {
            *state = State {
                what: what.to_owned(),
                ..State::default()
            }
        });
        Box::new(Self(Arc::clone(&self.0)))
    }
}

impl Step for Reporter {
    fn advance(&self, done: usize, total: usize) {
        self.advance_bytes(done as u64, total as u64);
    }

    fn advance_bytes(&self, done: u64, total: u64) {
        self.0
            .set(|state| (state.done, state.total) = (done, total));
    }

    fn finish(self: Box<Self>) {
        self.0.set(|state| state.done = state.total);
    }
}

/// Runs a computation. `callback` is called with a description, the units that are done and their number.
pub fn run<T: Send>(
    py: Python<'_>,
    callback: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Reporter) -> Result<T> + Send,
) -> PyResult<T> {
    let watch = Arc::new(Watch::default());
    let reporter = Reporter(Arc::clone(&watch));
    let waiting = thread::current();
    let (outcome, interrupt) = thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let result = std::panic::catch_unwind(AssertUnwindSafe(|| work(&reporter)));
            watch.finished.store(true, Ordering::Release);
            waiting.unpark();
            result
        });
        let mut interrupt = None;
        let mut told = State::default();
        while !watch.finished.load(Ordering::Acquire) {
            py.detach(|| thread::park_timeout(PATIENCE));
            if interrupt.is_none()
                && let Err(error) = py
                    .check_signals()
                    .and_then(|()| tell(callback, &watch, &mut told))
            {
                watch.stop.store(true, Ordering::Relaxed);
                interrupt = Some(error);
            }
        }
        let outcome = py.detach(|| worker.join()).unwrap_or_else(Err);
        (outcome, interrupt)
    });
    match (outcome, interrupt) {
        // It may have finished all the same, but the caller has given up.
        (_, Some(error)) => Err(error),
        (Ok(result), None) => result.map_err(|error| exception(py, error)),
        (Err(panic), None) => Err(internal(py, &*panic)),
    }
}

fn tell(callback: Option<&Bound<'_, PyAny>>, watch: &Watch, told: &mut State) -> PyResult<()> {
    let Some(callback) = callback else {
        return Ok(());
    };
    let state = watch.state();
    if state != *told && !state.what.is_empty() {
        callback.call1((&state.what, state.done, state.total))?;
        *told = state;
    }
    Ok(())
}

/// A mistake of ours.
fn internal(py: Python<'_>, panic: &(dyn Any + Send)) -> PyErr {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    let message = format!(
        "a mistake in tapetum itself, please report it: {}",
        text.unwrap_or("no message")
    );
    named(py, "Error", &message)
}

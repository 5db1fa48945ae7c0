//! What a person sees while something takes its time.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a running step is redrawn.
const TICK: Duration = Duration::from_millis(200);

/// Shows steps on standard error: a bar with the time that is left on a terminal, a line at the
/// end of each step everywhere else.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    quiet: bool,
}

/// One running step.
pub struct Step {
    what: String,
    started: Instant,
    bar: ProgressBar,
    quiet: bool,
}

impl Steps {
    /// Shows nothing if `quiet`.
    pub fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// Begins a step.
    pub fn begin(self, what: &str) -> Step {
        let bar = if self.quiet {
            ProgressBar::hidden()
        } else {
            ProgressBar::no_length()
        };
        let style = ProgressStyle::with_template("  {spinner} {msg}  {elapsed}")
            .expect("the template is well-formed");
        bar.set_style(style);
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(TICK);
        Step {
            what: what.to_owned(),
            started: Instant::now(),
            bar,
            quiet: self.quiet,
        }
    }
}

impl Step {
    /// `done` of `total` units are finished.
    pub fn advance(&self, done: usize, total: usize) {
        if self.bar.length() != Some(total as u64) {
            let style = ProgressStyle::with_template(
                "  {spinner} {msg}  [{bar:30}] {pos}/{len}  {elapsed}, {eta} left",
            )
            .expect("the template is well-formed");
            self.bar.set_style(style.progress_chars("=> "));
            self.bar.set_length(total as u64);
        }
        self.bar.set_position(done as u64);
    }

    /// Ends the step and says how long it took.
    pub fn finish(self) -> f64 {
        let seconds = self.started.elapsed().as_secs_f64();
        self.bar.finish_and_clear();
        if !self.quiet {
            eprintln!("  {:<58} {seconds:>7.1} s", self.what);
        }
        seconds
    }
}

//! What a person sees while something takes its time.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use tapetum::escape::escaped;
use tapetum::{Progress, Step};

/// How often a running step is redrawn.
const TICK: Duration = Duration::from_millis(200);
const SPINNER: &str = "  {spinner} {msg}  {elapsed}";
const UNITS: &str = "  {spinner} {msg}  [{wide_bar}] {percent} %  {elapsed}, {eta} left";
const BYTES: &str =
    "  {spinner} {msg}  [{wide_bar}] {decimal_bytes}/{decimal_total_bytes}  {elapsed}, {eta} left";

/// Shows steps on standard error: a bar with the time that is left on a terminal, a line at the
/// end of each step everywhere else.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    quiet: bool,
}

impl Steps {
    /// Shows nothing if told so, or if scripts read what is printed and nobody watches.
    pub fn for_user(quiet: bool, json: bool) -> Self {
        Self {
            quiet: quiet || (json && !stderr().is_terminal()),
        }
    }
}

impl Progress for Steps {
    fn begin(&self, what: &str) -> Box<dyn Step> {
        let what = escaped(what);
        let bar = if self.quiet {
            ProgressBar::hidden()
        } else {
            ProgressBar::no_length().with_finish(ProgressFinish::AndClear)
        };
        bar.set_style(style(SPINNER));
        bar.set_message(what.to_string());
        bar.enable_steady_tick(TICK);
        Box::new(Bar {
            what: what.into_owned(),
            started: Instant::now(),
            bar,
            quiet: self.quiet,
        })
    }

    fn is_quiet(&self) -> bool {
        self.quiet
    }
}

/// One running step.
struct Bar {
    what: String,
    started: Instant,
    bar: ProgressBar,
    quiet: bool,
}

impl Bar {
    fn set_length(&self, length: u64, template: &str) {
        if self.bar.length() != Some(length) {
            self.bar.set_style(style(template).progress_chars("=> "));
            self.bar.set_length(length);
        }
    }
}

impl Step for Bar {
    fn advance(&self, done: usize, total: usize) {
        // Before the first is done nobody knows how long the others take.
        if done > 0 {
            self.set_length(total as u64, UNITS);
            self.bar.set_position(done as u64);
        }
    }

    fn advance_bytes(&self, done: u64, total: u64) {
        self.set_length(total, BYTES);
        self.bar.set_position(done);
    }

    fn finish(self: Box<Self>) {
        let seconds = self.started.elapsed().as_secs_f64();
        self.bar.finish_and_clear();
        if !self.quiet {
            eprintln!("  {:<58} {seconds:>7.1} s", self.what);
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is well-formed")
}

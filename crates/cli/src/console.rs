//! What commands print: text for people, one JSON object for scripts.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;
use tapetum::escape::{escaped, escaped_lines};
use tapetum::{Context, Predictions, Result};

use crate::progress::Steps;

/// Predictions that are printed before the rest is left to `--out` or `--json`.
const PRINTED_PREDICTIONS: usize = 40;

/// Where a command shows progress, and prints.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    /// Shows progress.
    pub steps: Steps,
    /// Whether JSON is printed, and not text.
    pub json: bool,
}

impl Console {
    /// Says something that is neither the result nor an error, to standard error.
    pub fn aside(&self, kind: &str, text: &str) {
        let line = match self.json {
            true => json!({ kind: text }).to_string(),
            false => format!("{kind}: {text}"),
        };
        // Nothing is left to be done if even that cannot be written.
        let _ = writeln!(io::stderr(), "{line}");
    }

    /// Prints a result.
    pub fn print(&self, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<()> {
        let text = if self.json {
            serde_json::to_string(value)? + "\n"
        } else {
            // Names of files and of classes are those that somebody else chose.
            escaped_lines(&text()).into_owned()
        };
        let mut out = io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        match written {
            // The reader has read enough, as `head` does.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.context("cannot print the result"),
        }
    }
}

/// Help and version to standard output; a command line that is wrong is an error as any other.
pub fn usage(error: &clap::Error) -> ExitCode {
    let code = u8::try_from(error.exit_code()).unwrap_or(u8::MAX);
    // What was not understood cannot say whether JSON is wanted.
    let json = env::args_os().any(|arg| arg == "--json");
    if error.use_stderr() && json {
        let text = error.to_string();
        let message = text.trim().strip_prefix("error: ").unwrap_or(text.trim());
        self::error(message, code, json);
    } else {
        // Nothing is left to be done if even that cannot be written.
        let _ = error.print();
    }
    ExitCode::from(code)
}

/// To standard error: errors are never part of what a script reads.
pub fn error(message: &str, code: u8, json: bool) {
    let line = if json {
        json!({ "error": message, "exit_code": code }).to_string()
    } else {
        format!("error: {}", escaped(message))
    };
    // Nothing is left to be done if even that cannot be written.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Predictions for people.
pub fn predictions(found: &Predictions) -> String {
    let mut text = String::new();
    for v in found.predictions.iter().take(PRINTED_PREDICTIONS) {
        let score = v.score.map_or_else(String::new, |s| format!("{s:>+9.4}"));
        let mark = match &v.truth {
            Some(truth) if v.is_right() == Some(false) => format!("   WRONG: {truth}"),
            _ => String::new(),
        };
        let line = format!("{:<12} {score}  {}{mark}", v.class, v.source);
        text += &(escaped(&line) + "\n");
    }
    if found.predictions.len() > PRINTED_PREDICTIONS {
        let more = found.predictions.len() - PRINTED_PREDICTIONS;
        text += &format!("... and {more} more: use --out FILE or --json to have them all\n");
    }
    if let Some(accuracy) = found.accuracy() {
        text += &format!(
            "{} predictions, {:.2} % right.\n",
            found.predictions.len(),
            100.0 * accuracy
        );
        text += &metrics(found);
    }
    text += &undecided(found);
    text += &notes(&found.notes);
    if let Some(out) = &found.out {
        text += &format!("Written to {}.\n", out.display());
    }
    text
}

/// How many predictions are undecided, if any.
pub fn undecided(found: &Predictions) -> String {
    match found.undecided {
        0 => String::new(),
        count => format!("{count} undecided: their scores are no larger than the noise.\n"),
    }
}

/// How many samples each class has, if labels are known, and what there is to note of them.
pub fn remarks(classes: &[String], counts: &[usize], notes: &[String]) -> String {
    let mut text = String::new();
    if !counts.is_empty() {
        let named = classes.iter().zip(counts);
        let named: Vec<String> = named
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        let positive = match classes {
            [_, positive] => format!("; the positive one is {positive}"),
            _ => String::new(),
        };
        let line = format!("Samples of each class: {}{positive}.", named.join(", "));
        text += &(escaped(&line) + "\n");
    }
    text + &self::notes(notes)
}

/// What there is to note, a line each.
pub fn notes(notes: &[String]) -> String {
    let line = |note: &String| format!("Note: {}.\n", escaped(note));
    notes.iter().map(line).collect()
}

/// What is known beside the accuracy.
pub fn metrics(found: &Predictions) -> String {
    let Some(metrics) = &found.metrics else {
        return String::new();
    };
    let mut text = format!(
        "Balanced accuracy {:.2} %",
        100.0 * metrics.balanced_accuracy
    );
    if let Some(area) = metrics.roc_auc {
        text += &format!(", area under the ROC curve {area:.4}");
    }
    text += ".\n";
    for plot in &found.plots {
        text += &format!("Drawn: {}\n", plot.display());
    }
    text
}

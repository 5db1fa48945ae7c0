//! What commands print: text for people, one JSON object for scripts.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::json;

use crate::args::{Classify, Encrypt, Keygen, Train};
use crate::decrypt::Decrypted;
use crate::demo::Outcome;
use crate::encrypt::Encrypted;
use crate::inspect::Inspected;
use crate::keygen::Made;
use crate::predictions::Predictions;
use crate::server::classify::Classified;
use crate::server::train::Trained;
use crate::simulate::Simulated;

/// Predictions that are printed before the rest is left to `--out` or `--json`.
const PRINTED_PREDICTIONS: usize = 40;

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

pub fn simulate(found: &Simulated, json: bool) -> Result<()> {
    let text = || {
        let mut text = format!(
            "In the clear: {} on {} samples of {} features, {} held out: {:.2} % right.\n",
            found.learner,
            found.train_samples,
            found.columns,
            found.test_samples,
            100.0 * found.predictions.accuracy().unwrap_or_default()
        );
        text += &metrics(&found.predictions);
        let ranges = &found.ranges;
        if let Some(interval) = ranges.interval {
            let largest = ranges.largest_z.iter().copied().fold(0.0, f64::max);
            text += &format!(
                "Ranges: largest |z| {largest:.2} of {interval:.0} that the polynomial is made \
                 for,"
            );
        } else {
            text += "Ranges:";
        }
        text += &format!(
            " largest score {:.2} of {:.0}.\n",
            ranges.largest_score, ranges.score_limit
        );
        let cost = &found.cost;
        text += &format!(
            "Encrypted, this takes log N = {}, log QP = {:.0}, {} levels, {}-bit security;\n  \
             {} evaluation keys: {}; public key: {}\n",
            cost.log_n,
            cost.log_qp,
            cost.levels,
            cost.security_bits,
            cost.evaluation_keys,
            bytes(cost.key_bytes.evaluation),
            bytes(cost.key_bytes.public),
        );
        for (name, part) in [
            ("training data and labels", &cost.train),
            ("held-out data", &cost.test),
        ] {
            text += &format!(
                "  {name}: {} ciphertext{}, {} from the owner, {} from a contributor\n",
                part.ciphertexts,
                if part.ciphertexts == 1 { "" } else { "s" },
                bytes(part.bytes_from_owner),
                bytes(part.bytes_from_contributor)
            );
        }
        text += &format!(
            "It will take about {} to encrypt, {} to train and {} to classify on this machine, and \
             about {} of memory to train.\n",
            seconds(cost.seconds.encrypt),
            seconds(cost.seconds.train),
            seconds(cost.seconds.classify),
            bytes(cost.training_memory_bytes)
        );
        if let Some(out) = &found.predictions.out {
            text += &format!("Predictions written to {}.\n", out.display());
        }
        if let Some(dir) = &found.export {
            text += &format!(
                "The model is in {}, with features.json for those who encrypt.\n",
                dir.display()
            );
        }
        text
    };
    print(found, text, json)
}

pub fn keygen(args: &Keygen, made: &Made, json: bool) -> Result<()> {
    let text = || {
        let mut text = format!(
            "Keys for log N = {}, log QP = {:.0}, {} levels, at least {}-bit security.\n",
            made.log_n, made.log_qp, made.levels, made.security_bits
        );
        let evaluation = bytes(made.evaluation_keys);
        text += &format!("  {}: secret key; keep it\n", args.owner.display());
        if let Some(dir) = &args.contributor {
            let public = bytes(made.public_key);
            text += &format!(
                "  {}: public key ({public}); for contributors\n",
                dir.display()
            );
        }
        match &args.server {
            Some(dir) => {
                text += &format!(
                    "  {}: evaluation keys ({evaluation}); for the server\n",
                    dir.display()
                );
            }
            None => {
                text += &format!(
                    "  {}: evaluation keys ({evaluation}) as well; for the server, with plan.json\n",
                    args.owner.display()
                );
            }
        }
        text
    };
    print(made, text, json)
}

pub fn encrypt(args: &Encrypt, done: &Encrypted, json: bool) -> Result<()> {
    let text = || {
        format!(
            "Encrypted {} samples of {} features into {}: {}, {} a sample, labels {}.\n\
             What is which is in {}; keep it.\n",
            done.samples,
            done.columns,
            args.out.display(),
            bytes(done.bytes),
            bytes(done.bytes_per_sample),
            done.labels,
            done.index.display()
        )
    };
    print(done, text, json)
}

pub fn train(args: &Train, done: &Trained, json: bool) -> Result<()> {
    let text = || {
        format!(
            "Trained {} on {} encrypted samples with {} labels. Encrypted model: {} ({}).\n",
            done.learner,
            done.samples,
            if done.labels_encrypted {
                "encrypted"
            } else {
                "clear"
            },
            args.out.display(),
            bytes(done.bytes)
        )
    };
    print(done, text, json)
}

pub fn classify(args: &Classify, done: &Classified, json: bool) -> Result<()> {
    let text = || {
        format!(
            "Classified {} encrypted samples. Encrypted scores: {} ({}).\n",
            done.samples,
            args.out.display(),
            bytes(done.bytes)
        )
    };
    print(done, text, json)
}

pub fn decrypt(found: &Decrypted, json: bool) -> Result<()> {
    let text = || match found {
        Decrypted::Predictions(found) => predictions(found),
        Decrypted::Model(weights) => format!(
            "The weights of {} features for {} classes are in {}.\n\
             Do not give them to a server that holds anything encrypted with these keys: their last \
             digits tell about the secret key.\n",
            weights.features,
            weights.classes.len(),
            weights.out.display()
        ),
    };
    print(found, text, json)
}

/// What is known beside the accuracy.
fn metrics(found: &Predictions) -> String {
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

fn predictions(found: &Predictions) -> String {
    let mut text = String::new();
    for v in found.predictions.iter().take(PRINTED_PREDICTIONS) {
        let score = v.score.map_or_else(String::new, |s| format!("{s:>+9.4}"));
        let mark = match &v.truth {
            Some(truth) if v.is_right() == Some(false) => format!("   WRONG: {truth}"),
            _ => String::new(),
        };
        text += &format!("{:<12} {score}  {}{mark}\n", v.class, v.source);
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
    if let Some(out) = &found.out {
        text += &format!("Written to {}.\n", out.display());
    }
    text
}

pub fn inspect(found: &Inspected, json: bool) -> Result<()> {
    let text = || {
        let mut text = String::new();
        for object in &found.objects {
            let header = serde_json::to_string_pretty(&object.header).unwrap_or_default();
            text += &format!(
                "{} (format {}), parameters {}, {}\n{header}\n",
                object.holds,
                object.format,
                object.parameters,
                bytes(object.bytes)
            );
        }
        text
    };
    print(found, text, json)
}

pub fn demo(done: &Outcome, json: bool) -> Result<()> {
    let text = || {
        format!(
            "\n{} of {} images right: {:.2} % under encryption, {:.2} % in the clear.\n\
             Trained on {} images that the trainer could not see, in {:.1} s all told; {}-bit \
             security.\nThe report: {}\n",
            (done.accuracy_encrypted * done.test_images as f64).round(),
            done.test_images,
            100.0 * done.accuracy_encrypted,
            100.0 * done.accuracy_clear,
            done.train_images,
            done.seconds.total,
            done.parameters.security_bits,
            done.report.display()
        )
    };
    print(done, text, json)
}

pub fn bench(measured: &crate::bench::Measured, json: bool) -> Result<()> {
    print(&measured.json, || measured.text.clone(), json)
}

/// To standard error: errors are never part of what a script reads.
pub fn error(message: &str, code: u8, json: bool) {
    let line = if json {
        json!({ "error": message, "exit_code": code }).to_string()
    } else {
        format!("error: {message}")
    };
    // Nothing is left to be done if even that cannot be written.
    let _ = writeln!(io::stderr(), "{line}");
}

fn print(value: &impl Serialize, text: impl FnOnce() -> String, json: bool) -> Result<()> {
    let text = match json {
        true => serde_json::to_string(value)? + "\n",
        false => text(),
    };
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        // Whoever reads has read enough, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot print the result"),
    }
}

/// Seconds that were estimated, for people.
fn seconds(seconds: f64) -> String {
    match seconds {
        ..1.0 => format!("{seconds:.1} s"),
        ..120.0 => format!("{seconds:.0} s"),
        ..7200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.0} h", seconds / 3600.0),
    }
}

/// A number of bytes for people.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if n < 1000 {
        return format!("{n} bytes");
    }
    let mut value = n as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_well() {
        assert_eq!(bytes(0), "0 bytes");
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(1000), "1.0 kB");
        assert_eq!(bytes(999_949), "999.9 kB");
        assert_eq!(bytes(999_951), "1.0 MB");
        assert_eq!(bytes(1_234_567_890), "1.2 GB");
    }
}

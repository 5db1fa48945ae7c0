//! `tapetum simulate`: the same in the clear, and what encryption would cost.

use std::path::PathBuf;

use clap::Args;
use tapetum::folders::Output;
use tapetum::learn::{EstimatorConfig, RangeOf};
use tapetum::plan::{DEFAULT_FEATURES, TABLE_FEATURES};
use tapetum::simulate::{Curve, Simulated};
use tapetum::units::{bytes, seconds};
use tapetum::vision::{FeatureSpec, Samples};
use tapetum::{Error, Progress, Result};
use tapetum_report::draw;

use crate::console::{Console, metrics, remarks, undecided};
use crate::options::{ClassWeight, Kind, Parts, Source};

/// Arguments of `simulate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum simulate --images animal-shapes --positive cat --balanced \\
      --train-count 1536 --test-count 448
  tapetum simulate --images wdbc.csv --positive M --learner linear-means --out clear.csv
  tapetum simulate --images animal-shapes --classes 10 --learner ridge --plots pictures
  tapetum simulate --images pictures/ --export provider

Nothing is encrypted and no key is needed. The same steps with the same polynomials run on plain
numbers, so the predictions are those that encryption will give. --out writes them as `decrypt` does.
Times are estimated from how fast this machine computes now.")]
pub struct Simulate {
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub parts: Parts,
    #[command(flatten)]
    pub kind: Kind,
    /// `balanced`: samples of rarer classes are repeated, so that each class counts the same in training.
    #[arg(long, value_enum, value_name = "WEIGHT")]
    pub class_weight: Option<ClassWeight>,
    /// Write the predictions on the held-out part to this CSV file.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Draw learning curve and confusion matrix, as SVG files in this folder.
    #[arg(long, value_name = "DIR")]
    pub plots: Option<PathBuf>,
    /// Write what was learned to this folder: model.json for a server that classifies with a plain
    /// model, features.json for its clients.
    #[arg(long, value_name = "DIR")]
    pub export: Option<PathBuf>,
}

/// Trains and classifies in the clear.
pub fn run(args: &Simulate, console: &Console) -> Result<()> {
    let found = simulate(args, &console.steps)?;
    console.print(&found, || text(&found))?;
    found.check()
}

fn simulate(args: &Simulate, progress: &dyn Progress) -> Result<Simulated> {
    if let Some(out) = &args.out {
        Output::Predictions.check(out, &args.source.inputs())?;
    }
    if let Some(dir) = &args.export {
        Simulated::check_export(dir)?;
    }
    let colour = match &args.kind.features {
        Some(features) => features.parse::<FeatureSpec>()?.wants_colour(),
        None => false,
    };
    let step = progress.begin("reading samples");
    let source = args.source.to_source(false);
    let mut split = source.read_split(args.parts.to_parts(), colour, args.kind.classes)?;
    if args.class_weight.is_some() {
        split.train = split.train.with_equal_classes();
    }
    step.finish();
    let (default, columns) = match split.train.samples() {
        Samples::Images(_) => (DEFAULT_FEATURES, None),
        Samples::Table(table) => (TABLE_FEATURES, Some(table.columns())),
    };
    let plan = args.kind.plan(default, columns, split.train.len())?;
    if args.export.is_some() && matches!(plan.learner(), Some(EstimatorConfig::TwoLayer(_))) {
        return Err(Error::input(
            "--export writes a linear model, and two-layer trains a network: leave --export out, or take another --learner",
        ));
    }
    let mut found = Simulated::run(&plan, &split, progress)?;
    if let Some(out) = &args.out {
        found.predictions.write(out)?;
    }
    if let Some(dir) = &args.plots {
        let step = progress.begin("training step by step, for the learning curve");
        let curve = Curve::of(&plan, &split)?;
        step.finish();
        found.predictions.plots = draw(dir, &found.predictions, curve.as_ref())?;
    }
    if let Some(dir) = &args.export {
        found.write(dir)?;
    }
    Ok(found)
}

fn text(found: &Simulated) -> String {
    let mut text = format!(
        "In the clear: {} on {} samples of {} features, {} held out",
        found.learner, found.train_samples, found.columns, found.test_samples,
    );
    if let Some(accuracy) = found.predictions.accuracy() {
        text += &format!(": {:.2} % right", 100.0 * accuracy);
    }
    text += ".\n";
    text += &metrics(&found.predictions);
    text += &undecided(&found.predictions);
    text += &remarks(
        &found.predictions.classes,
        &found.class_counts,
        &found.notes,
    );
    let ranges = &found.ranges;
    if let Some(interval) = ranges.interval {
        let largest = ranges.largest_z.iter().copied().fold(0.0, f64::max);
        let largest = match largest < 1e4 {
            true => format!("{largest:.2}"),
            false => format!("{largest:.1e}"),
        };
        let made_for = match ranges.of {
            RangeOf::Scores => "that the polynomial is made for",
            RangeOf::HiddenUnits => "that sums of hidden units may reach",
        };
        text += &format!("Ranges: largest |z| {largest} of {interval:.0} {made_for},");
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
}

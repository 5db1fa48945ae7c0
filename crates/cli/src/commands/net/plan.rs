//! `tapetum net plan`: what a network needs, before any key exists.

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tapetum::folders::Output;
use tapetum::networks::{
    ColourOrder, NetworkOptions, NetworkPlanFile, NetworkSummary, Preprocessing, summarize,
    write_plan,
};
use tapetum::units::bytes;
use tapetum::{Context, Result};

use crate::console::Console;

/// Arguments of `net plan`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum net plan network.onnx --calibrate images/
  tapetum net plan network.onnx --calibrate images/ --classes cat,dog --out network.plan.json
  tapetum net plan network.onnx --calibrate images/ --mean 0.485,0.456,0.406 --deviation 0.229,0.224,0.225

No key is needed. docs/networks-operators.md lists the operators that are supported.")]
pub struct Plan {
    /// An ONNX file.
    network: PathBuf,
    /// Images like those to come, which set the scale of the layers: a folder, a picture or an IDX file.
    #[arg(long, value_name = "IMAGES")]
    calibrate: Option<PathBuf>,
    /// The values that black and white have in the network.
    #[arg(long, num_args = 2, value_names = ["BLACK", "WHITE"], default_values_t = [0.0, 1.0], allow_negative_numbers = true)]
    range: Vec<f64>,
    /// What is taken from the values of each channel, in the network's order of channels.
    #[arg(
        long,
        value_name = "MEANS",
        value_delimiter = ',',
        requires = "deviation",
        allow_negative_numbers = true
    )]
    mean: Vec<f64>,
    /// What they are divided by then.
    #[arg(
        long,
        value_name = "DEVIATIONS",
        value_delimiter = ',',
        requires = "mean"
    )]
    deviation: Vec<f64>,
    /// Whether the network takes red or blue first.
    #[arg(long, value_enum, default_value_t)]
    colours: Colours,
    /// Write the plan, which everyone who uses the network needs.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The names of the classes in the order of the scores; numbers without it.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "out")]
    classes: Option<Vec<String>>,
}

/// Which colour comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Colours {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// Blue, green, red.
    Bgr,
}

impl Plan {
    fn preprocessing(&self) -> Result<Preprocessing> {
        let order = match self.colours {
            Colours::Rgb => ColourOrder::Rgb,
            Colours::Bgr => ColourOrder::Bgr,
        };
        let of_range = Preprocessing::of_range([self.range[0], self.range[1]]);
        let of_range = of_range.context("cannot use --range")?;
        let normalised = of_range.normalised(self.mean.clone(), self.deviation.clone());
        let normalised = normalised.context("cannot use --mean and --deviation")?;
        Ok(normalised.with_order(order))
    }
}

/// Plans a network.
pub fn run(args: &Plan, console: &Console) -> Result<()> {
    if let Some(out) = &args.out {
        let inputs = [Some(&args.network), args.calibrate.as_ref()];
        let inputs: Vec<_> = inputs.into_iter().flatten().map(AsRef::as_ref).collect();
        Output::NetworkPlan.check(out, &inputs)?;
    }
    let preprocessing = args.preprocessing()?;
    let (plan, found) = summarize(&NetworkOptions {
        network: args.network.clone(),
        calibration: args.calibrate.clone(),
        preprocessing: preprocessing.clone(),
    })?;
    for note in &found.notes {
        console.aside("note", note);
    }
    if found.calibration_images == 0 {
        console.aside(
            "note",
            "without --calibrate the layers keep their scale, and scores may be imprecise or overflow",
        );
    }
    if let Some(out) = &args.out {
        let numbers = || (0..plan.scores()).map(|class| class.to_string()).collect();
        let classes = args.classes.clone().unwrap_or_else(numbers);
        let file = NetworkPlanFile::new(plan, classes)?.with_preprocessing(preprocessing)?;
        write_plan(&file, out)?;
    }
    console.print(&found, || text(&found))
}

fn text(found: &NetworkSummary) -> String {
    let name = |name: &str| name.chars().take(32).collect::<String>();
    let mut text = format!(
        "{:32} {:16} {:>5} {:>9} {:>9}  {}\n",
        "layer", "shape", "level", "rotations", "CPU time", "packing"
    );
    let mut line = |arguments: std::fmt::Arguments<'_>| {
        text.write_fmt(arguments).expect("text grows");
        text.push('\n');
    };
    for layer in &found.layers {
        let shape: Vec<String> = layer.shape.iter().map(usize::to_string).collect();
        line(format_args!(
            "{:32} {:16} {:>5} {:>9} {:>6.1} ms  {}",
            name(&layer.name),
            shape.join(" x "),
            layer.level,
            layer.rotations,
            1e3 * layer.predicted_cpu_s,
            layer.packing
        ));
    }
    line(format_args!(
        "\nN = 2^{}, {} bits of security, {} levels, {} rotations",
        found.log_n, found.security_bits, found.levels, found.rotations
    ));
    line(format_args!(
        "{} ciphertexts per image; {} evaluation keys, {}; encoded weights, {}",
        found.ciphertexts,
        found.keys,
        bytes(found.keys_bytes),
        bytes(found.weights_bytes)
    ));
    if found.bootstraps > 0 {
        line(format_args!(
            "{} bootstraps, {} beside their keys",
            found.bootstraps,
            bytes(found.bootstrapping_bytes)
        ));
    }
    line(format_args!(
        "predicted: {:.0} ms of CPU time per image",
        1e3 * found.predicted_cpu_s
    ));
    text
}

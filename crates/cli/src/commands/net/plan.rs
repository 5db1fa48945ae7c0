//! `tapetum net plan`: what a network needs, before any key exists.

use std::fmt::Write;
use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use tapetum::folders::Output;
use tapetum::networks::{
    Answer, ColourOrder, NetworkAccuracy, NetworkOptions, NetworkSummary, Preprocessing, summarize,
    write_plan,
};
use tapetum::units::bytes;
use tapetum::{Context, Result};

use crate::console::Console;

/// Arguments of `net plan`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("named").args(["out", "labels"]).multiple(true))]
#[command(after_help = "\
Examples:
  tapetum net plan network.onnx --calibrate images/
  tapetum net plan network.onnx --calibrate images/ --classes cat,dog --out network.plan.json
  tapetum net plan network.onnx --calibrate images/ --classes cat,dog --labels
  tapetum net plan network.onnx --calibrate images/ --classes cat,dog --answer labels --out network.plan.json
  tapetum net plan network.onnx --calibrate images/ --mean 0.485,0.456,0.406 --deviation 0.229,0.224,0.225

No key is needed. With --labels, images/ has a folder per class, with the name of the class. docs/networks-operators.md lists the operators that are supported.")]
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
    /// What leaves the server. For labels alone, scores are compared under encryption, which takes more levels and time.
    #[arg(long, value_enum, default_value_t, requires_if("labels", "calibrate"))]
    answer: Answers,
    /// Measure the accuracy on the calibration images in the clear, as trained and with the polynomials of the plan.
    /// Each image's class is the name of its folder in --calibrate.
    #[arg(long, requires = "calibrate")]
    labels: bool,
    /// Write the plan, which everyone who uses the network needs.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The names of the classes in the order of the scores; numbers without it.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "named")]
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

/// What leaves the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Answers {
    /// The scores of all classes.
    #[default]
    Scores,
    /// Which class has the largest score, and nothing else.
    Labels,
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
    let options = NetworkOptions {
        network: args.network.clone(),
        calibration: args.calibrate.clone(),
        preprocessing: args.preprocessing()?,
        answer: match args.answer {
            Answers::Scores => Answer::Scores,
            Answers::Labels => Answer::Labels,
        },
        classes: args.classes.clone(),
        labelled: args.labels,
    };
    let (file, found) = summarize(&options, &console.steps)?;
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
        "predicted: {:.0} ms of CPU time per image, {} of memory with the keys",
        1e3 * found.predicted_cpu_s,
        bytes(found.predicted_memory_bytes)
    ));
    if found.answer == "labels" {
        line(format_args!("answer: the label alone, without scores"));
    }
    if let Some(accuracy) = &found.accuracy {
        line(format_args!("{}", self::accuracy(accuracy)));
    }
    text
}

fn accuracy(found: &NetworkAccuracy) -> String {
    let mut text = format!(
        "accuracy in the clear on {} labelled calibration images: {:.1} % as trained, {:.1} % with the polynomials of the \
         plan; the same class for {:.1} %",
        found.images,
        100.0 * found.original,
        100.0 * found.polynomials,
        100.0 * found.agreement
    );
    if found.undecided > 0 {
        let count = found.undecided;
        write!(text, "; {count} undecided, which count as a guess").expect("text grows");
    }
    if found.unlabelled > 0 {
        write!(
            text,
            "; {} images without a usable label left out",
            found.unlabelled
        )
        .expect("text grows");
    }
    text
}

//! `tapetum encrypt`: samples to features to ciphertexts.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tapetum::contributor::{self, Encrypted};
use tapetum::folders::Output;
use tapetum::learn::SlotOrder;
use tapetum::plan::Purpose;
use tapetum::samples::{Classes, Samples};
use tapetum::units::bytes;
use tapetum::vision::Pipeline;
use tapetum::{Contributor as Encrypting, Error, Progress, Result};

use crate::console::{Console, remarks};
use crate::options::{ClassWeight, Part, Parts, Source, open_owner};

/// Arguments of `encrypt`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum encrypt --owner owner --images pictures/ --positive cats --out server/train.enc
  tapetum encrypt --contributor contributor --images new-pictures/ --out server/new.enc
  tapetum encrypt --owner owner --images animal-shapes --positive cat --balanced \\
      --split train --train-count 1536 --test-count 448 --seed 1 --out server/train.enc

The first labelled data fix how features are standardised: features.json in the directory that
encrypts them. Copy it to every other directory that encrypts for the same model, but not to the server:
it tells the average image. An index of what was encrypted stays in the directory too.")]
pub struct Encrypt {
    #[command(flatten)]
    pub contributor: Contributor,
    #[command(flatten)]
    pub source: Source,
    /// The file to write, to be given to the server.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// By which name the server knows whose samples these are [default: owner or contributor]
    #[arg(long, value_name = "NAME", value_parser = contributor_name)]
    pub name: Option<String>,
    /// How labels are sent [default: encrypted if there are any; withheld for a test part of a training that bootstraps
    /// all classes at once, with which it could not be classified]
    #[arg(long, value_enum)]
    pub labels: Option<LabelsAre>,
    /// `balanced`: samples of rarer classes are repeated, so that each class counts the same in training.
    #[arg(long, value_enum, value_name = "WEIGHT")]
    pub class_weight: Option<ClassWeight>,
    /// Encrypt one part of a stratified split.
    #[arg(long, value_enum, value_name = "PART", requires = "train_count")]
    pub split: Option<Part>,
    #[command(flatten)]
    pub parts: Parts,
    /// Standardise by these data, replacing what was fixed before.
    #[arg(long)]
    pub refit: bool,
    /// Where the file of the backbone is here, if the features are those of one; any other file than
    /// that of the plan is refused.
    #[arg(long, value_name = "FILE")]
    pub backbone: Option<PathBuf>,
}

/// A name that can be shown and typed: 1 to 64 characters, none of them for control.
fn contributor_name(text: &str) -> Result<String, String> {
    match (1..=64).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        true => Ok(text.to_owned()),
        false => Err("a name has 1 to 64 characters, all on one line".to_owned()),
    }
}

/// Who encrypts.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Contributor {
    /// The owner's directory: encrypts with the secret key, to half the size.
    #[arg(long, value_name = "DIR")]
    pub owner: Option<PathBuf>,
    /// A contributor's directory: encrypts with the public key.
    #[arg(long, value_name = "DIR")]
    pub contributor: Option<PathBuf>,
}

/// How labels are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LabelsAre {
    /// The server does not see them.
    Encrypted,
    /// The server sees them.
    Clear,
    /// They are not sent: for classification.
    Withheld,
}

impl From<LabelsAre> for contributor::LabelsAre {
    fn from(labels: LabelsAre) -> Self {
        match labels {
            LabelsAre::Encrypted => Self::Encrypted,
            LabelsAre::Clear => Self::Clear,
            LabelsAre::Withheld => Self::Withheld,
        }
    }
}

/// Reads samples and encrypts them.
pub fn run(args: &Encrypt, console: &Console) -> Result<()> {
    let done = encrypt(args, &console.steps)?;
    console.print(&done, || {
        format!(
            "Encrypted {} samples of {} features into {}: {}, {} per sample, labels {}.\n{}\
             The index of the samples is {}; keep it.\n",
            done.samples,
            done.columns,
            args.out.display(),
            bytes(done.bytes),
            bytes(done.bytes_per_sample),
            done.labels,
            remarks(&done.classes, &done.class_counts, &done.notes),
            done.index.display()
        )
    })
}

fn encrypt(args: &Encrypt, progress: &dyn Progress) -> Result<Encrypted> {
    let mut contributor = match (&args.contributor.owner, &args.contributor.contributor) {
        (Some(dir), _) => open_owner(dir)?.contributor(),
        (None, Some(dir)) => Encrypting::open(dir)?,
        (None, None) => return Err(Error::role("specify --owner or --contributor")),
    };
    if let Some(path) = &args.backbone {
        contributor.use_backbone(path)?;
    }
    if let Some(name) = &args.name {
        contributor.name.clone_from(name);
    }
    Output::Samples.check(&args.out, &args.source.inputs())?;
    let step = progress.begin("reading samples");
    let samples = read(args, &contributor)?;
    step.finish();
    let labels = match (args.labels, args.split, contributor.plan.slot_order) {
        // What is encrypted with labels in this order cannot be classified, and a test part is for nothing else.
        (None, Some(Part::Test), SlotOrder::Columns) => Some(LabelsAre::Withheld),
        (labels, _, _) => labels,
    };
    let labels = labels.map(contributor::LabelsAre::from);
    let labels = contributor::LabelsAre::of(labels, &samples, &contributor.plan)?;
    contributor.encrypt_file(&samples, labels, args.refit, &args.out, progress)
}

fn read(args: &Encrypt, contributor: &Encrypting) -> Result<Samples> {
    let fitted = if args.refit {
        None
    } else {
        contributor.pipeline()?
    };
    let plan = &contributor.plan;
    let classes = Classes {
        count: plan.classes,
        fitted: fitted.as_ref().map(Pipeline::class_names),
    };
    let withheld =
        args.labels == Some(LabelsAre::Withheld) || plan.purpose == Purpose::ClassifyOnly;
    let (source, parts) = (args.source.to_source(withheld), args.parts.to_parts());
    let part = args.split.map(Into::into);
    let colour = plan.feature_spec()?.wants_colour();
    let trains = args.labels != Some(LabelsAre::Withheld) && args.split != Some(Part::Test);
    let samples = match (
        source.read(part, parts, colour, classes)?,
        args.class_weight,
    ) {
        (Samples::Labelled(data), Some(ClassWeight::Balanced)) if trains => {
            Samples::Labelled(data.with_equal_classes())
        }
        (_, Some(_)) => {
            return Err(Error::input(
                "--class-weight is for training: for samples whose labels are sent",
            ));
        }
        (samples, None) => samples,
    };
    Ok(match samples {
        Samples::Unlabelled(_) if args.refit => return Err(source.without_labels("--refit")),
        // Every mini-batch gets its share of each class. A split is in such an order already.
        Samples::Labelled(data)
            if plan.batch_rows()?.is_some()
                && part.is_none()
                && args.labels != Some(LabelsAre::Withheld) =>
        {
            Samples::Labelled(data.shuffled(args.parts.seed))
        }
        samples => samples,
    })
}

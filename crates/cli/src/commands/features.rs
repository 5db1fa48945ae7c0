//! `tapetum features`: how features are standardised, by more than the first data.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tapetum::folders::Output;
use tapetum::plan::Plan;
use tapetum::samples::{Classes, Samples};
use tapetum::server::add_sums;
use tapetum::units::bytes;
use tapetum::{Contributor, Progress, Result};

use crate::console::{Console, remarks};
use crate::options::{Parts, Source, open_owner};

/// Arguments of `features`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example, for two sites whose data differ:
  tapetum features sums --contributor site-a --images a.csv --positive ill --out a.sums
  tapetum features sums --contributor site-b --images b.csv --positive ill --out b.sums
  tapetum features add --server server a.sums b.sums --out pool.sums
  tapetum features publish --owner owner pool.sums --classes well,ill

Then copy features.json from the owner's directory to those of all sites, and encrypt the data. The owner sees
the sums of all sites together. Files of one site are for the server: the owner could decrypt them.")]
pub struct Features {
    #[command(subcommand)]
    pub action: Action,
}

impl Features {
    /// The owner's directory, if its secret key is used.
    pub fn owner(&self) -> Option<&PathBuf> {
        match &self.action {
            Action::Publish(args) => Some(&args.owner),
            _ => None,
        }
    }
}

/// What is done.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Contributor: encrypt sums over the samples, for the server.
    Sums(Sums),
    /// Server: add up the sums of all sites. This takes no key.
    Add(Add),
    /// Owner: decrypt the sums of all sites together, and write features.json.
    Publish(Publish),
    /// Owner or contributor: write features.json from samples that are not encrypted, such as a public set of the
    /// same kind.
    Fit(Fit),
}

/// Arguments of `features sums`.
#[derive(Debug, Args)]
pub struct Sums {
    /// The contributor's directory.
    #[arg(long, value_name = "DIR")]
    pub contributor: PathBuf,
    #[command(flatten)]
    pub source: Source,
    /// The seed of --balanced.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The file to write, to be given to the server.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Arguments of `features add`.
#[derive(Debug, Args)]
pub struct Add {
    /// The server's directory.
    #[arg(long, value_name = "DIR")]
    pub server: PathBuf,
    /// The sums of each site.
    #[arg(required = true, value_name = "SUMS")]
    pub files: Vec<PathBuf>,
    /// The file to write, to be given to the owner.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Arguments of `features publish`.
#[derive(Debug, Args)]
pub struct Publish {
    /// The owner's directory.
    #[arg(long, value_name = "DIR")]
    pub owner: PathBuf,
    /// The sums of all sites together.
    pub sums: PathBuf,
    /// The names of the classes, as `features sums` printed them: of two, the positive one is the second.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', required = true)]
    pub classes: Vec<String>,
    /// Replace the features of before: what was encrypted with them must be encrypted again.
    #[arg(long)]
    pub refit: bool,
}

/// Arguments of `features fit`.
#[derive(Debug, Args)]
pub struct Fit {
    /// The directory of the owner or of a contributor, with the plan.
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    #[command(flatten)]
    pub source: Source,
    /// The seed of --balanced.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Replace the features of before: what was encrypted with them must be encrypted again.
    #[arg(long)]
    pub refit: bool,
}

/// Does one of the steps.
pub fn run(args: &Features, console: &Console) -> Result<()> {
    match &args.action {
        Action::Sums(args) => sums(args, console),
        Action::Add(args) => add(args, console),
        Action::Publish(args) => publish(args, console),
        Action::Fit(args) => fit(args, console),
    }
}

fn sums(args: &Sums, console: &Console) -> Result<()> {
    Output::Sums.check(&args.out, &args.source.inputs())?;
    let contributor = Contributor::open(&args.contributor)?;
    let samples = read(&args.source, args.seed, &contributor.plan, console)?;
    let done = contributor.encrypt_sums(&samples, &args.out, &console.steps)?;
    console.print(&done, || {
        let classes = match done.classes.is_empty() {
            true => String::new(),
            false => format!("For the owner: --classes {}\n", done.classes.join(",")),
        };
        format!(
            "Encrypted the sums of {} samples of {} features into {}: {}.\n{}{classes}",
            done.samples,
            done.columns,
            args.out.display(),
            bytes(done.bytes),
            remarks(&[], &[], &done.notes),
        )
    })
}

fn add(args: &Add, console: &Console) -> Result<()> {
    let inputs: Vec<_> = args.files.iter().map(PathBuf::as_path).collect();
    Output::Sums.check(&args.out, &inputs)?;
    let done = add_sums(&args.server, &args.files, &args.out, &console.steps)?;
    console.print(&done, || {
        format!(
            "Added the sums of {} sites into {}: {}.\n",
            done.sites,
            args.out.display(),
            bytes(done.bytes)
        )
    })
}

fn publish(args: &Publish, console: &Console) -> Result<()> {
    let mut owner = open_owner(&args.owner)?;
    let done = owner.publish_features(&args.sums, args.classes.clone(), args.refit)?;
    console.print(&done, || {
        format!(
            "Features of {} columns are standardised by {} samples of {} sites: {}; copy it to all who encrypt.\n",
            done.columns,
            done.samples,
            done.sites,
            done.features.display()
        )
    })
}

fn fit(args: &Fit, console: &Console) -> Result<()> {
    let plan = Plan::read(&args.dir)?;
    let samples = read(&args.source, args.seed, &plan, console)?;
    let step = console.steps.begin("fitting features");
    let done = plan.fit_file(&samples, &args.dir, args.refit)?;
    step.finish();
    console.print(&done, || {
        format!(
            "Features of {} columns are standardised by {} samples: {}; copy it to all who encrypt.\n{}",
            done.columns,
            done.samples,
            done.features.display(),
            remarks(&[], &[], &done.notes)
        )
    })
}

fn read(source: &Source, seed: u64, plan: &Plan, console: &Console) -> Result<Samples> {
    let step = console.steps.begin("reading samples");
    let classes = Classes {
        count: plan.classes,
        fitted: None,
    };
    let parts = Parts {
        train_count: None,
        test_count: None,
        seed,
    };
    let colour = plan.feature_spec()?.wants_colour();
    let samples = source
        .to_source(false)
        .read(None, parts.to_parts(), colour, classes)?;
    step.finish();
    Ok(samples)
}

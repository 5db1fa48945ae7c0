//! `tapetum keygen`: all keys, each where it belongs.

use std::path::PathBuf;

use clap::Args;
use tapetum::owner::{Directories, Made, classify_only, make_protected};
use tapetum::plan::{DEFAULT_FEATURES, DEFAULT_ROWS, TABLE_FEATURES};
use tapetum::units::bytes;
use tapetum::vision::Samples;
use tapetum::{Error, Plan, Result, samples};

use crate::console::{Console, remarks};
use crate::options::{Kind, Table, new_passphrase};

/// Arguments of `keygen`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum keygen --owner owner --contributor contributor --server server
  tapetum keygen --owner owner --server server --learner linear-means --like wdbc.csv
  tapetum keygen --owner client --server server --classify-only provider/features.json
  tapetum keygen --owner client --server server --classify-only provider/features.json --publish 64

The last two lines make keys of a few megabytes, for the pictures of a client and the plain model of a
provider. The secret key is written to the owner's directory alone. Hand over the other directories. Keys that
exist are never replaced.")]
pub struct Keygen {
    /// The owner's directory: the secret and the public key.
    #[arg(long, value_name = "DIR")]
    pub owner: PathBuf,
    /// A contributor's directory: the public key.
    #[arg(long, value_name = "DIR")]
    pub contributor: Option<PathBuf>,
    /// The server's directory: the evaluation keys. Without it they are left with the owner, to be
    /// passed on.
    #[arg(long, value_name = "DIR")]
    pub server: Option<PathBuf>,
    #[command(flatten)]
    pub kind: Kind,
    /// How many samples are expected for training; other sizes work, but slower [default: 1536,
    /// or those of --like]
    #[arg(long)]
    pub rows: Option<usize>,
    /// How many features a table has (with --features table).
    #[arg(long)]
    pub columns: Option<usize>,
    /// Take features and number of samples from this labelled CSV or NPZ table.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["columns", "features"])]
    pub like: Option<PathBuf>,
    #[command(flatten)]
    pub table: Table,
    /// Make only the keys to classify with a plain model, whose features.json this is.
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "learner", "features", "side", "batch", "iterations", "classes", "rows", "columns",
        "like", "interval", "learning_rate", "largest_eigenvalue", "plain_columns", "whiten",
    ])]
    pub classify_only: Option<PathBuf>,
    /// Make keys under which the scores of so many files of up to 8,192 samples can be given to everybody, with noise
    /// that hides what they would tell about the secret key (`decrypt --publish`).
    #[arg(long, value_name = "RESULTS", value_parser = clap::value_parser!(u64).range(1..))]
    pub publish: Option<u64>,
    /// Keep the secret key under a passphrase, which is asked for, or taken from TAPETUM_PASSPHRASE; every
    /// command with --owner then asks for it.
    #[arg(long)]
    pub passphrase: bool,
}

/// Makes a plan from the arguments, and all keys for it.
pub fn run(args: &Keygen, console: &Console) -> Result<()> {
    let directories = Directories {
        owner: &args.owner,
        contributor: args.contributor.as_deref(),
        server: args.server.as_deref(),
    };
    let passphrase = args.passphrase.then(new_passphrase).transpose()?;
    let passphrase = passphrase.as_ref();
    let (made, notes) = match &args.classify_only {
        Some(features) => (
            classify_only(
                directories,
                features,
                args.publish,
                passphrase,
                &console.steps,
            )?,
            Vec::new(),
        ),
        // Clap does not ask for an option that another one excludes.
        None if args.publish.is_some() => {
            return Err(Error::input(
                "--publish: under keys for a training, the noise that hides the error of a score would drown it: pass on \
                 rounded scores or labels, or make keys for a plain model (--classify-only FILE)",
            ));
        }
        None => {
            let (plan, notes) = plan(args)?;
            let made = make_protected(&plan, directories, passphrase, &console.steps)?;
            (made, notes)
        }
    };
    console.print(&made, || text(args, &made) + &remarks(&[], &[], &notes))
}

/// What is agreed, and remarks on the table that it is made after.
fn plan(args: &Keygen) -> Result<(Plan, Vec<String>)> {
    let Some(path) = &args.like else {
        let rows = args.rows.unwrap_or(DEFAULT_ROWS);
        let plan = args.kind.plan(DEFAULT_FEATURES, args.columns, rows)?;
        return Ok((plan, Vec::new()));
    };
    let table = samples::read_table(path, &args.table.to_options())?;
    let notes = table.notes().to_vec();
    let Samples::Table(table) = table.samples() else {
        let message = format!("{} holds images, not a table", path.display());
        return Err(Error::input(message));
    };
    let rows = args.rows.unwrap_or(table.rows());
    let plan = args
        .kind
        .plan(TABLE_FEATURES, Some(table.columns()), rows)?;
    Ok((plan, notes))
}

fn text(args: &Keygen, made: &Made) -> String {
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
}

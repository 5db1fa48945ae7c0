//! All roles on the embedded images, with a server in between.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use tapetum::contributor::LabelsAre;
use tapetum::folders::files;
use tapetum::remote::{Rehearsal, Script};
use tapetum::samples::{Samples, truths};
use tapetum::simulate::Reference;
use tapetum::{Context, Owner, Progress, Result};

use crate::console::Console;
use crate::options::{Connection, FeaturesAre, LearnerName};

/// Arguments of `remote demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  TAPETUM_TOKEN=tpt_... tapetum remote demo --fingerprint sha256:...

Keys are made here, and the secret key stays here. Encrypted images go to the server, which trains and
classifies them; the encrypted scores come back and are compared with those that the same computation
gives in the clear.")]
pub struct RemoteDemo {
    #[command(flatten)]
    pub connection: Connection,
    /// Keep the directories here instead of in a temporary place.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// How many images, for training and test together.
    #[arg(long, value_name = "N", default_value_t = 1984, value_parser = clap::value_parser!(u32).range(40..=1984))]
    pub images: u32,
    /// The training algorithm.
    #[arg(long, value_enum, default_value_t = LearnerName::Logistic)]
    pub learner: LearnerName,
    /// The seed that chooses and splits the images.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Leave on the server what was sent and made there.
    #[arg(long)]
    pub keep: bool,
}

/// What `remote demo --json` prints.
#[derive(Debug, Serialize)]
struct Outcome {
    accuracy_encrypted: f64,
    accuracy_clear: f64,
    agreement: f64,
    largest_score_difference: f64,
    train_images: usize,
    test_images: usize,
    sent_bytes: u64,
    seconds: f64,
    model: String,
}

/// Runs it.
pub async fn run(args: &RemoteDemo, console: &Console) -> Result<()> {
    let started = Instant::now();
    let progress = &console.steps;
    let remote = args.connection.connect()?;
    // Before minutes of work.
    remote.client.whoami().await?;
    let temporary;
    let dir = match &args.dir {
        Some(dir) => {
            files::create_dir(dir)?;
            dir.as_path()
        }
        None => {
            temporary = tempfile::tempdir().context("cannot make a temporary folder")?;
            temporary.path()
        }
    };
    let script = Script {
        estimator: args.learner.defaults(FeaturesAre::Whitened),
        images: args.images as usize,
        seed: args.seed,
    };
    let rehearsal = Rehearsal::run(&remote, dir, &script, progress).await?;
    let (plan, split) = (&rehearsal.plan, &rehearsal.split);
    let (owner_dir, model) = (&rehearsal.owner_dir, &rehearsal.model);
    let sent = rehearsal.sent;

    // A contributor's images, without labels.
    let test_file = rehearsal.outbox.join("test.enc");
    let samples = Samples::Labelled(split.test.clone());
    let contributor = &rehearsal.contributor;
    contributor.encrypt_file(&samples, LabelsAre::Withheld, false, &test_file, progress)?;
    let scores_file = owner_dir.join("scores.enc");
    let (job, _) = remote
        .classify(model, &test_file, &scores_file, progress)
        .await?;

    // The owner decrypts, and compares with the same in the clear.
    let scores = Owner::open(owner_dir)?
        .answer(&scores_file)?
        .exact_scores()?;
    let step = progress.begin("the same in the clear, to compare");
    let reference = Reference::run(plan, &rehearsal.pipeline, &split.train, &split.test)?;
    reference.ranges.check()?;
    step.finish();
    let truth = truths(&split.test);
    let share = |holds: &dyn Fn(usize) -> bool| {
        (0..truth.len()).filter(|&i| holds(i)).count() as f64 / truth.len() as f64
    };
    let differences = scores
        .iter()
        .zip(&reference.scores)
        .map(|(a, b)| (a - b).abs());
    let outcome = Outcome {
        accuracy_encrypted: share(&|i| (scores[i] > 0.0) == truth[i]),
        accuracy_clear: share(&|i| (reference.scores[i] > 0.0) == truth[i]),
        agreement: share(&|i| (scores[i] > 0.0) == (reference.scores[i] > 0.0)),
        largest_score_difference: differences.fold(0.0, f64::max),
        train_images: split.train.len(),
        test_images: split.test.len(),
        sent_bytes: sent + files::size(&test_file)?,
        seconds: started.elapsed().as_secs_f64(),
        model: model.clone(),
    };
    if !args.keep {
        remote.delete(&job.id).await?;
        rehearsal.clear_away(&remote).await?;
    }
    print(&outcome, console)
}

fn print(outcome: &Outcome, console: &Console) -> Result<()> {
    console.print(outcome, || {
        format!(
            "\nThe server trained on {} images and classified {} others, and saw none of them.\n\
         Right predictions: {:.2} % by the encrypted model, {:.2} % by the same in the clear.\n\
         They agree on {:.2} %; scores differ by {:.1e} at most.\n\
         {:.1} MB were sent; {:.1} s in all.\n",
            outcome.train_images,
            outcome.test_images,
            100.0 * outcome.accuracy_encrypted,
            100.0 * outcome.accuracy_clear,
            100.0 * outcome.agreement,
            outcome.largest_score_difference,
            outcome.sent_bytes as f64 / 1e6,
            outcome.seconds,
        )
    })
}

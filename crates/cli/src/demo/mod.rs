//! All roles in one go, on the embedded images, through the same files and functions as the
//! commands.

mod machine;
mod outcome;
pub mod photo;
mod predictions;
mod record;
#[cfg(feature = "remote")]
pub mod remote;
mod story;

use std::path::Path;
use std::time::Instant;

use tapetum::ckks::Precision;
use tapetum::contributor::LabelsAre;
use tapetum::folders::{Output, files};
use tapetum::learn::EstimatorConfig;
use tapetum::owner::{self, Directories};
use tapetum::plan::PlanOptions;
use tapetum::samples::Samples;
use tapetum::server::TrainOptions;
use tapetum::simulate::Reference;
use tapetum::vision::{Split, embedded};
use tapetum::{Context, Contributor, Owner, Plan, Progress, Result, Server};
use tapetum_report as report;

use outcome::Outcome;
use record::{POSITIVE, Places, Ran, Seconds, TEST, TRAIN};

/// What to play.
pub struct Script<'a> {
    /// Where the directories are kept, if they are.
    pub dir: Option<&'a Path>,
    /// Where the report is written.
    pub report: &'a Path,
    /// The training algorithm.
    pub estimator: EstimatorConfig,
    /// The bits to which scores are compared with zero, if only labels leave the server.
    pub precision: Option<u32>,
    /// The seed that chooses and splits the images.
    pub seed: u64,
}

/// Runs everything and writes the report.
pub fn run(script: &Script<'_>, progress: &dyn Progress) -> Result<Outcome> {
    let started = Instant::now();
    Output::Report.check(script.report, &[])?;
    let temporary;
    let dir = match script.dir {
        Some(dir) => {
            files::create_dir(dir)?;
            dir
        }
        None => {
            temporary = tempfile::tempdir().context("cannot make a temporary folder")?;
            temporary.path()
        }
    };
    let places = Places::under(dir);
    let split = images(script.seed)?;
    let mut plan = Plan::new(PlanOptions::images(script.estimator.clone(), TRAIN))?;
    if let Some(bits) = script.precision {
        plan = predictions::agree(plan, &split.train, Precision::new(bits)?)?;
    }

    let mut clock = Clock::new();
    let directories = Directories {
        owner: &places.owner,
        contributor: Some(&places.contributor),
        server: Some(&places.server),
    };
    let keys = owner::make(&plan, directories, progress)?;
    let keygen_seconds = clock.lap();

    let train = Samples::Labelled(split.train.clone());
    let sender = Owner::open(&places.owner)?.contributor();
    let labels = LabelsAre::Encrypted;
    let sent = sender.encrypt_file(&train, labels, false, &places.train, progress)?;
    let encrypt_train_seconds = clock.lap();

    let server = Server::open(&places.server, None, progress)?;
    let options = TrainOptions::new(&places.train, &places.model);
    let trained = server.train_files(&options, progress)?;
    drop(server);
    let train_seconds = clock.lap();

    // The owner tells the contributor how features are standardised.
    let pipeline = sender.pipeline()?.context("the pipeline was just fitted")?;
    let mut contributor = Contributor::open(&places.contributor)?;
    contributor.adopt(pipeline.clone())?;
    let test = Samples::Labelled(split.test.clone());
    let labels = LabelsAre::Withheld;
    let asked = contributor.encrypt_file(&test, labels, false, &places.test, progress)?;
    let encrypt_test_seconds = clock.lap();

    let server = Server::open(&places.server, None, progress)?;
    let answered = server.classify_file(&places.model, &places.test, &places.scores, progress)?;
    drop(server);
    let classify_seconds = clock.lap();

    let answer = Owner::open(&places.owner)?.answer(&places.scores)?;
    let scores = answer.exact_scores()?;
    let decrypt_seconds = clock.lap();
    let total = started.elapsed().as_secs_f64();

    let step = progress.begin("the same in the clear, to compare");
    let reference = Reference::run(&plan, &pipeline, &split.train, &split.test)?;
    reference.ranges.check()?;
    step.finish();

    let predictions = plan
        .threshold
        .map(|threshold| predictions::judge(&threshold, &answer, &scores, &reference.scores));
    let ran = Ran {
        predictions,
        plan: &plan,
        split: &split,
        keys: &keys,
        sent: &sent,
        asked: &asked,
        trained: &trained,
        answered: &answered,
        scores: &scores,
        reference: &reference.scores,
        seconds: Seconds {
            keygen: keygen_seconds,
            encrypt_train: encrypt_train_seconds,
            train: train_seconds,
            encrypt_test: encrypt_test_seconds,
            classify: classify_seconds,
            decrypt: decrypt_seconds,
            total,
        },
        places: &places,
    };
    let outcome = Outcome::new(&ran, script.report)?;
    files::write_text(
        script.report,
        &report::render(&story::report(&ran, &outcome)?),
    )?;
    Ok(outcome)
}

/// Cats against as many others, without repeats.
fn images(seed: u64) -> Result<Split> {
    let (animals, _) = embedded::animal_shapes()?.without_repeats();
    Ok(animals
        .one_vs_rest(POSITIVE, true, seed)?
        .split_counts(TRAIN, TEST, seed)?)
}

/// Seconds from one lap to the next.
struct Clock(Instant);

impl Clock {
    fn new() -> Self {
        Self(Instant::now())
    }

    fn lap(&mut self) -> f64 {
        let now = Instant::now();
        let seconds = (now - self.0).as_secs_f64();
        self.0 = now;
        seconds
    }
}

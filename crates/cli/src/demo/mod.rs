//! All roles in one go, on the embedded images, through the same files and functions as the
//! commands.

mod outcome;
mod predictions;
mod story;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use tapetum_ckks::Precision;
use tapetum_vision::{Split, embedded};

use crate::args::{Classify, DEFAULT_FEATURES, DEFAULT_ROWS, Demo, Kind, LabelsAre, Train};
use crate::data::Samples;
use crate::encrypt::encrypt;
use crate::plan::Plan;
use crate::progress::Steps;
use crate::reference::Reference;
use crate::roles::sender::Sender;
use crate::{decrypt, files, keygen, report, server};

pub use outcome::Outcome;

/// What is to be told apart from the rest.
const POSITIVE: &str = "cat";
/// Pixels along each side of an image.
const SIDE: usize = 28;
/// Three rows of blocks of 512 samples.
const TRAIN: usize = DEFAULT_ROWS;
/// What is left of 992 cats and as many others.
const TEST: usize = 448;

/// The three directories and the files that pass between them.
struct Places {
    owner: PathBuf,
    contributor: PathBuf,
    server: PathBuf,
    train: PathBuf,
    test: PathBuf,
    model: PathBuf,
    scores: PathBuf,
}

impl Places {
    fn under(dir: &Path) -> Self {
        let server = dir.join("server");
        Self {
            owner: dir.join("owner"),
            contributor: dir.join("contributor"),
            train: server.join("train.enc"),
            test: server.join("test.enc"),
            model: server.join("model.enc"),
            scores: server.join("scores.enc"),
            server,
        }
    }
}

/// Runs everything and writes the report.
pub fn run(args: &Demo, steps: Steps) -> Result<Outcome> {
    let started = Instant::now();
    files::check_target(&args.report)?;
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
    let places = Places::under(dir);
    let split = images(args.seed)?;
    let kind = Kind {
        learner: args.learner,
        classes: 2,
        features: None,
        side: SIDE,
        steps: None,
        batch: None,
        iterations: None,
    };
    let mut plan = Plan::for_kind(&kind, DEFAULT_FEATURES, None, TRAIN)?;
    if args.argmax {
        let precision = Precision::new(args.precision)?;
        plan = predictions::agree(plan, &split.train, precision)?;
    }

    let mut clock = Clock::new();
    let keys = keygen::make(
        &plan,
        &places.owner,
        Some(&places.contributor),
        Some(&places.server),
        steps,
    )?;
    let keygen_seconds = clock.lap();

    let train = Samples::Labelled(split.train.clone());
    let owner = Sender::owner(&places.owner)?;
    let sent = encrypt(
        &owner,
        &train,
        LabelsAre::Encrypted,
        false,
        &places.train,
        steps,
    )?;
    let encrypt_train_seconds = clock.lap();

    let trained = server::train::run(
        &Train::new(&places.server, &places.train, &places.model),
        steps,
    )?;
    let train_seconds = clock.lap();

    // The owner tells the contributor how features are standardised.
    let pipeline = owner.pipeline()?.context("the pipeline was just fitted")?;
    let contributor = Sender::contributor(&places.contributor)?;
    contributor.write_pipeline(&pipeline)?.commit()?;
    let test = Samples::Labelled(split.test.clone());
    let asked = encrypt(
        &contributor,
        &test,
        LabelsAre::Withheld,
        false,
        &places.test,
        steps,
    )?;
    let encrypt_test_seconds = clock.lap();

    let answered = server::classify::run(
        &Classify {
            server: places.server.clone(),
            model: places.model.clone(),
            data: places.test.clone(),
            out: places.scores.clone(),
            key_memory: None,
        },
        steps,
    )?;
    let classify_seconds = clock.lap();

    let answer = decrypt::answer(&places.owner, &places.scores)?;
    let scores = answer.scores()?;
    let decrypt_seconds = clock.lap();
    let total = started.elapsed().as_secs_f64();

    let step = steps.begin("the same in the clear, to compare");
    let reference = Reference::run(&plan, &pipeline, &split.train, &split.test)?;
    reference.ranges.check()?;
    step.finish();

    let predictions = plan
        .threshold
        .map(|threshold| predictions::judge(&threshold, &answer, &scores, &reference.scores));
    let ran = story::Ran {
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
        seconds: outcome::Seconds {
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
    let outcome = Outcome::new(&ran, &args.report)?;
    files::write_text(
        &args.report,
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

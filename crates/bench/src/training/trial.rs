//! One trial, played through by all roles.

use std::path::Path;
use std::time::Instant;

use tapetum::contributor::LabelsAre;
use tapetum::owner::{self, Directories};
use tapetum::samples::{Samples, class_labels};
use tapetum::server::TrainOptions;
use tapetum::simulate::Reference;
use tapetum::{Context, Contributor, Owner, Plan, PlanOptions, Progress, Result, Server};
use tapetum_learn::Metrics;
use tapetum_vision::{DataSet, Samples as Pixels};

use super::report::{Row, Seconds};
use super::task::Trial;
use crate::report::peak_rss;

/// Trains and classifies under encryption, then in the clear.
pub fn run(trial: &Trial, data: &Path, progress: &dyn Progress) -> Result<Row> {
    let step = progress.begin(&format!("{}: reading samples", trial.task));
    let split = trial.load(data)?;
    step.finish();
    let dir = tempfile::tempdir().context("cannot make a temporary folder")?;
    let [owner, contributor, server] =
        ["owner", "contributor", "server"].map(|name| dir.path().join(name));
    let [train_file, test_file, model, scores] =
        ["train.enc", "test.enc", "model.enc", "scores.enc"].map(|name| server.join(name));

    let plan = Plan::new(PlanOptions {
        estimator: trial.learner.clone(),
        features: trial.features.clone(),
        side: trial.side,
        expansion: trial.expansion,
        columns: match split.train.samples() {
            Pixels::Images(_) => None,
            Pixels::Table(table) => Some(table.columns()),
        },
        rows: split.train.len(),
        classes: split.train.class_names().len(),
    })?;
    // First, because it tells at once whether values stay in range.
    let step = progress.begin("in the clear, to compare");
    let reference = Reference::run(&plan, &plan.fit(&split.train)?, &split.train, &split.test)?;
    reference.ranges.check()?;
    step.finish();
    let directories = Directories {
        owner: &owner,
        contributor: Some(&contributor),
        server: Some(&server),
    };
    owner::make(&plan, directories, progress)?;

    let contributor = Contributor::open(&contributor)?;
    let encrypt = |data: &DataSet, labels, file| {
        let samples = Samples::Labelled(data.clone());
        contributor.encrypt_file(&samples, labels, false, file, progress)
    };
    let (sent, encrypt_seconds) =
        timed(|| encrypt(&split.train, LabelsAre::Encrypted, &train_file))?;
    let (trained, train_seconds) = timed(|| {
        let options = TrainOptions::new(&train_file, &model);
        Server::open(&server, None, progress)?.train_files(&options, progress)
    })?;
    encrypt(&split.test, LabelsAre::Withheld, &test_file)?;
    let (_, classify_seconds) = timed(|| {
        let server = Server::open(&server, None, progress)?;
        server.classify_file(&model, &test_file, &scores, progress)
    })?;
    let found = Owner::open(&owner)?.answer(&scores)?.exact_scores()?;
    let peak_rss_bytes = peak_rss();

    let truths = class_labels(&split.test)?;
    Ok(Row {
        task: trial.task.to_owned(),
        estimator: trained.learner,
        images: trained.samples,
        features: plan.columns,
        classes: split.train.class_names().len(),
        labels_encrypted: trained.labels_encrypted,
        seconds: Seconds {
            encrypt: encrypt_seconds,
            train: train_seconds,
            train_clear: reference.train_seconds,
            classify: classify_seconds,
        },
        accuracy_encrypted: Metrics::new(&found, &truths)?.accuracy,
        accuracy_clear: Metrics::new(&reference.scores, &truths)?.accuracy,
        peak_rss_bytes,
        bytes_per_image: sent.bytes_per_sample,
    })
}

/// What a step gives, and the seconds that it took.
fn timed<T>(step: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let started = Instant::now();
    let result = step()?;
    Ok((result, started.elapsed().as_secs_f64()))
}

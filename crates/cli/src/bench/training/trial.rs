//! One trial, played through by all roles.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use tapetum_learn::Metrics;
use tapetum_vision::Samples as VisionSamples;

use super::super::report::peak_rss;
use super::report::{Row, Seconds};
use super::task::Trial;
use crate::args::{Classify, LabelsAre, Train};
use crate::data::Samples;
use crate::encrypt::encrypt;
use crate::plan::Plan;
use crate::progress::Steps;
use crate::reference::{Reference, class_labels};
use crate::roles::sender::Sender;
use crate::{decrypt, keygen, server};

/// Trains and classifies under encryption, then in the clear.
pub fn run(trial: &Trial, data: &Path, steps: Steps) -> Result<Row> {
    let step = steps.begin(&format!("{}: reading samples", trial.task));
    let split = trial.load(data)?;
    step.finish();
    let dir = tempfile::tempdir().context("cannot make a temporary folder")?;
    let [owner, contributor, server] =
        ["owner", "contributor", "server"].map(|name| dir.path().join(name));
    let [train_file, test_file, model, scores] =
        ["train.enc", "test.enc", "model.enc", "scores.enc"].map(|name| server.join(name));

    let columns = match split.train.samples() {
        VisionSamples::Images(_) => None,
        VisionSamples::Table(table) => Some(table.columns()),
    };
    let plan = Plan::for_learner(
        trial.learner.clone(),
        &trial.features,
        trial.side,
        columns,
        split.train.len(),
        split.train.class_names().len(),
    )?;
    // First, because it tells at once whether values stay in range.
    let step = steps.begin("in the clear, to compare");
    let reference = Reference::run(&plan, &plan.fit(&split.train)?, &split.train, &split.test)?;
    reference.ranges.check()?;
    step.finish();
    keygen::make(&plan, &owner, Some(&contributor), Some(&server), steps)?;

    let sender = Sender::contributor(&contributor)?;
    let train = Samples::Labelled(split.train.clone());
    let test = Samples::Labelled(split.test.clone());
    let (sent, encrypt_seconds) = timed(|| {
        encrypt(
            &sender,
            &train,
            LabelsAre::Encrypted,
            false,
            &train_file,
            steps,
        )
    })?;
    let (trained, train_seconds) = timed(|| {
        let args = Train::new(&server, &train_file, &model);
        server::train::run(&args, steps)
    })?;
    encrypt(
        &sender,
        &test,
        LabelsAre::Withheld,
        false,
        &test_file,
        steps,
    )?;
    let (_, classify_seconds) = timed(|| {
        let args = Classify {
            server: server.clone(),
            model: model.clone(),
            data: test_file.clone(),
            out: scores.clone(),
            key_memory: None,
        };
        server::classify::run(&args, steps)
    })?;
    let found = decrypt::answer(&owner, &scores)?.scores()?;
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

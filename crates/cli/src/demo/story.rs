//! The demo as its report tells it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use tapetum::learn::EstimatorConfig;
use tapetum::samples::truths;
use tapetum::{Context, Result};

use super::machine::{machine, today};
use super::outcome::Outcome;
use super::record::{POSITIVE, Ran};
use tapetum_report::{
    DemoReport, Example, ModelSummary, NOISE_BYTES, Outcome as Judged, PredictionSummary, Role,
    Step,
};

/// Pictures shown in the report.
const EXAMPLES: usize = 24;

/// Puts the report together.
pub(super) fn report(ran: &Ran<'_>, outcome: &Outcome) -> Result<DemoReport> {
    let judged = judged(ran);
    Ok(DemoReport {
        date: today(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        machine: machine(),
        classes: [POSITIVE.to_owned(), format!("not {POSITIVE}")],
        train_images: outcome.train_images,
        predictions: ran.predictions.map(|v| PredictionSummary {
            gap: v.gap,
            within_gap: v.within_gap,
            largest_error: v.largest_error.max(v.largest_elsewhere),
        }),
        examples: examples(ran, &judged)?,
        outcomes: judged,
        steps: steps(ran, outcome),
        total: Duration::from_secs_f64(ran.seconds.total),
        sizes: outcome.bytes,
        parameters: outcome.parameters,
        model: ModelSummary {
            learner: outcome.learner.clone(),
            features: outcome.features.clone(),
            columns: ran.plan.columns,
            iterations: match ran.plan.learner() {
                Some(EstimatorConfig::Logistic(config) | EstimatorConfig::OneVsRest(config)) => {
                    config.iterations
                }
                Some(EstimatorConfig::Softmax(config)) => config.iterations,
                Some(EstimatorConfig::Fisher(config) | EstimatorConfig::Ridge(config)) => {
                    config.iterations
                }
                _ => 1,
            },
            labels_encrypted: ran.trained.labels_encrypted,
        },
    })
}

fn judged(ran: &Ran<'_>) -> Vec<Judged> {
    truths(&ran.split.test)
        .into_iter()
        .zip(ran.scores)
        .zip(ran.reference)
        .map(|((truth, &score_encrypted), &score_clear)| Judged {
            truth,
            prediction_encrypted: score_encrypted > 0.0,
            prediction_clear: score_clear > 0.0,
            score_encrypted,
            score_clear,
        })
        .collect()
}

/// The first held-out pictures, which are in random order, each with a stretch of what the server
/// got, as far into it as the picture is into the set.
fn examples(ran: &Ran<'_>, judged: &[Judged]) -> Result<Vec<Example>> {
    let path = &ran.places.test;
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let Some(images) = ran.split.test.samples().images() else {
        return Ok(Vec::new());
    };
    let stretch = ran.asked.bytes_per_sample;
    images
        .iter()
        .zip(judged)
        .take(EXAMPLES)
        .enumerate()
        .map(|(i, (picture, &outcome))| {
            let mut ciphertext = vec![0; NOISE_BYTES.min(stretch as usize)];
            file.seek(SeekFrom::Start(stretch * i as u64 + stretch / 2))?;
            file.read_exact(&mut ciphertext)
                .with_context(|| format!("cannot read {}", path.display()))?;
            Ok(Example {
                outcome,
                picture: picture.clone(),
                ciphertext,
            })
        })
        .collect()
}

fn steps(ran: &Ran<'_>, outcome: &Outcome) -> Vec<Step> {
    let sent = format!("encrypts {} pictures and their labels", ran.sent.samples);
    let trained = format!("trains: {}", ran.trained.learner);
    let asked = format!("encrypts {} new pictures", ran.asked.samples);
    let answered = format!("classifies {} pictures", ran.answered.samples);
    let read = match ran.predictions {
        None => "decrypts the scores and reads the predictions",
        Some(_) => "decrypts the predictions",
    };
    let s = ran.seconds;
    let sizes = [
        outcome.bytes.keys,
        ran.sent.bytes,
        ran.trained.bytes,
        ran.asked.bytes,
        ran.answered.bytes,
    ];
    let [keys, samples, model, new, scores] = sizes.map(Some);
    Step::all(
        [
            Role::Owner,
            Role::Owner,
            Role::Server,
            Role::Contributor,
            Role::Server,
            Role::Owner,
        ],
        ["makes the keys", &sent, &trained, &asked, &answered, read],
        [
            s.keygen,
            s.encrypt_train,
            s.train,
            s.encrypt_test,
            s.classify,
            s.decrypt,
        ],
        [keys, samples, model, new, scores, None],
        [
            "the parameters, and keys that compute but do not decrypt",
            "how many pictures and features there are",
            "nothing: the model is encrypted",
            "how many pictures there are",
            "nothing: what it finds is encrypted",
            "nothing: it is not asked",
        ],
    )
}

//! The demo as its report tells it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::time::{Duration, SystemTime};

use tapetum::learn::EstimatorConfig;
use tapetum::samples::truths;
use tapetum::{Context, Result};

use super::outcome::Outcome;
use super::record::{POSITIVE, Ran, Seconds};
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
        date: humantime::format_rfc3339_seconds(SystemTime::now())
            .to_string()
            .chars()
            .take("2000-01-01".len())
            .collect(),
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
    let step = |role, what: String, seconds, bytes, server_learns: &str| Step {
        role,
        what,
        time: Duration::from_secs_f64(seconds),
        bytes,
        server_learns: server_learns.to_owned(),
    };
    let Seconds {
        keygen,
        encrypt_train,
        train,
        encrypt_test,
        classify,
        decrypt,
        ..
    } = ran.seconds;
    vec![
        step(
            Role::Owner,
            "makes the keys".to_owned(),
            keygen,
            Some(outcome.bytes.keys),
            "the parameters, and keys that compute but do not decrypt",
        ),
        step(
            Role::Owner,
            format!("encrypts {} pictures and their labels", ran.sent.samples),
            encrypt_train,
            Some(ran.sent.bytes),
            "how many pictures and features there are",
        ),
        step(
            Role::Server,
            format!("trains: {}", ran.trained.learner),
            train,
            Some(ran.trained.bytes),
            "nothing: the model is encrypted",
        ),
        step(
            Role::Contributor,
            format!("encrypts {} new pictures", ran.asked.samples),
            encrypt_test,
            Some(ran.asked.bytes),
            "how many pictures there are",
        ),
        step(
            Role::Server,
            format!("classifies {} pictures", ran.answered.samples),
            classify,
            Some(ran.answered.bytes),
            "nothing: what it finds is encrypted",
        ),
        step(
            Role::Owner,
            match ran.predictions {
                None => "decrypts the scores and reads the predictions".to_owned(),
                Some(_) => "decrypts the predictions".to_owned(),
            },
            decrypt,
            None,
            "nothing: it is not asked",
        ),
    ]
}

/// Processor, threads and system, as far as they can be found out.
fn machine() -> String {
    let processor = std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{processor}, {threads} threads, {}", std::env::consts::OS)
}

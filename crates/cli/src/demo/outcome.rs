//! What `demo --json` prints.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::predictions::Predictions;
use super::record::{Ran, Seconds};
use tapetum::Result;
use tapetum::folders::files;
use tapetum::samples::truths;
use tapetum_report::{ParameterSummary, Sizes};

/// The outcome of the demo.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// The share of held-out images that the encrypted model gets right.
    pub accuracy_encrypted: f64,
    /// The same for its reference in the clear.
    pub accuracy_clear: f64,
    /// The share of held-out images on which both agree.
    pub agreement: f64,
    /// The largest difference of their scores; without scores there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest_score_difference: Option<f64>,
    /// With `--argmax`: what left the server in place of scores.
    #[serde(rename = "verdicts", skip_serializing_if = "Option::is_none")]
    pub predictions: Option<Predictions>,
    /// Images trained on.
    pub train_images: usize,
    /// Images held out.
    pub test_images: usize,
    /// How the model was trained.
    pub learner: String,
    /// What was taken from the images.
    pub features: String,
    /// Seconds of each step, files and all.
    pub seconds: Seconds,
    /// Sizes of files.
    pub bytes: Sizes,
    /// The parameters of the keys.
    pub parameters: ParameterSummary,
    /// The report.
    pub report: PathBuf,
}

impl Outcome {
    /// Compares predictions with the truth and with the reference.
    pub(super) fn new(ran: &Ran<'_>, report: &Path) -> Result<Self> {
        let truth = truths(&ran.split.test);
        let share = |holds: &dyn Fn(usize) -> bool| {
            (0..truth.len()).filter(|&i| holds(i)).count() as f64 / truth.len() as f64
        };
        let (found, reference) = (ran.scores, ran.reference);
        Ok(Self {
            accuracy_encrypted: share(&|i| (found[i] > 0.0) == truth[i]),
            accuracy_clear: share(&|i| (reference[i] > 0.0) == truth[i]),
            agreement: share(&|i| (found[i] > 0.0) == (reference[i] > 0.0)),
            largest_score_difference: ran.predictions.is_none().then(|| {
                let differences = found.iter().zip(reference).map(|(a, b)| (a - b).abs());
                differences.fold(0.0, f64::max)
            }),
            predictions: ran.predictions,
            train_images: ran.split.train.len(),
            test_images: truth.len(),
            learner: ran.trained.learner.clone(),
            features: ran.plan.features.clone(),
            seconds: ran.seconds,
            bytes: Sizes {
                keys: ran.keys.secret_key + ran.keys.public_key + ran.keys.evaluation_keys,
                secret_key: ran.keys.secret_key,
                public_key: ran.keys.public_key,
                evaluation_keys: ran.keys.evaluation_keys,
                ciphertext_per_image: ran.sent.bytes_per_sample,
                ciphertext_per_test_image: ran.asked.bytes_per_sample,
                model: ran.trained.bytes,
                scores: files::size(&ran.places.scores)?,
            },
            parameters: ParameterSummary {
                log_n: ran.keys.log_n,
                log_qp: ran.keys.log_qp,
                security_bits: ran.keys.security_bits,
                levels: ran.keys.levels,
                log_scale: ran.plan.parameters.log_scale,
            },
            report: report.to_owned(),
        })
    }
}

//! What the page tells, as plain data. Accuracies and confusions are counted from the outcomes here, so
//! that the page cannot contradict itself.

use std::time::Duration;

use serde::Serialize;
use tapetum::vision::GreyImage;

/// One run of the demo.
#[derive(Debug)]
pub struct DemoReport {
    /// The day of the run, as it should be read.
    pub date: String,
    /// Version of the program.
    pub version: String,
    /// Processor, cores and system in one line.
    pub machine: String,
    /// Names of the two classes; the first is the one for which truths and predictions are `true`.
    pub classes: [String; 2],
    /// Pictures trained on.
    pub train_images: usize,
    /// One entry for each picture that was classified; none of them was in training.
    pub outcomes: Vec<Outcome>,
    /// What is known of predictions, if they left the server in place of scores.
    pub predictions: Option<PredictionSummary>,
    /// Some of the classified pictures, to be shown. A few dozen at most are.
    pub examples: Vec<Example>,
    /// What was done, in order.
    pub steps: Vec<Step>,
    /// Wall time from keys to predictions.
    pub total: Duration,
    /// Sizes of what was written.
    pub sizes: Sizes,
    /// Encryption parameters.
    pub parameters: ParameterSummary,
    /// What was trained.
    pub model: ModelSummary,
}

/// One classified picture: what is true, and what was found encrypted and by the plaintext reference.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Whether the picture belongs to the first class.
    pub truth: bool,
    /// ScoreThreshold read from the decrypted score.
    pub prediction_encrypted: bool,
    /// ScoreThreshold of the same computation in the clear.
    pub prediction_clear: bool,
    /// Decrypted score; above zero speaks for the first class.
    pub score_encrypted: f64,
    /// Score of the same computation in the clear.
    pub score_clear: f64,
}

/// A classified picture with its look.
#[derive(Debug)]
pub struct Example {
    /// What was found.
    pub outcome: Outcome,
    /// The picture, which only its contributor has.
    pub picture: GreyImage,
    /// A stretch of the encrypted file in which the picture travelled. Up to
    /// [`NOISE_BYTES`](super::NOISE_BYTES) are drawn.
    pub ciphertext: Vec<u8>,
}

/// Who does a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Holds the secret key, encrypts pictures to train on, reads results.
    Owner,
    /// Holds the public key and encrypts new pictures.
    Contributor,
    /// Holds evaluation keys and computes.
    Server,
}

impl Role {
    /// Its name as a heading.
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "Owner",
            Self::Contributor => "Contributor",
            Self::Server => "Server",
        }
    }

    /// Its class in the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Contributor => "contributor",
            Self::Server => "server",
        }
    }
}

/// One step of the run.
#[derive(Debug)]
pub struct Step {
    /// Who did it.
    pub role: Role,
    /// What was done, in one line.
    pub what: String,
    /// How long it took.
    pub time: Duration,
    /// Bytes written, where the step writes anything worth naming.
    pub bytes: Option<u64>,
    /// What the server learns from it, in one line.
    pub server_learns: String,
}

impl Step {
    /// The steps of a run, in order, by what is said of each.
    pub fn all<const N: usize>(
        roles: [Role; N],
        what: [&str; N],
        seconds: [f64; N],
        bytes: [Option<u64>; N],
        server_learns: [&str; N],
    ) -> Vec<Self> {
        let step = |i: usize| Self {
            role: roles[i],
            what: what[i].to_owned(),
            time: Duration::from_secs_f64(seconds[i]),
            bytes: bytes[i],
            server_learns: server_learns[i].to_owned(),
        };
        (0..N).map(step).collect()
    }
}

/// Sizes of files in bytes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Sizes {
    /// All keys together.
    pub keys: u64,
    /// The secret key.
    pub secret_key: u64,
    /// The public key.
    pub public_key: u64,
    /// The evaluation keys.
    pub evaluation_keys: u64,
    /// Ciphertext a training picture, its share where several pictures travel together.
    pub ciphertext_per_image: u64,
    /// Ciphertext a picture to classify, its share where several pictures travel together.
    pub ciphertext_per_test_image: u64,
    /// The encrypted model.
    pub model: u64,
    /// The encrypted scores of all classified pictures.
    pub scores: u64,
}

/// Encryption parameters.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ParameterSummary {
    /// Binary logarithm of the ring degree.
    pub log_n: u32,
    /// Bits of the largest modulus, that of the evaluation keys.
    pub log_qp: f64,
    /// By the security table.
    pub security_bits: u32,
    /// Multiplications in a row that a fresh ciphertext allows.
    pub levels: usize,
    /// Binary logarithm of the scale.
    pub log_scale: u32,
}

/// What was trained.
#[derive(Debug)]
pub struct ModelSummary {
    /// The estimator, for example "logistic regression".
    pub learner: String,
    /// The feature specification, for example `hog:7+dct:10`.
    pub features: String,
    /// Columns of the feature matrix.
    pub columns: usize,
    /// Training iterations.
    pub iterations: usize,
    /// Whether the labels of the training pictures were encrypted too.
    pub labels_encrypted: bool,
}

/// Predictions that were made under encryption.
#[derive(Clone, Copy, Debug)]
pub struct PredictionSummary {
    /// Scores nearer to zero than this are undecided.
    pub gap: f64,
    /// Pictures with such scores.
    pub within_gap: usize,
    /// The largest distance of any other slot from 0 or 1.
    pub largest_error: f64,
}

/// How often each class was given each prediction: `counts[truth][prediction]`, index 0 the first class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    /// The counts.
    pub counts: [[usize; 2]; 2],
}

impl Confusion {
    fn count(pairs: impl Iterator<Item = (bool, bool)>) -> Self {
        let mut counts = [[0; 2]; 2];
        for (truth, prediction) in pairs {
            counts[usize::from(!truth)][usize::from(!prediction)] += 1;
        }
        Self { counts }
    }

    /// Pictures with the right prediction.
    pub fn right(self) -> usize {
        self.counts[0][0] + self.counts[1][1]
    }

    /// All pictures.
    pub fn total(self) -> usize {
        self.counts.iter().flatten().sum()
    }

    /// Share of right predictions; `None` without pictures.
    pub fn accuracy(self) -> Option<f64> {
        share(self.right(), self.total())
    }
}

impl DemoReport {
    /// Predictions read from decrypted scores against the truth.
    pub fn confusion_encrypted(&self) -> Confusion {
        Confusion::count(
            (self.outcomes.iter()).map(|outcome| (outcome.truth, outcome.prediction_encrypted)),
        )
    }

    /// Predictions of the plaintext reference against the truth.
    pub fn confusion_clear(&self) -> Confusion {
        Confusion::count(
            (self.outcomes.iter()).map(|outcome| (outcome.truth, outcome.prediction_clear)),
        )
    }

    /// Pictures that were given the same prediction encrypted and in the clear.
    pub fn same_predictions(&self) -> usize {
        (self.outcomes.iter())
            .filter(|outcome| outcome.prediction_encrypted == outcome.prediction_clear)
            .count()
    }

    /// Share of equal predictions; `None` without pictures.
    pub fn agreement(&self) -> Option<f64> {
        share(self.same_predictions(), self.outcomes.len())
    }

    /// Largest distance between a decrypted score and its reference; `None` without pictures, and NaN
    /// where any score is.
    pub fn largest_score_difference(&self) -> Option<f64> {
        (self.outcomes.iter())
            .map(|outcome| (outcome.score_encrypted - outcome.score_clear).abs())
            .reduce(|a, b| if a.is_nan() || a > b { a } else { b })
    }

    /// The class that `first` stands for.
    pub(super) fn class(&self, first: bool) -> &str {
        &self.classes[usize::from(!first)]
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

//! What can go wrong in learning and classifying.

use std::collections::BTreeSet;
use std::{fmt, io};

use tapetum_ckks::wire::WireError;
use tapetum_ckks::{DecryptionError, EncodeError, EncryptionError, EvaluationError};
use thiserror::Error;

/// Largest feature in magnitude. Standardised features stay far below.
pub const MAX_FEATURE: f64 = 1024.0;

/// What most of this crate returns.
pub type Result<T, E = LearnError> = std::result::Result<T, E>;

/// Why something cannot be learned, classified, or read as an object of this crate.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LearnError {
    /// There is nothing to work on.
    #[error("there are no {0}: at least one is needed")]
    Empty(&'static str),
    /// A feature is infinite or not a number.
    #[error(
        "feature {col} of sample {row} is infinite or not a number: remove or repair the sample"
    )]
    NotFinite {
        /// Index of the sample.
        row: usize,
        /// Index of the feature.
        col: usize,
    },
    /// A feature is too large for the polynomials and the scale.
    #[error(
        "feature {col} of sample {row} is {value:e}, larger in magnitude than {MAX_FEATURE}: \
         standardise the features first"
    )]
    TooLarge {
        /// Index of the sample.
        row: usize,
        /// Index of the feature.
        col: usize,
        /// The feature.
        value: f64,
    },
    /// Two things do not fit together.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// What was compared.
        what: &'static str,
        /// What was expected.
        expected: usize,
        /// What was found.
        found: usize,
    },
    /// A shape that cannot be packed.
    #[error("{what} is {found}, but must be {allowed}")]
    Layout {
        /// Which number.
        what: &'static str,
        /// Its value.
        found: usize,
        /// Which values it may have.
        allowed: &'static str,
    },
    /// All labels are the same.
    #[error("all samples are of class {0}: training needs samples of another class as well")]
    OneClass(usize),
    /// An estimator that knows two classes only.
    #[error(
        "{what} takes labels of two classes, but these are of {found}: choose another estimator, \
         or one class against the rest"
    )]
    Classes {
        /// Which estimator.
        what: &'static str,
        /// The number of classes.
        found: usize,
    },
    /// An estimator that needs more classes than two.
    #[error(
        "{what} takes labels of three classes or more, but these are of {found}: choose logistic \
         regression"
    )]
    FewClasses {
        /// Which estimator.
        what: &'static str,
        /// The number of classes.
        found: usize,
    },
    /// A setting of an estimator is out of range.
    #[error("{setting} is {found}, but must be {allowed}")]
    Config {
        /// Which setting.
        setting: Setting,
        /// Its value.
        found: f64,
        /// Which values it may have.
        allowed: &'static str,
    },
    /// The ciphertexts have too few levels.
    #[error(
        "{what} needs ciphertexts at level {needed} or higher, but they are at level {available}: \
         encrypt at a higher level (with parameters that have one), or train with fewer iterations"
    )]
    LevelExhausted {
        /// What was asked for.
        what: &'static str,
        /// The level that it needs.
        needed: usize,
        /// The level of the ciphertexts.
        available: usize,
    },
    /// The server does not hold the keys that the computation needs.
    #[error("{0}: have the owner make keys for this layout and this computation")]
    MissingKeys(MissingKeys),
    /// A value left the interval on which the sigmoid or the softmax is approximated.
    #[error(
        "in iteration {iteration} a sample has |z| = {largest:.2}, outside the interval of the \
         polynomial, [-{interval}, {interval}]: encrypted training would silently fail. \
         Take a larger interval (--interval), a smaller learning rate (--learning-rate), or fewer or \
         standardised features"
    )]
    OutOfRange {
        /// The iteration, from 1.
        iteration: usize,
        /// The largest |z|.
        largest: f64,
        /// Half the length of the interval.
        interval: f64,
    },
    /// The spectrum of the samples is wider than what least squares was told.
    #[error(
        "the largest eigenvalue of X^T X / m is {found:.4}, above the bound of {bound} that the \
         steps are made for: encrypted training would silently fail. Set a larger bound \
         (--largest-eigenvalue), or scale the features down"
    )]
    Eigenvalue {
        /// The largest eigenvalue.
        found: f64,
        /// The bound in the settings.
        bound: f64,
    },
    /// A network whose hidden units grow beyond all use.
    #[error(
        "in step {step} the sum of a hidden unit reaches {largest:.2e}, more than {most}: the training diverges. Take \
         smaller learning rates (--learning-rate HIDDEN,OUTPUT) or whitened features (--whiten)"
    )]
    Diverges {
        /// Counted from 1.
        step: usize,
        /// The largest magnitude of a sum.
        largest: f64,
        /// The largest that is allowed.
        most: f64,
    },
    /// A weight is larger than what weights are bootstrapped as multiples of.
    #[error(
        "a weight reaches {largest:.2} in magnitude, more than the {bound} that it may have when \
         weights are bootstrapped: encrypted training would silently fail. Take a \
         smaller learning rate (--learning-rate) or fewer iterations (--iterations)"
    )]
    WeightOutOfRange {
        /// The largest |weight|.
        largest: f64,
        /// What is allowed.
        bound: f64,
    },
    /// Scores that decrypt to what no scores are.
    #[error(
        "these do not decrypt to scores: they were made with other keys than this secret key's, or \
         values left their range in training, which a simulation would show"
    )]
    OtherKey,
    /// What was encrypted, trained or scored with other keys.
    #[error(
        "it was made with keys of another `keygen` than {0}: everything that is computed together must \
         come from the same keys"
    )]
    OtherKeySet(String),
    /// Features that were standardised otherwise.
    #[error(
        "its features were fitted separately from those of {0}: everyone who encrypts for a model needs \
         the same features.json, and what was encrypted before it changed must be encrypted again"
    )]
    OtherFeatures(String),
    /// Keys that were made for something else.
    #[error(
        "scores can be published with noise only if they are of a plain model, under keys that were made for it \
         (`keygen --classify-only --publish`): here the noise that hides the error would drown them. Pass on rounded \
         scores or labels instead"
    )]
    NotForPublishing,
    /// The noise would leave too little.
    #[error(
        "noise for {results} results under a key would leave {bits:.1} bits of a score, and fewer than 8 are not worth \
         publishing: plan for fewer results, features or classes, or pass on labels instead"
    )]
    NoRoomForNoise {
        /// How many results are planned.
        results: u64,
        /// The bits that are left.
        bits: f64,
    },
    /// A number for which the bound on the error does not hold.
    #[error(
        "{what} is {found:.2} in magnitude, and scores can be published only up to {most}: scale it down, or make keys \
         without --publish"
    )]
    TooLargeToPublish {
        /// Which number.
        what: &'static str,
        /// Its magnitude.
        found: f64,
        /// The largest that is allowed.
        most: f64,
    },
    /// A checkpoint of another training.
    #[error(
        "the checkpoint is of a training with other settings, keys or data: resume with those, or \
         start over without it"
    )]
    OtherInputs,
    /// Sessions whose batches act one after the other.
    #[error("this training takes its batches one after the other: there is nothing to merge")]
    NotAdditive,
    /// A session that has no checkpoints.
    #[error("only training in mini-batches goes on from a checkpoint")]
    NotResumable,
    /// A network where only a linear model does.
    #[error(
        "the model is a network with a hidden layer, of which there is no file in the clear: classify with the encrypted \
         model, or train a linear one (--learner)"
    )]
    NotLinear,
    /// Two objects of different parameters.
    #[error("{0} belongs to other parameters than the rest")]
    Parameters(&'static str),
    /// A ciphertext is not in the form that an object of this kind has.
    #[error("{what} is malformed: {reason}")]
    Malformed {
        /// Which object.
        what: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An operation on ciphertexts was refused.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// Something could not be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Something could not be encrypted.
    #[error(transparent)]
    Encryption(#[from] EncryptionError),
    /// Something could not be decrypted.
    #[error(transparent)]
    Decryption(#[from] DecryptionError),
    /// A file of samples cannot be used.
    #[error(transparent)]
    File(Box<FileError>),
    /// A file is not what was asked for.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// Why a file cannot be used, or not as it was asked for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read {file}")]
    Unreadable {
        /// Which file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// It is not what it should be.
    #[error("cannot use {file}")]
    Unusable {
        /// Which file.
        file: String,
        /// What is wrong.
        source: LearnError,
    },
    /// Bytes follow that are not another batch.
    #[error("{file} has trailing data")]
    TrailingData {
        /// Which file.
        file: String,
        /// What is wrong with them.
        source: WireError,
    },
    /// There is nothing in it.
    #[error("{0} is empty")]
    Empty(String),
    /// It ends within an object.
    #[error("{0} is truncated")]
    Truncated(String),
    /// A contributor is named, and no samples follow.
    #[error("{0} ends where samples should come")]
    NoSamples(String),
    /// A matrix comes last, without labels.
    #[error("{0} holds samples without labels: training needs labelled samples")]
    NoLabels(String),
    /// It holds a secret key.
    #[error("{0} holds a secret key")]
    Secret(String),
    /// It has more batches than a training may have.
    #[error("{file} has more than {allowed} batches")]
    TooManyBatches {
        /// Which file.
        file: String,
        /// Most batches.
        allowed: usize,
    },
    /// An object is larger than this reader accepts.
    #[error(
        "{file} has an object of {found} bytes, but at most {allowed} are accepted: send more and \
         smaller ones"
    )]
    TooLarge {
        /// Which file.
        file: String,
        /// Its bytes.
        found: u64,
        /// Most bytes of an object.
        allowed: u64,
    },
    /// The same samples come twice, and would count twice.
    #[error("{file} holds the same encrypted samples as {other}: give them once")]
    Repeated {
        /// Which file.
        file: String,
        /// Where they are as well.
        other: String,
    },
    /// Samples of somebody are to be left out who has none.
    #[error("no samples from {name}; contributors: {}", contributors.join(", "))]
    UnknownContributor {
        /// Who was named.
        name: String,
        /// Who has samples.
        contributors: Vec<String>,
    },
    /// All samples are left out, or there were none.
    #[error("no samples are left to train on")]
    NothingLeft,
}

impl From<FileError> for LearnError {
    fn from(error: FileError) -> Self {
        Self::File(Box::new(error))
    }
}

/// What an algorithm can be set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Setting {
    /// How many iterations there are.
    Iterations,
    /// How many learning rates are listed.
    LearningRates,
    /// A learning rate.
    LearningRate,
    /// Where a polynomial stands for the sigmoid or the softmax.
    Interval,
    /// Samples of a mini-batch.
    BatchRows,
    /// The largest magnitude of a weight that is bootstrapped.
    WeightBound,
    /// The bound on the eigenvalues of X^T X / m.
    LargestEigenvalue,
    /// The penalty of ridge regression.
    Alpha,
    /// The largest magnitude of a score.
    ScoreBound,
    /// Hidden units of a network.
    HiddenUnits,
    /// The momentum of a training.
    Momentum,
    /// How large sums of hidden units are when a training begins.
    InitialScale,
}

impl Setting {
    /// An error unless it is within its range.
    pub(crate) fn check(self, within: bool, found: f64, allowed: &'static str) -> Result<()> {
        match within {
            true => Ok(()),
            false => Err(LearnError::Config {
                setting: self,
                found,
                allowed,
            }),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Iterations => "the number of iterations",
            Self::LearningRates => "the number of learning rates",
            Self::LearningRate => "the learning rate",
            Self::Interval => "the interval of the polynomial",
            Self::BatchRows => "the number of samples of a mini-batch",
            Self::WeightBound => "the largest weight",
            Self::LargestEigenvalue => "the bound on the largest eigenvalue",
            Self::Alpha => "alpha",
            Self::ScoreBound => "the bound of scores",
            Self::HiddenUnits => "the number of hidden units",
            Self::Momentum => "the momentum",
            Self::InitialScale => "the scale of the first weights",
        })
    }
}

/// Keys that a computation needs and the server does not hold, or not for high enough levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingKeys {
    /// Whether the relinearisation key is missing.
    pub relinearization: bool,
    /// Whether the conjugation key is missing.
    pub conjugation: bool,
    /// The rotations without a key.
    pub rotations: BTreeSet<i64>,
    /// The level that the keys must serve.
    pub level: usize,
}

impl MissingKeys {
    pub(crate) fn is_empty(&self) -> bool {
        !self.relinearization && !self.conjugation && self.rotations.is_empty()
    }
}

impl fmt::Display for MissingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut missing = Vec::new();
        if self.relinearization {
            missing.push("the relinearisation key".to_owned());
        }
        if self.conjugation {
            missing.push("the conjugation key".to_owned());
        }
        if !self.rotations.is_empty() {
            let steps: Vec<_> = self.rotations.iter().map(i64::to_string).collect();
            missing.push(format!("keys for rotations by {}", steps.join(", ")));
        }
        write!(
            f,
            "for ciphertexts at level {} the evaluation keys lack {}",
            self.level,
            missing.join(", ")
        )
    }
}

/// An error unless two numbers agree.
pub(crate) fn check_equal(what: &'static str, expected: usize, found: usize) -> Result<()> {
    if expected == found {
        Ok(())
    } else {
        Err(LearnError::Shape {
            what,
            expected,
            found,
        })
    }
}

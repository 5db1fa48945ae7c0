//! What can go wrong between a file and scores.

use std::fmt;

use tapetum_ckks::{
    ArgmaxError, ArgmaxPlan, BootstrappingError, CkksError, DecryptionError, EncodeError,
    EncryptionError, EvaluationError, KeyError, LinearTransformError, ParametersError,
    wire::WireError,
};
use thiserror::Error;

/// What most of this crate returns.
pub type Result<T, E = NetworkError> = std::result::Result<T, E>;

/// Why a file is not a network, a network cannot be evaluated on encrypted images, or an image does not fit.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The bytes are not those of an ONNX file.
    #[error("not an ONNX file: {0}")]
    NotOnnx(String),
    /// Something exceeds a limit of the reader.
    #[error("{found} {what} exceed the limit of {limit}")]
    TooLarge {
        /// What there is too much of.
        what: String,
        /// How much there is.
        found: u64,
        /// How much is allowed.
        limit: u64,
    },
    /// The operator set is older than what is read.
    #[error(
        "the file uses operator set {found}: export it again with operator set {least} or later"
    )]
    OperatorSet {
        /// The version of the file.
        found: i64,
        /// The oldest version that is read.
        least: i64,
    },
    /// The graph has not one input and one output of scores, or uses what no other error names.
    #[error("the graph is not supported: {0}")]
    Graph(String),
    /// An operator that is not read.
    #[error("{node}: the operator {operator} is not supported: {remedy}")]
    Operator {
        /// The node.
        node: NodeName,
        /// The operator.
        operator: String,
        /// What could stand for it.
        remedy: String,
    },
    /// A node's attributes, inputs or shapes do not fit its operator, or exceed what is supported.
    #[error("{node}: {reason}")]
    Node {
        /// The node.
        node: NodeName,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A tensor of the file cannot be read.
    #[error("tensor {name:?}: {reason}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The network cannot be evaluated on encrypted images.
    #[error("{node}: {reason}")]
    Encrypted {
        /// The node that stands in the way.
        node: NodeName,
        /// Why, and what to do.
        reason: String,
    },
    /// A network with ReLU, or for labels, is planned without images.
    #[error(
        "ReLU and comparisons of scores are computed by polynomials on an interval: give calibration images like those to \
         come, whose values set it"
    )]
    Calibration,
    /// Labels of too few scores, or of too many.
    #[error(
        "labels are found among 2 to {max} scores, and the network has {0}: have it answer with scores",
        max = ArgmaxPlan::MAX_COUNT
    )]
    Labels(usize),
    /// Features that cannot be the rows of a matrix.
    #[error("{0}")]
    Features(String),
    /// No parameters have enough levels.
    #[error(
        "the network needs {levels} levels, more than N = 2^17 has at 128 bits of security; with calibration images it can \
         be bootstrapped, unless a single layer takes more than 15"
    )]
    Levels {
        /// The levels that the network needs.
        levels: usize,
    },
    /// An image, or a vector in place of one, does not fit the network.
    #[error("the image has {found} values: the network takes {expected}")]
    ImageSize {
        /// How many values there are.
        found: usize,
        /// How many there must be.
        expected: usize,
    },
    /// A value of an image is out of range.
    #[error("value {index} of the image is {value}: it must be within [{low}, {high}]")]
    ImageValue {
        /// Which value.
        index: usize,
        /// The value.
        value: f64,
        /// The least value.
        low: f64,
        /// The largest value.
        high: f64,
    },
    /// A plan, an image, keys or a result belong to different things.
    #[error("{what} belongs to {found}, but is used with {expected}")]
    Mismatch {
        /// What does not fit.
        what: &'static str,
        /// What it belongs to.
        found: String,
        /// What it is used with.
        expected: String,
    },
    /// Pixels that a network does not take.
    #[error("{0}")]
    Preprocessing(String),
    /// A text is not a plan that this program reads.
    #[error("this is no network's plan: {0}")]
    NotAPlan(String),
    /// Classes and scores do not match.
    #[error("the network has {scores} scores, but {classes} classes are named")]
    Classes {
        /// Scores of the network.
        scores: usize,
        /// Names of classes.
        classes: usize,
    },
    /// A plan that no network has.
    #[error("the plan is damaged: {0}")]
    Plan(String),
    /// A file that no encryption and no evaluation wrote.
    #[error("{what} cannot be used: {reason}")]
    Damaged {
        /// What was read.
        what: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file is not what was asked for.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A value of the network has left the range that its polynomials or the parameters are for.
    #[error(
        "out of range: the image is unlike the calibration images of the plan, and the scores mean nothing. Use another \
         image, or ask the provider for a plan with calibration images like this one (`tapetum net plan --calibrate`). \
         Scores under another key look the same"
    )]
    OutOfRange,
    /// Keys that the plan needs are missing.
    #[error("the evaluation keys do not have all keys of the plan: make them with its key plan")]
    Keys,
    /// Parameters, keys, an image, an evaluation or scores that the scheme refuses.
    #[error(transparent)]
    Scheme(CkksError),
}

/// What is passed on as it is.
macro_rules! of_the_scheme {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for NetworkError {
            fn from(error: $error) -> Self {
                Self::Scheme(error.into())
            }
        })+
    };
}

of_the_scheme!(
    ParametersError,
    KeyError,
    EncodeError,
    EncryptionError,
    DecryptionError,
    EvaluationError,
    LinearTransformError,
    BootstrappingError,
    ArgmaxError,
);

impl NetworkError {
    /// Refuses more than a limit allows.
    pub(crate) fn check_limit(what: &str, found: usize, limit: usize) -> Result<()> {
        if found <= limit {
            return Ok(());
        }
        Err(Self::TooLarge {
            what: what.to_owned(),
            found: found as u64,
            limit: limit as u64,
        })
    }
}

/// How errors and plans name a node: by its name, or by its place if it has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeName {
    operator: String,
    name: String,
    place: usize,
}

impl NodeName {
    /// The node at a place, counted from 0, of the file's list.
    pub(crate) fn new(operator: &str, name: &str, place: usize) -> Self {
        // Names and operators of hostile files must not fill screens.
        let short = |text: &str| text.chars().take(80).collect::<String>();
        Self {
            operator: short(operator),
            name: short(name),
            place,
        }
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            write!(f, "node {} ({})", self.place + 1, self.operator)
        } else {
            write!(f, "node {:?} ({})", self.name, self.operator)
        }
    }
}

//! The tasks, as data.

use std::path::Path;

use clap::ValueEnum;
use tapetum::Result;
use tapetum_learn::{
    EstimatorConfig, LearningRate, LeastSquaresConfig, LogisticRegressionConfig, MiniBatches,
    SigmoidDegree, SoftmaxRegressionConfig, TwoLayerConfig,
};
use tapetum_vision::{Collection, FeatureSpec, Limits, Split};

use tapetum::plan::{DEFAULT_FEATURES, DEFAULT_SIDE, Expansion, TABLE_FEATURES};

/// Pixels along each side of an image.
const SIDE: usize = 28;
/// MobileNetV1 (width 0.25, 128 x 128) as TensorFlow Lite distributes it, trained on ImageNet.
const BACKBONE: &str = "models/mobilenet_v1_0.25_128_quant.tflite";

/// A task by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TaskName {
    /// Benign or malignant, from 30 measurements of cell nuclei.
    Wdbc,
    /// Handwritten digits: 3 or 8.
    #[value(name = "mnist-3v8")]
    Mnist3v8,
    /// Ten kinds of clothes.
    #[value(name = "fashion-10")]
    Fashion10,
    /// Silhouettes of ten kinds of animals.
    #[value(name = "animal-shapes-10")]
    AnimalShapes10,
    /// Cat or dog, from photographs.
    Pets,
    /// Chest X-rays with and without pneumonia.
    Pneumonia,
    /// Ten kinds of things, from photographs.
    #[value(name = "cifar-10")]
    Cifar10,
    /// Cat or dog, from more photographs.
    CatsAndDogs,
}

/// A training algorithm by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EstimatorName {
    /// Linear means.
    LinearMeans,
    /// Fisher's discriminant.
    Fisher,
    /// Ridge regression on the labels.
    Ridge,
    /// Logistic regression.
    Logistic,
    /// Logistic regression of each class against the others.
    Ovr,
    /// Softmax regression.
    Softmax,
    /// A network with one hidden layer, which is trained if it is named: it takes long.
    TwoLayer,
}

impl EstimatorName {
    /// As it is written on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LinearMeans => "linear-means",
            Self::Fisher => "fisher",
            Self::Ridge => "ridge",
            Self::Logistic => "logistic",
            Self::Ovr => "ovr",
            Self::Softmax => "softmax",
            Self::TwoLayer => "two-layer",
        }
    }

    fn of(learner: &EstimatorConfig) -> Option<Self> {
        Some(match learner {
            EstimatorConfig::LinearMeans => Self::LinearMeans,
            EstimatorConfig::Fisher(_) => Self::Fisher,
            EstimatorConfig::Ridge(_) => Self::Ridge,
            EstimatorConfig::Logistic(_) => Self::Logistic,
            EstimatorConfig::OneVsRest(_) => Self::Ovr,
            EstimatorConfig::Softmax(_) => Self::Softmax,
            EstimatorConfig::TwoLayer(_) => Self::TwoLayer,
            _ => return None,
        })
    }

    /// The algorithm on features of images that are whitened where that helps.
    fn usual(self) -> EstimatorConfig {
        match self {
            Self::LinearMeans => EstimatorConfig::LinearMeans,
            Self::Fisher => EstimatorConfig::Fisher(LeastSquaresConfig::whitened()),
            Self::Ridge => EstimatorConfig::Ridge(LeastSquaresConfig::whitened()),
            Self::Logistic => logistic([12.0, 8.0, 32.0]),
            Self::Ovr => EstimatorConfig::OneVsRest(one_vs_rest()),
            Self::Softmax => EstimatorConfig::Softmax(SoftmaxRegressionConfig::standardized()),
            Self::TwoLayer => EstimatorConfig::TwoLayer(TwoLayerConfig::default()),
        }
    }
}

/// One way to learn a task: what, from what, and how.
pub struct Trial {
    /// The name of its task in the report.
    pub task: &'static str,
    /// Where samples come from.
    collection: Collection,
    /// The labels to be told apart, the second of which is the positive one; all if there are none.
    pair: Option<[&'static str; 2]>,
    /// How it is trained.
    pub learner: EstimatorConfig,
    /// What is taken from a sample.
    pub features: String,
    /// Pixels along each side of an image before that.
    pub side: usize,
    /// What is made of that; what suits the algorithm unless it is said.
    pub expansion: Option<Expansion>,
}

impl TaskName {
    /// All tasks in the order of the report.
    pub fn all() -> Vec<Self> {
        Self::value_variants().to_vec()
    }

    /// As it is written on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wdbc => "wdbc",
            Self::Mnist3v8 => "mnist-3v8",
            Self::Fashion10 => "fashion-10",
            Self::AnimalShapes10 => "animal-shapes-10",
            Self::Pets => "pets",
            Self::Pneumonia => "pneumonia",
            Self::Cifar10 => "cifar-10",
            Self::CatsAndDogs => "cats-and-dogs",
        }
    }

    /// The ways in which it is learned, on data sets below `dir`: by these algorithms, if any are named. One that the
    /// task has no settings of its own for is tried on usual features with usual settings.
    pub fn trials(self, dir: &Path, estimators: &[EstimatorName]) -> Vec<Trial> {
        let mut own = self.own_trials(dir);
        if estimators.is_empty() {
            own.retain(|trial| !matches!(trial.learner, EstimatorConfig::TwoLayer(_)));
        }
        let Some(first) = own.first().filter(|_| !estimators.is_empty()) else {
            return own;
        };
        let is_of = |trial: &&Trial, name| EstimatorName::of(&trial.learner) == Some(name);
        let features = match first.features.as_str() {
            TABLE_FEATURES => TABLE_FEATURES,
            _ => DEFAULT_FEATURES,
        };
        let usual: Vec<Trial> = (estimators.iter())
            .filter(|name| !own.iter().any(|trial| is_of(&trial, **name)))
            .map(|name| Trial {
                learner: name.usual(),
                features: features.to_owned(),
                side: DEFAULT_SIDE,
                expansion: None,
                ..*first
            })
            .collect();
        let wanted = |trial: &Trial| estimators.iter().any(|name| is_of(&trial, *name));
        own.into_iter().filter(wanted).chain(usual).collect()
    }

    fn own_trials(self, dir: &Path) -> Vec<Trial> {
        use EstimatorConfig::{Fisher, LinearMeans, Logistic, OneVsRest, Ridge, Softmax, TwoLayer};
        let (collection, pair) = match self {
            Self::Wdbc => (Collection::Wdbc, Some(["benign", "malignant"])),
            Self::Mnist3v8 => (Collection::Mnist, Some(["3", "8"])),
            Self::Fashion10 => (Collection::FashionMnist, None),
            Self::AnimalShapes10 => (Collection::AnimalShapes, None),
            Self::Pets => (Collection::Pets, Some(["dog", "cat"])),
            Self::Pneumonia => (Collection::Pneumonia, Some(["normal", "pneumonia"])),
            Self::Cifar10 => (Collection::Cifar10, None),
            Self::CatsAndDogs => (Collection::CatsAndDogs, Some(["dog", "cat"])),
        };
        let trial = |learner: EstimatorConfig, features: &str| Trial {
            task: self.as_str(),
            collection,
            pair,
            learner,
            features: features.to_owned(),
            side: SIDE,
            // Figures are those of the features as they are.
            expansion: Some(Expansion::default()),
        };
        let whitened = |directions| Some(Expansion::whitened(directions));
        match self {
            Self::Wdbc => vec![
                trial(LinearMeans, TABLE_FEATURES),
                trial(Fisher(steps(4)), TABLE_FEATURES),
            ],
            Self::Mnist3v8 => vec![
                trial(Ridge(steps(3)), "dct:14"),
                trial(
                    Logistic(LogisticRegressionConfig::mini_batches(1024)),
                    "pixels:14",
                ),
            ],
            Self::Fashion10 => vec![
                trial(Ridge(steps(7)), "dct:14"),
                // 5 x 5 cells: with the DCT 251 features, so that a row of 256 slots holds a sample.
                Trial {
                    side: 30,
                    expansion: whitened(250),
                    ..trial(Ridge(steps(3)), "hog:6+dct:5")
                },
                Trial {
                    side: 30,
                    expansion: whitened(250),
                    ..trial(TwoLayer(network(150)), "hog:6+dct:5")
                },
            ],
            Self::AnimalShapes10 => {
                let softmax = Softmax(SoftmaxRegressionConfig::default());
                vec![
                    trial(OneVsRest(one_vs_rest()), "hog:7+pixels:10"),
                    Trial {
                        expansion: Some(Expansion::whitened_for(&softmax, 255)),
                        ..trial(softmax, "hog:4+hog:7+pixels:14")
                    },
                    Trial {
                        expansion: whitened(255),
                        ..trial(TwoLayer(network(60)), "hog:4+hog:7+pixels:14")
                    },
                ]
            }
            Self::Pets => {
                let (features, steps) = photographs(dir);
                vec![trial(logistic(steps), &features)]
            }
            Self::Pneumonia => vec![trial(logistic([8.0, 8.0, 16.0]), "hog:7+dct:10")],
            Self::Cifar10 | Self::CatsAndDogs => {
                let (features, _) = photographs(dir);
                let side = if self == Self::Cifar10 { 32 } else { 64 };
                let features = match features.contains("tflite") {
                    true => features,
                    false => format!("hog:{}+dct:14", side / 8),
                };
                vec![Trial {
                    side,
                    expansion: whitened(255),
                    ..trial(Ridge(steps(3)), &features)
                }]
            }
        }
    }
}

/// Least squares in this many steps. The training data set the scale of the features, so that their
/// largest eigenvalue is 1 but for rounding.
fn steps(steps: usize) -> LeastSquaresConfig {
    LeastSquaresConfig {
        iterations: steps,
        largest_eigenvalue: 1.01,
        ..LeastSquaresConfig::default()
    }
}

/// A network in this many steps.
fn network(iterations: usize) -> TwoLayerConfig {
    TwoLayerConfig {
        iterations,
        ..TwoLayerConfig::default()
    }
}

/// Nesterov's steps on mini-batches; the interval leaves room beyond the largest score of the reference.
fn one_vs_rest() -> LogisticRegressionConfig {
    LogisticRegressionConfig {
        iterations: 20,
        degree: SigmoidDegree::Five,
        interval: 16.0,
        learning_rate: LearningRate::Constant(16.0),
        batches: Some(MiniBatches {
            rows: 1024,
            weight_bound: 32.0,
        }),
    }
}

/// Logistic regression by gradient steps of these lengths, in units of which 4 is what is safe for
/// any number of steps.
fn logistic(lengths: [f64; 3]) -> EstimatorConfig {
    EstimatorConfig::Logistic(LogisticRegressionConfig {
        iterations: lengths.len(),
        learning_rate: LearningRate::Listed(lengths.to_vec()),
        ..LogisticRegressionConfig::default()
    })
}

/// The pooled layer of a small public network if its file is there and can be run, else pixels:
/// shapes alone hardly tell cats from dogs. With steps that keep to the interval of the sigmoid: what is
/// easily told apart has large scores.
fn photographs(dir: &Path) -> (String, [f64; 3]) {
    let backbone = dir.join(BACKBONE);
    match tapetum_vision::HAS_BACKBONES && backbone.exists() {
        true => (
            format!("tflite:{}?signed", backbone.display()),
            [6.0, 4.0, 8.0],
        ),
        false => ("pixels:14".to_owned(), [12.0, 8.0, 32.0]),
    }
}

impl Trial {
    /// The two parts of its data.
    pub fn load(&self, dir: &Path) -> Result<Split> {
        let limits = Limits {
            colour: self.features.parse::<FeatureSpec>()?.wants_colour(),
            ..Limits::default()
        };
        let split = self.collection.load(dir, &limits)?;
        let Some([negative, positive]) = self.pair else {
            return Ok(split);
        };
        Ok(Split {
            train: split.train.pair(negative, positive)?,
            test: split.test.pair(negative, positive)?,
        })
    }
}

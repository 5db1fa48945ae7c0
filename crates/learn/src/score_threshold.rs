//! Predictions in place of scores: what leaves the server tells on which side of zero a score is, and not how
//! far from it.

use serde::{Deserialize, Serialize};
use tapetum_ckks::{Evaluator, Polynomial, Precision};

use crate::error::{Result, Setting, check_equal};
use crate::linear_model::LinearModel;
use crate::matrix::EncryptedMatrix;
use crate::progress::Listener;
use crate::requirements::Requirements;
use crate::scores::EncryptedScores;

/// How scores become predictions: 1 for the positive class, 0 for the other.
///
/// A score is divided by a public bound and compared with 0 at the
/// [`Precision`](tapetum_ckks::Precision). What comes out is near 0 or 1 up to an error that depends on the
/// score, and would tell about it. So a last polynomial of the sign s is flat at both ends: it raises that error
/// to the fourth power ([`Cleaning`]; Drucker, Moshkowich, Pelleg, Shaul 2024 clean bits in the same
/// way). The server then adds Gaussian noise of [`deviation`](Self::deviation), far above what is left and
/// above the noise of encryption, which depends on the score, too.
///
/// Scores beyond the bound give nonsense, without a sign. Those nearer to 0 than the
/// [`gap`](Self::gap) are undecided: their predictions are between 0 and 1, and tell where. Who may choose
/// samples without limit finds such scores, and the hyperplane with them.
///
/// ```
/// use tapetum_ckks::Precision;
/// use tapetum_learn::ScoreThreshold;
///
/// let prediction = ScoreThreshold::new(8.0, Precision::new(10)?)?;
/// assert_eq!((prediction.levels(), prediction.gap()), (17, 1.0 / 128.0));
/// assert!(prediction.error() < 1e-11 && prediction.noise() < 0.004);
/// assert!((prediction.clear(0.1) - 1.0).abs() <= prediction.error());
/// assert!(prediction.clear(-0.1).abs() <= prediction.error());
/// assert_eq!(prediction.clear(0.0), 0.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked", into = "Unchecked")]
pub struct ScoreThreshold {
    bound: f64,
    precision: Precision,
    cleaning: Cleaning,
}

/// The polynomial after the sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cleaning {
    /// (2 + 3 s - s^3) / 4, which squares the error, in two levels: plans that do not say have keys for it.
    #[default]
    Cubic,
    /// (16 + 35 s - 35 s^3 + 21 s^5 - 5 s^7) / 32, which raises it to the fourth power, in three levels.
    Septic,
}

impl Cleaning {
    fn polynomial(self) -> Polynomial {
        let coefficients = match self {
            Self::Cubic => vec![0.5, 0.75, 0.0, -0.25],
            Self::Septic => {
                let odd = |k: f64| k / 32.0;
                vec![
                    0.5,
                    odd(35.0),
                    0.0,
                    odd(-35.0),
                    0.0,
                    odd(21.0),
                    0.0,
                    odd(-5.0),
                ]
            }
        };
        Polynomial::monomial(coefficients).expect("the coefficients are finite")
    }

    fn levels(self) -> usize {
        match self {
            Self::Cubic => 2,
            Self::Septic => 3,
        }
    }

    /// The largest error that is left of an error `e` of the sign: the integral of the derivative.
    fn error(self, e: f64) -> f64 {
        match self {
            Self::Cubic => 0.75 * e * e + 0.25 * e * e * e,
            Self::Septic => 35.0 / 16.0 * e.powi(4) * (1.0 + 0.5 * e).powi(3),
        }
    }
}

/// The deviation of the server's noise is at least this, and at least so many times what cleaning leaves.
const LEAST_DEVIATION: f64 = 1.0 / 4096.0;
const TIMES_ERROR: f64 = 16.0;
/// It is at most this: predictions must stay what they are.
const LARGEST_DEVIATION: f64 = 1.0 / 32.0;
/// Gaussian noise exceeds this many deviations once in 10^11.
const DEVIATIONS: f64 = 7.0;

impl ScoreThreshold {
    /// For scores in [-`bound`, `bound`].
    ///
    /// # Errors
    /// [`LearnError::Config`](crate::LearnError::Config) if the bound is not positive and finite.
    pub fn new(bound: f64, precision: Precision) -> Result<Self> {
        let within = bound > 0.0 && bound <= 1e6;
        Setting::ScoreBound.check(within, bound, "positive and at most 10^6")?;
        Ok(Self {
            bound,
            precision,
            cleaning: Cleaning::Septic,
        })
    }

    /// The largest magnitude of a score.
    pub fn bound(&self) -> f64 {
        self.bound
    }

    /// The precision of the comparison.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Scores of at least this magnitude are decided.
    pub fn gap(&self) -> f64 {
        self.bound * self.precision.threshold()
    }

    /// The largest distance of the prediction on a decided score from 0 or 1, before rounding; and of every
    /// slot that holds no prediction from 0.
    pub fn error(&self) -> f64 {
        self.cleaning.error(self.precision.error())
    }

    /// The deviation of the noise that the server adds.
    pub fn deviation(&self) -> f64 {
        (TIMES_ERROR * self.error()).clamp(LEAST_DEVIATION, LARGEST_DEVIATION)
    }

    /// What that noise does not exceed, up to a chance of 10^-11 a slot: it is up to twice as wide as
    /// the deviation.
    pub fn noise(&self) -> f64 {
        2.0 * DEVIATIONS * self.deviation()
    }

    /// The levels that it needs, beside those of the scores.
    pub fn levels(&self) -> usize {
        self.precision.levels() + self.cleaning.levels()
    }

    /// Levels and keys beside those of the scores.
    pub fn requirements(&self) -> Requirements {
        Requirements {
            levels: self.levels(),
            relinearization: true,
            ..Requirements::default()
        }
    }

    /// The prediction on a score in the clear, by the same polynomials, without noise.
    pub fn clear(&self, score: f64) -> f64 {
        self.cleaning
            .polynomial()
            .eval(self.precision.sign_clear(score / self.bound))
    }

    /// From scores, already divided by the bound, to predictions. A slot without a score gets -1 before the
    /// sign, hence 0 after it.
    fn judge(&self, scores: &EncryptedScores, evaluator: &Evaluator) -> Result<EncryptedScores> {
        let predictions = scores
            .ciphertexts()
            .iter()
            .zip(scores.unused_slots())
            .map(|(scores, unused)| {
                let minus: Vec<f64> = unused
                    .into_iter()
                    .map(|unused| if unused { -1.0 } else { 0.0 })
                    .collect();
                let minus = evaluator.encoder().encode(&minus, scores.level())?;
                let sign = evaluator.sign(&evaluator.add_plain(scores, &minus)?, self.precision)?;
                let cleaned = evaluator.evaluate_polynomial(&sign, &self.cleaning.polynomial())?;
                Ok(evaluator.add_noise(&cleaned, self.deviation())?)
            })
            .collect::<Result<Vec<_>>>()?;
        let found =
            EncryptedScores::from_ciphertexts(*scores.layout(), scores.classes(), predictions)?;
        Ok(found.with_origin(*scores.origin()))
    }
}

/// Predictions under encryption: 1 or 0 in the slot of each sample's score, 0 in all others.
#[derive(Clone, Debug, PartialEq)]
pub struct EncryptedPredictions(EncryptedScores);

impl EncryptedPredictions {
    pub(crate) fn new(slots: EncryptedScores) -> Self {
        Self(slots)
    }

    /// The ciphertexts, which lie as those of scores do.
    pub fn slots(&self) -> &EncryptedScores {
        &self.0
    }
}

impl LinearModel {
    /// The encrypted predictions on samples, at level 0: [`decision_function`](Self::decision_function),
    /// and a comparison for each ciphertext of scores. Samples and model must be
    /// [`ScoreThreshold::levels`] higher than for scores.
    ///
    /// # Errors
    /// As [`decision_function`](Self::decision_function), and [`LearnError::Shape`](crate::LearnError::Shape) for a model of more than
    /// two classes.
    pub fn predictions(
        &self,
        threshold: &ScoreThreshold,
        evaluator: &Evaluator,
        samples: &EncryptedMatrix,
        progress: &mut Listener<'_>,
    ) -> Result<EncryptedPredictions> {
        check_equal(
            "classes of a model that gives predictions",
            2,
            self.classes(),
        )?;
        let (end, factor) = (threshold.levels(), 1.0 / threshold.bound);
        let scores = self.scaled_scores(end, factor, evaluator, samples, progress)?;
        let predictions = threshold.judge(&scores, evaluator)?;
        Ok(EncryptedPredictions(predictions))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    bound: f64,
    precision_bits: u32,
    #[serde(default)]
    cleaning: Cleaning,
}

impl TryFrom<Unchecked> for ScoreThreshold {
    type Error = Box<dyn std::error::Error>;

    fn try_from(unchecked: Unchecked) -> Result<Self, Self::Error> {
        let precision = Precision::new(unchecked.precision_bits)?;
        Ok(Self {
            cleaning: unchecked.cleaning,
            ..Self::new(unchecked.bound, precision)?
        })
    }
}

impl From<ScoreThreshold> for Unchecked {
    fn from(threshold: ScoreThreshold) -> Self {
        Self {
            bound: threshold.bound,
            precision_bits: threshold.precision.bits(),
            cleaning: threshold.cleaning,
        }
    }
}

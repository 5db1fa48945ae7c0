//! Scores that are to be published: decrypted with noise that hides the error of the computation.
//!
//! The error in a decrypted score depends on the secret key (Li, Micciancio 2021). Noise hides it with a proof if it is
//! as much wider as a bound on the error demands ([`NoiseFlooding`]), and leaves something of the score only if the
//! error is small: a plain model on samples that were encrypted at a large scale. There are parameters for that alone.
//! Under them samples, weights and the mask of the scores are multiplied by powers of two before they are encoded, which
//! is as good as larger scales, and scores are divided by all of these when they are decrypted. Ciphertexts
//! have canonical scales as ever, and whoever has the parameters knows the factors.

use tapetum_ckks::{NoiseBound, NoiseFlooding, Parameters, ParametersLiteral, SecretDistribution};

use crate::error::{LearnError, Result};
use crate::features::Features;
use crate::layout::Layout;
use crate::plain_model::PlainModel;
use crate::task::outputs;

/// The parameters under which scores can be published, what is multiplied by what, and how large numbers may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publishing(());

impl Publishing {
    /// Bits of statistical security.
    pub const BITS: u32 = 30;
    /// Below so many bits a score is not worth publishing.
    pub const LEAST_BITS: f64 = 8.0;
    /// The score whose bits are counted.
    pub const SCORE: f64 = 8.0;
    /// The largest magnitude of a feature: what standardised ones are clipped to.
    pub const LARGEST_FEATURE: f64 = 4.0;
    /// What the magnitudes of the weights of a score add up to at most, and its intercept at most.
    pub const LARGEST_WEIGHTS: f64 = 16.0;
    /// Levels of the samples: two products, and two primes for the scores.
    pub(crate) const SAMPLE_LEVEL: usize = 3;
    /// Levels of the scores.
    pub(crate) const SCORE_LEVEL: usize = 1;

    /// Samples, weights and mask are multiplied by these. What is lost to the rounding of weights and mask and to the
    /// encryption's own error is about the same then, and the noise for some hundred results is not wider than
    /// what is drawn.
    pub(crate) const SAMPLES: f64 = (1 << 12) as f64;
    pub(crate) const WEIGHTS: f64 = (1 << 6) as f64;
    pub(crate) const MASK: f64 = (1 << 2) as f64;
    /// By which scores and intercepts are multiplied.
    pub(crate) const SCORES: f64 = Self::SAMPLES * Self::WEIGHTS * Self::MASK;

    /// The parameters.
    pub fn literal() -> ParametersLiteral {
        ParametersLiteral {
            log_n: 14,
            q_bits: vec![49, 48, 48, 48],
            p_bits: vec![49],
            log_scale: 48,
            secret: SecretDistribution::UniformTernary,
            bootstrapping: None,
        }
    }

    /// If these are the parameters.
    pub fn of(parameters: &Parameters) -> Option<Self> {
        (*parameters.literal() == Self::literal()).then_some(Self(()))
    }

    /// Whether the bound allows for a feature of this magnitude: up to [`LARGEST_FEATURE`](Self::LARGEST_FEATURE), and
    /// the last digits of a division that features clipped at it have been through.
    pub fn fits(magnitude: f64) -> bool {
        magnitude <= Self::LARGEST_FEATURE * (1.0 + 1e-9)
    }

    /// Fails if a feature is larger than the bound allows for.
    pub(crate) fn check_features(self, features: &Features<'_>) -> Result<()> {
        let largest = features
            .samples()
            .flatten()
            .fold(0.0, |max, x| f64::max(max, x.abs()));
        match Self::fits(largest) {
            true => Ok(()),
            false => Err(LearnError::TooLargeToPublish {
                what: "a feature",
                found: largest,
                most: Self::LARGEST_FEATURE,
            }),
        }
    }

    /// Fails if weights or intercepts are larger than the bound allows for.
    pub(crate) fn check_model(self, model: &PlainModel) -> Result<()> {
        let cols = model.features().max(1);
        let sum = |weights: &[f64]| weights.iter().map(|w| w.abs()).sum::<f64>();
        let sums = model.weights.chunks(cols).map(sum);
        let all = sums.chain(model.intercepts.iter().map(|b| b.abs()));
        let largest = all.fold(0.0, f64::max);
        match largest <= Self::LARGEST_WEIGHTS {
            true => Ok(()),
            false => Err(LearnError::TooLargeToPublish {
                what: "the sum of the weights' magnitudes, or an intercept,",
                found: largest,
                most: Self::LARGEST_WEIGHTS,
            }),
        }
    }

    /// A bound on the error of the scores that [`PlainModel::score_encrypted`] gives for samples in this layout, of
    /// anyone who has the public key: each of its operations, on the largest numbers that are allowed.
    pub fn bound(self, parameters: &Parameters, layout: &Layout, classes: usize) -> NoiseBound {
        let level = Self::SAMPLE_LEVEL;
        let largest = Self::LARGEST_FEATURE * Self::SAMPLES;
        let sample = NoiseBound::encrypted(parameters, level, largest);
        // Errors of a sum of products with several weights are as large as those with their mean as often.
        let weights = layout.grid_cols() * layout.block_cols();
        let mean = Self::LARGEST_WEIGHTS * Self::WEIGHTS / weights as f64;
        let product = sample.times_plain(parameters.scale(level), mean);
        let product = repeated(layout.grid_cols(), &product, |sum| sum.plus(&product));
        let sums = product.rescaled().summed(layout.block_cols());
        let scores = sums.times_plain(parameters.scale(sums.level()), Self::MASK);
        let column = scores
            .rescaled()
            .plus_plain(Self::LARGEST_WEIGHTS * Self::SCORES);
        // Columns of scores are moved and added, so that they fill a ciphertext.
        let columns = layout.grid_rows() * outputs(classes).next_power_of_two();
        let joined = columns.min(layout.block_cols());
        let packed = repeated(joined, &column, |packed| packed.rotated().plus(&column));
        packed.within(Self::SCORE * Self::SCORES)
    }

    /// The noise for so many results under a key.
    ///
    /// # Errors
    /// [`LearnError::NoRoomForNoise`] if it leaves too little of the scores.
    pub fn flooding(
        self,
        parameters: &Parameters,
        (layout, classes): (&Layout, usize),
        results: u64,
    ) -> Result<NoiseFlooding> {
        let bound = self.bound(parameters, layout, classes);
        let flooding = bound.flooding(Self::BITS, results);
        let bits = bound.bits_left(&flooding);
        match bits >= Self::LEAST_BITS {
            true => Ok(flooding),
            false => Err(LearnError::NoRoomForNoise { results, bits }),
        }
    }
}

/// The first, and `count` - 1 times the next.
fn repeated(
    count: usize,
    first: &NoiseBound,
    next: impl Fn(&NoiseBound) -> NoiseBound,
) -> NoiseBound {
    (1..count).fold(first.clone(), |found, _| next(&found))
}

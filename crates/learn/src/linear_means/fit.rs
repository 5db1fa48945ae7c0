//! Training under encryption.

use rayon::prelude::*;
use tapetum_ckks::Ciphertext;

use crate::error::{LearnError, Result};
use crate::labels::{ClassLabels, EncryptedLabels, Labels};
use crate::linear_model::LinearModel;
use crate::products::Products;
use crate::progress::{Counter, Listener};
use crate::requirements::Requirements;
use crate::samples::Samples;
use crate::task::two_classes;

/// Levels of the intercept: at least a product with labels, and one of two results.
const OFFSET_LEVELS: usize = 2;

pub(super) fn fit(
    needs: &Requirements,
    samples: &Samples<'_>,
    progress: &mut Listener<'_>,
) -> Result<LinearModel> {
    let (evaluator, matrix) = (samples.evaluator, samples.features);
    two_classes("linear means", samples.labels.classes())?;
    let start = samples.start_level(needs)?;
    if start < OFFSET_LEVELS {
        return Err(LearnError::LevelExhausted {
            what: "training linear means",
            needed: OFFSET_LEVELS,
            available: start,
        });
    }
    let layout = matrix.layout();
    let counter = Counter::new(2 * layout.transposed_times_key_switches(), progress);
    let products = Products::new(evaluator, matrix, &counter);
    let (weights, intercept) = match samples.labels {
        Labels::Clear(labels) => {
            // The prior hides in the plaintexts: -D . S = -(prior D) . (S / prior).
            let prior = prior(labels);
            let means = ClassMeans::in_clear(&products, labels, start, prior)?;
            let intercept = negated_dot(&products, &means.difference, &means.sum)?;
            (means.difference, intercept)
        }
        Labels::Encrypted(labels) => {
            let (means, prior) = ClassMeans::encrypted(&products, labels, start)?;
            let weights = means
                .difference
                .par_iter()
                .map(|difference| products.relinearized(&evaluator.mul(&prior, difference)?))
                .collect::<Result<_, _>>()?;
            (
                weights,
                negated_dot(&products, &means.difference, &means.sum)?,
            )
        }
    };
    let (cols, width) = (layout.cols(), layout.block_cols());
    LinearModel::from_ciphertexts(cols, width, 2, weights, Some(intercept))
}

/// D and S, the difference and the sum of the class means, each times the product of the shares of
/// the classes.
pub(crate) struct ClassMeans {
    pub difference: Vec<Ciphertext>,
    pub sum: Vec<Ciphertext>,
}

/// 2 (1/4 - t^2), twice the product of the shares of the classes.
pub(crate) fn prior(labels: &ClassLabels) -> f64 {
    let samples = labels.samples() as f64;
    2.0 * labels.count(0) as f64 * labels.count(1) as f64 / (samples * samples)
}

impl ClassMeans {
    /// `factor` D and S / `factor`, one level below `level`. With clear labels everything but the
    /// features is public, so both are a product with a plaintext: D = X^T ((y - 1/2 - t) / m), and
    /// S is the prior times the midpoint of the class means, X^T of 1 / (2 m+-).
    pub fn in_clear(
        products: &Products<'_>,
        labels: &ClassLabels,
        level: usize,
        factor: f64,
    ) -> Result<Self> {
        let (samples, positives) = (labels.samples() as f64, labels.count(1) as f64);
        let negatives = samples - positives;
        let t = (positives - negatives) / (2.0 * samples);
        let half_sum = prior(labels) / factor / 2.0;
        let centred = labels.centred("a difference of class means")?;
        let mean_of = |coefficient: &dyn Fn(f64) -> f64| {
            let column: Vec<_> = centred.iter().map(|&y| coefficient(y) / 2.0).collect();
            products.twice_transposed_times_plain(&column, level)
        };
        Ok(Self {
            difference: mean_of(&|y| factor * (y - t) / samples)?,
            sum: mean_of(&|y| half_sum / if y > 0.0 { positives } else { negatives })?,
        })
    }

    /// D, S and the prior, two levels below `level`. With encrypted labels a is all that is known
    /// without a product of ciphertexts.
    pub fn encrypted(
        products: &Products<'_>,
        labels: &EncryptedLabels,
        level: usize,
    ) -> Result<(Self, Ciphertext)> {
        let evaluator = products.evaluator;
        let samples = products.matrix.samples() as f64;
        let (one_down, two_down) = (level - 1, level - 2);

        // One level down: a, 2 m h, and multiples of t, which is in every slot.
        let a = products.twice_sample_sum(level, 0.5 / samples)?;
        let label_column = labels.column_at(evaluator, level)?;
        let two_mh = products.twice_transposed_times(&label_column)?;
        let mt = products.sum_over_samples(&products.sum(&label_column)?)?;
        let t_times = |factor: f64| evaluator.lower_scaled(&mt, one_down, factor / samples);

        // Two levels down: D = h - t a, S = a/2 - 2 t h, and 2 (1/4 - t^2).
        let t = t_times(1.0)?;
        let minus_t_over_m = t_times(-1.0 / samples)?;
        let sqrt2_t = t_times(std::f64::consts::SQRT_2)?;
        let differences_and_sums = a
            .par_iter()
            .zip(&two_mh)
            .map(|(a, two_mh)| {
                let h = evaluator.lower_scaled(two_mh, two_down, 0.5 / samples)?;
                let ta = products.relinearized(&evaluator.mul(&t, a)?)?;
                let half_a = evaluator.lower_scaled(a, two_down, 0.5)?;
                let minus_2th = products.relinearized(&evaluator.mul(&minus_t_over_m, two_mh)?)?;
                Ok((evaluator.sub(&h, &ta)?, evaluator.add(&half_a, &minus_2th)?))
            })
            .collect::<Result<Vec<_>>>()?;
        let (difference, sum) = differences_and_sums.into_iter().unzip();
        let two_t_squared = products.relinearized(&evaluator.mul(&sqrt2_t, &sqrt2_t)?)?;
        let prior = evaluator.add_scalar(&evaluator.neg(&two_t_squared)?, 0.5)?;
        Ok((Self { difference, sum }, prior))
    }
}

/// -u . v for two weight vectors, in every slot, one level lower: because all rows are equal, the
/// sum over the columns of a row may begin at any slot.
pub(crate) fn negated_dot(
    products: &Products<'_>,
    u: &[Ciphertext],
    v: &[Ciphertext],
) -> Result<Ciphertext> {
    let evaluator = products.evaluator;
    let pairs: Vec<_> = u.iter().zip(v).collect();
    let product = products.relinearized(&evaluator.inner_product(&pairs)?)?;
    Ok(evaluator.neg(&products.sum_over_features(&product)?)?)
}

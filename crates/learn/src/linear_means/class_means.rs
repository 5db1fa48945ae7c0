//! The class means under encryption, from sums over the samples.

use rayon::prelude::*;
use tapetum_ckks::Ciphertext;

use crate::error::{LearnError, Result};
use crate::labels::Labels;
use crate::layout::Layout;
use crate::passes::{Form, PassStart};
use crate::products::Products;
use crate::task::LabelKind;
use crate::vectors::Vectors;

/// D and S, the difference and the sum of the class means, each times the product of the shares of
/// the classes.
pub(crate) struct ClassMeans {
    pub difference: Vec<Ciphertext>,
    pub sum: Vec<Ciphertext>,
}

/// The prior, as far as the server knows it.
pub(crate) enum Prior {
    Clear(f64),
    Encrypted(Ciphertext),
}

/// What D and S are multiplied by, where labels are in the clear.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Weighting {
    /// The prior and its inverse.
    Prior,
    Plain,
}

/// 2 (1/4 - t^2), twice the product of the shares of the classes.
fn prior([negatives, positives]: [f64; 2]) -> f64 {
    let samples = negatives + positives;
    2.0 * negatives * positives / (samples * samples)
}

/// The numbers of samples of both classes, which are in the clear.
fn counts(start: &PassStart) -> Result<[f64; 2]> {
    match start.counts() {
        &[negatives, positives] => Ok([negatives.into(), positives.into()]),
        _ => Err(LearnError::Empty("labels of two classes in the clear")),
    }
}

impl ClassMeans {
    /// What the sums over samples look like: with clear labels products for D, then for S; with encrypted ones sums of
    /// samples, then products with labels, then the sum of the labels.
    pub fn forms(layout: &Layout, start: &PassStart) -> Vec<Form> {
        let (cols, level) = (layout.grid_cols(), start.level());
        match start.labels() {
            LabelKind::Clear => vec![Form::plain_product(level); 2 * cols],
            LabelKind::Encrypted => {
                let mut forms = vec![Form::sum(level); cols];
                forms.resize(2 * cols, Form::product(level));
                forms.push(Form::sum(level));
                forms
            }
        }
    }

    /// The sums over these samples. With clear labels everything but the features is public, so both are a product
    /// with a plaintext: D = X^T ((y - 1/2 - t) / m), and S is the prior times the midpoint of the class means, X^T of
    /// 1 / (2 m+-).
    pub fn sums(
        products: &Products<'_>,
        labels: &Labels,
        start: &PassStart,
        weighting: Weighting,
    ) -> Result<Vec<Ciphertext>> {
        let level = start.level();
        match labels {
            Labels::Clear(labels) => {
                let [negatives, positives] = counts(start)?;
                let samples = start.samples() as f64;
                let prior = prior([negatives, positives]);
                let factor = match weighting {
                    Weighting::Prior => prior,
                    Weighting::Plain => 1.0,
                };
                let t = (positives - negatives) / (2.0 * samples);
                let half_sum = prior / factor / 2.0;
                let centred = labels.centred("a difference of class means")?;
                let products_with = |coefficient: &dyn Fn(f64) -> f64| {
                    let column: Vec<_> = centred.iter().map(|&y| coefficient(y) / 2.0).collect();
                    products.transposed_products_plain(&column, level)
                };
                let mut sums = products_with(&|y| factor * (y - t) / samples)?;
                let class_of = |y: f64| if y > 0.0 { positives } else { negatives };
                sums.extend(products_with(&|y| half_sum / class_of(y))?);
                Ok(sums)
            }
            Labels::Encrypted(labels) => {
                let column = labels.column_at(products.evaluator, level)?;
                let mut sums = products.block_sums(level)?;
                sums.extend(products.transposed_products(&column)?);
                sums.push(products.sum(&column)?);
                Ok(sums)
            }
        }
    }

    /// From the sums over all samples: D and S, one level below these, and the prior; with encrypted labels all of it
    /// two levels below.
    pub fn of(
        vectors: &Vectors<'_>,
        start: &PassStart,
        sums: &[Ciphertext],
    ) -> Result<(Self, Prior)> {
        match start.labels() {
            LabelKind::Clear => {
                let (difference, sum) = sums.split_at(sums.len() / 2);
                let means = Self {
                    difference: vectors.twice_over_samples(difference)?,
                    sum: vectors.twice_over_samples(sum)?,
                };
                Ok((means, Prior::Clear(prior(counts(start)?))))
            }
            LabelKind::Encrypted => Self::encrypted(vectors, start, sums),
        }
    }

    /// With encrypted labels a is all that is known without a product of ciphertexts.
    fn encrypted(
        vectors: &Vectors<'_>,
        start: &PassStart,
        sums: &[Ciphertext],
    ) -> Result<(Self, Prior)> {
        let evaluator = vectors.evaluator;
        let samples = start.samples() as f64;
        let (one_down, two_down) = (start.level() - 1, start.level() - 2);
        let (labels, sums) = sums.split_last().ok_or(LearnError::Empty("sums"))?;
        let (of_samples, with_labels) = sums.split_at(sums.len() / 2);

        // One level down: a, 2 m h, and multiples of t, which is in every slot.
        let a = vectors.twice_scaled_over_samples(of_samples, 0.5 / samples)?;
        let two_mh = vectors.twice_over_samples(with_labels)?;
        let mt = vectors.sum_over_samples(labels)?;
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
                let ta = vectors.relinearized(&evaluator.mul(&t, a)?)?;
                let half_a = evaluator.lower_scaled(a, two_down, 0.5)?;
                let minus_2th = vectors.relinearized(&evaluator.mul(&minus_t_over_m, two_mh)?)?;
                Ok((evaluator.sub(&h, &ta)?, evaluator.add(&half_a, &minus_2th)?))
            })
            .collect::<Result<Vec<_>>>()?;
        let (difference, sum) = differences_and_sums.into_iter().unzip();
        let two_t_squared = vectors.relinearized(&evaluator.mul(&sqrt2_t, &sqrt2_t)?)?;
        let prior = evaluator.add_scalar(&evaluator.neg(&two_t_squared)?, 0.5)?;
        Ok((Self { difference, sum }, Prior::Encrypted(prior)))
    }
}

/// -u . v for two weight vectors, in every slot, one level lower: because all rows are equal, the
/// sum over the columns of a row may begin at any slot.
pub(crate) fn negated_dot(
    vectors: &Vectors<'_>,
    u: &[Ciphertext],
    v: &[Ciphertext],
) -> Result<Ciphertext> {
    let evaluator = vectors.evaluator;
    let pairs: Vec<_> = u.iter().zip(v).collect();
    let product = vectors.relinearized(&evaluator.inner_product(&pairs)?)?;
    Ok(evaluator.neg(&vectors.sum_over_features(&product)?)?)
}

//! How precise the scores of a plan will be, tried in the clear.

use std::f64::consts::TAU;

use tapetum_ckks::Parameters;

use super::step::{LayerPlan, Step};
use crate::stages::{Layer, vectors};

/// Images that are tried.
const IMAGES: usize = 2;
/// How often each is tried.
const TRIES: usize = 2;
/// The deviation of a part of a slot after bootstrapping, beside the error of the sine: docs/bootstrapping.md.
const BOOTSTRAPPING: f64 = 1.0 / (1 << 19) as f64;

/// The standard deviation of the scores' noise while they are encrypted: the layers are evaluated with noise as large
/// as that of each operation, and without. The imaginary parts of decrypted scores show less than that, since the
/// conjugations of layers with complex diagonals take the noise of all that came before out of them.
pub(super) fn score_noise(
    layers: &[Layer],
    plans: &[LayerPlan],
    parameters: &Parameters,
    images: &[Vec<f64>],
) -> f64 {
    let mut random = Random(1);
    let (mut squares, mut count) = (0.0, 0);
    for image in images.iter().take(IMAGES) {
        let exact = last_vector(layers, plans, parameters, image, None);
        for _ in 0..TRIES {
            let noisy = last_vector(layers, plans, parameters, image, Some(&mut random));
            let errors = noisy.iter().zip(&exact).map(|(a, b)| (a - b) * (a - b));
            squares += errors.sum::<f64>();
            count += exact.len();
        }
    }
    (squares / count.max(1) as f64).sqrt()
}

fn last_vector(
    layers: &[Layer],
    plans: &[LayerPlan],
    parameters: &Parameters,
    image: &[f64],
    mut random: Option<&mut Random>,
) -> Vec<f64> {
    let mut vectors = vectors(layers, image, |index, vectors, values| {
        let Some(random) = random.as_deref_mut() else {
            return;
        };
        let plan = &plans[index];
        let deviation = deviation(plan, parameters, vectors);
        for value in values {
            *value += deviation * random.normal();
            if plan.is_bootstrapped() {
                *value += bootstrapping_error(*value, parameters) + BOOTSTRAPPING * random.normal();
            }
        }
    });
    vectors.pop().unwrap_or_default()
}

/// The error of the sine that bootstrapping takes for the remainder.
fn bootstrapping_error(value: f64, parameters: &Parameters) -> f64 {
    let literal = parameters.literal().bootstrapping.as_ref();
    let ratio = literal.map_or(1.0, |b| f64::from(b.log_message_ratio).exp2());
    -(TAU / ratio).powi(2) * value.powi(3) / 6.0
}

/// Of the noise that a layer adds: that of its rescaling and, for a matrix, of the rounding of its diagonals.
fn deviation(plan: &LayerPlan, parameters: &Parameters, vectors: &[Vec<f64>]) -> f64 {
    let (n, scale) = (
        parameters.degree() as f64,
        parameters.scale(plan.level_after()),
    );
    // Rounding errors of sqrt(N / 18) in each coefficient, and what key switches add.
    let rescaling = n / 6.0 / scale;
    let Step::Linear {
        blocks,
        parts,
        paired,
    } = &plan.step
    else {
        return rescaling;
    };
    let rounding = (n / 12.0).sqrt() / parameters.scale(plan.level);
    let diagonals = blocks.iter().map(|block| {
        let vector = &vectors[block.source];
        let mean = vector.iter().map(|v| v * v).sum::<f64>() / vector.len().max(1) as f64;
        block.diagonals.len() as f64 * mean * rounding * rounding
    });
    let one = rescaling * rescaling + diagonals.sum::<f64>();
    // Twice the sum of a real and an imaginary part.
    let pair = if *paired { 8.0 } else { 1.0 };
    (one * pair * parts.count as f64).sqrt()
}

/// A linear congruential generator: nothing here is secret.
struct Random(u64);

impl Random {
    fn normal(&mut self) -> f64 {
        // The sum of twelve numbers in [-1/2, 1/2].
        let mut sum = -6.0;
        for _ in 0..12 {
            self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            sum += (self.0 >> 11) as f64 / (1_u64 << 53) as f64;
        }
        sum
    }
}

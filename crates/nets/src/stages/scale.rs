//! How large values are while they are encrypted, so that they use the precision that they have.

use super::{Stage, StageKind, channel_of, channels};
use crate::error::Result;
use crate::graph::Graph;
use crate::reference;

/// What is computed of a polynomial is the square and a multiple of x. For values of the calibration the multiple is
/// counted as at most this many times the largest x.
const MOST_SHARE: f64 = (1 << 14) as f64;
/// A channel with small values on the images of the calibration is scaled as one that reaches this part of the layer's
/// largest value: other images may fill it.
const LEAST_PART: f64 = 0.5;
/// The largest value that a ReLU reads for images of the calibration. Its polynomials are for [-1, 1], and beyond it grow
/// without limit: the rest is a margin for other images. With ResNet-20, 100 images of CIFAR-10 for calibration and 60
/// others, the largest value of any channel on these was 1.6 times that of the calibration.
const RELU: f64 = 0.4;

/// The largest score that is compared with others, for images of the calibration. Differences must be within [-1, 1]: there is
/// room for scores of twice that.
pub(crate) const COMPARED: f64 = 0.25;

/// How large values of the calibration's images are to be while they are encrypted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// What a layer before a polynomial of degree 2 gives at most, and the square root of what the polynomial then
    /// gives.
    pub activation: f64,
    /// What the last layer gives at most.
    pub scores: f64,
}

/// For each stage and each of its channels, the largest value for the images of a calibration.
pub(crate) struct Largest(Vec<Vec<f64>>);

impl Largest {
    pub fn of(graph: &Graph, stages: &[Stage], images: &[Vec<f64>]) -> Result<Self> {
        let none = stages.iter().map(|s| vec![0.0; channels(&s.shape)]);
        let mut largest: Vec<Vec<f64>> = none.collect();
        for image in images {
            let values = reference::values(graph, image)?;
            for (stage, largest) in stages.iter().zip(&mut largest) {
                for (i, value) in values[stage.node.index()].values().iter().enumerate() {
                    let most: &mut f64 = &mut largest[channel_of(&stage.shape, i)];
                    *most = most.max(value.abs());
                }
            }
        }
        Ok(Self(largest))
    }
}

/// For each linear stage, in their order, and each of its channels the factor by which its outputs are scaled. A channel
/// that was zero on all images keeps its scale.
pub(crate) fn layer_factors(stages: &[Stage], largest: &Largest, sizes: Sizes) -> Vec<Vec<f64>> {
    let mut factors = Vec::new();
    for (index, (stage, largest)) in stages.iter().zip(&largest.0).enumerate() {
        let StageKind::Linear(_) = stage.kind else {
            continue;
        };
        let all = largest.iter().fold(0.0, |most: f64, v| most.max(*v));
        let to = |size: f64, most: f64| if most > 0.0 { size / most } else { 1.0 };
        let compared = stages
            .iter()
            .any(|reader| matches!(reader.kind, StageKind::Largest { of, .. } if of == index + 1));
        if compared || index + 1 == stages.len() {
            let size = if compared { COMPARED } else { sizes.scores };
            factors.push(vec![to(size, all); largest.len()]);
            continue;
        }
        let relu = stages.iter().any(
            |reader| matches!(&reader.kind, StageKind::Relu { of, .. } if of.source == index + 1),
        );
        let quadratic = stages.iter().find_map(|reader| match &reader.kind {
            StageKind::Quadratic { of, quadratic } if of.source == index + 1 => Some(quadratic),
            _ => None,
        });
        let factor = |(channel, &most): (usize, &f64)| {
            if relu {
                return to(RELU, most.max(LEAST_PART * all));
            }
            let share = quadratic.map_or(0.0, |q| {
                (q.linear[channel] / q.squares[channel]).abs() / most
            });
            // Not a number if nothing is known of the channel, or it has neither part.
            let share = if share.is_nan() {
                0.0
            } else {
                share.min(MOST_SHARE)
            };
            if most > 0.0 {
                sizes.activation / most / (1.0 + share).sqrt()
            } else {
                1.0
            }
        };
        factors.push(largest.iter().enumerate().map(factor).collect());
    }
    factors
}

//! Layers as they are evaluated: factors and shifts are part of the weights.

use tapetum_ckks::{Evaluator, Precision};

use super::{Stage, StageKind, Sum, View, channel_of, channels};
use crate::error::{NetworkError, NodeName, Result};
use crate::graph::Shape;
use crate::labels;

/// The largest multiple. A channel that is linear, or nearly, gets as much of a square as that takes: 2^-15 of the
/// largest value.
const MOST_MULTIPLE: f64 = 1024.0;

/// A layer as it is evaluated. Vector 0 is the image, and vector i + 1 what layer i gives.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub name: NodeName,
    pub operator: &'static str,
    pub shape: Shape,
    pub kind: LayerKind,
}

#[derive(Clone, Debug)]
pub(crate) enum LayerKind {
    Linear(Sum),
    Square(SquareLayer),
    Relu(ReluLayer),
    Largest(LargestLayer),
    Clean(CleanLayer),
}

/// max(0, x), approximately, of values within [-1, 1].
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReluLayer {
    pub source: usize,
    pub precision: Precision,
}

/// 1 where the largest of `count` values is, 0 elsewhere, approximately; their differences are within [-1, 1].
#[derive(Clone, Copy, Debug)]
pub(crate) struct LargestLayer {
    pub source: usize,
    pub count: usize,
    pub precision: Precision,
}

/// Values near 0 and 1 brought nearer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CleanLayer {
    pub source: usize,
}

/// x^2 + multiples x.
#[derive(Clone, Debug)]
pub(crate) struct SquareLayer {
    pub source: usize,
    /// For each value; nothing if all are zero.
    pub multiples: Option<Vec<f64>>,
}

impl Layer {
    /// The levels that it takes.
    pub fn depth(&self) -> usize {
        match &self.kind {
            LayerKind::Linear(_) | LayerKind::Square(_) => 1,
            LayerKind::Relu(relu) => 1 + relu.precision.levels(),
            LayerKind::Largest(largest) => labels::levels(largest.count, largest.precision),
            LayerKind::Clean(_) => Evaluator::CLEANING_LEVELS,
        }
    }

    /// The vectors that it reads, each once.
    pub fn sources(&self) -> Vec<usize> {
        let mut sources = match &self.kind {
            LayerKind::Linear(sum) => sum.terms.iter().map(|term| term.source).collect(),
            LayerKind::Square(square) => vec![square.source],
            LayerKind::Relu(relu) => vec![relu.source],
            LayerKind::Largest(largest) => vec![largest.source],
            LayerKind::Clean(clean) => vec![clean.source],
        };
        sources.sort_unstable();
        sources.dedup();
        sources
    }
}

/// What a computed vector stands for: each value times a factor, plus a shift, is that of the network.
struct Meaning {
    factors: Vec<f64>,
    shifts: Vec<f64>,
}

impl Meaning {
    /// Of values that stand for themselves.
    fn unchanged(count: usize) -> Self {
        Self {
            factors: vec![1.0; count],
            shifts: vec![0.0; count],
        }
    }
}

/// The layers whose outputs are times these factors. A polynomial is left as a square and a multiple; what they have
/// to be multiplied and shifted by becomes part of the layers that read it.
pub(crate) fn scaled(stages: Vec<Stage>, image: usize, factors: &[Vec<f64>]) -> Result<Vec<Layer>> {
    let mut factors = factors.iter();
    let mut meanings = vec![Meaning::unchanged(image)];
    let mut layers = Vec::new();
    for stage in stages {
        let (kind, meaning) = match stage.kind {
            StageKind::Linear(sum) => {
                let fits = |f: &&Vec<f64>| f.len() == channels(&stage.shape);
                let factors = factors.next().filter(fits).ok_or_else(|| {
                    NetworkError::Plan("its factors are not those of its layers".to_owned())
                })?;
                let factor = |value| factors[channel_of(&stage.shape, value)];
                let factors: Vec<f64> = (0..stage.shape.values()).map(factor).collect();
                let meaning = Meaning {
                    factors: factors.iter().map(|f| 1.0 / f).collect(),
                    shifts: vec![0.0; factors.len()],
                };
                (LayerKind::Linear(sum.scaled(&factors, &meanings)), meaning)
            }
            StageKind::Quadratic { of, quadratic } => {
                let coefficients = |value| {
                    let channel = channel_of(&stage.shape, value);
                    [&quadratic.constants, &quadratic.linear, &quadratic.squares]
                        .map(|c| c[channel])
                };
                let (square, meaning) = square(&of, &meanings[of.source], coefficients);
                (LayerKind::Square(square), meaning)
            }
            StageKind::Relu { of, precision } => {
                let source = of.source;
                // A positive factor may as well be applied afterwards.
                let factors = of.factors.iter().zip(&meanings[source].factors);
                let meaning = Meaning {
                    factors: factors.map(|(a, b)| a * b).collect(),
                    shifts: vec![0.0; of.factors.len()],
                };
                (LayerKind::Relu(ReluLayer { source, precision }), meaning)
            }
            StageKind::Largest { of, precision } => {
                let count = stage.shape.values();
                let kind = LayerKind::Largest(LargestLayer {
                    source: of,
                    count,
                    precision,
                });
                (kind, Meaning::unchanged(count))
            }
            StageKind::Clean { of } => {
                let kind = LayerKind::Clean(CleanLayer { source: of });
                (kind, Meaning::unchanged(stage.shape.values()))
            }
        };
        meanings.push(meaning);
        layers.push(Layer {
            name: stage.name,
            operator: stage.operator,
            shape: stage.shape,
            kind,
        });
    }
    Ok(layers)
}

/// The square and the multiple of a vector that make up a polynomial, and what the result then stands for.
fn square(
    of: &View,
    meaning: &Meaning,
    coefficients: impl Fn(usize) -> [f64; 3],
) -> (SquareLayer, Meaning) {
    let values = of.factors.len();
    let mut multiples = vec![0.0; values];
    let mut result = Meaning {
        factors: vec![0.0; values],
        shifts: vec![0.0; values],
    };
    for (i, multiple) in multiples.iter_mut().enumerate() {
        let [c0, c1, c2] = coefficients(i);
        let factor = of.factors[i] * meaning.factors[i];
        let shift = of.factors[i] * meaning.shifts[i] + of.shifts[i];
        let linear = 2.0 * c2 * shift + c1;
        let least = linear.abs() / (MOST_MULTIPLE * factor.abs());
        let squared = if c2.abs() < least {
            least.copysign(c2)
        } else {
            c2
        };
        result.shifts[i] = (c2 * shift + c1) * shift + c0;
        if squared.is_finite() && squared != 0.0 && factor != 0.0 {
            *multiple = linear / (squared * factor);
            result.factors[i] = squared * factor * factor;
        }
    }
    let multiples = multiples.iter().any(|&m| m != 0.0).then_some(multiples);
    let layer = SquareLayer {
        source: of.source,
        multiples,
    };
    (layer, result)
}

impl Sum {
    /// For vectors that stand for other values, with each output times a factor.
    fn scaled(mut self, factors: &[f64], meanings: &[Meaning]) -> Self {
        for term in &mut self.terms {
            let Meaning {
                factors: by,
                shifts,
            } = &meanings[term.source];
            if shifts.iter().any(|&s| s != 0.0) {
                term.add_to(&mut self.bias, shifts);
            }
            term.columns.iter_mut().zip(by).for_each(|(c, by)| *c *= by);
            term.rows
                .iter_mut()
                .zip(factors)
                .for_each(|(r, by)| *r *= by);
        }
        self.bias
            .iter_mut()
            .zip(factors)
            .for_each(|(b, by)| *b *= by);
        self
    }
}

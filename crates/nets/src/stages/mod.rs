//! A network as what is computed on ciphertexts, one after the other: linear layers of several vectors, polynomials of
//! degree 2, and ReLU by polynomials.

mod build;
mod clear;
mod layer;
mod scale;
mod several;

use tapetum_ckks::Precision;

pub(crate) use build::stages;
pub(crate) use clear::vectors;
pub(crate) use layer::{Layer, LayerKind, scaled};
pub(crate) use scale::{COMPARED, Largest, Sizes, layer_factors};
pub(crate) use several::{beside, several, widened};

use crate::error::NodeName;
use crate::graph::{NodeId, Quadratic, Shape};
use crate::layers::{Packing, Term};

/// What is computed for one node of a graph.
///
/// Vector 0 is the image, and vector i + 1 what stage i gives.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub name: NodeName,
    pub operator: &'static str,
    /// The node whose values these are.
    pub node: NodeId,
    pub shape: Shape,
    pub kind: StageKind,
}

#[derive(Clone, Debug)]
pub(crate) enum StageKind {
    /// The sum of the terms and a bias: a layer with its shortcut.
    Linear(Sum),
    /// A polynomial of a vector whose values are first changed by a factor and a shift each.
    Quadratic { of: View, quadratic: Quadratic },
    /// max(0, x) of a vector whose values are first multiplied by a positive factor each.
    Relu { of: View, precision: Precision },
    /// 1 where the largest value of a vector is, 0 elsewhere, approximately.
    Largest { of: usize, precision: Precision },
    /// Values near 0 and 1 brought nearer.
    Clean { of: usize },
}

/// Adds what makes labels of the scores.
pub(crate) fn add_labels(all: &mut Vec<Stage>, precision: Precision) {
    let Some(last) = all.last().cloned() else {
        return;
    };
    let of = all.len();
    all.push(Stage {
        operator: "Largest",
        kind: StageKind::Largest { of, precision },
        ..last.clone()
    });
    all.push(Stage {
        operator: "Clean",
        kind: StageKind::Clean { of: of + 1 },
        ..last
    });
}

/// Sets how exact all ReLU are.
pub(crate) fn set_precision(of: &mut [Stage], to: Precision) {
    for stage in of {
        if let StageKind::Relu { precision, .. } = &mut stage.kind {
            *precision = to;
        }
    }
}

/// The sum of linear layers, and what is added to each value.
#[derive(Clone, Debug)]
pub(crate) struct Sum {
    pub terms: Vec<Term>,
    pub bias: Vec<f64>,
}

impl Sum {
    /// Slots after which all vectors that it reads repeat, given how all vectors are packed.
    pub fn tile(&self, packings: &[Packing]) -> usize {
        let tiles = self.terms.iter().map(|term| packings[term.source].tile());
        tiles.max().unwrap_or(1)
    }
}

/// A vector, each value of which is multiplied and shifted when it is read.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub source: usize,
    pub factors: Vec<f64>,
    pub shifts: Vec<f64>,
}

/// The channel of each value of a tensor.
pub(crate) fn channel_of(shape: &Shape, value: usize) -> usize {
    let dims = shape.dims();
    let channels = dims.get(1).copied().unwrap_or(1);
    let inner: usize = dims.iter().skip(2).product();
    value / inner.max(1) % channels
}

/// How many channels a tensor has.
fn channels(shape: &Shape) -> usize {
    shape.dims().get(1).copied().unwrap_or(1)
}

//! Layers of one image as layers of several images whose channels lie beside each other.
//!
//! An image's channel is as many channels as there are images in a ciphertext. Rotations that go from one channel to another
//! go by as many, so images never meet. Where a tensor shrinks, there is room for more images: a layer then reads two
//! ciphertexts or more, which it puts beside each other, and the layers after it are computed that much less often.

use super::layer::SquareLayer;
use super::{Layer, LayerKind, Sum};
use crate::error::{NetworkError, Result};
use crate::graph::Shape;
use crate::layers::{Beside, Linear, Term};

/// How many of `count` images a ciphertext of each vector holds: powers of two, never fewer than in the vectors that it is
/// made from, and as many as the slots have room for, or fewer by a factor of `spare`.
pub(crate) fn beside(
    layers: &[Layer],
    image: &Shape,
    count: usize,
    slots: usize,
    spare: usize,
) -> Vec<usize> {
    let shapes = [image].into_iter().chain(layers.iter().map(|l| &l.shape));
    let room = |shape: &Shape| {
        let (channels, pixels) = sizes(shape);
        let period = channels.next_power_of_two() * pixels.next_power_of_two() * spare;
        count.min(slots / period).max(1)
    };
    let mut beside: Vec<usize> = shapes.map(room).collect();
    for (index, layer) in layers.iter().enumerate().rev() {
        for source in layer.sources() {
            beside[source] = beside[source].min(beside[index + 1]);
        }
    }
    // Polynomials change nothing.
    for (index, layer) in layers.iter().enumerate() {
        if let LayerKind::Square(_) | LayerKind::Relu(_) = layer.kind {
            beside[index + 1] = beside[layer.sources()[0]];
        }
    }
    beside
}

/// Channels, and pixels of each.
fn sizes(shape: &Shape) -> (usize, usize) {
    let channels = super::channels(shape);
    (channels, shape.values() / channels)
}

/// The shape of so many images beside each other.
pub(crate) fn widened(shape: &Shape, images: usize) -> Result<Shape> {
    let mut dims = shape.dims().to_vec();
    if let Some(channels) = dims.get_mut(1) {
        *channels *= images;
    }
    Shape::new(dims).map_err(NetworkError::Plan)
}

/// The layers for so many images in a ciphertext of each vector.
pub(crate) fn several(layers: Vec<Layer>, image: &Shape, beside: &[usize]) -> Result<Vec<Layer>> {
    let shapes = [image].into_iter().chain(layers.iter().map(|l| &l.shape));
    let shapes: Vec<Shape> = shapes.cloned().collect();
    let of = |vector: usize, first: usize| Beside {
        images: beside[vector],
        first,
        pixels: sizes(&shapes[vector]).1,
    };
    let layers = layers.into_iter().enumerate().map(|(index, layer)| {
        let output = index + 1;
        let all = |values: &[f64]| spread(values, of(output, 0), 0..beside[output]);
        let kind = match layer.kind {
            LayerKind::Linear(sum) => {
                let parts = |term: &Term| beside[output] / beside[term.source];
                let terms = sum.terms.iter().flat_map(|term| {
                    (0..parts(term)).map(|part| {
                        let inputs = of(term.source, 0);
                        let outputs = of(output, part * inputs.images);
                        let images = 0..inputs.images;
                        Term {
                            source: term.source,
                            part,
                            rows: spread(&term.rows, outputs, images.clone()),
                            columns: spread(&term.columns, inputs, images),
                            linear: Linear::Several {
                                layer: Box::new(term.linear.clone()),
                                inputs,
                                outputs,
                            },
                        }
                    })
                });
                LayerKind::Linear(Sum {
                    terms: terms.collect(),
                    bias: all(&sum.bias),
                })
            }
            LayerKind::Square(square) => LayerKind::Square(SquareLayer {
                source: square.source,
                multiples: square.multiples.as_deref().map(all),
            }),
            other @ (LayerKind::Relu(_) | LayerKind::Largest(_) | LayerKind::Clean(_)) => other,
        };
        Ok(Layer {
            name: layer.name,
            operator: layer.operator,
            shape: widened(&layer.shape, beside[output])?,
            kind,
        })
    });
    layers.collect()
}

/// The same values for some of the images of a vector, and zeros for the others.
fn spread(values: &[f64], of: Beside, images: std::ops::Range<usize>) -> Vec<f64> {
    let mut spread = vec![0.0; values.len() * of.images];
    for image in images {
        for (i, &value) in values.iter().enumerate() {
            spread[of.place(image, i)] = value;
        }
    }
    spread
}

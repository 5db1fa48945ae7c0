//! Layers evaluated in the clear, as on ciphertexts: the same factors and the same polynomials.

use super::{Layer, LayerKind};
use crate::labels;

/// The vectors of the layers for an image: vector 0 is the image. `changed` may change each layer's output before others
/// read it, given the vectors so far.
pub(crate) fn vectors(
    layers: &[Layer],
    image: &[f64],
    mut changed: impl FnMut(usize, &[Vec<f64>], &mut Vec<f64>),
) -> Vec<Vec<f64>> {
    let mut vectors = vec![image.to_vec()];
    for (index, layer) in layers.iter().enumerate() {
        let mut values: Vec<f64> = match &layer.kind {
            LayerKind::Linear(sum) => {
                let mut values = sum.bias.clone();
                for term in &sum.terms {
                    term.add_to(&mut values, &vectors[term.source]);
                }
                values
            }
            LayerKind::Square(square) => {
                let x = &vectors[square.source];
                let multiple = |i: usize| square.multiples.as_ref().map_or(0.0, |m| m[i]);
                let squares = x.iter().enumerate().map(|(i, x)| (x + multiple(i)) * x);
                squares.collect()
            }
            LayerKind::Largest(largest) => {
                labels::largest_clear(&vectors[largest.source], largest.precision)
            }
            LayerKind::Clean(clean) => {
                let values = vectors[clean.source].iter();
                values.map(|&x| labels::clean_clear(x)).collect()
            }
            LayerKind::Relu(relu) => {
                let function = relu.precision.relu_function();
                vectors[relu.source].iter().map(|&x| function(x)).collect()
            }
        };
        changed(index, &vectors, &mut values);
        vectors.push(values);
    }
    vectors
}

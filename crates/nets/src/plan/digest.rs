//! Which network a plan is for.

use crate::layers::Linear;
use crate::stages::{Layer, LayerKind};

/// The digest of the layers and their weights.
pub(crate) fn digest(layers: &[Layer]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"tapetum network v2");
    let mut numbers = |numbers: &[f64]| {
        hasher.update(&(numbers.len() as u64).to_le_bytes());
        let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        hasher.update(&bytes);
    };
    for layer in layers {
        numbers(&sizes(layer.shape.dims()));
        match &layer.kind {
            LayerKind::Relu(relu) => {
                numbers(&[2.0, relu.source as f64, f64::from(relu.precision.bits())]);
            }
            LayerKind::Largest(largest) => {
                let bits = f64::from(largest.precision.bits());
                numbers(&[3.0, largest.source as f64, largest.count as f64, bits]);
            }
            LayerKind::Clean(clean) => numbers(&[4.0, clean.source as f64]),
            LayerKind::Square(square) => {
                numbers(&[0.0, square.source as f64]);
                numbers(square.multiples.as_deref().unwrap_or_default());
            }
            LayerKind::Linear(sum) => {
                numbers(&[1.0, sum.terms.len() as f64]);
                numbers(&sum.bias);
                for term in &sum.terms {
                    numbers(&[term.source as f64]);
                    numbers(&term.rows);
                    numbers(&term.columns);
                    add(&mut numbers, &term.linear);
                }
            }
        }
    }
    *hasher.finalize().as_bytes()
}

fn sizes(sizes: &[usize]) -> Vec<f64> {
    sizes.iter().map(|&n| n as f64).collect()
}

fn add(numbers: &mut impl FnMut(&[f64]), linear: &Linear) {
    match linear {
        Linear::Identity(values) => numbers(&[*values as f64]),
        Linear::Dense(layer) => numbers(layer.weights.values()),
        Linear::Convolution {
            layer,
            input,
            output,
        } => {
            let window = &layer.window;
            numbers(&sizes(&[*input, *output].concat()));
            numbers(&sizes(
                &[window.kernel, window.strides, window.dilations].concat(),
            ));
            numbers(&sizes(&window.pads));
            numbers(&[layer.groups as f64]);
            numbers(layer.weights.values());
        }
        Linear::Several {
            layer,
            inputs,
            outputs,
        } => {
            for of in [inputs, outputs] {
                numbers(&sizes(&[of.images, of.first, of.pixels]));
            }
            add(numbers, layer);
        }
    }
}

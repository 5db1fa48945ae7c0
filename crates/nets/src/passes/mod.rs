//! Passes: functions from graph to graph that keep what the graph computes.

mod fold;
mod fuse;
mod lower;
mod quadratic;

pub(crate) use fold::{fold_additions, fold_padding, fold_products};
pub(crate) use fuse::fuse_pools;
pub(crate) use lower::{constants_per_channel, pools_as_convolutions};
pub(crate) use quadratic::quadratics;

use crate::error::Result;
use crate::graph::Graph;

/// The graph with as few operations as the passes of this module leave: only linear layers, sums,
/// polynomials of degree 2, factors and reshapes in a network that can be evaluated on encrypted images.
pub(crate) fn simplified(graph: &Graph) -> Result<Graph> {
    let graph = pools_as_convolutions(graph)?;
    let graph = constants_per_channel(&graph)?;
    let graph = fold_padding(&graph)?;
    // A constant may stand behind another one.
    let mut graph = graph;
    loop {
        let folded = fold_additions(&fold_products(&graph)?)?;
        if folded.nodes().len() == graph.nodes().len() {
            return fuse_pools(&quadratics(&folded)?);
        }
        graph = folded;
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Graphs for the tests of passes.

    use crate::error::NodeName;
    use crate::graph::{
        Affine, Builder, Convolution, Dense, Graph, Operation, Shape, Tensor, Window,
    };
    use crate::reference;

    /// Numbers in [-1, 1) that look random.
    pub fn numbers(count: usize) -> Vec<f64> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            (state >> 33) as f64 / (1_u64 << 30) as f64 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    pub fn tensor(dims: &[usize]) -> Tensor {
        let shape = Shape::new(dims.to_vec()).unwrap();
        let values = numbers(shape.values());
        Tensor::new(shape, values).unwrap()
    }

    /// A convolution of 3 x 3 with padding.
    pub fn convolution(outputs: usize, inputs: usize) -> Operation {
        Operation::Convolution(Convolution {
            window: Window::new([3, 3], [1; 4]),
            groups: 1,
            weights: tensor(&[outputs, inputs, 3, 3]),
            bias: numbers(outputs),
        })
    }

    /// A factor and a shift for each channel, as a batch norm has them.
    pub fn affine(channels: usize) -> Operation {
        let mut shifts = numbers(2 * channels);
        let factors = shifts.split_off(channels);
        Operation::Affine(Affine { factors, shifts })
    }

    pub fn dense(outputs: usize, inputs: usize) -> Operation {
        Operation::Dense(Dense {
            weights: tensor(&[outputs, inputs]),
            bias: numbers(outputs),
        })
    }

    /// Operations one after the other.
    pub fn chain(input: &[usize], operations: Vec<Operation>) -> Graph {
        let shape = Shape::new(input.to_vec()).unwrap();
        let mut builder = Builder::new(NodeName::new("input", "x", 0), shape);
        let mut last = builder.input();
        for (place, operation) in operations.into_iter().enumerate() {
            let name = NodeName::new(operation.name(), "", place);
            last = builder.add(&name, operation, vec![last]).unwrap();
        }
        builder.finish(last)
    }

    pub fn names(graph: &Graph) -> Vec<&'static str> {
        graph.nodes().iter().map(|n| n.operation.name()).collect()
    }

    /// Both graphs have the same output for an image, up to a factor.
    pub fn assert_same(a: &Graph, b: &Graph, factor: f64) {
        let image = numbers(a.input_shape().values());
        let (a, b) = (
            reference::output(a, &image).unwrap(),
            reference::output(b, &image).unwrap(),
        );
        assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(&b) {
            let bound = 1e-12 * (1.0 + b.abs());
            assert!((a * factor - b).abs() < bound, "{a} * {factor} is not {b}");
        }
    }
}

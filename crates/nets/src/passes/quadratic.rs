//! Activations of degree 2, recognised from the sums and products that exporters write them as.

use crate::error::Result;
use crate::graph::{Graph, Node, NodeId, Operation, Quadratic};

/// A polynomial of degree at most 2 for each channel, of the values of a node.
#[derive(Clone)]
struct Polynomial {
    of: NodeId,
    /// For each channel, the coefficients of 1, x and x^2.
    coefficients: Vec<[f64; 3]>,
}

impl Polynomial {
    fn itself(of: NodeId, channels: usize) -> Self {
        let coefficients = vec![[0.0, 1.0, 0.0]; channels];
        Self { of, coefficients }
    }

    fn degree(&self) -> usize {
        let used = |power: usize| self.coefficients.iter().any(|c| c[power] != 0.0);
        (1..3).rev().find(|&power| used(power)).unwrap_or(0)
    }

    fn map(mut self, f: impl Fn(usize, [f64; 3]) -> [f64; 3]) -> Self {
        let coefficients = self.coefficients.iter_mut().enumerate();
        coefficients.for_each(|(channel, c)| *c = f(channel, *c));
        self
    }

    fn operation(&self) -> Operation {
        let power = |k: usize| self.coefficients.iter().map(|c| c[k]).collect();
        Operation::Quadratic(Quadratic {
            constants: power(0),
            linear: power(1),
            squares: power(2),
        })
    }

    /// The sum, if both are polynomials of the same.
    fn plus(self, other: &Self, sign: f64) -> Option<Self> {
        let sum = |channel: usize, c: [f64; 3]| {
            let d = other.coefficients[channel];
            [0, 1, 2].map(|k| c[k] + sign * d[k])
        };
        (self.of == other.of).then(|| self.map(sum))
    }

    /// The product, if both are polynomials of the same, and it has degree 2 at most.
    fn times(self, other: &Self) -> Option<Self> {
        let product = |channel: usize, [a, b, c]: [f64; 3]| {
            let [d, e, f] = other.coefficients[channel];
            [a * d, a * e + b * d, a * f + b * e + c * d]
        };
        let fits = self.of == other.of && self.degree() + other.degree() <= 2;
        fits.then(|| self.map(product))
    }
}

/// Sums and products that make a polynomial of degree 2 of one node's values, with a coefficient for each channel, as
/// one operation. A factor and a shift before or after it become part of it, as those of a batch norm.
pub(crate) fn quadratics(graph: &Graph) -> Result<Graph> {
    let readers = graph.readers();
    let mut polynomials: Vec<Option<Polynomial>> = Vec::with_capacity(graph.nodes().len());
    for node in graph.nodes() {
        let of = |id: &NodeId| {
            let channels = *graph.node(*id).shape.dims().get(1)?;
            // An activation that several nodes read is computed once.
            let shared = |p: &&Polynomial| p.degree() < 2 || readers[id.index()] == 1;
            let known = polynomials[id.index()].as_ref().filter(shared);
            Some(known.map_or_else(|| Polynomial::itself(*id, channels), Polynomial::clone))
        };
        let inputs: Option<Vec<_>> = node.inputs.iter().map(of).collect();
        let same_shape = |id: &NodeId| graph.node(*id).shape == node.shape;
        let fits = node.inputs.iter().all(same_shape);
        polynomials.push(inputs.filter(|_| fits).and_then(|i| polynomial(node, i)));
    }
    let mut replaced = vec![None; graph.nodes().len()];
    graph.rewrite(|builder, id, node, inputs| {
        let quadratic = polynomials[id.index()].as_ref();
        let quadratic = quadratic.filter(|polynomial| polynomial.degree() == 2);
        let new = match quadratic {
            Some(polynomial) => {
                let of = replaced[polynomial.of.index()].unwrap_or(builder.input());
                builder.add(&node.name, polynomial.operation(), vec![of])
            }
            None => builder.add(&node.name, node.operation.clone(), inputs),
        }?;
        replaced[id.index()] = Some(new);
        Ok(new)
    })
}

/// What a node computes, if that is a polynomial of what its inputs are polynomials of.
fn polynomial(node: &Node, mut inputs: Vec<Polynomial>) -> Option<Polynomial> {
    let (last, first) = (inputs.pop()?, inputs.pop());
    match (&node.operation, first) {
        (Operation::Affine(affine), None) => Some(last.map(|channel, [a, b, c]| {
            let (factor, shift) = (affine.factors[channel], affine.shifts[channel]);
            [a * factor + shift, b * factor, c * factor]
        })),
        (Operation::Square, None) => last.clone().times(&last),
        (Operation::Add, Some(first)) => first.plus(&last, 1.0),
        (Operation::Sub, Some(first)) => first.plus(&last, -1.0),
        (Operation::Mul, Some(first)) => first.times(&last),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::NodeName;
    use crate::graph::{Builder, Shape};
    use crate::passes::testing::{affine, assert_same, chain, convolution, names};

    fn graph(
        build: impl FnOnce(&mut dyn FnMut(Operation, &[NodeId]) -> NodeId) -> NodeId,
    ) -> Graph {
        let shape = Shape::new(vec![1, 3, 4, 4]).unwrap();
        let mut builder = Builder::new(NodeName::new("input", "x", 0), shape);
        let mut add = |operation: Operation, inputs: &[NodeId]| {
            let name = NodeName::new(operation.name(), "", 0);
            builder.add(&name, operation, inputs.to_vec()).unwrap()
        };
        let output = build(&mut add);
        builder.finish(output)
    }

    fn image() -> NodeId {
        chain(&[1, 3, 4, 4], vec![]).output()
    }

    #[test]
    fn polynomials_as_exporters_write_them() {
        // (c2 x + c1) x + c0, of the channels of a layer and a batch norm.
        let horner = graph(|add| {
            let x = add(convolution(3, 3), &[image()]);
            let x = add(affine(3), &[x]);
            let inner = add(affine(3), &[x]);
            let product = add(Operation::Mul, &[inner, x]);
            add(affine(3), &[product])
        });
        // c2 x^2 - (c1 x + c0).
        let powers = graph(|add| {
            let x = add(convolution(3, 3), &[image()]);
            let square = add(Operation::Square, &[x]);
            let square = add(affine(3), &[square]);
            let linear = add(affine(3), &[x]);
            add(Operation::Sub, &[square, linear])
        });
        for before in [horner, powers] {
            let after = quadratics(&before).unwrap();
            assert_eq!(names(&after), ["input", "Conv", "polynomial"]);
            assert_same(&before, &after, 1.0);
        }
    }

    #[test]
    fn an_activation_that_a_shortcut_reads_is_computed_once() {
        let before = graph(|add| {
            let x = add(Operation::Square, &[image()]);
            let layer = add(convolution(3, 3), &[x]);
            let scaled = add(affine(3), &[x]);
            let sum = add(Operation::Add, &[layer, scaled]);
            let sum = add(affine(3), &[sum]);
            add(Operation::Square, &[sum])
        });
        let after = quadratics(&before).unwrap();
        let norm = "BatchNormalization";
        let expected = ["input", "polynomial", "Conv", norm, "Add", "polynomial"];
        assert_eq!(names(&after), expected);
        assert_same(&before, &after, 1.0);
    }

    #[test]
    fn higher_degrees_stay_products() {
        let before = graph(|add| {
            let square = add(Operation::Square, &[image()]);
            add(Operation::Mul, &[square, image()])
        });
        let after = quadratics(&before).unwrap();
        assert_eq!(names(&after), ["input", "polynomial", "Mul"]);
        assert_same(&before, &after, 1.0);
    }
}

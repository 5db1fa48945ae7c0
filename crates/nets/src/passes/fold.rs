//! Operations that become part of the layer before or after them.

use crate::error::{NetworkError, Result};
use crate::graph::{Affine, Builder, Graph, Node, NodeId, Operation};

/// Factors of channels into the weights of the layer before: the first half of folding a batch norm.
pub(crate) fn fold_products(graph: &Graph) -> Result<Graph> {
    fold_into_layer_before(graph, |layer, affine| {
        if affine.factors.iter().all(|&f| f == 1.0) {
            return None;
        }
        let Affine { factors, shifts } = affine;
        let scaled = match layer.clone() {
            Operation::Convolution(layer) => layer.scaled(factors).map(Operation::Convolution),
            Operation::Dense(layer) => layer.scaled(factors).map(Operation::Dense),
            _ => return None,
        };
        Some(scaled.map(|layer| {
            let rest = Affine {
                factors: vec![1.0; factors.len()],
                shifts: shifts.clone(),
            };
            (layer, Some(rest))
        }))
    })
}

/// Shifts of channels into the bias of the layer before.
pub(crate) fn fold_additions(graph: &Graph) -> Result<Graph> {
    fold_into_layer_before(graph, |layer, affine| {
        if affine.factors.iter().any(|&f| f != 1.0) {
            return None;
        }
        let mut layer = layer.clone();
        let bias = match &mut layer {
            Operation::Convolution(layer) => &mut layer.bias,
            Operation::Dense(layer) => &mut layer.bias,
            _ => return None,
        };
        for (b, shift) in bias.iter_mut().zip(&affine.shifts) {
            *b += shift;
        }
        Some(Ok((layer, None)))
    })
}

/// A layer, and what of the factors and shifts after it remains.
type Folded = Result<(Operation, Option<Affine>), String>;

/// Offers each layer that only factors and shifts of channels read, with these, to `fold`.
fn fold_into_layer_before(
    graph: &Graph,
    fold: impl Fn(&Operation, &Affine) -> Option<Folded>,
) -> Result<Graph> {
    let readers = graph.readers();
    graph.rewrite(|builder, _, node, inputs| {
        if let (Operation::Affine(affine), [before]) = (&node.operation, &node.inputs[..])
            && readers[before.index()] == 1
            && let Some(folded) = fold(&graph.node(*before).operation, affine)
        {
            let (layer, rest) = folded.map_err(|reason| NetworkError::Node {
                node: node.name.clone(),
                reason,
            })?;
            let source = builder.node(inputs[0]).inputs.clone();
            let layer = builder.add(&graph.node(*before).name, layer, source)?;
            return match rest {
                Some(rest) => builder.add(&node.name, Operation::Affine(rest), vec![layer]),
                None => Ok(layer),
            };
        }
        keep(builder, node, inputs)
    })
}

/// Zeros around an image into the padding of the convolution after it.
pub(crate) fn fold_padding(graph: &Graph) -> Result<Graph> {
    graph.rewrite(|builder, _, node, inputs| {
        if let (Operation::Convolution(layer), [before]) = (&node.operation, &node.inputs[..])
            && let Operation::Pad(zeros) = &graph.node(*before).operation
        {
            let mut layer = layer.clone();
            for (pad, more) in layer.window.pads.iter_mut().zip(zeros) {
                *pad += more;
            }
            let source = builder.node(inputs[0]).inputs.clone();
            return builder.add(&node.name, Operation::Convolution(layer), source);
        }
        keep(builder, node, inputs)
    })
}

fn keep(builder: &mut Builder, node: &Node, inputs: Vec<NodeId>) -> Result<NodeId> {
    builder.add(&node.name, node.operation.clone(), inputs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{affine, assert_same, chain, convolution, dense, names};

    #[test]
    fn batch_norms_become_part_of_the_layer_before() {
        let operations = vec![
            convolution(3, 2),
            affine(3),
            Operation::Square,
            Operation::Reshape(crate::graph::Shape::new(vec![1, 48]).unwrap()),
            dense(5, 48),
            affine(5),
        ];
        let before = chain(&[1, 2, 4, 4], operations);
        let halfway = fold_products(&before).unwrap();
        assert_eq!(halfway.nodes().len(), before.nodes().len());
        assert_same(&before, &halfway, 1.0);
        let after = fold_additions(&halfway).unwrap();
        assert_eq!(
            names(&after),
            ["input", "Conv", "square", "Reshape", "Gemm"]
        );
        assert_same(&before, &after, 1.0);
    }

    #[test]
    fn a_layer_that_others_read_stays() {
        let mut builder = Builder::new(
            crate::error::NodeName::new("input", "x", 0),
            crate::graph::Shape::new(vec![1, 3]).unwrap(),
        );
        let name = |o: &Operation| crate::error::NodeName::new(o.name(), "", 0);
        let mut add = |operation: Operation, inputs: Vec<NodeId>| {
            builder.add(&name(&operation), operation, inputs).unwrap()
        };
        let input = chain(&[1, 3], vec![]).output();
        let layer = add(dense(3, 3), vec![input]);
        let shifted = add(affine(3), vec![layer]);
        let sum = add(Operation::Add, vec![layer, shifted]);
        let before = builder.finish(sum);
        let after = fold_additions(&fold_products(&before).unwrap()).unwrap();
        assert_eq!(names(&after), names(&before));
        assert_same(&before, &after, 1.0);
    }

    #[test]
    fn padding_becomes_part_of_the_convolution_after_it() {
        let operations = vec![Operation::Pad([1, 2, 0, 1]), convolution(2, 1)];
        let before = chain(&[1, 1, 3, 3], operations);
        let after = fold_padding(&before).unwrap();
        assert_eq!(names(&after), ["input", "Conv"]);
        assert_same(&before, &after, 1.0);
    }
}

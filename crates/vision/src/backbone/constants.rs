//! How much of a network depends on its constants alone.
//!
//! The runtime computes that in advance, before it knows what it will be. Of two long vectors a few layers make a
//! matrix that no memory holds, so the sizes are bounded here, from the shapes in the file.

use std::collections::HashMap;
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

/// Numbers that may be computed in advance.
const MAX_NUMBERS: usize = 1 << 28;

/// The shape of a tensor, or at least the most numbers that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shape {
    dims: Option<Vec<usize>>,
    size: usize,
}

impl Shape {
    fn new(dims: Vec<usize>) -> Option<Self> {
        let size = dims.iter().try_fold(1, |n: usize, &d| n.checked_mul(d))?;
        Some(Self {
            dims: Some(dims),
            size,
        })
    }

    fn of_size(size: usize) -> Self {
        Self { dims: None, size }
    }

    fn of_tensor(tensor: &TensorProto) -> Option<Self> {
        let dims = tensor.dims.iter().map(|&dim| usize::try_from(dim).ok());
        Self::new(dims.collect::<Option<_>>()?)
    }
}

/// Refuses a graph of which too much could be computed in advance. Its nodes are in an order in which they can run.
pub(super) fn check(graph: &GraphProto) -> Result<(), String> {
    let mut constants = HashMap::new();
    for tensor in &graph.initializer {
        let shape = Shape::of_tensor(tensor).ok_or("a tensor has an absurd shape")?;
        constants.insert(tensor.name.as_str(), shape);
    }
    let mut left = MAX_NUMBERS;
    for node in &graph.node {
        let inputs = node.input.iter().filter(|name| !name.is_empty());
        let inputs: Option<Vec<_>> = inputs.map(|name| constants.get(name.as_str())).collect();
        let Some(inputs) = inputs else {
            continue;
        };
        let shape = computed(node, &inputs).filter(|shape| shape.size <= left);
        let shape = shape.ok_or_else(|| {
            format!(
                "a layer of type {} makes too much of constants alone",
                node.op_type
            )
        })?;
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            left = left.saturating_sub(shape.size);
            constants.insert(output, shape.clone());
        }
    }
    Ok(())
}

/// What a layer makes of constants: nothing if it is not to.
fn computed(node: &NodeProto, inputs: &[&Shape]) -> Option<Shape> {
    let first = inputs.first().copied();
    match node.op_type.as_str() {
        "Constant" => value(node),
        // Their paddings add numbers.
        "AveragePool" | "Conv" | "MaxPool" | "QLinearConv" => None,
        // What else they look at are settings.
        "Clip" | "Dropout" | "ReduceMean" | "Reshape" | "Squeeze" => {
            Some(Shape::of_size(first?.size))
        }
        "Abs" | "Cast" | "Ceil" | "Exp" | "Floor" | "Identity" | "Neg" | "Sqrt" => first.cloned(),
        "Concat" => {
            let sum = inputs
                .iter()
                .try_fold(0, |n: usize, i| n.checked_add(i.size));
            sum.map(Shape::of_size)
        }
        "DequantizeLinear" | "QuantizeLinear" => quantized(node, inputs),
        "Add" | "Div" | "Max" | "Min" | "Mul" | "PRelu" | "Pow" | "Sub" => {
            let (first, others) = inputs.split_first()?;
            let first = (*first).clone();
            others.iter().try_fold(first, |a, b| broadcast(&a, b))
        }
        _ => {
            let sizes = inputs.iter().map(|input| input.size);
            let product = sizes.reduce(|a, b| a.saturating_mul(b))?;
            Some(Shape::of_size(product))
        }
    }
}

/// The value of a `Constant`: a tensor, or numbers.
fn value(node: &NodeProto) -> Option<Shape> {
    if let Some(tensor) = node.attribute.iter().find_map(|a| a.t.as_ref()) {
        return Shape::of_tensor(tensor);
    }
    let lengths = node.attribute.iter();
    let longest = lengths.map(|a| a.floats.len().max(a.ints.len()).max(a.strings.len()));
    Some(Shape::of_size(longest.max().unwrap_or(0).max(1)))
}

/// Of the same shape as the first input, if scale and zero point have one number or one for each place along an axis.
fn quantized(node: &NodeProto, inputs: &[&Shape]) -> Option<Shape> {
    let (first, others) = inputs.split_first()?;
    let dims = first.dims.as_deref().unwrap_or_default();
    let axis = node.attribute.iter().find(|a| a.name == "axis");
    let axis = axis.map_or(1, |a| a.i);
    let axis = if axis < 0 {
        axis + dims.len() as i64
    } else {
        axis
    };
    let places = usize::try_from(axis).ok().and_then(|axis| dims.get(axis));
    let fits = |other: &&Shape| other.size <= 1 || Some(&other.size) == places;
    if others.iter().all(fits) {
        return Some((*first).clone());
    }
    let product = others
        .iter()
        .fold(first.size, |n, other| n.saturating_mul(other.size));
    Some(Shape::of_size(product))
}

/// What comes of two tensors number by number: along each dimension the one or both may have one number only.
fn broadcast(a: &Shape, b: &Shape) -> Option<Shape> {
    let product = Shape::of_size(a.size.saturating_mul(b.size));
    let (Some(of_a), Some(of_b)) = (&a.dims, &b.dims) else {
        return Some(product);
    };
    let rank = of_a.len().max(of_b.len());
    let at = |dims: &[usize], i: usize| match (i + dims.len()).checked_sub(rank) {
        Some(i) => dims[i],
        None => 1,
    };
    let dims = (0..rank).map(|i| match (at(of_a, i), at(of_b, i)) {
        (1, other) | (other, 1) => Some(other),
        (one, other) => (one == other).then_some(one),
    });
    match dims.collect::<Option<_>>() {
        Some(dims) => Shape::new(dims),
        None => Some(product),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(dims: &[usize]) -> Shape {
        Shape::new(dims.to_vec()).unwrap()
    }

    #[test]
    fn numbers_are_counted_as_they_are_broadcast() {
        let made = |a: &[usize], b: &[usize]| broadcast(&shape(a), &shape(b)).unwrap();
        assert_eq!(made(&[64, 3, 3, 3], &[64, 1, 1, 1]), shape(&[64, 3, 3, 3]));
        assert_eq!(made(&[5, 1], &[7]), shape(&[5, 7]));
        assert_eq!(made(&[], &[2, 2]), shape(&[2, 2]));
        // Not allowed, but who knows what a runtime does.
        assert_eq!(made(&[5], &[7]), Shape::of_size(35));
        let huge = [1 << 40, 1];
        assert_eq!(broadcast(&shape(&huge), &shape(&[1 << 40])), None);
    }

    #[test]
    fn scales_are_for_one_axis() {
        let node = |axis: i64| NodeProto {
            op_type: "DequantizeLinear".to_owned(),
            attribute: vec![tract_onnx::pb::AttributeProto {
                name: "axis".to_owned(),
                i: axis,
                ..Default::default()
            }],
            ..NodeProto::default()
        };
        let (weights, scales) = (shape(&[64, 3, 3, 3]), shape(&[64]));
        let inputs = [&weights, &scales, &scales];
        assert_eq!(computed(&node(0), &inputs), Some(weights.clone()));
        assert_eq!(computed(&node(-4), &inputs), Some(weights.clone()));
        let absurd = computed(&node(1), &inputs).unwrap();
        assert_eq!(absurd.size, 64 * 27 * 64 * 64);
    }
}

//! From the bytes of an ONNX file to the part of its graph that gives the features, checked.
//!
//! The runtime is not made for files from strangers, so what it gets is cut down first: only layers that image
//! classifiers are made of, only what the features depend on, no data outside the file, no tensor larger than is
//! sensible.

use super::constants;
use std::collections::{HashMap, HashSet};
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use tract_onnx::pb::{tensor_shape_proto::dimension, type_proto};

/// Nodes of a graph.
pub(super) const MAX_NODES: usize = 20_000;
/// Numbers in a tensor of the file.
pub(super) const MAX_TENSOR: i64 = 1 << 27;
/// Dimensions of a tensor.
pub(super) const MAX_RANK: usize = 6;
/// Pixels along each side of the network's input.
pub(super) const MAX_SIDE: i64 = 1024;
/// The side of an input that leaves it open; the custom of ImageNet classifiers.
const OPEN_SIDE: usize = 224;

/// Layers that the graph may have. None of them makes shapes out of data, runs a graph of its own or grows a tensor by
/// more than its own attributes say.
const LAYERS: [&str; 49] = [
    "Abs",
    "Add",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "Ceil",
    "Clip",
    "Concat",
    "Constant",
    "Conv",
    "DequantizeLinear",
    "Div",
    "Dropout",
    "Elu",
    "Erf",
    "Exp",
    "Flatten",
    "Floor",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LayerNormalization",
    "LeakyRelu",
    "MatMul",
    "Max",
    "MaxPool",
    "Min",
    "Mish",
    "Mul",
    "Neg",
    "PRelu",
    "Pow",
    "QLinearConv",
    "QLinearMatMul",
    "QuantizeLinear",
    "ReduceMean",
    "Relu",
    "Reshape",
    "Sigmoid",
    "Softmax",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Tanh",
    "Transpose",
];

/// Layers whose input is what a classifier tells classes apart by.
const HEADS: [&str; 5] = ["Conv", "Gemm", "MatMul", "QLinearConv", "QLinearMatMul"];

/// How the network takes an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Input {
    /// Columns of pixels.
    pub width: usize,
    /// Rows of pixels.
    pub height: usize,
    /// 1 for grey, 3 for red, green and blue.
    pub channels: usize,
    /// Whether the channels of a pixel lie side by side, as TensorFlow has them.
    pub channels_last: bool,
}

/// The model whose only output is `layer`, or the default one, without what that does not need.
pub(super) fn cut(
    mut model: ModelProto,
    layer: Option<&str>,
) -> Result<(ModelProto, Input), String> {
    let mut graph = model
        .graph
        .take()
        .ok_or("it holds no graph: it is not an ONNX file")?;
    if graph.node.is_empty() || graph.node.len() > MAX_NODES {
        return Err(format!(
            "its graph has {} nodes, not 1 to {MAX_NODES}",
            graph.node.len()
        ));
    }
    let makers = makers(&graph)?;
    let output = match layer {
        Some(name) => named(&graph, &makers, name)?,
        None => before_the_head(&graph, &makers)?,
    };
    let needed = needed(&graph, &makers, &output);
    let mut index = 0;
    graph.node.retain(|_| {
        index += 1;
        needed.contains(&(index - 1))
    });
    let used: HashSet<String> = graph.node.iter().flat_map(|n| n.input.clone()).collect();
    graph
        .initializer
        .retain(|tensor| used.contains(&tensor.name));
    graph.input.retain(|input| used.contains(&input.name));
    graph.sparse_initializer.clear();
    graph.quantization_annotation.clear();
    graph.value_info.clear();
    graph.output = vec![ValueInfoProto {
        name: output,
        ..ValueInfoProto::default()
    }];
    check(&graph)?;
    constants::check(&graph)?;
    let input = input(&graph)?;
    model.graph = Some(graph);
    model.functions.clear();
    model.training_info.clear();
    Ok((model, input))
}

/// Which node makes each tensor.
fn makers(graph: &GraphProto) -> Result<HashMap<String, usize>, String> {
    let mut makers = HashMap::new();
    for (i, node) in graph.node.iter().enumerate() {
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            if makers.insert(name.clone(), i).is_some() {
                return Err(format!("two nodes make {name:?}"));
            }
        }
    }
    Ok(makers)
}

/// The tensor, or the first that the node of this name makes.
fn named(
    graph: &GraphProto,
    makers: &HashMap<String, usize>,
    name: &str,
) -> Result<String, String> {
    if makers.contains_key(name) {
        return Ok(name.to_owned());
    }
    let node = graph.node.iter().find(|node| node.name == name);
    if let Some(output) = node.and_then(|node| node.output.first()) {
        return Ok(output.clone());
    }
    let last = graph
        .node
        .iter()
        .rev()
        .filter_map(|node| node.output.first());
    let last: Vec<_> = last.take(8).map(|name| short(name)).collect();
    Err(format!(
        "it has no layer {name:?}; its last ones are {}",
        last.join(", ")
    ))
}

/// What the last convolution or fully connected layer looks at.
fn before_the_head(graph: &GraphProto, makers: &HashMap<String, usize>) -> Result<String, String> {
    let none = "it has neither a convolution nor a fully connected layer: name a layer";
    let output = graph.output.first().ok_or("it has no output")?;
    let mut name = &output.name;
    for _ in 0..graph.node.len() {
        let node = makers.get(name).map(|&i| &graph.node[i]).ok_or(none)?;
        name = node.input.first().ok_or(none)?;
        if HEADS.contains(&node.op_type.as_str()) {
            return match makers.contains_key(name) {
                true => Ok(name.clone()),
                false => Err("its only layer looks at the image itself: name a layer".to_owned()),
            };
        }
    }
    Err("its nodes run in a circle".to_owned())
}

/// The nodes that a tensor depends on.
fn needed(graph: &GraphProto, makers: &HashMap<String, usize>, output: &str) -> HashSet<usize> {
    let mut needed = HashSet::new();
    let mut open = vec![output];
    while let Some(name) = open.pop() {
        if let Some(&i) = makers.get(name)
            && needed.insert(i)
        {
            open.extend(graph.node[i].input.iter().map(String::as_str));
        }
    }
    needed
}

fn check(graph: &GraphProto) -> Result<(), String> {
    let mut known: HashSet<&str> = graph
        .input
        .iter()
        .map(|input| input.name.as_str())
        .collect();
    for tensor in &graph.initializer {
        check_tensor(tensor)?;
        known.insert(&tensor.name);
    }
    // ONNX has nodes in an order in which they can run, so that a circle is out of order.
    for node in &graph.node {
        check_node(node)?;
        for input in node.input.iter().filter(|name| !name.is_empty()) {
            if !known.contains(input.as_str()) {
                return Err(format!(
                    "tensor {:?} is used before it is produced",
                    short(input)
                ));
            }
        }
        known.extend(node.output.iter().map(String::as_str));
    }
    Ok(())
}

fn check_node(node: &NodeProto) -> Result<(), String> {
    let known_domain = ["", "ai.onnx"].contains(&node.domain.as_str());
    if !known_domain || !LAYERS.contains(&node.op_type.as_str()) {
        return Err(format!(
            "it has a layer of type {:?}, which backbones are not run with",
            short(&node.op_type)
        ));
    }
    if node.output.first().is_none_or(String::is_empty) {
        return Err(format!("a layer of type {} makes nothing", node.op_type));
    }
    for attribute in &node.attribute {
        if attribute.g.is_some()
            || !attribute.graphs.is_empty()
            || attribute.sparse_tensor.is_some()
        {
            return Err(format!("a layer of type {} holds a graph", node.op_type));
        }
        let tensors = attribute.t.iter().chain(&attribute.tensors);
        tensors.into_iter().try_for_each(check_tensor)?;
        let permutes = node.op_type == "Transpose" && attribute.name == "perm";
        if permutes && !is_permutation(&attribute.ints) {
            return Err("a layer of type Transpose has no permutation".to_owned());
        }
        // Paddings, strides, shapes: small numbers, or memory would run out.
        if attribute.ints.iter().any(|i| i.unsigned_abs() > 1 << 24) {
            return Err(format!(
                "a layer of type {} has an absurd attribute",
                node.op_type
            ));
        }
    }
    Ok(())
}

fn check_tensor(tensor: &TensorProto) -> Result<(), String> {
    let name = short(&tensor.name);
    if tensor.data_location.unwrap_or(0) != 0 || !tensor.external_data.is_empty() {
        return Err(format!(
            "its tensor {name:?} lies in another file: convert it to one file"
        ));
    }
    let size = size_of(tensor.dims.iter().copied());
    let size = size.ok_or_else(|| format!("its tensor {name:?} has an absurd shape"))?;
    // Each number takes some bits at least of what the file holds.
    let held = [
        8 * tensor.raw_data.len(),
        tensor.float_data.len(),
        tensor.int32_data.len(),
        tensor.int64_data.len(),
        tensor.double_data.len(),
        tensor.uint64_data.len(),
    ];
    if held.iter().sum::<usize>() < size as usize {
        return Err(format!("its tensor {name:?} is cut short"));
    }
    Ok(())
}

/// The only input that is no constant.
fn input(graph: &GraphProto) -> Result<Input, String> {
    let constants: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    let free = graph
        .input
        .iter()
        .filter(|i| !constants.contains(i.name.as_str()));
    let [input] = free.collect::<Vec<_>>()[..] else {
        return Err("it does not have one input, the image".to_owned());
    };
    let tensor = input.r#type.as_ref().and_then(|kind| kind.value.as_ref());
    let Some(type_proto::Value::TensorType(tensor)) = tensor else {
        return Err("its input is not a tensor".to_owned());
    };
    let shape = tensor
        .shape
        .as_ref()
        .map(|shape| shape.dim.as_slice())
        .unwrap_or_default();
    let fixed = |i: usize| match &shape[i].value {
        Some(dimension::Value::DimValue(value)) => Some(*value),
        _ => None,
    };
    let wrong =
        "its input is not an image: 1 x 3 x rows x columns, or 1 x rows x columns x 3, is expected";
    if shape.len() != 4 || fixed(0).is_some_and(|batch| batch > 1) {
        return Err(wrong.to_owned());
    }
    let channels_at = |i: usize| fixed(i).filter(|c| [1, 3].contains(c));
    let (channels, channels_last) = match (channels_at(1), channels_at(3)) {
        (Some(channels), _) => (channels, false),
        (None, Some(channels)) => (channels, true),
        (None, None) => return Err(wrong.to_owned()),
    };
    let side = |i: usize| match fixed(i) {
        Some(side @ 1..=MAX_SIDE) => Ok(side as usize),
        None | Some(..=0) => Ok(OPEN_SIDE),
        Some(side) => Err(format!(
            "its input is {side} pixels along a side; {MAX_SIDE} is the most"
        )),
    };
    let rows = if channels_last { 1 } else { 2 };
    Ok(Input {
        width: side(rows + 1)?,
        height: side(rows)?,
        channels: channels as usize,
        channels_last,
    })
}

fn short(name: &str) -> String {
    name.chars().take(60).collect()
}

/// The numbers in a tensor of this shape, if that is sensible.
pub(super) fn size_of(mut dims: impl Iterator<Item = i64>) -> Option<i64> {
    dims.try_fold(1i64, |size, dim| {
        let size = size.checked_mul(dim).filter(|_| dim >= 0)?;
        (size <= MAX_TENSOR).then_some(size)
    })
}

/// Whether these are 0, 1, 2 and so on in some order, as few as dimensions are. The runtime looks for the end of a
/// circle that has none.
pub(super) fn is_permutation(axes: &[i64]) -> bool {
    axes.len() <= MAX_RANK && (0..axes.len() as i64).all(|axis| axes.contains(&axis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permutations_have_each_axis_once() {
        for good in [vec![], vec![0], vec![1, 0], vec![0, 3, 1, 2]] {
            assert!(is_permutation(&good), "{good:?}");
        }
        for bad in [
            vec![1],
            vec![0, 0],
            vec![1, 2, 3, 1],
            vec![-1, 0],
            (0..7).collect(),
        ] {
            assert!(!is_permutation(&bad), "{bad:?}");
        }
    }
}

//! The operators that are read, those that are refused with a remedy, and the page that lists them.

use super::layers::{
    average_pool, batch_norm, conv, gemm, global_average_pool, matmul, reduce_mean,
};
use super::node::{Argument, NodeReader, Reading, Unread};
use super::shapes::{flatten, pad, reshape};
use super::tensors::is_number;
use crate::graph::{Operation, Tensor};

/// An operator that is read.
pub(super) struct Operator {
    pub name: &'static str,
    /// What it does not cover of the standard.
    limits: &'static str,
    /// What becomes of it on encrypted images.
    encrypted: &'static str,
    pub read: fn(&NodeReader<'_>) -> Result<Reading, Unread>,
}

/// All operators that are read.
pub(super) const OPERATORS: &[Operator] = &[
    Operator {
        name: "Add",
        limits: "",
        encrypted: "a constant becomes part of a layer next to it; the sum of two nodes, part of the layers before it",
        read: add,
    },
    Operator {
        name: "AveragePool",
        limits: "height and width; `ceil_mode` 0",
        encrypted: "as a convolution; before a dense layer, part of that",
        read: average_pool,
    },
    Operator {
        name: "BatchNormalization",
        limits: "for inference, with constant statistics",
        encrypted: "becomes part of the layer or the polynomial next to it",
        read: batch_norm,
    },
    Operator {
        name: "Cast",
        limits: "to float, float16 or double, which are all computed in double precision",
        encrypted: "nothing to do",
        read: cast,
    },
    Operator {
        name: "Constant",
        limits: "float, float16, double and lists of integers",
        encrypted: "becomes part of the layer that uses it",
        read: constant,
    },
    Operator {
        name: "Conv",
        limits: "height and width; constant weights; strides, pads, dilations, groups and `auto_pad`",
        encrypted: "one level; the client may cut the windows of the first one out",
        read: conv,
    },
    Operator {
        name: "Div",
        limits: "by a constant",
        encrypted: "a constant becomes part of a layer next to it",
        read: div,
    },
    Operator {
        name: "Dropout",
        limits: "for inference, where it does nothing",
        encrypted: "nothing to do",
        read: dropout,
    },
    Operator {
        name: "Flatten",
        limits: "the first dimension stays 1",
        encrypted: "nothing to do",
        read: flatten,
    },
    Operator {
        name: "Gemm",
        limits: "constant B and C; `transA` 0",
        encrypted: "one level",
        read: gemm,
    },
    Operator {
        name: "GlobalAveragePool",
        limits: "height and width",
        encrypted: "as a convolution; before a dense layer, part of that",
        read: global_average_pool,
    },
    Operator {
        name: "Identity",
        limits: "",
        encrypted: "nothing to do",
        read: identity,
    },
    Operator {
        name: "MatMul",
        limits: "a vector times a constant matrix",
        encrypted: "one level",
        read: matmul,
    },
    Operator {
        name: "Mul",
        limits: "",
        encrypted: "in a polynomial of degree 2 of one node, with a coefficient for each channel: one level; a \
                    constant becomes part of a layer next to it",
        read: mul,
    },
    Operator {
        name: "Pad",
        limits: "zeros around height and width",
        encrypted: "becomes part of the convolution after it",
        read: pad,
    },
    Operator {
        name: "Pow",
        limits: "exponent 2",
        encrypted: "one level",
        read: pow,
    },
    Operator {
        name: "ReduceMean",
        limits: "over height and width",
        encrypted: "as a convolution; before a dense layer, part of that",
        read: reduce_mean,
    },
    Operator {
        name: "Relu",
        limits: "",
        encrypted: "by polynomials, on calibrated intervals: 6 to 14 levels, so most often with bootstrapping",
        read: relu,
    },
    Operator {
        name: "Reshape",
        limits: "to a constant shape; the first dimension stays 1",
        encrypted: "nothing to do",
        read: reshape,
    },
    Operator {
        name: "Sub",
        limits: "",
        encrypted: "as `Add`",
        read: sub,
    },
];

const TRAIN_A_SQUARE: &str = "train the network with a square in its place";
const SIMPLIFY: &str = "export with fixed shapes, or simplify the model, with onnxsim for instance";
const NOT_QUANTISED: &str = "use the model before quantisation";

/// Operators that exporters write and that are refused, with what could stand for them.
pub(super) const REFUSED: &[(&str, &str)] = &[
    ("ArgMax", "leave it out: the client compares the scores"),
    ("Clip", TRAIN_A_SQUARE),
    ("Concat", "write the sum of the layers that read the parts"),
    (
        "ConvTranspose",
        "only classifiers are supported: use convolutions",
    ),
    ("DequantizeLinear", NOT_QUANTISED),
    ("Elu", TRAIN_A_SQUARE),
    ("Erf", TRAIN_A_SQUARE),
    ("Exp", TRAIN_A_SQUARE),
    ("GRU", "recurrent layers are not supported"),
    ("Gather", SIMPLIFY),
    ("Gelu", TRAIN_A_SQUARE),
    (
        "GlobalMaxPool",
        "train the network with a GlobalAveragePool in its place",
    ),
    ("HardSigmoid", TRAIN_A_SQUARE),
    ("HardSwish", TRAIN_A_SQUARE),
    ("LSTM", "recurrent layers are not supported"),
    (
        "LayerNormalization",
        "train the network with a BatchNormalization in its place",
    ),
    ("LeakyRelu", TRAIN_A_SQUARE),
    (
        "LogSoftmax",
        "leave it out: the largest score stays the largest",
    ),
    (
        "MaxPool",
        "train the network with an AveragePool in its place",
    ),
    ("PRelu", TRAIN_A_SQUARE),
    ("QLinearConv", NOT_QUANTISED),
    ("QuantizeLinear", NOT_QUANTISED),
    ("Shape", SIMPLIFY),
    ("Sigmoid", TRAIN_A_SQUARE),
    (
        "Softmax",
        "leave it out: the largest score stays the largest",
    ),
    ("Squeeze", "write it as a Flatten or a Reshape"),
    ("Tanh", TRAIN_A_SQUARE),
    (
        "Transpose",
        "export with the layout [1, channels, height, width]",
    ),
    ("Unsqueeze", "write it as a Reshape"),
];

/// What could stand for an operator that is not read.
pub(super) fn remedy(operator: &str) -> String {
    match REFUSED.iter().find(|(name, _)| *name == operator) {
        Some((_, remedy)) => (*remedy).to_owned(),
        None => "docs/networks-operators.md lists the operators that are".to_owned(),
    }
}

/// The page `docs/networks-operators.md`.
pub fn page() -> String {
    let mut page = String::from(
        "# Operators of networks\n\n\
         `tapetum-nets` reads ONNX files with operator set 13 or later, weights of type float, float16 or double inside the \
         file, one input of shape `[1 or open, channels, height, width]` or `[1 or open, length]`, and one output, or \
         several of which one, the scores, depends on all others. This page is printed by `cargo run -p tapetum-nets --example operators` from the table in \
         `crates/nets/src/onnx/operators.rs`; a test compares them.\n\n\
         | operator | limits | on encrypted images |\n|---|---|---|\n",
    );
    for operator in OPERATORS {
        let Operator {
            name,
            limits,
            encrypted,
            ..
        } = operator;
        page += &format!("| `{name}` | {limits} | {encrypted} |\n");
    }
    page += "\nEvery other operator is refused, with the name of the node. Of these the error also says what could \
             stand for them:\n\n| operator | instead |\n|---|---|\n";
    for (name, remedy) in REFUSED {
        page += &format!("| `{name}` | {remedy} |\n");
    }
    page
}

fn identity(node: &NodeReader<'_>) -> Result<Reading, Unread> {
    Ok(Reading::Chain(node.input(0)?.clone(), Vec::new()))
}

fn cast(node: &NodeReader<'_>) -> Result<Reading, Unread> {
    // For floats of 8 bits alone.
    node.int("saturate", 1);
    if !is_number(node.int("to", 0)) {
        return Err("only a Cast to float, float16 or double is supported: export with weights and computations of these types".into());
    }
    if let Argument::Integers(_) = node.input(0)? {
        return Err(
            "it computes with integers: simplify the model, with onnxsim for instance".into(),
        );
    }
    identity(node)
}

fn dropout(node: &NodeReader<'_>) -> Result<Reading, Unread> {
    node.int("seed", 0);
    if node.optional(2).is_some() {
        return Err("it has a training mode: export the network for inference".into());
    }
    identity(node)
}

fn relu(node: &NodeReader<'_>) -> Result<Reading, Unread> {
    Ok(Reading::Chain(
        node.input(0)?.clone(),
        vec![Operation::Relu],
    ))
}

fn constant(node: &NodeReader<'_>) -> Result<Reading, Unread> {
    let single = |value: f64| Tensor::new(no_dimensions(), vec![value]);
    let argument = if let Some(tensor) = node.tensor("value") {
        tensor.map_err(Unread::Error)?.into()
    } else if node.has("value_int") {
        Argument::Integers(vec![node.int("value_int", 0)])
    } else if let Some(ints) = node.ints("value_ints") {
        Argument::Integers(ints.to_vec())
    } else if node.has("value_float") {
        Argument::Constant(single(node.float("value_float", 0.0))?)
    } else if let Some(floats) = node.floats("value_floats") {
        let values: Vec<f64> = floats.iter().map(|&v| f64::from(v)).collect();
        let shape = crate::graph::Shape::new(vec![values.len()])?;
        Argument::Constant(Tensor::new(shape, values)?)
    } else {
        return Err("it has no value of a type that is supported".into());
    };
    Ok(Reading::Chain(argument, Vec::new()))
}

fn no_dimensions() -> crate::graph::Shape {
    crate::graph::Shape::new(Vec::new()).expect("a single value is a shape")
}

fn pow(node: &NodeReader<'_>) -> Result<Reading, Unread> {
    let exponent = match node.input(1)? {
        Argument::Integers(n) if n.len() == 1 => n[0] as f64,
        Argument::Constant(t) if t.values().len() == 1 => t.values()[0],
        _ => return Err("its exponent must be a single constant".into()),
    };
    if exponent == 2.0 {
        Ok(Reading::Chain(
            node.input(0)?.clone(),
            vec![Operation::Square],
        ))
    } else {
        Err(format!(
            "the exponent {exponent} is not supported: write a power as products, or use 2"
        )
        .into())
    }
}

/// The two inputs of an operator, in their order.
enum Two<'a> {
    Nodes([crate::graph::NodeId; 2]),
    /// A tensor and, to its right, a constant.
    ConstantRight(&'a Argument, &'a Tensor),
    ConstantLeft(&'a Tensor, &'a Argument),
}

fn two<'a>(node: &'a NodeReader<'_>) -> Result<Two<'a>, Unread> {
    match (node.input(0)?, node.input(1)?) {
        (&Argument::Node(a), &Argument::Node(b)) => Ok(Two::Nodes([a, b])),
        (a, Argument::Constant(b)) => Ok(Two::ConstantRight(a, b)),
        (Argument::Constant(a), b) => Ok(Two::ConstantLeft(a, b)),
        _ => Err("arithmetic on integers is not supported: simplify the model, with onnxsim for instance".into()),
    }
}

fn add(node: &NodeReader<'_>) -> Result<Reading, Unread> {
    Ok(match two(node)? {
        Two::Nodes(pair) => Reading::Pair(Operation::Add, pair),
        Two::ConstantRight(x, c) | Two::ConstantLeft(c, x) => {
            Reading::Chain(x.clone(), vec![Operation::AddConstant(c.clone())])
        }
    })
}

fn sub(node: &NodeReader<'_>) -> Result<Reading, Unread> {
    let minus = |t: &Tensor| t.clone().map(|v| -v);
    Ok(match two(node)? {
        Two::Nodes(pair) => Reading::Pair(Operation::Sub, pair),
        Two::ConstantRight(x, c) => {
            Reading::Chain(x.clone(), vec![Operation::AddConstant(minus(c)?)])
        }
        Two::ConstantLeft(c, x) => {
            let minus_one = Tensor::new(no_dimensions(), vec![-1.0])?;
            let operations = vec![
                Operation::MulConstant(minus_one),
                Operation::AddConstant(c.clone()),
            ];
            Reading::Chain(x.clone(), operations)
        }
    })
}

fn mul(node: &NodeReader<'_>) -> Result<Reading, Unread> {
    Ok(match two(node)? {
        Two::Nodes([a, b]) if a == b => Reading::Chain(Argument::Node(a), vec![Operation::Square]),
        Two::Nodes(pair) => Reading::Pair(Operation::Mul, pair),
        Two::ConstantRight(x, c) | Two::ConstantLeft(c, x) => {
            Reading::Chain(x.clone(), vec![Operation::MulConstant(c.clone())])
        }
    })
}

fn div(node: &NodeReader<'_>) -> Result<Reading, Unread> {
    match two(node)? {
        Two::ConstantRight(x, c) => {
            let inverse = c.clone().map(f64::recip)?;
            Ok(Reading::Chain(
                x.clone(),
                vec![Operation::MulConstant(inverse)],
            ))
        }
        _ => Err("only division by a constant is supported".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_lists_what_the_table_has() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/networks-operators.md"
        );
        let found = std::fs::read_to_string(path).expect("the page exists");
        assert!(
            found == page(),
            "docs/networks-operators.md is out of date: cargo run -p tapetum-nets --example operators > \
             docs/networks-operators.md"
        );
    }

    #[test]
    fn the_tables_are_sorted_and_disjoint() {
        let names: Vec<_> = OPERATORS.iter().map(|o| o.name).collect();
        assert!(names.is_sorted());
        assert!(REFUSED.is_sorted());
        assert!(REFUSED.iter().all(|(name, _)| !names.contains(name)));
    }
}

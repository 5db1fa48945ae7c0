//! Files made of the schema's messages.

use half::f16;
use prost::Message;

use super::schema::{
    Attribute, Dimension, Graph, Model, Node, OpsetId, Tensor, TensorShape, TensorType, Type, Value,
};
use crate::Network;

fn value(name: &str, dims: &[Option<i64>]) -> Value {
    let dims = dims.iter().map(|&value| Dimension { value }).collect();
    let tensor = TensorType {
        element: 1,
        shape: Some(TensorShape { dims }),
    };
    Value {
        name: name.to_owned(),
        r#type: Some(Type {
            tensor: Some(tensor),
        }),
    }
}

pub(super) fn weights(name: &str, dims: &[i64], values: &[f32]) -> Tensor {
    Tensor {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: 1,
        float_data: values.to_vec(),
        ..Default::default()
    }
}

pub(super) fn integers(name: &str, values: &[i64]) -> Tensor {
    Tensor {
        name: name.to_owned(),
        dims: vec![values.len() as i64],
        data_type: 7,
        int64_data: values.to_vec(),
        ..Default::default()
    }
}

pub(super) fn node(
    operator: &str,
    inputs: &[&str],
    output: &str,
    attributes: Vec<Attribute>,
) -> Node {
    Node {
        inputs: inputs.iter().map(|&i| i.to_owned()).collect(),
        outputs: vec![output.to_owned()],
        operator: operator.to_owned(),
        attributes,
        ..Default::default()
    }
}

pub(super) fn int(name: &str, int: i64) -> Attribute {
    Attribute {
        name: name.to_owned(),
        int,
        kind: 2,
        ..Default::default()
    }
}

pub(super) fn ints(name: &str, ints: &[i64]) -> Attribute {
    Attribute {
        name: name.to_owned(),
        ints: ints.to_vec(),
        kind: 7,
        ..Default::default()
    }
}

/// A file whose nodes lead from `x` to `y`.
pub(super) fn model(input: &[Option<i64>], nodes: Vec<Node>, initializers: Vec<Tensor>) -> Model {
    Model {
        graph: Some(Graph {
            nodes,
            initializers,
            inputs: vec![value("x", input)],
            outputs: vec![value("y", &[None])],
            ..Default::default()
        }),
        opsets: vec![OpsetId {
            domain: String::new(),
            version: 13,
        }],
        functions: Vec::new(),
    }
}

const PIXELS: [Option<i64>; 4] = [None, Some(1), Some(2), Some(2)];

fn scores(model: &Model, image: &[f64]) -> Vec<f64> {
    let network = Network::from_onnx(&model.encode_to_vec()).unwrap();
    network.scores(image).unwrap()
}

fn error(model: &Model) -> String {
    match Network::from_onnx(&model.encode_to_vec()) {
        Ok(_) => panic!("it is accepted"),
        Err(error) => error.to_string(),
    }
}

/// The convolution, square and dense layer of a small classifier.
fn classifier() -> Model {
    let nodes = vec![
        node(
            "Conv",
            &["x", "w", "b"],
            "conv",
            vec![ints("strides", &[1, 1]), ints("pads", &[0, 0, 1, 1])],
        ),
        node("Mul", &["conv", "conv"], "square", vec![]),
        node("Reshape", &["square", "shape"], "flat", vec![]),
        node("Gemm", &["flat", "v"], "y", vec![int("transB", 1)]),
    ];
    let initializers = vec![
        weights("w", &[1, 1, 2, 2], &[1.0, 0.0, 0.0, 1.0]),
        weights("b", &[1], &[1.0]),
        integers("shape", &[0, -1]),
        weights("v", &[2, 4], &[1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, -1.0]),
    ];
    model(&PIXELS, nodes, initializers)
}

#[test]
fn a_classifier_is_read_and_computes() {
    // Convolved: 1 + 4 + 1, 2 + 1, 3 + 1, 4 + 1.
    let squares = [36.0, 9.0, 16.0, 25.0];
    let expected = [squares.iter().sum::<f64>(), squares[0] - squares[3]];
    assert_eq!(scores(&classifier(), &[1.0, 2.0, 3.0, 4.0]), expected);
    let network = Network::from_onnx(&classifier().encode_to_vec()).unwrap();
    assert_eq!(network.input_shape(), [1, 1, 2, 2]);
    assert!(network.scores(&[1.0; 3]).is_err());
    assert!(network.scores(&[1e200; 4]).is_err());
    assert!(network.scores(&[f64::NAN; 4]).is_err());
}

/// As converters to half precision write it: weights and input as float16, a `Cast` at each end.
#[test]
fn a_network_in_half_precision_is_the_same_network() {
    let mut half = classifier();
    let graph = half.graph.as_mut().unwrap();
    for tensor in graph.initializers.iter_mut().filter(|t| t.data_type == 1) {
        let bits = tensor
            .float_data
            .drain(..)
            .map(|v| f16::from_f32(v).to_bits().into());
        (tensor.data_type, tensor.int32_data) = (10, bits.collect());
    }
    let tensor = graph.inputs[0].r#type.as_mut().unwrap().tensor.as_mut();
    tensor.unwrap().element = 10;
    graph.nodes[0].inputs[0] = "x16".to_owned();
    let first = node("Cast", &["x"], "x16", vec![int("to", 10)]);
    graph.nodes.insert(0, first);
    graph.nodes.last_mut().unwrap().outputs[0] = "y16".to_owned();
    graph
        .nodes
        .push(node("Cast", &["y16"], "y", vec![int("to", 1)]));
    let image = [1.0, 2.0, 3.0, 4.0];
    assert_eq!(scores(&half, &image), scores(&classifier(), &image));

    let graph = half.graph.as_mut().unwrap();
    graph.nodes[0].attributes = vec![int("to", 7)];
    assert!(error(&half).contains("Cast"));
}

#[test]
fn constants_are_computed_while_reading() {
    let nodes = vec![
        node("Mul", &["w", "two"], "w2", vec![]),
        node("Identity", &["w2"], "w3", vec![]),
        node("Sub", &["one", "x"], "rest", vec![]),
        node("MatMul", &["rest", "w3"], "y", vec![]),
    ];
    let initializers = vec![
        weights("w", &[2, 1], &[1.0, 10.0]),
        weights("two", &[], &[2.0]),
        weights("one", &[], &[1.0]),
    ];
    let model = model(&[Some(1), Some(2)], nodes, initializers);
    assert_eq!(scores(&model, &[0.5, 0.25]), [1.0 + 15.0]);
}

#[test]
fn a_batch_norm_follows_the_statistics() {
    let nodes = vec![node(
        "BatchNormalization",
        &["x", "scale", "shift", "mean", "variance"],
        "y",
        vec![
            Attribute {
                name: "epsilon".to_owned(),
                float: 0.0,
                ..Default::default()
            },
            int("training_mode", 0),
        ],
    )];
    let initializers = vec![
        weights("scale", &[1], &[3.0]),
        weights("shift", &[1], &[1.0]),
        weights("mean", &[1], &[2.0]),
        weights("variance", &[1], &[4.0]),
    ];
    let model = model(&PIXELS, nodes, initializers);
    assert_eq!(scores(&model, &[2.0, 4.0, 0.0, 2.0]), [1.0, 4.0, -2.0, 1.0]);
}

#[test]
fn padding_by_itself_or_as_automatic_padding() {
    let same = Attribute {
        name: "auto_pad".to_owned(),
        string: b"SAME_UPPER".to_vec(),
        ..Default::default()
    };
    let w = weights("w", &[1, 1, 2, 2], &[1.0, 0.0, 0.0, 1.0]);
    let automatic = model(
        &PIXELS,
        vec![node("Conv", &["x", "w"], "y", vec![same])],
        vec![w.clone()],
    );
    let padded = model(
        &PIXELS,
        vec![
            node("Pad", &["x", "pads"], "padded", vec![]),
            node("Conv", &["padded", "w"], "y", vec![]),
        ],
        vec![w, integers("pads", &[0, 0, 0, 0, 0, 0, 1, 1])],
    );
    let image = [1.0, 2.0, 3.0, 4.0];
    assert_eq!(scores(&automatic, &image), [5.0, 2.0, 3.0, 4.0]);
    assert_eq!(scores(&padded, &image), scores(&automatic, &image));
}

#[test]
fn pools_powers_and_sums_of_nodes() {
    let nodes = vec![
        node("Pow", &["x", "two"], "square", vec![]),
        node("Add", &["square", "x"], "sum", vec![]),
        node("GlobalAveragePool", &["sum"], "mean", vec![]),
        node("Relu", &["mean"], "rectified", vec![]),
        node("Flatten", &["rectified"], "y", vec![int("axis", 1)]),
    ];
    let model = model(&PIXELS, nodes, vec![weights("two", &[], &[2.0])]);
    assert_eq!(
        scores(&model, &[1.0, 2.0, 3.0, -4.0]),
        [(2.0 + 6.0 + 12.0 + 12.0) / 4.0]
    );
}

#[test]
fn of_several_outputs_the_last_one_is_the_scores_if_it_depends_on_all() {
    let nodes = vec![
        node("Relu", &["x"], "features", vec![]),
        node("Add", &["features", "features"], "y", vec![]),
        node("Identity", &["x"], "same", vec![]),
    ];
    let outputs = |names: &[&str]| {
        let mut model = model(&PIXELS, nodes.clone(), vec![]);
        let graph = model.graph.as_mut().unwrap();
        graph.outputs = names.iter().map(|name| value(name, &[None])).collect();
        model
    };
    let image = [1.0, -2.0, 3.0, 0.0];
    assert_eq!(
        scores(&outputs(&["features", "y"]), &image),
        [2.0, 0.0, 6.0, 0.0]
    );
    assert_eq!(
        scores(&outputs(&["features"]), &image),
        [1.0, 0.0, 3.0, 0.0]
    );
    assert!(error(&outputs(&[])).contains("no output"));
    let apart = vec![
        node("Relu", &["x"], "a", vec![]),
        node("Add", &["x", "x"], "b", vec![]),
    ];
    let mut apart = model(&PIXELS, apart, vec![]);
    apart.graph.as_mut().unwrap().outputs = vec![value("a", &[None]), value("b", &[None])];
    assert!(error(&apart).contains("none of which depends on all others"));
}

#[test]
fn unsupported_operators_are_named_with_a_remedy() {
    let mut pool = node("MaxPool", &["x"], "y", vec![]);
    pool.name = "pool1".to_owned();
    let message = error(&model(&PIXELS, vec![pool], vec![]));
    assert!(
        message.contains("\"pool1\"") && message.contains("AveragePool"),
        "{message}"
    );
    let unknown = error(&model(
        &PIXELS,
        vec![node("Abs", &["x"], "y", vec![])],
        vec![],
    ));
    assert!(unknown.contains("node 1 (Abs)") && unknown.contains("networks-operators.md"));
    let mut foreign = node("Add", &["x", "x"], "y", vec![]);
    foreign.domain = "com.example".to_owned();
    assert!(error(&model(&PIXELS, vec![foreign], vec![])).contains("not supported"));
}

#[test]
fn graphs_that_do_not_fit_are_refused() {
    let relu = |from: &str, to: &str| node("Relu", &[from], to, vec![]);
    let with = |change: &dyn Fn(&mut Model)| {
        let mut changed = model(&PIXELS, vec![relu("x", "y")], vec![]);
        change(&mut changed);
        error(&changed)
    };
    let graph = |m: &mut Model| m.graph.take().unwrap_or_default();
    assert!(with(&|m| m.opsets[0].version = 11).contains("operator set 11"));
    assert!(with(&|m| m.opsets.clear()).contains("no operator set"));
    assert!(with(&|m| drop(graph(m))).contains("no graph"));
    let inputs = |dims: &'static [Option<i64>]| {
        with(&|m| {
            let mut g = graph(m);
            g.inputs = vec![value("x", dims)];
            m.graph = Some(g);
        })
    };
    assert!(inputs(&[Some(8), Some(1), Some(2), Some(2)]).contains("batch of 8"));
    assert!(inputs(&[None, Some(1), None, Some(2)]).contains("dimension 2 is open"));
    assert!(inputs(&[None, Some(1), Some(2)]).contains("3 dimensions"));
    assert!(inputs(&[None, Some(1 << 40)]).contains("more than"));
    let nodes = |nodes: Vec<Node>| error(&model(&PIXELS, nodes, vec![]));
    assert!(nodes(vec![relu("z", "y")]).contains("\"z\" is used before it is produced"));
    assert!(nodes(vec![relu("x", "x")]).contains("in use already"));
    assert!(nodes(vec![relu("x", "z")]).contains("does not depend on the image"));
    assert!(nodes(vec![node("Relu", &[], "y", vec![])]).contains("input 1 is missing"));
    let odd = node("Relu", &["x"], "y", vec![int("slope", 1)]);
    assert!(nodes(vec![odd]).contains("\"slope\""));
}

#[test]
fn shapes_and_attributes_that_do_not_fit_are_refused() {
    let w = || weights("w", &[1, 1, 2, 2], &[1.0; 4]);
    let conv = |attributes: Vec<Attribute>, w: Tensor| {
        error(&model(
            &PIXELS,
            vec![node("Conv", &["x", "w"], "y", attributes)],
            vec![w],
        ))
    };
    assert!(conv(vec![ints("strides", &[0, 1])], w()).contains("strides [0, 1]"));
    assert!(conv(vec![ints("strides", &[-1, 1])], w()).contains("strides"));
    assert!(conv(vec![ints("pads", &[0, 0, 0])], w()).contains("pads"));
    assert!(conv(vec![ints("pads", &[1 << 40; 4])], w()).contains("pads"));
    assert!(conv(vec![ints("dilations", &[9, 9])], w()).contains("does not fit"));
    assert!(conv(vec![int("group", 0)], w()).contains("groups"));
    assert!(conv(vec![int("group", i64::MIN)], w()).contains("groups"));
    assert!(conv(vec![ints("kernel_shape", &[3, 3])], w()).contains("kernel"));
    assert!(conv(vec![], weights("w", &[1, 2, 1, 1], &[1.0; 2])).contains("channels"));
    assert!(conv(vec![], weights("w", &[4], &[1.0; 4])).contains("height and width"));
    let reshape = |to: &[i64]| {
        error(&model(
            &PIXELS,
            vec![node("Reshape", &["x", "shape"], "y", vec![])],
            vec![integers("shape", to)],
        ))
    };
    assert!(reshape(&[2, 2]).contains("mixes the images"));
    assert!(reshape(&[1, 3]).contains("as many values"));
    assert!(reshape(&[-1, -1]).contains("not a shape"));
    assert!(reshape(&[1, i64::MAX]).contains("more than"));
    assert!(reshape(&[1, 1, 1, 1, 0]).contains("to be kept"));
    assert!(reshape(&[]).contains("as many values"));
}

/// Every damaged copy of a good file is read or refused, without a panic.
#[test]
fn damaged_files_are_refused() {
    let good = classifier().encode_to_vec();
    assert!(Network::from_onnx(&[]).is_err());
    assert!(Network::from_onnx(b"\x89PNG\r\n\x1a\n").is_err());
    for length in 0..good.len() {
        let _ = Network::from_onnx(&good[..length]);
    }
    for index in 0..good.len() {
        for flip in [1, 0x80, 0xff] {
            let mut damaged = good.clone();
            damaged[index] ^= flip;
            if let Ok(network) = Network::from_onnx(&damaged) {
                let _ = network.scores(&vec![0.5; network.input_len()]);
            }
        }
    }
}

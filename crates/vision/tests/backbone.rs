//! Backbones on a network small enough to be computed by hand, and on files that are damaged or hostile.
#![cfg(feature = "onnx")]

use std::path::Path;
use tapetum_vision::{DataSet, Error, FeatureSpec, GreyImage, Pipeline, PipelineOptions, Samples};

/// Fields of a protocol buffer, just enough to write an ONNX file with.
#[derive(Clone, Default)]
struct Message(Vec<u8>);

impl Message {
    fn number(mut self, field: u8, value: u64) -> Self {
        self.0.push(field << 3);
        self.varint(value);
        self
    }

    fn bytes(mut self, field: u8, bytes: &[u8]) -> Self {
        self.0.push(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn text(self, field: u8, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    fn message(self, field: u8, message: &Message) -> Self {
        self.bytes(field, &message.0)
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// The field numbers are those of onnx.proto.
fn node(kind: &str, inputs: &[&str], output: &str) -> Message {
    let node = inputs
        .iter()
        .fold(Message::default(), |node, name| node.text(1, name));
    node.text(2, output).text(4, kind)
}

fn tensor(name: &str, dims: &[u64], values: &[f32]) -> Message {
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let tensor = dims
        .iter()
        .fold(Message::default(), |t, &dim| t.number(1, dim));
    tensor.number(2, 1).text(8, name).bytes(9, &raw)
}

fn value(name: &str, dims: &[u64]) -> Message {
    let shape = dims.iter().fold(Message::default(), |shape, &dim| {
        shape.message(1, &Message::default().number(1, dim))
    });
    let kind = Message::default().number(1, 1).message(2, &shape);
    Message::default()
        .text(1, name)
        .message(2, &Message::default().message(1, &kind))
}

fn model(nodes: &[Message], tensors: &[Message], input: &Message, output: &Message) -> Vec<u8> {
    let graph = nodes
        .iter()
        .fold(Message::default(), |graph, node| graph.message(1, node));
    let graph = tensors
        .iter()
        .fold(graph.text(2, "net"), |graph, t| graph.message(5, t));
    let graph = graph.message(11, input).message(12, output);
    let opset = Message::default().number(2, 13);
    Message::default()
        .number(1, 8)
        .message(7, &graph)
        .message(8, &opset)
        .0
}

/// red - blue and green - 1/2, what is negative cut off, the mean over all pixels; then a classifier.
fn small() -> Vec<u8> {
    model(
        &[
            node("Conv", &["image", "w", "b"], "c"),
            node("Relu", &["c"], "r"),
            node("GlobalAveragePool", &["r"], "p"),
            node("Flatten", &["p"], "features"),
            node("Gemm", &["features", "v"], "logits"),
        ],
        &[
            tensor("w", &[2, 3, 1, 1], &[1.0, 0.0, -1.0, 0.0, 1.0, 0.0]),
            tensor("b", &[2], &[0.0, -0.5]),
            tensor("v", &[2, 3], &[1.0; 6]),
        ],
        &value("image", &[1, 3, 2, 2]),
        &value("logits", &[1, 3]),
    )
}

fn images() -> DataSet {
    let colours = [[255, 255, 51], [102, 204, 0]];
    let image = |rgb: [u8; 3]| {
        let grey = GreyImage::new(2, 2, vec![128; 4]).unwrap();
        grey.with_rgb(rgb.repeat(4)).unwrap()
    };
    let samples = Samples::Images(colours.map(image).to_vec());
    let names = ["a", "b"].map(str::to_owned).to_vec();
    DataSet::new(samples, vec![0, 1], names.clone(), names).unwrap()
}

fn pipeline(path: &Path, rest: &str) -> Result<Pipeline, Error> {
    let spec: FeatureSpec = format!("onnx:{}{rest}", path.display()).parse()?;
    let options = PipelineOptions {
        unit_spectrum: false,
        intercept: false,
        ..PipelineOptions::default()
    };
    Pipeline::fit(spec, &images(), options)
}

#[test]
fn features_are_those_of_the_layer_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.onnx");
    std::fs::write(&path, small()).unwrap();
    // Of both images, before standardising.
    for (rest, features) in [
        ("?unit", [[0.8, 0.5], [0.4, 0.3]]),
        (":features?unit", [[0.8, 0.5], [0.4, 0.3]]),
        // Places are averaged.
        (":r?unit", [[0.8, 0.5], [0.4, 0.3]]),
        ("?signed", [[1.6, 0.5], [0.8, 0.1]]),
    ] {
        let pipeline = pipeline(&path, rest).unwrap();
        let json: serde_json::Value = serde_json::from_str(&pipeline.to_json().unwrap()).unwrap();
        for column in 0..2 {
            let mean = (features[0][column] + features[1][column]) / 2.0;
            let found = json["standardizer"]["mean"][column].as_f64().unwrap();
            assert!((found - mean).abs() < 1e-6, "{rest}: {found}, not {mean}");
        }
        let matrix = pipeline.apply(images().samples()).unwrap();
        assert_eq!((matrix.rows(), matrix.cols()), (2, 2));
        assert!(matrix.values().iter().all(|v| (v.abs() - 1.0).abs() < 1e-4));
    }
}

#[test]
fn another_file_is_refused_and_the_same_one_elsewhere_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.onnx");
    std::fs::write(&path, small()).unwrap();
    let fitted = pipeline(&path, "?unit").unwrap();
    assert_eq!(fitted.columns(), 2);
    let read = Pipeline::from_json(&fitted.to_json().unwrap()).unwrap();
    assert_eq!(read, fitted);

    let elsewhere = dir.path().join("copy.onnx");
    std::fs::rename(&path, &elsewhere).unwrap();
    assert!(matches!(
        read.apply(images().samples()),
        Err(Error::Io { .. })
    ));
    let moved = read.with_backbone_at(&elsewhere);
    let matrix = moved.apply(images().samples()).unwrap();
    assert!(matrix.values().iter().all(|v| v.is_finite()));

    let mut other = small();
    let end = other.len() - 1;
    other[end] = 14;
    std::fs::write(&elsewhere, other).unwrap();
    let error = moved.apply(images().samples()).unwrap_err().to_string();
    assert!(error.contains("another file"), "{error}");
}

#[test]
fn what_is_no_backbone_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.onnx");
    let image = value("image", &[1, 3, 2, 2]);
    let out = value("logits", &[1, 3]);
    let w = tensor("w", &[2, 3, 1, 1], &[1.0; 6]);
    let conv = node("Conv", &["image", "w"], "c");
    let head = node("Conv", &["c", "w"], "logits");
    let huge = tensor("w", &[1 << 40, 1 << 40], &[1.0; 6]);
    let empty = tensor("w", &[2, 3, 1000, 1000], &[]);
    let elsewhere = Message(w.0.clone()).number(14, 1);
    let loops = [
        node("Add", &["y", "image"], "x"),
        node("Add", &["x", "image"], "y"),
    ];
    for (bytes, word) in [
        (b"not a model".to_vec(), "no "),
        (Vec::new(), "graph"),
        (model(&[], &[], &image, &out), "nodes"),
        (
            model(&[conv.clone(), head.clone()], &[huge], &image, &out),
            "absurd",
        ),
        (
            model(&[conv.clone(), head.clone()], &[empty], &image, &out),
            "cut short",
        ),
        (
            model(&[conv.clone(), head.clone()], &[elsewhere], &image, &out),
            "another file",
        ),
        (
            model(&[head.clone()], std::slice::from_ref(&w), &image, &out),
            "name a layer",
        ),
        (
            model(
                &[node("Loop", &["image"], "c"), head.clone()],
                std::slice::from_ref(&w),
                &image,
                &out,
            ),
            "Loop",
        ),
        (
            model(
                &[
                    loops[0].clone(),
                    loops[1].clone(),
                    node("Conv", &["y", "w"], "logits"),
                ],
                std::slice::from_ref(&w),
                &image,
                &out,
            ),
            "before it is needed",
        ),
        (
            model(
                &[conv.clone(), head.clone()],
                std::slice::from_ref(&w),
                &value("image", &[1, 10]),
                &out,
            ),
            "no image",
        ),
        (
            model(
                &[conv.clone(), head.clone()],
                std::slice::from_ref(&w),
                &value("image", &[1, 3, 9999, 9999]),
                &out,
            ),
            "1024",
        ),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let error = pipeline(&path, "").unwrap_err();
        assert!(matches!(error, Error::Backbone { .. }), "{error}");
        assert!(error.to_string().contains(word), "{word}: {error}");
    }
    std::fs::write(&path, small()).unwrap();
    let error = pipeline(&path, ":nothing").unwrap_err().to_string();
    assert!(error.contains("features"), "{error}");
    let spec = format!("tflite:{}", path.display());
    assert!(spec.parse::<FeatureSpec>().unwrap().pinned().is_err());
}

#[test]
fn damaged_files_never_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.onnx");
    let whole = small();
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let spec: FeatureSpec = format!("onnx:{}", path.display()).parse().unwrap();
        let _ = spec.pinned();
    };
    for length in (0..whole.len()).step_by(7) {
        read(&whole[..length]);
    }
    for i in 0..whole.len() {
        for flip in [0x01, 0x80] {
            let mut bytes = whole.clone();
            bytes[i] ^= flip;
            read(&bytes);
        }
    }
}

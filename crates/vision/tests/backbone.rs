//! Backbones on a network small enough to be computed by hand, and on files that are damaged or hostile.
#![cfg(feature = "onnx")]

#[path = "support/onnx.rs"]
mod onnx;

use onnx::{Message, model, node, small, small_channels_last, tensor, transpose, value};
use std::path::{Path, PathBuf};
use tapetum_vision::{DataSet, Error, FeatureSpec, GreyImage, Pipeline, PipelineOptions, Samples};

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
    fit(&format!("onnx:{}{rest}", path.display()))
}

fn fit(spec: &str) -> Result<Pipeline, Error> {
    let options = PipelineOptions {
        unit_spectrum: false,
        intercept: false,
        ..PipelineOptions::default()
    };
    Pipeline::fit(spec.parse()?, &images(), options)
}

/// The features of both images are these, before standardising.
fn check(spec: &str, features: [[f64; 2]; 2]) {
    let pipeline = fit(spec).unwrap();
    let json: serde_json::Value = serde_json::from_str(&pipeline.to_json().unwrap()).unwrap();
    for column in 0..2 {
        let mean = (features[0][column] + features[1][column]) / 2.0;
        let found = json["standardizer"]["mean"][column].as_f64().unwrap();
        assert!((found - mean).abs() < 1e-6, "{spec}: {found}, not {mean}");
    }
    let matrix = pipeline.apply(images().samples()).unwrap();
    assert_eq!((matrix.rows(), matrix.cols()), (2, 2));
    assert!(matrix.values().iter().all(|v| (v.abs() - 1.0).abs() < 1e-4));
}

#[test]
fn features_are_those_of_the_layer_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.onnx");
    std::fs::write(&path, small()).unwrap();
    for (rest, features) in [
        ("?unit", [[0.8, 0.5], [0.4, 0.3]]),
        (":features?unit", [[0.8, 0.5], [0.4, 0.3]]),
        // Places are averaged.
        (":r?unit", [[0.8, 0.5], [0.4, 0.3]]),
        ("?signed", [[1.6, 0.5], [0.8, 0.1]]),
    ] {
        check(&format!("onnx:{}{rest}", path.display()), features);
    }
    std::fs::write(&path, small_channels_last()).unwrap();
    let spec = format!("onnx:{}?unit", path.display());
    check(&spec, [[0.8, 0.5], [0.4, 0.3]]);
}

fn small_tflite() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/small.tflite")
}

/// The same network, as `a_network_for_tensorflow_lite` in `src/backbone/network.rs` has written it.
#[test]
fn tensorflow_lite_gives_the_same_features() {
    let spec = format!("tflite:{}?unit", small_tflite().display());
    check(&spec, [[0.8, 0.5], [0.4, 0.3]]);
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
    let long = vec![1.0; 1 << 19];
    let row = tensor("row", &[1, 1, 1, 1 << 19], &long);
    let column = tensor("column", &[1, 1, 1 << 19, 1], &long);
    let elsewhere = Message(w.0.clone()).number(14, 1);
    let loops = [
        node("Add", &["y", "image"], "x"),
        node("Add", &["x", "image"], "y"),
    ];
    for (bytes, word) in [
        (b"not a model".to_vec(), "not an ONNX file"),
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
            model(
                std::slice::from_ref(&head),
                std::slice::from_ref(&w),
                &image,
                &out,
            ),
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
            "before it is produced",
        ),
        // 4 MB in the file, and 1 TB of memory.
        (
            model(
                &[
                    node("Add", &["row", "column"], "matrix"),
                    node("Mul", &["image", "matrix"], "c"),
                    head.clone(),
                ],
                &[w.clone(), row, column],
                &image,
                &out,
            ),
            "too much of constants",
        ),
        (
            model(
                &[conv.clone(), head.clone()],
                std::slice::from_ref(&w),
                &value("image", &[1, 10]),
                &out,
            ),
            "not an image",
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

/// The runtime would look for the end of a circle for ever, and remember where it has been.
#[test]
fn transpositions_permute() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net");
    let refusal = |format: &str, bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let error = fit(&format!("{format}:{}", path.display())).unwrap_err();
        assert!(matches!(error, Error::Backbone { .. }), "{error}");
        error.to_string()
    };

    let w = tensor("w", &[2, 3, 1, 1], &[1.0; 6]);
    let nodes = [
        transpose("image", &[2, 3, 1, 2], "t"),
        node("Conv", &["t", "w"], "logits"),
    ];
    let ends = (
        value("image", &[1, 3, 3, 3]),
        value("logits", &[1, 2, 3, 3]),
    );
    let error = refusal("onnx", &model(&nodes, &[w], &ends.0, &ends.1));
    assert!(error.contains("permutation"), "{error}");

    let mut bytes = std::fs::read(small_tflite()).unwrap();
    let axes: Vec<u8> = [0, 3, 1, 2]
        .into_iter()
        .flat_map(i32::to_le_bytes)
        .collect();
    let at = bytes.windows(axes.len()).position(|window| window == axes);
    bytes[at.expect("a transposition")] = 2;
    let error = refusal("tflite", &bytes);
    assert!(error.contains("TRANSPOSE has absurd settings"), "{error}");
}

#[test]
fn damaged_files_never_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net");
    let files = [
        ("onnx", small()),
        ("tflite", std::fs::read(small_tflite()).unwrap()),
    ];
    for (format, whole) in files {
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let spec: FeatureSpec = format!("{format}:{}", path.display()).parse().unwrap();
            let _ = spec.pinned();
        };
        for length in (0..whole.len()).step_by(7) {
            read(&whole[..length]);
        }
        for i in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[i] ^= 1 << (i % 8);
            read(&bytes);
        }
    }
}

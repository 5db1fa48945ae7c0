//! `tapetum net`: what a network needs, and which node of it is not supported.

mod common;

use std::fs;
use std::path::Path;

use common::{fails, output, run, tapetum};
use image::{GrayImage, Luma};
use serde_json::Value;

const NETWORKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../nets/tests/data");

#[test]
fn a_network_is_planned_before_any_key_exists() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("images")).unwrap();
    for i in 0..3 {
        let image = GrayImage::from_fn(8, 8, |x, y| Luma([(x * y * (i + 1)) as u8]));
        let path = dir.path().join(format!("images/{i}.png"));
        image.save(path).unwrap();
    }
    let line = format!("net plan {NETWORKS}/quadratic.onnx --calibrate images");
    let found = run(dir.path(), &line);
    assert_eq!(found["levels"], 6);
    assert_eq!(found["ciphertexts"], 9);
    assert_eq!(found["calibration_images"], 3);
    assert!(found["security_bits"].as_u64() >= Some(128));
    let layers = found["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 6);
    assert_eq!(layers[5]["shape"], serde_json::json!([1, 5]));
    let seconds = |value: &Value| value["predicted_cpu_s"].as_f64().unwrap();
    let total: f64 = layers.iter().map(seconds).sum();
    assert!((total - seconds(&found)).abs() < 1e-9);

    let text = tapetum(dir.path()).args(line.split(' ')).output().unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains("6 levels") && text.contains("1 x 5"),
        "{text}"
    );
}

#[test]
fn without_calibration_a_note_says_what_that_means() {
    let line = format!("net plan {NETWORKS}/quadratic.onnx");
    let done = output(Path::new("."), &line);
    assert!(done.status.success());
    assert!(String::from_utf8_lossy(&done.stderr).contains("--calibrate"));
}

#[test]
fn what_cannot_be_planned_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let residual = format!("net plan {NETWORKS}/residual.onnx");
    fails(dir.path(), &residual, 6, &["residual.onnx", "node"]);
    fs::write(dir.path().join("picture.onnx"), b"\x89PNG\r\n\x1a\n").unwrap();
    fails(
        dir.path(),
        "net plan picture.onnx",
        3,
        &["not an ONNX file"],
    );
    fails(dir.path(), "net plan missing.onnx", 5, &["missing.onnx"]);
    let reversed = format!("net plan {NETWORKS}/quadratic.onnx --range 1 0");
    fails(dir.path(), &reversed, 3, &["--range", "black below white"]);
    GrayImage::new(9, 8)
        .save(dir.path().join("wide.png"))
        .unwrap();
    let wide = format!("net plan {NETWORKS}/quadratic.onnx --calibrate wide.png");
    fails(dir.path(), &wide, 3, &["9 x 8", "8 x 8"]);
}

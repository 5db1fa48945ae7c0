//! A network that says which half of a picture is brighter, and pictures.

use std::fs;
use std::path::Path;

use image::{GrayImage, Luma};

#[path = "../../../vision/tests/support/onnx.rs"]
mod onnx;

/// Writes `halves.onnx`, `images/left`, `images/right` and `even.png`, which has two equal halves.
pub fn halves(dir: &Path) {
    fs::write(dir.join("halves.onnx"), network()).unwrap();
    for (class, on_the_left) in [("left", true), ("right", false)] {
        let folder = dir.join("images").join(class);
        fs::create_dir_all(&folder).unwrap();
        for i in 0..3 {
            let bright = |x: u32| (x < 4) == on_the_left;
            let pixel = |x, y| {
                Luma([if bright(x) {
                    255 - 5 * i
                } else {
                    40 + (y as u8) * i
                }])
            };
            let image = GrayImage::from_fn(8, 8, pixel);
            image.save(folder.join(format!("{i}.png"))).unwrap();
        }
    }
    let even = GrayImage::from_pixel(8, 8, Luma([128]));
    even.save(dir.join("even.png")).unwrap();
}

/// The squares of the mean of each half.
fn network() -> Vec<u8> {
    let of_half = |i: usize| [u8::from(i % 8 < 4), u8::from(i % 8 >= 4)];
    let means: Vec<f32> = (0..64)
        .flat_map(of_half)
        .map(|v| f32::from(v) / 32.0)
        .collect();
    let nodes = [
        onnx::node("Flatten", &["image"], "pixels"),
        onnx::node("MatMul", &["pixels", "means"], "halves"),
        onnx::node("Mul", &["halves", "halves"], "squares"),
        onnx::node("MatMul", &["squares", "identity"], "scores"),
    ];
    let tensors = [
        onnx::tensor("means", &[64, 2], &means),
        onnx::tensor("identity", &[2, 2], &[1.0, 0.0, 0.0, 1.0]),
    ];
    let (image, scores) = (
        onnx::value("image", &[1, 1, 8, 8]),
        onnx::value("scores", &[1, 2]),
    );
    onnx::model(&nodes, &tensors, &image, &scores)
}

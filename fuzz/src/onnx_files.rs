//! Small ONNX files, good ones and others.

#[path = "../../crates/vision/tests/support/onnx.rs"]
mod onnx;

/// Networks whose features are read.
pub fn features() -> [Vec<u8>; 2] {
    [onnx::small(), onnx::small_channels_last()]
}

/// A dense layer, squares, a dense layer.
pub fn squares() -> Vec<u8> {
    dense([1.0, 0.5, 0.0, 0.25, 1.0, -1.0, 0.0, 0.5], &[4, 2])
}

/// The same with these weights and dimensions of the first layer.
fn dense(weights: [f32; 8], dims: &[u64]) -> Vec<u8> {
    let nodes = [
        onnx::node("MatMul", &["image", "w"], "a"),
        onnx::node("Mul", &["a", "a"], "s"),
        onnx::node("MatMul", &["s", "v"], "scores"),
    ];
    let tensors = [
        onnx::tensor("w", dims, &weights),
        onnx::tensor("v", &[2, 2], &[1.0, -1.0, 0.5, 1.0]),
    ];
    let (image, scores) = (
        onnx::value("image", &[1, 4]),
        onnx::value("scores", &[1, 2]),
    );
    onnx::model(&nodes, &tensors, &image, &scores)
}

/// A branch, a pool and padding; what must be refused: weights that are not finite, sizes that do not fit, a circle.
pub fn onnx_files() -> Vec<Vec<u8>> {
    let weights = [1.0; 8];
    let with = |weight| {
        let mut weights = weights;
        weights[3] = weight;
        dense(weights, &[4, 2])
    };
    let residual = |last: &str| {
        let nodes = [
            onnx::node("Conv", &["image", "w", "b"], "a"),
            onnx::node("Mul", &["a", "a"], "s"),
            onnx::node("Conv", &[last, "u"], "c"),
            onnx::node("Add", &["c", "a"], "d"),
            onnx::node("GlobalAveragePool", &["d"], "p"),
            onnx::node("Flatten", &["p"], "f"),
            onnx::node("Gemm", &["f", "v"], "scores"),
        ];
        let tensors = [
            onnx::tensor(
                "w",
                &[2, 1, 2, 2],
                &[0.5, 1.0, -1.0, 0.25, 1.0, 0.0, 0.0, -1.0],
            ),
            onnx::tensor("b", &[2], &[0.5, -0.5]),
            onnx::tensor("u", &[2, 2, 1, 1], &[1.0, 0.5, -0.5, 1.0]),
            onnx::tensor("v", &[2, 2], &[1.0, -1.0, 0.5, 1.0]),
        ];
        let (image, scores) = (
            onnx::value("image", &[1, 1, 4, 4]),
            onnx::value("scores", &[1, 2]),
        );
        onnx::model(&nodes, &tensors, &image, &scores)
    };
    let [small, channels_last] = features();
    vec![
        squares(),
        residual("s"),
        small,
        channels_last,
        // The convolution reads what is made of it.
        residual("d"),
        with(f32::NAN),
        with(f32::INFINITY),
        dense(weights, &[1 << 40, 2]),
        dense(weights, &[u64::MAX, 2]),
    ]
}

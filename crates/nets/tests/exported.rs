//! Networks as PyTorch exports them, in the clear. `data/make.py` has written them.

use serde_json::Value;
use tapetum_nets::Network;

fn data(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).expect("the file is committed")
}

fn numbers(case: &Value, key: &str) -> Vec<f64> {
    let values = case[key].as_array().expect("a list");
    values
        .iter()
        .map(|v| v.as_f64().expect("a number"))
        .collect()
}

#[test]
fn scores_are_those_of_pytorch() {
    for name in ["quadratic", "residual", "deep"] {
        let network = Network::from_onnx(&data(&format!("{name}.onnx"))).unwrap();
        let case = serde_json::from_slice(&data(&format!("{name}.json"))).unwrap();
        let expected = numbers(&case, "scores");
        let found = network.scores(&numbers(&case, "image")).unwrap();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            // PyTorch folds a batch norm in single precision.
            let bound = 1e-5 * (1.0 + expected.abs());
            assert!(
                (found - expected).abs() < bound,
                "{name}: {found}, not {expected}"
            );
        }
    }
}

#[test]
fn networks_that_cannot_be_encrypted_say_which_node_stands_in_the_way() {
    let network = Network::from_onnx(&data("residual.onnx")).unwrap();
    let error = network.plan([0.0, 1.0], &[]).unwrap_err().to_string();
    assert!(error.contains("node_"), "{error}");
}

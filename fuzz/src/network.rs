//! Networks that serve as features.

use std::panic::{set_hook, take_hook};
use std::sync::Once;

use tapetum_vision::FeatureSpec;

use crate::draft::with_file;

/// An ONNX file, or one of TensorFlow Lite.
pub fn network(data: &[u8]) -> bool {
    static RUNTIME: Once = Once::new();
    RUNTIME.call_once(forgive_the_runtime);
    with_file(data, |path| {
        let accepted = ["onnx", "tflite"].map(|format| {
            let spec = format!("{format}:{}", path.display());
            let spec: FeatureSpec = spec.parse().expect("the name of a file");
            spec.pinned().map_err(|error| error.to_string()).is_ok()
        });
        accepted.contains(&true)
    })
}

/// The runtime and what it uses panic on much, and their panics are caught. A fuzzer would stop there all the same, so
/// only those of the project's own code get to it.
fn forgive_the_runtime() {
    let usual = take_hook();
    set_hook(Box::new(move |panic| {
        let is_ours = |file: &str| !file.contains("/registry/") && !file.contains("/rustc/");
        if panic.location().is_none_or(|at| is_ours(at.file())) {
            usual(panic);
        }
    }));
}

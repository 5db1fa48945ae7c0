//! What the fuzz targets run: one function for each, from bytes that anybody may have sent.
//!
//! A function panics if a parser does, or if what was accepted is not what was sent. It returns
//! whether anything was accepted, so that tests see that seeds get past the first check.
//! [`TARGETS`] lists them with their seeds.

mod checkpoint;
mod copies;
mod draft;
mod files;
mod learning;
mod nets;
#[cfg(feature = "networks")]
mod network;
mod onnx_files;
mod request;
mod seeds;
mod settings;
mod sums;
mod vision;
mod wire;

pub use checkpoint::checkpoint;
pub use copies::backup;
pub use files::command;
pub use learning::{bundle, part, recipe};
pub use nets::{network_plan, onnx};
#[cfg(feature = "networks")]
pub use network::network;
pub use request::{answer, request};
pub use settings::settings;
pub use sums::sums;
pub use vision::{array, features, idx, image, table};
pub use wire::{evaluation_keys, front, key, object};

/// A target: its name, what it runs, and its seeds.
pub struct Target {
    /// As in `cargo fuzz run NAME`.
    pub name: &'static str,
    /// What it runs.
    pub run: fn(&[u8]) -> bool,
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// How many mutated seeds the tests run.
    pub mutations: usize,
}

/// Writes down each target's name, seeds and number of mutations in tests; what it runs has its name.
macro_rules! targets {
    ($($(#[$condition:meta])* $name:ident $seeds:ident $mutations:literal)*) => {
        /// All targets.
        pub const TARGETS: &[Target] = &[$(
            $(#[$condition])*
            Target {
                name: stringify!($name),
                run: $name,
                seeds: seeds::$seeds,
                mutations: $mutations,
            },
        )*];
    };
}

targets! {
    answer answers 30_000
    array arrays 5_000
    backup backups 300
    bundle bundles 1_000
    checkpoint checkpoints 100
    command command_files 2_000
    evaluation_keys evaluation_keys 200
    features features 20_000
    front fronts 30_000
    idx idx 5_000
    image images 3_000
    key keys 2_000
    #[cfg(feature = "networks")]
    network networks 500
    network_plan network_plans 300
    object objects 1_500
    onnx onnx_files 3_000
    part parts 500
    recipe recipes 20_000
    request requests 2_000
    settings settings 5_000
    sums shared_sums 100
    table tables 5_000
}

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
#[cfg(feature = "networks")]
mod network;
mod request;
mod seeds;
mod settings;
mod vision;
mod wire;

pub use checkpoint::checkpoint;
pub use copies::backup;
pub use files::command;
pub use learning::{bundle, part, recipe};
#[cfg(feature = "networks")]
pub use network::network;
pub use request::{answer, request};
pub use settings::settings;
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

const fn target(
    name: &'static str,
    run: fn(&[u8]) -> bool,
    seeds: fn() -> Vec<Vec<u8>>,
    mutations: usize,
) -> Target {
    Target {
        name,
        run,
        seeds,
        mutations,
    }
}

/// All targets.
pub const TARGETS: &[Target] = &[
    target("answer", answer, seeds::answers, 30_000),
    target("array", array, seeds::arrays, 5_000),
    target("backup", backup, seeds::backups, 300),
    target("bundle", bundle, seeds::bundles, 1_000),
    target("checkpoint", checkpoint, seeds::checkpoints, 100),
    target("command", command, seeds::command_files, 2_000),
    target(
        "evaluation_keys",
        evaluation_keys,
        seeds::evaluation_keys,
        200,
    ),
    target("features", features, seeds::features, 20_000),
    target("front", front, seeds::fronts, 30_000),
    target("idx", idx, seeds::idx, 5_000),
    target("image", image, seeds::images, 3_000),
    target("key", key, seeds::keys, 2_000),
    #[cfg(feature = "networks")]
    target("network", network, seeds::networks, 500),
    target("object", object, seeds::objects, 1_500),
    target("part", part, seeds::parts, 500),
    target("recipe", recipe, seeds::recipes, 20_000),
    target("request", request, seeds::requests, 2_000),
    target("settings", settings, seeds::settings, 5_000),
    target("table", table, seeds::tables, 5_000),
];

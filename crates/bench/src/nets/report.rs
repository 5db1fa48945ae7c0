//! What is told of networks.

use std::fmt;

use serde::Serialize;

use crate::report::Rows;
use crate::table::{self, Column};

/// A network in one mode.
#[derive(Debug, Serialize)]
pub struct Row {
    pub network: &'static str,
    pub dataset: &'static str,
    /// `single`: an image by itself; `several`: some beside each other in a ciphertext; `batch`: an image in each slot.
    pub mode: &'static str,
    /// Test images.
    pub images: usize,
    /// Median from ciphertext to ciphertext.
    pub latency_s: f64,
    /// The same of the CPU time of all threads together.
    pub cpu_s: f64,
    /// CPU time for each image, in milliseconds.
    pub amortised_ms: f64,
    pub accuracy_encrypted: f64,
    pub accuracy_clear: f64,
    /// Part of the images with the same label encrypted and in the clear.
    pub agreement: f64,
    /// Of the whole process so far.
    pub peak_rss_bytes: Option<u64>,
    /// By the plan; nothing for a batch.
    pub predicted_memory_bytes: Option<u64>,
    pub keys_bytes: u64,
    pub bootstraps: usize,
    pub levels: usize,
    pub rotations: usize,
    pub security_bits: u32,
    /// By the plan; nothing for a batch.
    pub predicted_cpu_s: Option<f64>,
}

const COLUMNS: &[Column<Row>] = &[
    ("network", -13, |row| row.network.to_owned()),
    ("mode", -7, |row| row.mode.to_owned()),
    ("images", 6, |row| row.images.to_string()),
    ("wall (s)", 8, |row| format!("{:.3}", row.latency_s)),
    ("CPU (s)", 8, |row| format!("{:.3}", row.cpu_s)),
    ("predicted", 9, |row| {
        row.predicted_cpu_s
            .map_or_else(String::new, |s| format!("{s:.3}"))
    }),
    ("ms/image", 9, |row| format!("{:.2}", row.amortised_ms)),
    ("right (%)", 9, |row| percent(row.accuracy_encrypted)),
    ("in clear", 8, |row| percent(row.accuracy_clear)),
    ("same (%)", 8, |row| percent(row.agreement)),
    ("peak (GB)", 9, |row| {
        row.peak_rss_bytes.map_or_else(|| "?".to_owned(), gigabytes)
    }),
    ("predicted", 9, |row| {
        row.predicted_memory_bytes
            .map_or_else(String::new, gigabytes)
    }),
    ("keys (GB)", 9, |row| gigabytes(row.keys_bytes)),
    ("levels", 6, |row| row.levels.to_string()),
    ("rotations", 9, |row| row.rotations.to_string()),
];

fn percent(part: f64) -> String {
    format!("{:.2}", 100.0 * part)
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / 1e9)
}

impl fmt::Display for Rows<Row> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", table::head(COLUMNS))?;
        self.rows
            .iter()
            .try_for_each(|row| writeln!(f, "{}", table::row(COLUMNS, row)))
    }
}

//! Files that only the command reads.

use tapetum::fuzzing;

use crate::draft::{folder, is_large, with_file};

/// A plan, a plain model, an index or any file to be inspected, by the first byte.
pub fn command(data: &[u8]) -> bool {
    let Some((&which, content)) = data.split_first() else {
        return false;
    };
    match which % 4 {
        0 if is_slow(content) => false,
        0 => {
            let dir = folder();
            std::fs::write(dir.path().join("plan.json"), content).expect("a temporary file");
            fuzzing::plan(dir.path())
        }
        1 => with_file(content, fuzzing::plain_model),
        2 => with_file(content, fuzzing::index),
        _ if is_large(content) => false,
        _ => with_file(content, fuzzing::inspect),
    }
}

/// Whether a plan names parameters that are slow to prepare.
fn is_slow(plan: &[u8]) -> bool {
    let plan: serde_json::Value = serde_json::from_slice(plan).unwrap_or_default();
    let log_n = plan["parameters"]["log_n"].as_u64();
    log_n.is_some_and(|log_n| (15..=17).contains(&log_n))
}

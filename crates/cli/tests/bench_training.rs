//! `tapetum bench training` on data that are there and data that are not.

mod common;

use std::fmt::Write;
use std::fs;

use common::{tapetum, temporary, words};
use serde_json::Value;

/// Rows as in the UCI repository: two clouds of points, 6 features.
fn wdbc() -> String {
    let mut text = String::new();
    for i in 0..120 {
        let malignant = i % 3 == 0;
        let _ = write!(text, "{i},{}", if malignant { "M" } else { "B" });
        for j in 0..6 {
            let noise = f64::from((i * 37 + j * 101) % 53) / 53.0;
            let _ = write!(text, ",{}", noise + if malignant { 0.6 } else { 0.0 });
        }
        text.push('\n');
    }
    text
}

#[test]
fn tasks_run_by_themselves_and_missing_data_are_named() {
    let dir = &temporary();
    fs::create_dir(dir.join("wdbc")).unwrap();
    fs::write(dir.join("wdbc/wdbc.data"), wdbc()).unwrap();
    let line = "bench training --task pneumonia,wdbc --data . --json --quiet";
    let output = tapetum(dir).args(words(line)).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert!(errors.contains("pneumonia: skipped"), "{errors}");
    assert!(!errors.contains("wdbc"), "{errors}");

    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{report}");
    for (row, estimator) in rows.iter().zip(["linear means", "Fisher"]) {
        assert_eq!(row["task"], "wdbc");
        assert!(row["estimator"].as_str().unwrap().starts_with(estimator));
        assert_eq!((&row["images"], &row["features"]), (&96.into(), &6.into()));
        assert_eq!(row["labels_encrypted"], true);
        let accuracy = row["accuracy_encrypted"].as_f64().unwrap();
        assert!(accuracy > 0.9, "{row}");
        assert_eq!(row["accuracy_clear"].as_f64(), Some(accuracy));
        assert!(row["seconds"]["train"].as_f64().unwrap() > 0.0);
        assert!(row["bytes_per_image"].as_u64().unwrap() > 30);
    }
    // No file is left where the command ran.
    assert_eq!(fs::read_dir(dir).unwrap().count(), 1);
}

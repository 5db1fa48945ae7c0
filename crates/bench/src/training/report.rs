//! What was measured, as JSON and as a table.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::super::report::machine;
use super::super::table::{self, Column};
use tapetum::units::bytes;

/// All tasks that ran.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// Where.
    pub machine: String,
    /// One row for each task.
    pub rows: Vec<Row>,
}

/// One task.
#[derive(Debug, Serialize, Deserialize)]
pub struct Row {
    /// Its name.
    pub task: String,
    /// The training algorithm, with its settings.
    pub estimator: String,
    /// Samples trained on.
    pub images: usize,
    /// Features of a sample, with the intercept if there is one.
    pub features: usize,
    /// The number of classes.
    pub classes: usize,
    /// Whether the server did not see the labels.
    pub labels_encrypted: bool,
    /// How long it took, on the wall's clock.
    pub seconds: Seconds,
    /// The share of held-out samples that encryption gets right.
    pub accuracy_encrypted: f64,
    /// The same for the plaintext reference.
    pub accuracy_clear: f64,
    /// The most memory that the process of the task had at once, all roles together.
    pub peak_rss_bytes: Option<u64>,
    /// Bytes of the encrypted training data, labels included, over the number of samples.
    pub bytes_per_image: u64,
}

/// Seconds of the three steps under encryption, each with reading and writing its files, and of training in the clear.
#[derive(Debug, Serialize, Deserialize)]
pub struct Seconds {
    /// Features and encryption of the training data, with the public key.
    pub encrypt: f64,
    /// Training.
    pub train: f64,
    /// The same training in the clear, from features in memory.
    pub train_clear: f64,
    /// Classifying all held-out samples.
    pub classify: f64,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            machine: machine(),
            rows: Vec::new(),
        }
    }
}

impl Report {
    /// Adds the rows of another report on the same machine.
    pub fn append(&mut self, other: Self) {
        self.rows.extend(other.rows);
    }
}

const COLUMNS: [Column<Row>; 13] = [
    ("task", -18, |row| row.task.clone()),
    ("images", 7, |row| row.images.to_string()),
    ("features", 8, |row| row.features.to_string()),
    ("classes", 7, |row| row.classes.to_string()),
    ("encrypt s", 10, |row| format!("{:.1}", row.seconds.encrypt)),
    ("train s", 9, |row| format!("{:.1}", row.seconds.train)),
    ("clear s", 9, |row| {
        format!("{:.3}", row.seconds.train_clear)
    }),
    ("times slower", 12, |row| {
        format!("{:.0}", row.seconds.train / row.seconds.train_clear)
    }),
    ("classify s", 10, |row| {
        format!("{:.1}", row.seconds.classify)
    }),
    ("encrypted", 10, |row| percent(row.accuracy_encrypted)),
    ("clear", 8, |row| percent(row.accuracy_clear)),
    ("memory", 10, |row| {
        row.peak_rss_bytes.map_or_else(|| "?".to_owned(), bytes)
    }),
    ("an image", 11, |row| bytes(row.bytes_per_image)),
];

fn percent(part: f64) -> String {
    format!("{:.2} %", 100.0 * part)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n\n{}", self.machine, table::head(&COLUMNS))?;
        for row in &self.rows {
            let labels = if row.labels_encrypted {
                "encrypted"
            } else {
                "clear"
            };
            let line = table::row(&COLUMNS, row);
            writeln!(f, "{line}\n    {}, {labels} labels", row.estimator)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::report::{keys, peak_rss};
    use super::*;

    #[test]
    fn json_has_exactly_the_agreed_fields() {
        let report = Report {
            rows: vec![Row {
                task: "wdbc".to_owned(),
                estimator: "linear means".to_owned(),
                images: 455,
                features: 30,
                classes: 2,
                labels_encrypted: true,
                seconds: Seconds {
                    encrypt: 0.1,
                    train: 0.2,
                    train_clear: 0.001,
                    classify: 0.3,
                },
                accuracy_encrypted: 0.95,
                accuracy_clear: 0.95,
                peak_rss_bytes: peak_rss(),
                bytes_per_image: 1000,
            }],
            ..Report::default()
        };
        let value = serde_json::to_value(&report).unwrap();
        assert_eq!(keys(&value), "machine rows");
        assert_eq!(
            keys(&value["rows"][0]),
            "accuracy_clear accuracy_encrypted bytes_per_image classes estimator features images \
             labels_encrypted peak_rss_bytes seconds task"
        );
        assert_eq!(
            keys(&value["rows"][0]["seconds"]),
            "classify encrypt train train_clear"
        );
        if cfg!(target_os = "linux") {
            assert!(value["rows"][0]["peak_rss_bytes"].as_u64().unwrap() > 1 << 20);
        }
        let text = report.to_string();
        assert!(text.contains("95.00 %") && text.contains(" 200 "), "{text}");
    }
}

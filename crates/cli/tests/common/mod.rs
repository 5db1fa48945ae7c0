//! The command as users run it, and what it is run on.

#![allow(dead_code)] // Each test file uses its own part.

pub mod halves;

use std::collections::BTreeMap;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Samples of [`table`].
pub const ROWS: usize = 150;
/// The parts that [`table`] is split into.
pub const SPLIT: [&str; 6] = ["--train-count", "110", "--test-count", "40", "--seed", "3"];

/// A directory of one test, which is removed with everything in it when the test ends.
pub struct Temporary(tempfile::TempDir);

/// A new directory.
pub fn temporary() -> Temporary {
    Temporary(tempfile::tempdir().unwrap())
}

impl Deref for Temporary {
    type Target = Path;

    fn deref(&self) -> &Path {
        self.0.path()
    }
}

impl AsRef<Path> for Temporary {
    fn as_ref(&self) -> &Path {
        self
    }
}

/// The command in a directory.
pub fn tapetum(dir: &Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("tapetum"));
    command.current_dir(dir);
    command
}

/// Words of a command line; none of them has a space in it.
pub fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// Runs a command line that must succeed, and returns the JSON object that it prints.
pub fn run(dir: &Path, line: &str) -> Value {
    let output = output(dir, line);
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {errors}");
    assert_eq!(errors, "", "{line}");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{line}: {e}: {text}"))
}

/// Runs a command line with `--json`.
pub fn output(dir: &Path, line: &str) -> Output {
    tapetum(dir)
        .arg("--json")
        .args(words(line))
        .output()
        .unwrap()
}

/// Runs a command line that must fail with this exit code and change no file, and checks that
/// each of `says` is in its message.
pub fn fails(dir: &Path, line: &str, code: i32, says: &[&str]) {
    let before = files(dir);
    let output = output(dir, line);
    check_failure(&output, line, code, says);
    assert!(before == files(dir), "{line} changed a file");
}

/// Checks exit code and message.
pub fn check_failure(output: &Output, line: &str, code: i32, says: &[&str]) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{line}: {errors}");
    assert_eq!(output.stdout, b"", "{line}");
    let error: Value =
        serde_json::from_str(&errors).unwrap_or_else(|e| panic!("{line}: {e}: {errors}"));
    assert_eq!(error["exit_code"], code, "{line}");
    let message = error["error"].as_str().unwrap();
    for part in says {
        assert!(message.contains(part), "{line}: no “{part}” in: {message}");
    }
}

/// All files below a directory with their contents, hidden ones too.
pub fn files(dir: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut directories = vec![dir.to_owned()];
    while let Some(dir) = directories.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                directories.push(entry.path());
            }
            let is_file = entry.file_type().unwrap().is_file();
            let content = is_file.then(|| fs::read(entry.path()).unwrap());
            found.insert(entry.path(), content);
        }
    }
    found
}

/// Copies a directory with its files.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => {
                fs::copy(entry.path(), to).unwrap();
            }
        }
    }
}

/// Pseudo-random numbers in [0, 1), the same in every run (Steele, Lea, Flood 2014).
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A CSV table of two classes, M and B, that overlap: five features of very different sizes.
pub fn table() -> String {
    let mut random = Random(7);
    let mut text = "diagnosis,radius,texture,area,smoothness,symmetry\n".to_owned();
    for row in 0..ROWS {
        let malignant = row % 5 < 2;
        let shift = if malignant { 0.35 } else { 0.0 };
        text += if malignant { "M" } else { "B" };
        for size in [10.0, 1.0, 1000.0, 0.01, 0.1] {
            text += &format!(",{:.6}", size * (1.0 + shift + random.next()));
        }
        text += "\n";
    }
    text
}

/// Column `name` of a CSV file.
pub fn column(path: &Path, name: &str) -> Vec<String> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let headers = reader.headers().unwrap();
    let at = headers.iter().position(|header| header == name).unwrap();
    let records = reader.records().map(Result::unwrap);
    records.map(|record| record[at].to_owned()).collect()
}

/// Checks that two commands found the same figures of merit, and that these are there.
pub fn figures_agree(a: &Value, b: &Value) {
    assert_eq!(a["confusion"], b["confusion"]);
    assert_eq!(a["classes"], b["classes"]);
    for name in ["accuracy", "balanced_accuracy", "roc_auc"] {
        let [a, b] = [a, b].map(|found| found[name].as_f64().unwrap());
        // Noise may change the order of scores that are nearly equal.
        assert!((a - b).abs() < 2e-3, "{name}: {a} and {b}");
        assert!((0.2..=1.0).contains(&a), "{name}: {a}");
    }
}

/// Checks that two files of predictions say the same of every row, and that their scores differ by no
/// more than `bound`.
pub fn same_predictions(a: &Path, b: &Path, bound: f64) {
    for name in ["source", "class", "truth"] {
        assert_eq!(column(a, name), column(b, name), "{name}");
    }
    let scores = |path| {
        column(path, "score")
            .into_iter()
            .map(|s| s.parse::<f64>().unwrap())
    };
    let mut largest = 0.0;
    for (a, b) in scores(a).zip(scores(b)) {
        assert!((a - b).abs() <= bound, "{a} and {b}");
        largest = f64::max(largest, a.abs());
    }
    // A bound means something only beside scores that are larger.
    assert!(largest > 10.0 * bound, "{largest}");
}

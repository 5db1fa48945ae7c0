//! Command lines that are wrong.

use crate::common::{fails, tapetum, temporary, words};
use crate::{FILES, INPUT, USAGE};

#[test]
fn command_lines_that_are_wrong() {
    let dir = &temporary();
    for (line, says) in [
        ("train --server s --data d --out o --fast", "--fast"),
        ("train --server s", "--data"),
        ("fly", "fly"),
        (
            "encrypt --owner a --contributor b --images c --out d",
            "--contributor",
        ),
        ("encrypt --images c --out d", "--owner"),
        (
            "encrypt --owner a --images c --out d --split train",
            "--train-count",
        ),
        (
            "encrypt --owner a --images c --out d --split all --train-count 1",
            "all",
        ),
        ("keygen --owner a --learner magic", "logistic, linear-means"),
        ("keygen --owner a --rows many", "many"),
        // What is only for another option is refused also where that one is excluded.
        ("demo --photo --precision 8", "--precision"),
    ] {
        fails(dir, line, USAGE, &[says]);
    }
    for (line, says) in [
        ("keygen --owner a --features table", "--columns"),
        ("keygen --owner a --columns 3", "--features table"),
        ("keygen --owner a --features whiskers:3", "whiskers:3"),
        ("keygen --owner a --rows 0", "0"),
        ("keygen --owner a --side 100000", "100000"),
        ("keygen --owner a --publish 4", "labels"),
        (
            "keygen --owner a --learner linear-means --publish 4",
            "--classify-only",
        ),
    ] {
        fails(dir, line, INPUT, &[says]);
    }
    // Without --json, for people.
    let output = tapetum(dir).args(["train", "--fast"]).output().unwrap();
    assert_eq!(output.status.code(), Some(USAGE));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: "));
    let output = tapetum(dir)
        .args(words("inspect nothing.enc"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(FILES));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.starts_with("error: cannot open nothing.enc"), "{text}");
}

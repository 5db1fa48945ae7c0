//! The demo, and the role commands on what it leaves behind.

mod common;

use std::fs;
use std::path::Path;

use common::{column, fails, run, same_predictions, temporary};
use serde_json::Value;

const DATA: &str = "--images animal-shapes --positive cat --balanced --train-count 1536 \
                    --test-count 448 --seed 1";

/// Runs the demo and checks what does not depend on how the model is trained.
fn demo(dir: &Path, learner: &str, least: f64) -> Value {
    let line = format!("demo --learner {learner} --dir play --report report.html");
    let found = run(dir, &line);
    let number = |value: &Value| value.as_f64().unwrap();
    assert_eq!(
        (&found["train_images"], &found["test_images"]),
        (&1536.into(), &448.into())
    );
    let (encrypted, clear) = (
        number(&found["accuracy_encrypted"]),
        number(&found["accuracy_clear"]),
    );
    assert!(
        encrypted >= least && (encrypted - clear).abs() <= 0.005,
        "{encrypted} {clear}"
    );
    assert!(number(&found["largest_score_difference"]) < 1e-2);
    assert!(number(&found["parameters"]["security_bits"]) >= 128.0);
    for key in [
        "keygen",
        "encrypt_train",
        "train",
        "encrypt_test",
        "classify",
        "decrypt",
    ] {
        assert!(number(&found["seconds"][key]) > 0.0, "{key}");
        assert!(
            number(&found["seconds"][key]) < number(&found["seconds"]["total"]),
            "{key}"
        );
    }
    for key in [
        "keys",
        "ciphertext_per_image",
        "ciphertext_per_test_image",
        "model",
        "scores",
    ] {
        assert!(number(&found["bytes"][key]) > 0.0, "{key}");
    }
    let page = fs::read_to_string(dir.join("report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("data:image/png;base64,"));
    let right = (encrypted * 448.0).round();
    assert!(page.contains(&format!("{right} right")));

    // The reference of the role commands is that of the demo, and so are the predictions.
    let simulated = run(
        dir,
        &format!("simulate {DATA} --learner {learner} --out clear.csv"),
    );
    assert_eq!(simulated["accuracy"], found["accuracy_clear"]);
    decrypt(dir, "play/server/scores.enc", "contributor/test.index.csv");
    same_predictions(&dir.join("verdicts.csv"), &dir.join("clear.csv"), 1e-2);
    found
}

fn decrypt(dir: &Path, scores: &str, index: &str) {
    let line =
        format!("decrypt --owner play/owner {scores} --index play/{index} --out verdicts.csv");
    run(dir, &line);
}

/// The role commands from keys to predictions with the settings of the demo.
#[test]
fn linear_means_by_demo_and_by_roles() {
    let dir = &temporary();
    demo(dir, "linear-means", 0.8);
    fs::rename(dir.join("verdicts.csv"), dir.join("demo.csv")).unwrap();

    run(
        dir,
        "keygen --owner owner --server server --learner linear-means",
    );
    run(
        dir,
        &format!("encrypt --owner owner {DATA} --split train --out train.enc"),
    );
    let test = format!("encrypt --owner owner {DATA} --split test --labels withheld");
    run(dir, &format!("{test} --out test.enc"));
    fs::rename(dir.join("owner"), dir.join("away")).unwrap();
    run(
        dir,
        "train --server server --data train.enc --out model.enc",
    );
    run(
        dir,
        "classify --server server --model model.enc --data test.enc --out scores.enc",
    );
    fs::rename(dir.join("away"), dir.join("owner")).unwrap();
    run(
        dir,
        "decrypt --owner owner scores.enc --index owner/test.index.csv --out verdicts.csv",
    );
    same_predictions(&dir.join("verdicts.csv"), &dir.join("demo.csv"), 1e-2);
}

/// What `tapetum demo` does without further words.
#[test]
fn logistic_regression_and_one_more_picture() {
    let dir = &temporary();
    let found = demo(dir, "logistic", 0.88);
    assert_eq!(found["learner"], "logistic regression with 3 iterations");

    // The owner asks about the same pictures, with labels along that nobody needs.
    fs::rename(dir.join("verdicts.csv"), dir.join("demo.csv")).unwrap();
    run(
        dir,
        &format!("encrypt --owner play/owner {DATA} --split test --out again.enc"),
    );
    run(
        dir,
        "classify --server play/server --model play/server/model.enc --data again.enc \
         --out scores.enc",
    );
    decrypt(dir, "scores.enc", "owner/again.index.csv");
    same_predictions(&dir.join("verdicts.csv"), &dir.join("demo.csv"), 1e-2);
    assert_eq!(column(&dir.join("verdicts.csv"), "class").len(), 448);
}

/// A comparison as coarse as there is, so that it fits into small parameters.
#[test]
fn labels_and_no_scores() {
    let dir = &temporary();
    let found = run(
        dir,
        "demo --learner linear-means --argmax --precision 4 --dir play --report report.html",
    );
    let predictions = &found["verdicts"];
    let count = |key: &str| predictions[key].as_u64().unwrap();
    assert_eq!((count("wrong_decided"), count("out_of_range")), (0, 0));
    assert_eq!(count("decided") + count("within_gap"), 448);
    assert!(count("decided") > 300);
    let number = |key: &str| predictions[key].as_f64().unwrap();
    assert!(number("largest_error") <= number("stated_error"));
    assert!(number("largest_elsewhere") <= number("stated_error"));
    assert!(number("stated_error") < 0.02);
    assert!(found.get("largest_score_difference").is_none());
    assert!(found["agreement"].as_f64().unwrap() > 0.98);
    let page = fs::read_to_string(dir.join("report.html")).unwrap();
    assert!(page.contains("no score left the server") && !page.contains("decrypted score,"));

    // The role commands know what they have.
    decrypt(dir, "play/server/scores.enc", "contributor/test.index.csv");
    assert!(
        column(&dir.join("verdicts.csv"), "score")
            .iter()
            .all(String::is_empty)
    );
    let inspected = run(dir, "inspect play/server/scores.enc");
    assert!(inspected.to_string().contains("encrypted-verdicts"));
}

/// The network for photographs: half a minute, and 4 GB of memory.
#[test]
#[ignore = "slow"]
fn a_photograph_is_classified() {
    let dir = &temporary();
    let found = run(dir, "demo --photo --report report.html");
    assert_eq!(
        (&found["label"], &found["label_clear"]),
        (&"cat".into(), &"cat".into())
    );
    for i in 0..2 {
        let score = |key: &str| found[key][i].as_f64().unwrap();
        assert!((score("scores_encrypted") - score("scores_clear")).abs() < 0.01);
    }
    let page = fs::read_to_string(dir.join("report.html")).unwrap();
    assert!(page.contains("block4"));
    // The report of an earlier run is replaced, another file is not.
    fs::write(dir.join("report.html"), "mine").unwrap();
    fails(
        dir,
        "demo --photo --report report.html",
        4,
        &["already exists"],
    );
}

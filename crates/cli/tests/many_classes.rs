//! Ten kinds of animals, told apart under encryption.

mod common;

use std::fs;

use common::{fails, figures_agree, run, same_predictions, temporary};

const DATA: &str = "--images animal-shapes --train-count 400 --test-count 100 --seed 2";

/// All roles, with encrypted labels.
fn roles(kind: &str, least: f64, bound: f64) {
    let dir = &temporary();
    let simulated = run(dir, &format!("simulate {DATA} {kind} --out clear.csv"));
    let accuracy = simulated["accuracy"].as_f64().unwrap();
    assert!(accuracy > least, "{accuracy}");
    assert_eq!(simulated["classes"].as_array().unwrap().len(), 10);
    run(
        dir,
        &format!(
            "keygen --owner owner --contributor contributor --server server --rows 400 {kind}"
        ),
    );
    run(
        dir,
        &format!("encrypt --owner owner {DATA} --split train --out server/train.enc"),
    );
    fs::copy(
        dir.join("owner/features.json"),
        dir.join("contributor/features.json"),
    )
    .unwrap();
    run(
        dir,
        &format!(
            "encrypt --contributor contributor {DATA} --split test --labels withheld \
             --out server/test.enc"
        ),
    );
    fails(
        dir,
        &format!("encrypt --owner owner {DATA} --split train --positive cat --out x.enc"),
        3,
        &["--positive", "--classes"],
    );
    fs::rename(dir.join("owner"), dir.join("away")).unwrap();
    for line in [
        "train --server server --data server/train.enc --out server/model.enc",
        "classify --server server --model server/model.enc --data server/test.enc --out scores.enc",
    ] {
        run(dir, line);
    }
    fs::rename(dir.join("away"), dir.join("owner")).unwrap();
    let found = run(
        dir,
        "decrypt --owner owner scores.enc --index contributor/test.index.csv --out verdicts.csv",
    );
    same_predictions(&dir.join("verdicts.csv"), &dir.join("clear.csv"), bound);
    figures_agree(&found, &simulated);
    assert_eq!(found["verdicts"][0]["scores"].as_array().unwrap().len(), 10);
}

#[test]
fn by_ridge() {
    roles(
        "--classes 10 --learner ridge --steps 3 --features dct:5",
        0.4,
        1e-3,
    );
}

#[test]
fn by_one_vs_rest() {
    roles(
        "--classes 10 --learner ovr --features dct:5 --batch 400 --iterations 2",
        0.3,
        1e-3,
    );
}

#[test]
fn what_cannot_tell_ten_classes_apart_says_so_before_there_are_keys() {
    let dir = &temporary();
    for learner in ["fisher", "linear-means"] {
        let line = format!("keygen --owner o --server s --classes 10 --learner {learner}");
        fails(dir, &line, 3, &["10 classes", "--learner ovr"]);
    }
    let line = "keygen --owner o --server s --learner softmax";
    fails(dir, line, 3, &["2 classes", "any learner but softmax"]);
    let line = format!("simulate {DATA} --classes 9 --learner ridge");
    fails(dir, &line, 3, &["10 labels", "--classes"]);
}

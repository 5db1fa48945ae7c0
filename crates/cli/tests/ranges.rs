//! Values that leave what a training is made for, known tables' difficulties, and scores that say nothing.

mod common;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use common::{Random, fails, run, tapetum, temporary, words};

const INPUT: i32 = 3;
const COMPUTATION: i32 = 6;

/// Nearly normal.
fn normal(random: &mut Random) -> f64 {
    (0..12).map(|_| random.next()).sum::<f64>() - 6.0
}

/// `rows` samples of a label and its features.
fn write(
    dir: &Path,
    name: &str,
    rows: usize,
    mut row: impl FnMut(usize) -> (&'static str, Vec<f64>),
) {
    let mut text = String::new();
    for i in 0..rows {
        let (label, features) = row(i);
        if i == 0 {
            let names: Vec<_> = (0..features.len()).map(|j| format!("c{j}")).collect();
            text += &format!("label,{}\n", names.join(","));
        }
        text += label;
        for feature in features {
            write!(text, ",{feature:.5}").unwrap();
        }
        text += "\n";
    }
    fs::write(dir.join(name), text).unwrap();
}

/// Two classes, of which `ill` is this share; where they are and how they differ is the same everywhere.
fn clinic(dir: &Path, name: &str, rows: usize, ill: f64, shift: f64, seed: u64) {
    let mut random = Random(seed);
    write(dir, name, rows, |_| {
        let is_ill = random.next() < ill;
        let mut x: Vec<f64> = (0..3).map(|_| normal(&mut random) + shift).collect();
        x[0] += if is_ill { 2.0 } else { 0.0 };
        let scaled = [5.0 * x[0] + 50.0, 0.1 * x[1] + 1.0, 300.0 * x[2] + 1000.0];
        (if is_ill { "ill" } else { "well" }, scaled.to_vec())
    });
}

#[test]
fn tables_that_the_defaults_suit() {
    let dir = &temporary();
    // A class between two others, which no line tells from the rest.
    let mut random = Random(3);
    write(dir, "between.csv", 150, |i| {
        let class = i % 3;
        let size = class as f64 * 3.0;
        let x = (0..4).map(|j| size * (1.0 - 0.2 * j as f64) + normal(&mut random));
        (["a", "b", "c"][class], x.collect())
    });
    // Thirty columns that nearly say the same, with long tails.
    let mut random = Random(4);
    write(dir, "alike.csv", 300, |i| {
        let class = i % 2;
        let common = normal(&mut random) + 3.0 * class as f64;
        let x = (0..30).map(|_| (0.6 * common + 0.3 * normal(&mut random)).exp());
        (["benign", "malignant"][class], x.collect())
    });
    for (line, least) in [
        ("simulate --images between.csv --classes 3", 0.85),
        (
            "simulate --images between.csv --classes 3 --learner ridge",
            0.85,
        ),
        ("simulate --images alike.csv --positive malignant", 0.85),
        (
            "simulate --images alike.csv --positive malignant --learner ridge",
            0.85,
        ),
    ] {
        let found = run(dir, line);
        assert!(
            found["accuracy"].as_f64().unwrap() >= least,
            "{line}: {}",
            found["accuracy"]
        );
    }
}

#[test]
fn a_contributor_whose_data_lie_elsewhere() {
    let dir = &temporary();
    clinic(dir, "a.csv", 150, 0.5, 0.0, 1);
    clinic(dir, "b.csv", 150, 0.5, 0.0, 2);
    clinic(dir, "far.csv", 150, 0.5, 2.5, 3);
    clinic(dir, "elsewhere.csv", 150, 0.5, 30.0, 4);
    for learner in ["ridge", "fisher", "logistic"] {
        let path = |name: &str| format!("{learner}-{name}");
        let [owner, a, b] = ["owner", "a", "b"].map(path);
        run(
            dir,
            &format!(
                "keygen --owner {owner} --contributor {a} --learner {learner} --like a.csv --rows 300"
            ),
        );
        common::copy(&dir.join(&a), &dir.join(&b));
        let encrypt = |who: &str, table: &str| {
            format!(
                "encrypt --contributor {who} --images {table} --name {who} --positive ill --out x.enc"
            )
        };
        run(dir, &encrypt(&a, "a.csv"));
        fs::copy(
            dir.join(&a).join("features.json"),
            dir.join(&b).join("features.json"),
        )
        .unwrap();
        run(dir, &encrypt(&b, "b.csv"));
        fails(
            dir,
            &encrypt(&b, "far.csv"),
            COMPUTATION,
            &[&b, "eigenvalue", "--refit"],
        );
        fails(
            dir,
            &encrypt(&b, "elsewhere.csv"),
            COMPUTATION,
            &[&b, "cut off"],
        );
    }
    // What is to be classified may be anything, but it is said.
    let line = "encrypt --contributor ridge-b --images elsewhere.csv --labels withheld --out n.enc";
    let sent = run(dir, line);
    assert!(sent["notes"].to_string().contains("cut off"), "{sent}");
}

/// Metres in place of millimetres: one column of three, so of all values few are cut off.
#[test]
fn a_column_in_other_units_is_noticed_before_it_is_classified() {
    let dir = &temporary();
    clinic(dir, "a.csv", 100, 0.5, 0.0, 1);
    run(
        dir,
        "keygen --owner o --server s --learner linear-means --like a.csv",
    );
    run(
        dir,
        "encrypt --owner o --images a.csv --positive ill --out a.enc",
    );
    let table = fs::read_to_string(dir.join("a.csv")).unwrap();
    let metres: Vec<String> = (table.lines())
        .map(|line| {
            let (_, cells) = line.split_once(',').unwrap();
            let (first, rest) = cells.split_once(',').unwrap();
            match first.parse::<f64>() {
                Ok(value) => format!("{},{rest}", value / 1000.0),
                Err(_) => cells.to_owned(),
            }
        })
        .collect();
    fs::write(dir.join("metres.csv"), metres.join("\n")).unwrap();
    let sent = run(
        dir,
        "encrypt --owner o --images metres.csv --unlabelled --out m.enc",
    );
    let notes = sent["notes"].to_string();
    assert!(notes.contains("in the same units"), "{notes}");
    let same = run(
        dir,
        "encrypt --owner o --images a.csv --labels withheld --out same.enc",
    );
    assert!(!same["notes"].to_string().contains("units"), "{same}");
}

#[test]
fn options_that_the_advice_names() {
    let dir = &temporary();
    clinic(dir, "a.csv", 60, 0.5, 0.0, 1);
    let plan = |options: &str| {
        let owner = format!("owner{}", options.len());
        run(
            dir,
            &format!("keygen --owner {owner} --like a.csv {options}"),
        );
        let text = fs::read_to_string(dir.join(owner).join("plan.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    let logistic = plan("--interval 20 --learning-rate 4,4");
    let config = &logistic["learner"]["logistic"];
    assert_eq!(config["interval"], 20.0);
    assert_eq!(config["iterations"], 2);
    assert_eq!(config["degree"], "five");
    assert_eq!(logistic["expansion"]["squares"], true);
    let ridge = plan("--learner ridge --largest-eigenvalue 3 --plain-columns");
    assert_eq!(ridge["learner"]["ridge"]["largest-eigenvalue"], 3.0);
    assert!(ridge.get("expansion").is_none());
    for (line, says) in [
        ("--learner ridge --interval 9", "--interval"),
        (
            "--learner linear-means --learning-rate 2",
            "--learning-rate",
        ),
        ("--largest-eigenvalue 2", "--largest-eigenvalue"),
        ("--interval 99", "interval"),
    ] {
        let line = format!("keygen --owner none --like a.csv {line}");
        fails(dir, &line, INPUT, &[says]);
    }
}

#[test]
fn a_rare_class_is_found_if_it_counts_as_much() {
    let dir = &temporary();
    let mut random = Random(5);
    write(dir, "rare.csv", 600, |i| {
        let rare = i % 30 == 0;
        let x = (0..3).map(|j| normal(&mut random) + if rare && j < 2 { 2.5 } else { 0.0 });
        (if rare { "rare" } else { "common" }, x.collect())
    });
    let recall = |options: &str| {
        let found = run(
            dir,
            &format!("simulate --images rare.csv --positive rare {options}"),
        );
        let row = &found["confusion"][1];
        let [missed, hits] = [0, 1].map(|i| row[i].as_f64().unwrap());
        hits / (hits + missed)
    };
    assert!(recall("--class-weight balanced") > 0.7);
    run(
        dir,
        "keygen --owner o --learner linear-means --like rare.csv",
    );
    let encrypt = |options: &str| {
        run(
            dir,
            &format!(
                "encrypt --owner o --images rare.csv --positive rare --refit {options} --out t.enc"
            ),
        )
    };
    assert!(
        encrypt("")["notes"]
            .to_string()
            .contains("--class-weight balanced")
    );
    let sent = encrypt("--class-weight balanced");
    assert_eq!(
        (
            &sent["samples"],
            sent["notes"].to_string().contains("rarest")
        ),
        (&1160.into(), false)
    );
    let line =
        "encrypt --owner o --images rare.csv --labels withheld --class-weight balanced --out n.enc";
    fails(dir, line, INPUT, &["--class-weight"]);
}

#[test]
fn numbers_that_stand_for_missing_ones_are_noticed() {
    let dir = &temporary();
    let mut random = Random(6);
    write(dir, "gaps.csv", 100, |i| {
        let mut x: Vec<f64> = (0..2)
            .map(|_| normal(&mut random) + (i % 2) as f64)
            .collect();
        if i % 25 == 0 {
            x[1] = -9999.0;
        }
        (["well", "ill"][i % 2], x)
    });
    let found = run(
        dir,
        "simulate --images gaps.csv --positive ill --learner linear-means",
    );
    let note = found["notes"].to_string();
    assert!(
        note.contains("column 2") && note.contains("-9999"),
        "{note}"
    );
}

#[test]
fn scores_below_the_noise_decide_nothing() {
    let dir = &temporary();
    write(dir, "constant.csv", 40, |i| {
        (["well", "ill"][i % 2], vec![3.0, 1e6])
    });
    let data = "--images constant.csv --keep-repeats --positive ill";
    let simulate = format!("simulate {data} --learner linear-means");
    let simulated = tapetum(dir).args(words(&simulate)).output().unwrap();
    let text = String::from_utf8_lossy(&simulated.stdout);
    assert!(
        text.contains("undecided") && !text.contains("% right"),
        "{text}"
    );
    run(
        dir,
        "keygen --owner o --server s --learner linear-means --like constant.csv",
    );
    run(dir, &format!("encrypt --owner o {data} --out t.enc"));
    run(dir, "train --server s --data t.enc --out m.enc");
    run(
        dir,
        &format!("encrypt --owner o {data} --labels withheld --out n.enc"),
    );
    run(
        dir,
        "classify --server s --model m.enc --data n.enc --out scores.enc",
    );
    let found = run(dir, "decrypt --owner o scores.enc --index o/n.index.csv");
    assert_eq!(found["undecided"], 40);
    assert_eq!(found["verdicts"][0]["class"], "undecided");
    assert!(found.get("accuracy").is_none());
}

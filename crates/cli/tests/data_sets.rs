//! Tables and folders as people have them: nothing of them is dropped or guessed without a word.

mod common;

use std::fs;
use std::path::Path;

use common::{Random, column, fails, output, run, tapetum, temporary};
use image::{GrayImage, Luma};
use serde_json::{Value, json};

const INPUT: i32 = 3;

fn notes(done: &Value) -> String {
    let notes = done["notes"].as_array().unwrap().iter();
    notes
        .map(|note| note.as_str().unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Rows of a class and four features, of which the first two tell it.
fn rows(count: usize, seed: u64) -> Vec<(&'static str, [f64; 4])> {
    let mut random = Random(seed);
    (0..count)
        .map(|i| {
            let sign = [-1.0, 1.0][i % 2];
            let mut next = |shift: f64| sign * shift + 4.0 * (random.next() - 0.5);
            (
                ["well", "ill"][i % 2],
                [next(1.8), next(-0.8), next(0.0), next(0.0)],
            )
        })
        .collect()
}

fn keygen(dir: &Path, like: &str) {
    run(
        dir,
        &format!("keygen --owner owner --server server --learner linear-means --like {like}"),
    );
}

/// Trains on what was encrypted, classifies and decrypts.
fn classified(dir: &Path, new: &str) -> Value {
    run(
        dir,
        "train --server server --data train.enc --out model.enc",
    );
    run(
        dir,
        &format!("classify --server server --model model.enc --data {new}.enc --out scores.enc"),
    );
    run(
        dir,
        &format!("decrypt --owner owner scores.enc --index owner/{new}.index.csv"),
    )
}

#[test]
fn columns_are_matched_by_name() {
    let dir = &temporary();
    let write = |name: &str, header: &str, order: [usize; 4], rows: &[(&str, [f64; 4])]| {
        let line = |(label, x): &(&str, [f64; 4])| {
            let cells: Vec<String> = order.iter().map(|&i| x[i].to_string()).collect();
            format!("{label};{}\n", cells.join(";"))
        };
        let lines: String = rows.iter().map(line).collect();
        fs::write(dir.join(name), format!("state;{header}\n{lines}")).unwrap();
    };
    let (train, new) = (rows(150, 1), rows(50, 2));
    write("train.csv", "age;bmi;dose;score", [0, 1, 2, 3], &train);
    write("new.csv", "age;bmi;dose;score", [0, 1, 2, 3], &new);
    write("turned.csv", "score;dose;bmi;age", [3, 2, 1, 0], &new);
    write("other.csv", "height;bmi;dose;score", [0, 1, 2, 3], &new);
    keygen(dir, "train.csv");
    let sent = run(
        dir,
        "encrypt --owner owner --images train.csv --positive ill --out train.enc",
    );
    assert_eq!(sent["classes"], json!(["well", "ill"]));
    assert_eq!(sent["class_counts"], json!([75, 75]));
    let said = notes(&sent);
    assert!(
        said.contains("separated by ';'") && said.contains("label in column 1 (\"state\")"),
        "{said}"
    );
    let accuracy = |name: &str| {
        let line =
            format!("encrypt --owner owner --images {name}.csv --labels withheld --out {name}.enc");
        let said = notes(&run(dir, &line));
        (classified(dir, name)["accuracy"].as_f64().unwrap(), said)
    };
    let (straight, _) = accuracy("new");
    let (turned, said) = accuracy("turned");
    assert!(straight > 0.9, "{straight}");
    assert_eq!(turned, straight);
    assert!(said.contains("by their names"), "{said}");
    let other = "encrypt --owner owner --images other.csv --labels withheld --out o.enc";
    fails(dir, other, INPUT, &["without age"]);
    // The option that says that there are no labels was forgotten.
    let numbers: String = new
        .iter()
        .map(|(_, x)| format!("{},{},{},{}\n", x[0], x[1], x[2], x[3]))
        .collect();
    fs::write(dir.join("bare.csv"), numbers).unwrap();
    fails(
        dir,
        "encrypt --owner owner --images bare.csv --out o.enc",
        INPUT,
        &["--label-column", "--unlabelled"],
    );
    let bare = run(
        dir,
        "encrypt --owner owner --images bare.csv --unlabelled --out bare.enc",
    );
    assert!(notes(&bare).contains("no names"));
    // What people see.
    let line = "encrypt --owner owner --images turned.csv --out again.enc";
    let output = tapetum(dir).args(common::words(line)).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for said in [
        "well 25, ill 25; the positive one is ill",
        "Note: columns put in the order",
    ] {
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn equal_rows_are_all_samples() {
    let dir = &temporary();
    let mut random = Random(27);
    let mut text = "ill,q1,q2,q3\n".to_owned();
    for _ in 0..400 {
        let answers = [0, 1, 2].map(|_| u8::from(random.next() < 0.5));
        let ill = if random.next() < 0.9 {
            answers[0]
        } else {
            1 - answers[0]
        };
        text += &format!("{ill},{},{},{}\n", answers[0], answers[1], answers[2]);
    }
    fs::write(dir.join("answers.csv"), text).unwrap();
    let simulate = "simulate --images answers.csv --learner linear-means";
    let simulated = run(dir, simulate);
    assert!(simulated["accuracy"].as_f64().unwrap() > 0.85);
    assert_eq!(simulated["train_samples"], 320);
    let said = notes(&simulated);
    assert!(
        said.contains("392 samples equal") && said.contains("--drop-repeats"),
        "{said}"
    );
    keygen(dir, "answers.csv");
    let encrypt = "encrypt --owner owner --images answers.csv --out train.enc";
    let samples = |line: &str| run(dir, line)["samples"].as_u64().unwrap();
    assert_eq!(samples(encrypt), 400);
    assert_eq!(samples(&format!("{encrypt} --drop-repeats")), 8);
    // What is to be classified is, whatever the option.
    assert_eq!(
        samples(&format!("{encrypt} --drop-repeats --labels withheld")),
        400
    );
    assert_eq!(
        samples(&format!("{encrypt} --unlabelled --ignore-column ill")),
        400
    );
    // The column of labels is not among the features, and is left out.
    assert_eq!(samples(&format!("{encrypt} --unlabelled")), 400);
}

fn save(random: &mut Random, upright: bool, path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let picture = GrayImage::from_fn(16, 16, |x, y| {
        let along = if upright { x } else { y };
        let bar = if along / 4 % 2 == 0 { 60.0 } else { 180.0 };
        Luma([(bar + 60.0 * random.next()) as u8])
    });
    picture
        .save_with_format(path, image::ImageFormat::Png)
        .unwrap();
}

#[test]
fn pictures_in_folders_by_day_and_names_that_are_code() {
    let dir = &temporary();
    let mut random = Random(3);
    for i in 0..12 {
        save(&mut random, true, &dir.join(format!("bars/vert/{i}.png")));
        save(&mut random, false, &dir.join(format!("bars/hori/{i}.png")));
    }
    fs::copy(dir.join("bars/hori/0.png"), dir.join("bars/vert/copy.png")).unwrap();
    fs::write(dir.join("bars/vert/Thumbs.db"), "x").unwrap();
    let formula = "=1+1.png";
    let codes = "\u{1b}[2J\n\u{202e}.png";
    for day in ["mon", "tue"] {
        for name in ["a.png", formula, codes] {
            if !cfg!(windows) || name == "a.png" {
                save(&mut random, true, &dir.join("new").join(day).join(name));
            }
        }
    }
    save(&mut random, true, &dir.join("flat").join(formula));
    run(
        dir,
        "keygen --owner owner --server server --learner linear-means --features pixels:4 --rows 24",
    );
    let sent = run(
        dir,
        "encrypt --owner owner --images bars --positive vert --out train.enc",
    );
    assert_eq!(sent["class_counts"], json!([12, 12]));
    let said = notes(&sent);
    for part in [
        "Thumbs.db",
        "1 of them with another label (vert/copy.png and hori/0.png): left out",
    ] {
        assert!(said.contains(part), "{said}");
    }
    fails(
        dir,
        "encrypt --owner owner --images new --out new.enc",
        INPUT,
        &["mon, tue", "hori and vert", "--unlabelled"],
    );
    run(
        dir,
        "encrypt --owner owner --images new --unlabelled --out new.enc",
    );
    let found = classified(dir, "new");
    let sources: Vec<_> = (found["verdicts"].as_array().unwrap().iter())
        .map(|v| v["source"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(sources.len(), 6);
    assert!(
        sources.contains(&format!("mon/{formula}")) && sources.contains(&format!("tue/{codes}"))
    );
    let line = "decrypt --owner owner scores.enc --index owner/new.index.csv";
    let output = tapetum(dir).args(common::words(line)).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 6, "{text}");
    assert!(text.contains(r"mon/\u{1b}[2J\n\u{202e}.png") && !text.contains('\u{1b}'));
    // A cell that a spreadsheet would take for a formula begins with an apostrophe.
    run(dir, "encrypt --owner owner --images flat --out flat.enc");
    assert_eq!(
        column(&dir.join("owner/flat.index.csv"), "source"),
        ["'=1+1.png"]
    );
    run(
        dir,
        "classify --server server --model model.enc --data flat.enc --out flat-scores.enc",
    );
    let line = "decrypt --owner owner flat-scores.enc --index owner/flat.index.csv --out p.csv";
    assert_eq!(run(dir, line)["verdicts"][0]["source"], formula);
    assert_eq!(column(&dir.join("p.csv"), "source"), ["'=1+1.png"]);
    // A contributor who has one class only.
    fs::create_dir(dir.join("more")).unwrap();
    fs::rename(dir.join("bars/hori"), dir.join("more/hori")).unwrap();
    let more = run(
        dir,
        "encrypt --owner owner --images more --name bert --out more.enc",
    );
    assert_eq!(more["class_counts"], json!([12, 0]));
    run(
        dir,
        "train --server server --data train.enc --data more.enc --out model.enc",
    );
}

#[test]
fn arrays_without_labels_are_classified() {
    let dir = &temporary();
    let train = rows(60, 5);
    let line =
        |(label, x): &(&str, [f64; 4])| format!("{},{},{},{},{label}\n", x[0], x[1], x[2], x[3]);
    fs::write(
        dir.join("t.txt"),
        train.iter().map(line).collect::<String>(),
    )
    .unwrap();
    let like = "--label-column -1 --no-header --delimiter ,";
    keygen(dir, &format!("t.txt {like}"));
    run(
        dir,
        &format!("encrypt --owner owner --images t.txt {like} --positive ill --out train.enc"),
    );
    let mut array =
        b"\x93NUMPY\x01\0\x76\0{'descr': '<f8', 'fortran_order': False, 'shape': (20, 4), }"
            .to_vec();
    array.resize(127, b' ');
    array.push(b'\n');
    let new = rows(20, 6);
    array.extend(
        new.iter()
            .flat_map(|(_, x)| x)
            .flat_map(|v| v.to_le_bytes()),
    );
    fs::write(dir.join("new.npy"), array).unwrap();
    fails(
        dir,
        "encrypt --owner owner --images new.npy --out new.enc",
        INPUT,
        &["--label-file", "--unlabelled"],
    );
    run(
        dir,
        "encrypt --owner owner --images new.npy --unlabelled --out new.enc",
    );
    let found = classified(dir, "new");
    let verdicts = found["verdicts"].as_array().unwrap().iter();
    let right = verdicts
        .zip(&new)
        .filter(|(v, (label, _))| v["class"] == *label)
        .count();
    assert!(right >= 15, "{right}");
    assert_eq!(found["verdicts"][3]["source"], "new.npy[3]");
}

#[test]
fn a_reason_is_told_once() {
    let missing = output(&temporary(), "simulate --images nothing.csv");
    let text = String::from_utf8(missing.stderr).unwrap();
    assert_eq!(text.matches("No such file").count(), 1, "{text}");
}

//! What does not belong together is not computed with: keys, features, samples and indices of others.

mod common;

use std::fs;
use std::path::Path;

use common::{ROWS, fails, files, run, table, temporary};
use image::{GrayImage, ImageFormat, Luma};

const INPUT: i32 = 3;
const ROLE: i32 = 4;

/// The three directories of a project, by a suffix of their names, for the table of cells.
fn project(dir: &Path, suffix: &str) {
    fs::write(dir.join("cells.csv"), table()).unwrap();
    run(
        dir,
        &format!(
            "keygen --owner o{suffix} --contributor c{suffix} --server s{suffix} --learner linear-means \
             --like cells.csv"
        ),
    );
}

fn encrypt(dir: &Path, options: &str) -> serde_json::Value {
    run(
        dir,
        &format!("encrypt --images cells.csv --positive M {options}"),
    )
}

#[test]
fn files_of_other_keys_and_files_that_come_twice() {
    let dir = &temporary();
    for suffix in ["", "2"] {
        project(dir, suffix);
        encrypt(dir, &format!("--contributor c{suffix} --out t{suffix}.enc"));
        encrypt(
            dir,
            &format!("--contributor c{suffix} --labels withheld --out n{suffix}.enc"),
        );
    }
    let other = "keys of another `keygen`";
    let train = |data: &str| format!("train --server s {data} --out x.enc");
    fails(dir, &train("--data t2.enc"), ROLE, &["t2.enc", other]);
    for data in ["--data t.enc --data t2.enc", "--data t2.enc --data t.enc"] {
        fails(dir, &train(data), ROLE, &["t2.enc", other]);
    }
    let twice = "the same encrypted samples";
    fails(dir, &train("--data t.enc --data t.enc"), INPUT, &[twice]);
    fs::copy(dir.join("t.enc"), dir.join("copy.enc")).unwrap();
    let copies = train("--data t.enc --data copy.enc");
    fails(dir, &copies, INPUT, &["t.enc", "copy.enc", twice]);

    run(dir, "train --server s --data t.enc --out m.enc");
    let classify = |data: &str, out: &str| {
        format!("classify --server s --model m.enc --data {data} --out {out}")
    };
    fails(dir, &classify("n2.enc", "x.enc"), ROLE, &["n2.enc", other]);
    run(dir, &classify("n.enc", "scores.enc"));
    fails(dir, "decrypt --owner o2 scores.enc", ROLE, &[other]);
    fails(dir, "decrypt --owner o2 m.enc --out m.json", ROLE, &[other]);
    let found = run(dir, "decrypt --owner o scores.enc --index c/n.index.csv");
    assert!(found["accuracy"].as_f64().unwrap() > 0.8);
    assert!(found.get("notes").is_none(), "{found}");
}

#[test]
fn features_that_were_fitted_again() {
    let dir = &temporary();
    project(dir, "");
    encrypt(dir, "--owner o --out t.enc");
    run(dir, "train --server s --data t.enc --out m.enc");
    encrypt(dir, "--owner o --refit --name b --out b.enc");
    encrypt(dir, "--owner o --labels withheld --out n.enc");
    let both = "train --server s --data t.enc --data b.enc --out x.enc";
    fails(dir, both, ROLE, &["fitted separately", "t.enc", "b.enc"]);
    let classify =
        |model: &str| format!("classify --server s --model {model} --data n.enc --out scores.enc");
    let refused = ["n.enc", "fitted separately", "m.enc"];
    fails(dir, &classify("m.enc"), ROLE, &refused);
    // A model in the clear says the same of itself.
    run(dir, "decrypt --owner o m.enc --out m.json");
    let refused = ["n.enc", "fitted separately", "m.json"];
    fails(dir, &classify("m.json"), ROLE, &refused);
    // Labels that stay here cannot decide what the classes are.
    let line =
        "encrypt --owner o --images cells.csv --positive M --refit --labels withheld --out x.enc";
    fails(dir, line, INPUT, &["--refit", "--labels withheld"]);

    run(dir, "train --server s --data b.enc --out m.enc");
    run(dir, &classify("m.enc"));
    run(dir, "decrypt --owner o scores.enc --index o/n.index.csv");
}

#[test]
fn an_index_belongs_to_one_file() {
    let dir = &temporary();
    project(dir, "");
    encrypt(dir, "--owner o --out t.enc");
    run(dir, "train --server s --data t.enc --out m.enc");
    let index = |out: &str| {
        let found = encrypt(dir, &format!("--owner o --labels withheld --out {out}"));
        found["index"].as_str().unwrap().to_owned()
    };
    for day in ["monday", "tuesday"] {
        fs::create_dir(dir.join(day)).unwrap();
    }
    let [monday, tuesday] = ["monday/new.enc", "tuesday/new.enc"].map(index);
    assert_eq!(
        (&*monday, &*tuesday),
        ("o/new.index.csv", "o/new-2.index.csv")
    );
    // With its file an index is replaced.
    assert_eq!(index("tuesday/new.enc"), tuesday);
    assert_eq!(index("new.v2"), "o/new-3.index.csv");

    run(
        dir,
        "classify --server s --model m.enc --data monday/new.enc --out scores.enc",
    );
    let decrypt = |index: &str| format!("decrypt --owner o scores.enc --index {index}");
    fails(dir, &decrypt(&tuesday), INPUT, &["other samples"]);
    let found = run(dir, &decrypt(&monday));
    assert_eq!(found["verdicts"].as_array().unwrap().len(), ROWS);
}

#[test]
fn files_of_before_there_were_ids_still_load() {
    let dir = &temporary();
    project(dir, "");
    encrypt(dir, "--owner o --out t.enc");
    // As they were written before: a plan without keys, features without an id, an index without an origin.
    let edit = |name: &str, change: &dyn Fn(&str) -> String| {
        let text = fs::read_to_string(dir.join(name)).unwrap();
        let changed = change(&text);
        assert_ne!(text, changed, "{name}");
        fs::write(dir.join(name), changed).unwrap();
    };
    let without = |key: &'static str| {
        move |text: &str| {
            let mut value: serde_json::Value = serde_json::from_str(text).unwrap();
            value.as_object_mut().unwrap().remove(key).unwrap();
            value.to_string()
        }
    };
    for role in ["o", "s"] {
        edit(&format!("{role}/plan.json"), &without("key_set"));
    }
    edit("o/features.json", &without("id"));
    let notes = |found: &serde_json::Value| found["notes"].to_string();
    let sent = encrypt(dir, "--owner o --out t.enc");
    assert!(notes(&sent).contains("earlier version"), "{sent}");
    encrypt(dir, "--owner o --labels withheld --out n.enc");
    edit("o/n.index.csv", &|text| {
        let rows = csv::Reader::from_reader(text.as_bytes())
            .into_records()
            .map(Result::unwrap)
            .collect::<Vec<_>>();
        let mut old = csv::Writer::from_writer(Vec::new());
        old.write_record(["sample", "source", "label", "contributor", "classes"])
            .unwrap();
        for row in rows {
            old.write_record(row.iter().take(5)).unwrap();
        }
        String::from_utf8(old.into_inner().unwrap()).unwrap()
    });
    let trained = run(dir, "train --server s --data t.enc --out m.enc");
    assert!(notes(&trained).contains("earlier version"), "{trained}");
    let classified = run(
        dir,
        "classify --server s --model m.enc --data n.enc --out scores.enc",
    );
    assert!(
        notes(&classified).contains("earlier version"),
        "{classified}"
    );
    let found = run(dir, "decrypt --owner o scores.enc --index o/n.index.csv");
    assert!(notes(&found).contains("earlier version"), "{found}");
    assert!(found["accuracy"].as_f64().unwrap() > 0.8);
}

#[test]
fn features_of_another_kind_or_side() {
    let dir = &temporary();
    for (label, vertical) in [("vert", true), ("hori", false)] {
        fs::create_dir_all(dir.join("pics").join(label)).unwrap();
        for i in 0..12u32 {
            let bar = 2 + i;
            let pixel = |x: u32, y: u32| {
                let at = if vertical { x } else { y };
                Luma([if at.abs_diff(bar) < 2 {
                    200
                } else {
                    20 + (3 * x + y) as u8
                }])
            };
            let path = dir.join(format!("pics/{label}/{i}.png"));
            let image = GrayImage::from_fn(16, 16, pixel);
            image.save_with_format(path, ImageFormat::Png).unwrap();
        }
    }
    for (owner, features) in [("o", "dct:4"), ("o2", "pixels:4")] {
        run(
            dir,
            &format!(
                "keygen --owner {owner} --learner linear-means --features {features} --rows 24"
            ),
        );
        run(
            dir,
            &format!("encrypt --owner {owner} --images pics --positive vert --out {owner}.enc"),
        );
    }
    let path = dir.join("o/features.json");
    let own = fs::read_to_string(&path).unwrap();
    let other = fs::read_to_string(dir.join("o2/features.json")).unwrap();
    let line = "encrypt --owner o --images pics/vert --out n.enc";
    for (text, says) in [
        (other, ["pixels:4", "dct:4"]),
        (
            own.replace("\"side\":28", "\"side\":32"),
            ["32 pixels", "28 pixels"],
        ),
    ] {
        fs::write(&path, text).unwrap();
        fails(dir, line, ROLE, &says);
    }
    fs::write(&path, own).unwrap();
    run(dir, line);
    assert!(!files(dir).is_empty());
}

#[test]
fn labels_that_go_by_other_names() {
    let dir = &temporary();
    project(dir, "");
    encrypt(dir, "--owner o --out t.enc");
    run(dir, "train --server s --data t.enc --out m.enc");
    for [malignant, benign] in [["sick", "healthy"], ["1", "2"], ["0.0", "1.0"], ["2", "1"]] {
        let renamed = table()
            .replace("\nM,", &format!("\n{malignant},"))
            .replace("\nB,", &format!("\n{benign},"));
        fs::write(dir.join("renamed.csv"), renamed).unwrap();
        run(
            dir,
            "encrypt --owner o --images renamed.csv --labels withheld --out n.enc",
        );
        run(
            dir,
            "classify --server s --model m.enc --data n.enc --out scores.enc",
        );
        let found = run(dir, "decrypt --owner o scores.enc --index o/n.index.csv");
        assert_eq!(found["classes"], serde_json::json!(["B", "M"]));
        assert!(found["accuracy"].as_f64().unwrap() > 0.8, "{malignant}");
        let note = found["notes"].to_string();
        assert!(note.contains(" for M"), "{note}");
    }
}

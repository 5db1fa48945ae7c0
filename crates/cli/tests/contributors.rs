//! Samples of several contributors: in any order, each attributed, each removable.

mod common;

use std::fs;

use common::{check_failure, column, copy, output, run, same_predictions, table, temporary};

const KEYS: &str = "keygen --owner owner --contributor anne --server server --learner linear-means \
                    --like cells.csv";
const ALL: &str = "--images cells.csv --positive M --keep-repeats";

#[test]
fn in_any_order_and_without_one_of_them() {
    let dir = &temporary();
    let table = table();
    fs::write(dir.join("cells.csv"), &table).unwrap();
    run(dir, KEYS);
    let (header, rows) = table.split_once('\n').unwrap();
    let rows: Vec<_> = rows.lines().collect();
    let parts = [
        ("anne", &rows[..40]),
        ("bert", &rows[40..90]),
        ("carl", &rows[90..]),
    ];
    for (name, rows) in parts {
        let text = format!("{header}\n{}\n", rows.join("\n"));
        fs::write(dir.join(format!("{name}.csv")), text).unwrap();
        if name != "anne" {
            copy(&dir.join("anne"), &dir.join(name));
        }
        // The features are standardised as the first one did.
        run(
            dir,
            &format!(
                "encrypt --contributor {name} --images {name}.csv --positive M --keep-repeats \
                 --name {name} --out {name}.enc"
            ),
        );
        let index = dir.join(format!("{name}/{name}.index.csv"));
        assert!(
            column(&index, "contributor")
                .iter()
                .all(|found| found == name)
        );
    }
    for (labels, file) in [("encrypted", "all"), ("clear", "clear")] {
        run(
            dir,
            &format!("encrypt --contributor anne {ALL} --labels {labels} --out {file}.enc"),
        );
    }
    run(
        dir,
        &format!("encrypt --contributor anne {ALL} --labels withheld --out new.enc"),
    );

    let train = |data: &[&str], without: &str| -> Vec<u8> {
        let files: String = data
            .iter()
            .map(|file| format!("--data {file}.enc "))
            .collect();
        let done = run(
            dir,
            &format!("train --server server --out model.enc {files} {without}"),
        );
        let names = done["contributors"].as_array().unwrap().len();
        assert_eq!(done["samples"], [0, 0, 100, 150][names], "{done}");
        fs::read(dir.join("model.enc")).unwrap()
    };
    let model = train(&["anne", "bert", "carl"], "");
    assert!(train(&["carl", "anne", "bert"], "") == model);
    let appended: Vec<u8> = ["bert", "carl", "anne"]
        .iter()
        .flat_map(|name| fs::read(dir.join(format!("{name}.enc"))).unwrap())
        .collect();
    fs::write(dir.join("together.enc"), appended).unwrap();
    assert!(train(&["together"], "") == model);

    // Without one it is as if that one had never been there.
    let never = train(&["anne", "carl"], "");
    assert!(never != model);
    assert!(train(&["anne", "bert", "carl"], "--without bert") == never);
    assert!(train(&["together"], "--without bert") == never);

    // All together are what one contributor with all samples would be.
    fs::write(dir.join("model.enc"), model).unwrap();
    for (model, predictions) in [("model", "several"), ("one", "one")] {
        if model == "one" {
            run(dir, "train --server server --data all.enc --out one.enc");
        }
        run(
            dir,
            &format!(
                "classify --server server --model {model}.enc --data new.enc --out scores.enc"
            ),
        );
        run(
            dir,
            &format!(
                "decrypt --owner owner scores.enc --index anne/new.index.csv --out {predictions}.csv"
            ),
        );
    }
    same_predictions(&dir.join("several.csv"), &dir.join("one.csv"), 1e-3);

    for (line, says) in [
        ("--data anne.enc --without dora", "contributors: anne"),
        ("--data anne.enc --without anne", "no samples are left"),
        ("--data anne.enc --data clear.enc", "others in the clear"),
    ] {
        let line = format!("train --server server {line} --out x.enc");
        check_failure(&output(dir, &line), &line, 3, &[says]);
    }
    assert!(!dir.join("x.enc").exists());
}

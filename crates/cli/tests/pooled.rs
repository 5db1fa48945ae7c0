//! Features that are standardised by the samples of several sites, of which nobody sees one site's statistics.

mod common;

use std::fs;
use std::path::Path;

use common::{Random, copy, fails, output, run, temporary};
use serde_json::Value;

/// Rows of a site, of which `ill` are ill; its scanner adds `shift`.
fn site(seed: u64, rows: usize, ill: usize, shift: f64, turned: bool) -> String {
    let mut random = Random(seed);
    let mut normal = || (0..12).map(|_| random.next()).sum::<f64>() - 6.0;
    let mut text = match turned {
        false => "label,age,dose,size\n".to_owned(),
        true => "label,size,age,dose\n".to_owned(),
    };
    for row in 0..rows {
        let is_ill = row < ill;
        let age = 50.0 + 5.0 * (normal() + if is_ill { 2.0 } else { 0.0 }) + shift;
        let (dose, size) = (1.0 + 0.1 * normal(), 1000.0 + 300.0 * normal());
        let name = if is_ill { "ill" } else { "well" };
        text += &match turned {
            false => format!("{name},{age:.5},{dose:.5},{size:.5}\n"),
            true => format!("{name},{size:.5},{age:.5},{dose:.5}\n"),
        };
    }
    text
}

fn accuracy(dir: &Path, data: &str) -> f64 {
    run(
        dir,
        &format!("train --server server {data} --out model.enc"),
    );
    run(
        dir,
        "classify --server server --model model.enc --data t.enc --out scores.enc",
    );
    let found = run(
        dir,
        "decrypt --owner owner scores.enc --index a/t.index.csv",
    );
    found["accuracy"].as_f64().unwrap()
}

#[test]
fn a_shifted_site_is_accepted_and_trains_as_if_all_data_were_in_one_file() {
    let dir = &temporary();
    // A screening centre and a clinic, as in the report of a user.
    let (a, b) = (site(1, 150, 15, 0.0, false), site(2, 150, 135, 0.0, false));
    let both = a.clone() + b.split_once('\n').unwrap().1;
    let turned = site(2, 150, 135, 0.0, true);
    for (name, text) in [
        ("a", a),
        ("b", turned),
        ("both", both),
        ("t", site(3, 200, 100, 0.0, false)),
    ] {
        fs::write(dir.join(format!("{name}.csv")), text).unwrap();
    }
    for learner in ["ridge", "fisher"] {
        run(
            dir,
            &format!(
                "keygen --owner owner --contributor a --server server --learner {learner} --like both.csv"
            ),
        );
        copy(&dir.join("a"), &dir.join("b"));
        for name in ["a", "b"] {
            let found = run(
                dir,
                &format!(
                    "features sums --contributor {name} --images {name}.csv --positive ill --out {name}.sums"
                ),
            );
            assert_eq!(found["classes"], serde_json::json!(["well", "ill"]));
        }
        // The owner does not see those of one site.
        let publish = "features publish --owner owner --classes well,ill";
        fails(dir, &format!("{publish} a.sums"), 4, &["one site"]);
        fails(
            dir,
            "features add --server server a.sums a.sums --out pool.sums",
            3,
            &["give them once"],
        );
        let added = run(
            dir,
            "features add --server server a.sums b.sums --out pool.sums",
        );
        assert_eq!(added["sites"], 2);
        fails(
            dir,
            "features publish --owner owner --classes well pool.sums",
            3,
            &["1 classes"],
        );
        let done = run(dir, &format!("{publish} pool.sums"));
        assert_eq!((&done["samples"], &done["sites"]), (&300.into(), &2.into()));
        fails(dir, &format!("{publish} pool.sums"), 4, &["--refit"]);
        check_statistics(dir);
        for name in ["a", "b"] {
            let to = dir.join(name).join("features.json");
            fs::copy(dir.join("owner/features.json"), to).unwrap();
            run(
                dir,
                &format!(
                    "encrypt --contributor {name} --name {name} --images {name}.csv --positive ill --out {name}.enc"
                ),
            );
        }
        run(
            dir,
            "encrypt --contributor a --images t.csv --positive ill --labels withheld --out t.enc",
        );
        let pooled = accuracy(dir, "--data a.enc --data b.enc");

        // The same by one who has all data.
        run(
            dir,
            "encrypt --contributor a --refit --name all --images both.csv --positive ill --out all.enc",
        );
        run(
            dir,
            "encrypt --contributor a --images t.csv --positive ill --labels withheld --out t.enc",
        );
        let together = accuracy(dir, "--data all.enc");
        assert!(together > 0.8, "{learner}: {together}");
        assert!(
            (pooled - together).abs() <= 0.01,
            "{learner}: {pooled} and {together}"
        );
        for name in ["owner", "a", "b", "server"] {
            fs::remove_dir_all(dir.join(name)).unwrap();
        }
    }
}

/// Published are means to a hundredth of a deviation or so, in the order of the columns' names, and not those of a site.
fn check_statistics(dir: &Path) {
    let text = fs::read_to_string(dir.join("owner/features.json")).unwrap();
    let features: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(features["pooled"], 300);
    assert_eq!(
        features["column_names"],
        serde_json::json!(["age", "dose", "size"])
    );
    let mean = |i: usize| features["standardizer"]["mean"][i].as_f64().unwrap();
    assert!((mean(0) - 55.0).abs() < 1.5, "{}", mean(0));
    assert!((mean(1) - 1.0).abs() < 0.03 && (mean(2) - 1000.0).abs() < 60.0);
    let digits = features["standardizer"]["mean"][0].to_string();
    assert!(digits.len() <= 5, "{digits}");
}

#[test]
fn sums_are_for_the_keys_and_features_of_their_plan() {
    let dir = &temporary();
    fs::write(dir.join("a.csv"), site(1, 60, 30, 0.0, false)).unwrap();
    let three = "label,x\nill,1\nwell,2\nill,3\nwell,5\n";
    fs::write(dir.join("three.csv"), three).unwrap();
    for name in ["1", "2"] {
        run(
            dir,
            &format!(
                "keygen --owner o{name} --contributor c{name} --server s{name} --learner ridge --like a.csv"
            ),
        );
        run(
            dir,
            &format!(
                "features sums --contributor c{name} --images a.csv --positive ill --out {name}.sums"
            ),
        );
    }
    fails(
        dir,
        "features sums --contributor c1 --images three.csv --positive ill --out x.sums",
        3,
        &["1 features"],
    );
    fails(
        dir,
        "features add --server s1 1.sums 2.sums --out x.sums",
        4,
        &["keygen"],
    );
    fails(
        dir,
        "features sums --contributor c1 --images a.csv --positive ill --out a.csv",
        4,
        &["input"],
    );
    // A public set in place of anyone's data.
    let fitted = run(dir, "features fit --dir c1 --images a.csv --positive ill");
    assert_eq!(fitted["samples"], 60);
    let line = "features fit --dir c1 --images a.csv --positive ill";
    fails(dir, line, 4, &["--refit"]);
    assert!(output(dir, &format!("{line} --refit")).status.success());
}

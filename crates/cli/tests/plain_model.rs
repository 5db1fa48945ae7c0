//! A provider's plain model on a client's encrypted images.

mod common;

use std::fs;
use std::path::Path;

use common::{fails, figures_agree, run, same_predictions, temporary};

const DATA: &str = "--images animal-shapes --positive cat --balanced --train-count 300 \
                    --test-count 448 --seed 5";
/// Bytes of an image of 28 x 28 pixels.
const IMAGE: f64 = 784.0;

#[test]
fn small_keys_and_ciphertexts_give_the_predictions_of_the_plain_model() {
    let dir = &temporary();
    let simulated = run(
        dir,
        &format!("simulate {DATA} --out clear.csv --export provider --plots pictures"),
    );
    assert!(simulated["accuracy"].as_f64().unwrap() > 0.85);
    drawn(
        dir,
        &simulated["plots"],
        &["confusion-matrix.svg", "learning-curve.svg"],
    );

    let keys = run(
        dir,
        "keygen --owner client --contributor friend --server server \
         --classify-only provider/features.json",
    );
    assert_eq!(keys["security_bits"], 128);
    assert!(
        keys["evaluation_keys"].as_u64().unwrap() < 20_000_000,
        "{keys}"
    );
    println!("evaluation keys: {}", keys["evaluation_keys"]);
    // The image of the other sender is classified as well.
    for (sender, place) in [("owner", "client"), ("contributor", "friend")] {
        let sent = run(
            dir,
            &format!("encrypt --{sender} {place} {DATA} --split test --out {place}.enc"),
        );
        assert_eq!(
            (&sent["columns"], &sent["labels"]),
            (&245.into(), &"withheld".into())
        );
        let expansion = sent["bytes_per_sample"].as_f64().unwrap() / IMAGE;
        println!("{sender}: {expansion:.1} bytes sent for a byte of image");
        assert!(expansion < 40.0, "{sender}: {expansion}");
        fs::rename(dir.join("client"), dir.join("away")).unwrap();
        run(
            dir,
            &format!(
                "classify --server server --model provider/model.json --data {place}.enc \
                 --out scores.enc"
            ),
        );
        fs::rename(dir.join("away"), dir.join("client")).unwrap();
        let found = run(
            dir,
            &format!(
                "decrypt --owner client scores.enc --index {place}/{place}.index.csv \
                 --out verdicts.csv --plots drawn"
            ),
        );
        same_predictions(&dir.join("verdicts.csv"), &dir.join("clear.csv"), 1e-3);
        figures_agree(&found, &simulated);
        drawn(dir, &found["plots"], &["confusion-matrix.svg"]);
    }

    fails(
        dir,
        "train --server server --data client.enc --out model.enc",
        4,
        &["classification only"],
    );
    fails(
        dir,
        &format!("encrypt --owner client {DATA} --labels clear --split test --out new.enc"),
        3,
        &["classification only", "--labels"],
    );
    let model = fs::read_to_string(dir.join("provider/model.json")).unwrap();
    fs::write(
        dir.join("other.json"),
        model.replace("\"features\":245", "\"features\":246"),
    )
    .unwrap();
    let line = "classify --server server --model other.json --data client.enc --out scores.enc";
    fails(dir, line, 3, &["other.json is not a model"]);
}

#[test]
fn scores_are_published_with_noise_and_counted() {
    let dir = &temporary();
    let mut table = String::from("label,a,b,c\n");
    for i in 0..60 {
        let (x, is_one) = (f64::from(i), i % 2 == 1);
        let shift = if is_one { 1.0 } else { 0.0 };
        let label = if is_one { "yes" } else { "no" };
        table += &format!(
            "{label},{:.4},{:.4},{:.4}\n",
            x.sin() + shift,
            (3.0 * x).cos() - shift,
            (37.0 * x) % 101.0 / 64.0
        );
    }
    fs::write(dir.join("table.csv"), table).unwrap();
    let data = "--images table.csv --positive yes";
    run(
        dir,
        &format!("simulate --features table {data} --export provider --seed 5"),
    );
    run(
        dir,
        "keygen --owner client --server server --classify-only provider/features.json --publish 2",
    );
    run(
        dir,
        &format!("encrypt --owner client {data} --labels withheld --out client.enc"),
    );
    fs::rename(dir.join("client"), dir.join("away")).unwrap();
    run(
        dir,
        "classify --server server --model provider/model.json --data client.enc --out scores.enc",
    );
    fs::rename(dir.join("away"), dir.join("client")).unwrap();
    let index = "--index client/client.index.csv";
    let exact = run(
        dir,
        &format!("decrypt --owner client scores.enc {index} --exact"),
    );
    let scores = |found: &serde_json::Value| -> Vec<f64> {
        let predictions = found["verdicts"].as_array().unwrap().iter();
        predictions.map(|p| p["score"].as_f64().unwrap()).collect()
    };
    let publish = &format!("decrypt --owner client scores.enc {index} --publish --out shared.csv");
    for given in 1..=2 {
        let shared = run(dir, publish);
        assert_eq!(
            (&shared["published"], &shared["planned"]),
            (&given.into(), &2.into())
        );
        assert!(shared["bits_left"].as_f64().unwrap() >= 8.0, "{shared}");
        let noise = shared["noise"].as_f64().unwrap();
        for (a, b) in scores(&shared).iter().zip(scores(&exact)) {
            // And they are rounded to 0.001.
            assert!((a - b).abs() < 6.5 * noise + 5e-4, "{a} {b} {noise}");
        }
        assert!(shared["accuracy"].as_f64().unwrap() > 0.8, "{shared}");
    }
    fails(dir, publish, 4, &["2 results", "--labels-only"]);
    run(
        dir,
        &format!("decrypt --owner client scores.enc {index} --labels-only"),
    );
    // A count that was lost is not taken for none.
    let count = dir.join("client/published.json");
    for text in ["{", "{\"version\":1,\"key_set\":null,\"results\":0}"] {
        fs::write(&count, text).unwrap();
        let errors = ["published.json", "make new keys"];
        fails(dir, publish, if text == "{" { 3 } else { 4 }, &errors);
    }

    // Keys that were not made for it.
    run(
        dir,
        "keygen --owner other --server other-server --classify-only provider/features.json",
    );
    fails(
        dir,
        "decrypt --owner other scores.enc --publish",
        4,
        &["--publish", "labels"],
    );
    fails(
        dir,
        "keygen --owner many --server many-server --classify-only provider/features.json --publish 1000000",
        3,
        &["1000000 results", "fewer than 8", "labels"],
    );
    // Scores of a model that was trained under encryption.
    fails(
        dir,
        "keygen --owner trained --features table --columns 4 --learner linear-means --publish 1",
        3,
        &["would drown it", "labels", "--classify-only"],
    );
    assert!(!dir.join("trained").exists());
}

/// The pictures are there, and are SVG.
fn drawn(dir: &Path, plots: &serde_json::Value, names: &[&str]) {
    let plots: Vec<_> = plots
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p.as_str().unwrap())
        .collect();
    assert_eq!(plots.len(), names.len());
    for (plot, name) in plots.iter().zip(names) {
        assert!(plot.ends_with(name), "{plot}");
        let text = fs::read_to_string(dir.join(plot)).unwrap();
        assert!(text.starts_with("<svg ") && text.trim_end().ends_with("</svg>"));
    }
}

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

//! `tapetum net`: what a network needs, and which node of it is not supported.

mod common;

use std::fs;
use std::path::Path;

use common::halves::halves;
use common::{fails, output, run, tapetum};
use image::{GrayImage, Luma};
use serde_json::Value;
use tapetum::networks::{Preprocessing, read_network, read_photo, values};
use tempfile::TempDir;

const NETWORKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../nets/tests/data");

/// A directory with images.
fn calibration() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("images")).unwrap();
    for i in 0..3 {
        let image = GrayImage::from_fn(8, 8, |x, y| Luma([(x * y * (i + 1)) as u8]));
        let path = dir.path().join(format!("images/{i}.png"));
        image.save(path).unwrap();
    }
    dir
}

#[test]
fn a_network_is_planned_before_any_key_exists() {
    let dir = calibration();
    let line = format!("net plan {NETWORKS}/quadratic.onnx --calibrate images");
    let found = run(dir.path(), &line);
    assert_eq!(found["levels"], 6);
    assert_eq!(found["ciphertexts"], 9);
    assert_eq!(found["calibration_images"], 3);
    assert!(found["security_bits"].as_u64() >= Some(128));
    let layers = found["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 6);
    assert_eq!(layers[5]["shape"], serde_json::json!([1, 5]));
    let seconds = |value: &Value| value["predicted_cpu_s"].as_f64().unwrap();
    let total: f64 = layers.iter().map(seconds).sum();
    assert!((total - seconds(&found)).abs() < 1e-9);

    let text = tapetum(dir.path()).args(line.split(' ')).output().unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains("6 levels") && text.contains("1 x 5"),
        "{text}"
    );
}

#[test]
fn a_plan_is_written_and_replaced_by_plans_alone() {
    let dir = calibration();
    let line = format!("net plan {NETWORKS}/quadratic.onnx --calibrate images --out plan.json");
    let named = format!("{line} --classes a,b,c,d,e");
    run(dir.path(), &named);
    let plan = || fs::read_to_string(dir.path().join("plan.json")).unwrap();
    assert!(plan().contains(r#""classes":["a","b","c","d","e"]"#));
    run(dir.path(), &line);
    assert!(plan().contains(r#""classes":["0","1","2","3","4"]"#));
    let few = format!("{line} --classes a,b");
    fails(dir.path(), &few, 3, &["5 scores", "2 classes"]);
    fs::write(dir.path().join("plan.json"), "{}").unwrap();
    fails(dir.path(), &line, 4, &["already exists"]);
}

/// From a plan to a class, each role in its own directory.
#[test]
fn a_photograph_is_classified_in_three_directories() {
    let temporary = calibration();
    let dir = temporary.path();
    let photo = GrayImage::from_fn(12, 10, |x, y| Luma([(20 * x + y) as u8]));
    photo.save(dir.join("photo.png")).unwrap();
    let network = format!("{NETWORKS}/quadratic.onnx");
    run(
        dir,
        &format!("net plan {network} --calibrate images --classes a,b,c,d,e --out plan.json"),
    );
    let keygen = "net keygen --plan plan.json --owner owner --contributor anne --server server";
    let made = run(dir, keygen);
    assert!(made["security_bits"].as_u64() >= Some(128));
    fails(dir, keygen, 4, &["already exists"]);

    let encrypt = |who: &str, out: &str| {
        run(
            dir,
            &format!("net encrypt {who} --photo photo.png --out {out}"),
        )
    };
    let by_anne = encrypt("--contributor anne", "anne.enc");
    let by_owner = encrypt("--owner owner", "owner.enc");
    assert_eq!(by_anne["square"], 10);
    assert!(by_owner["bytes"].as_u64() < by_anne["bytes"].as_u64());

    let classify = |data: &str, out: &str| {
        format!("net classify --server server --network {network} --data {data} --out {out}")
    };
    let square = read_photo(&dir.join("photo.png")).unwrap();
    let range = Preprocessing::of_range([0.0, 1.0]).unwrap();
    let values = values(&square.middle_square(8).unwrap(), 1, &range).unwrap();
    let clear = read_network(Path::new(&network))
        .unwrap()
        .scores(&values)
        .unwrap();
    let largest = clear.iter().fold(0.0, |most, s| f64::max(most, s.abs()));
    let mut labels = Vec::new();
    for name in ["anne", "owner"] {
        run(
            dir,
            &classify(&format!("{name}.enc"), &format!("{name}.scores")),
        );
        let found = run(dir, &format!("net decrypt --owner owner {name}.scores"));
        let scores = found["scores"].as_array().unwrap();
        assert_eq!(scores.len(), 5);
        for (found, clear) in scores.iter().zip(&clear) {
            let error = found["score"].as_f64().unwrap() - clear;
            assert!(error.abs() <= largest / 64.0, "{found} {clear}");
        }
        labels.push(found["label"].clone());
    }
    assert_eq!(labels[0], labels[1]);
    let short = run(dir, "net decrypt --owner owner anne.scores --labels-only");
    assert!(short.get("scores").is_none() && short["label"] == labels[0]);

    // What is not what it should be is named, and nothing is replaced by something else.
    fails(
        dir,
        &classify("anne.scores", "x"),
        3,
        &["network-scores", "network-image"],
    );
    fails(
        dir,
        &classify("anne.enc", "owner.enc"),
        4,
        &["owner.enc", "already exists"],
    );
    fails(dir, &classify("anne.enc", "anne.enc"), 4, &["input"]);
    fails(
        dir,
        "net decrypt --owner owner anne.enc",
        3,
        &["network-image"],
    );
    fails(
        dir,
        "net decrypt --owner anne anne.scores",
        4,
        &["secret.key"],
    );
    let other = format!(
        "net classify --server server --network {NETWORKS}/deep.onnx --data anne.enc --out x"
    );
    fails(dir, &other, 4, &["network"]);
    fs::copy(dir.join("owner/secret.key"), dir.join("server/k")).unwrap();
    fails(dir, &classify("anne.enc", "x"), 4, &["secret key"]);
}

/// Pictures in folders of the classes that the network gives them, and others.
#[test]
fn the_accuracy_is_told_before_any_key_exists() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path();
    let network = format!("{NETWORKS}/quadratic.onnx");
    let read = read_network(Path::new(&network)).unwrap();
    let names = ["a", "b", "c", "d", "e"];
    let range = Preprocessing::of_range([0.0, 1.0]).unwrap();
    for i in 0..8_u32 {
        let image = GrayImage::from_fn(8, 8, |x, y| Luma([(x * (37 + 11 * i) + y * y * i) as u8]));
        let path = dir.join("image.png");
        image.save(&path).unwrap();
        let image = values(&read_photo(&path).unwrap(), 1, &range).unwrap();
        let scores = read.scores(&image).unwrap();
        let class = (0..5).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        let class = class.unwrap();
        let folder = match i {
            0 => "images".to_owned(),
            1 => "images/unknown".to_owned(),
            2 => format!("images/{}", names[(class + 1) % 5]),
            _ => format!("images/{}", names[class]),
        };
        fs::create_dir_all(dir.join(&folder)).unwrap();
        fs::rename(path, dir.join(format!("{folder}/{i}.png"))).unwrap();
    }
    let line = format!("net plan {network} --calibrate images --labels --classes a,b,c,d,e");
    let done = output(dir, &line);
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(
        told.contains("2 of 8 calibration images") && told.contains("unknown"),
        "{told}"
    );
    let found: Value = serde_json::from_slice(&done.stdout).unwrap();
    let accuracy = &found["accuracy"];
    assert_eq!(found["calibration_images"], 8);
    assert_eq!(
        (&accuracy["images"], &accuracy["unlabelled"]),
        (&6.into(), &2.into())
    );
    // Its activations are squares, which stay as they are.
    for part in ["original", "polynomials"] {
        assert!(
            (accuracy[part].as_f64().unwrap() - 5.0 / 6.0).abs() < 1e-9,
            "{accuracy}"
        );
    }
    assert_eq!(accuracy["agreement"], 1.0);

    let text = tapetum(dir).args(line.split(' ')).output().unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains("83.3 % as trained, 83.3 % with the polynomials"),
        "{text}"
    );

    let numbers = format!("net plan {network} --calibrate images --labels");
    fails(
        dir,
        &numbers,
        3,
        &["usable label", "unknown", "0, 1, 2, 3, 4", "--classes"],
    );
    let one = format!("net plan {network} --calibrate images/0.png --labels");
    fails(dir, &one, 3, &["usable label", "in no folder"]);
    let few = format!("net plan {network} --calibrate images --labels --classes a,b");
    fails(dir, &few, 3, &["5 scores", "2 classes"]);
    fails(
        dir,
        &format!("net plan {network} --labels"),
        2,
        &["--calibrate"],
    );
    fails(
        dir,
        &format!("net plan {network} --classes a,b,c,d,e"),
        2,
        &["--out"],
    );
}

/// The label alone leaves the server.
#[test]
fn a_label_is_found_without_its_scores() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path();
    halves(dir);
    let plan = "net plan halves.onnx --classes left,right --answer labels --out plan.json";
    fails(dir, plan, 2, &["--calibrate"]);
    let planned = run(dir, &format!("{plan} --calibrate images --labels"));
    assert_eq!(planned["answer"], "labels");
    let accuracy = &planned["accuracy"];
    let parts = [
        &accuracy["original"],
        &accuracy["polynomials"],
        &accuracy["agreement"],
    ];
    assert_eq!(
        (parts, &accuracy["undecided"]),
        ([&1.0.into(); 3], &0.into())
    );
    run(
        dir,
        "net keygen --plan plan.json --owner owner --contributor anne --server server",
    );
    for (name, label, decided) in [
        ("images/left/0.png", "left", true),
        ("images/right/0.png", "right", true),
        ("even.png", "", false),
    ] {
        run(
            dir,
            &format!("net encrypt --contributor anne --photo {name} --out photo.enc"),
        );
        let classify =
            "net classify --server server --network halves.onnx --data photo.enc --out label.enc";
        run(dir, classify);
        let found = run(dir, "net decrypt --owner owner label.enc");
        assert_eq!(found["decided"], decided, "{found}");
        if decided {
            assert_eq!(found["label"], label);
        }
        assert!(
            found.get("scores").is_none() && found.get("rounding").is_none(),
            "{found}"
        );
    }
    let text = tapetum(dir)
        .args(["net", "decrypt", "--owner", "owner", "label.enc"])
        .output()
        .unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains("undecided") && text.lines().count() == 1,
        "{text}"
    );
}

#[test]
fn without_calibration_a_note_says_what_that_means() {
    let line = format!("net plan {NETWORKS}/quadratic.onnx");
    let done = output(Path::new("."), &line);
    assert!(done.status.success());
    assert!(String::from_utf8_lossy(&done.stderr).contains("--calibrate"));
}

#[test]
fn what_cannot_be_planned_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let residual = format!("net plan {NETWORKS}/residual.onnx");
    fails(dir.path(), &residual, 6, &["residual.onnx", "node"]);
    fs::write(dir.path().join("picture.onnx"), b"\x89PNG\r\n\x1a\n").unwrap();
    fails(
        dir.path(),
        "net plan picture.onnx",
        3,
        &["not an ONNX file"],
    );
    fails(dir.path(), "net plan missing.onnx", 5, &["missing.onnx"]);
    let reversed = format!("net plan {NETWORKS}/quadratic.onnx --range 1 0");
    fails(
        dir.path(),
        &reversed,
        3,
        &["--range", "black must be below white"],
    );
    GrayImage::new(9, 8)
        .save(dir.path().join("wide.png"))
        .unwrap();
    let wide = format!("net plan {NETWORKS}/quadratic.onnx --calibrate wide.png");
    fails(dir.path(), &wide, 3, &["9 x 8", "8 x 8"]);
}

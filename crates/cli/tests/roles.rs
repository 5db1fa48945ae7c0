//! The three roles in three directories, compared with the plaintext reference.

mod common;

use std::fs;
use std::path::Path;

use common::{Random, column, figures_agree, run, same_predictions, table, tapetum, temporary};
use image::{GrayImage, ImageFormat, Luma};

/// Runs what the server does while the owner's directory is not there.
fn without_owner(dir: &Path, lines: &[&str]) {
    fs::rename(dir.join("owner"), dir.join("away")).unwrap();
    for line in lines {
        run(dir, line);
    }
    fs::rename(dir.join("away"), dir.join("owner")).unwrap();
}

#[test]
fn a_table_with_encrypted_and_with_clear_labels() {
    let dir = &temporary();
    fs::write(dir.join("cells.csv"), table()).unwrap();
    let data = format!(
        "--images cells.csv --positive M {}",
        common::SPLIT.join(" ")
    );
    let simulated = run(
        dir,
        &format!("simulate {data} --learner linear-means --out clear.csv"),
    );
    assert!(simulated["accuracy"].as_f64().unwrap() > 0.8);
    let of_training = run(
        dir,
        &format!("train --simulate {data} --learner linear-means"),
    );
    assert_eq!(of_training["confusion"], simulated["confusion"]);
    for step in ["encrypt", "train", "classify"] {
        assert!(
            simulated["cost"]["seconds"][step].as_f64().unwrap() > 0.0,
            "{step}"
        );
    }
    let memory = simulated["cost"]["training_memory_bytes"].as_u64().unwrap();

    let keys = run(
        dir,
        "keygen --owner owner --contributor contributor --server server --learner linear-means \
         --like cells.csv",
    );
    assert_eq!(keys["security_bits"], 128);
    // Expanded keys take more than their file, and samples come on top.
    assert!(memory > keys["evaluation_keys"].as_u64().unwrap() && memory < 4_000_000_000);
    for (labels, sender) in [("encrypted", "owner"), ("clear", "contributor")] {
        let sent = run(
            dir,
            &format!(
                "encrypt --{sender} {sender} {data} --split train --labels {labels} \
                 --out server/train.enc"
            ),
        );
        assert_eq!(sent["samples"], 110);
        assert_eq!(sent["labels"], labels);
        let asked = run(
            dir,
            &format!(
                "encrypt --{sender} {sender} {data} --split test --labels withheld \
                 --out server/test.enc"
            ),
        );
        // What was foretold, up to headers.
        let cost = &simulated["cost"];
        for (part, bytes) in [("train", &sent["bytes"]), ("test", &asked["bytes"])] {
            let foretold = &cost[part][format!("bytes_from_{sender}")];
            let (foretold, found) = (foretold.as_f64().unwrap(), bytes.as_f64().unwrap());
            let clear = labels == "clear" && part == "train";
            let bound = if clear { 0.7 } else { 0.01 };
            assert!((found / foretold - 1.0).abs() < bound, "{part} {labels}");
        }
        without_owner(
            dir,
            &[
                "train --server server --data server/train.enc --out server/model.enc",
                "classify --server server --model server/model.enc --data server/test.enc \
                 --out server/scores.enc",
            ],
        );
        let found = run(
            dir,
            &format!(
                "decrypt --owner owner server/scores.enc --index {sender}/test.index.csv \
                 --out verdicts.csv"
            ),
        );
        assert_eq!(found["accuracy"], simulated["accuracy"]);
        same_predictions(&dir.join("verdicts.csv"), &dir.join("clear.csv"), 1e-3);
        figures_agree(&found, &simulated);
    }

    // The owner reads the model, and it classifies as the encrypted one does.
    run(
        dir,
        "decrypt --owner owner server/model.enc --exact --out model.json",
    );
    run(
        dir,
        "classify --server server --model model.json --data server/test.enc --out plain.enc",
    );
    run(
        dir,
        "decrypt --owner owner plain.enc --index contributor/test.index.csv --out plain.csv",
    );
    same_predictions(&dir.join("plain.csv"), &dir.join("clear.csv"), 1e-3);

    // Nothing private is with the server, and what is private only its owner may read.
    let names: Vec<_> = fs::read_dir(dir.join("server"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for name in names {
        let ours = ["plan.json", "evaluation.keys"].contains(&name.as_str());
        assert!(ours || name.ends_with(".enc"), "{name}");
    }
    #[cfg(unix)]
    for private in ["owner/secret.key", "owner/features.json", "verdicts.csv"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(dir.join(private))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{private}");
    }

    // The last digits of a score tell about the key: they are there on request alone.
    let digits = |line: &str| {
        run(dir, line);
        let scores = column(&dir.join("digits.csv"), "score");
        let decimals = |s: &String| s.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        scores.iter().map(decimals).max()
    };
    let decrypt = "decrypt --owner owner server/scores.enc --out digits.csv";
    assert_eq!(digits(decrypt), Some(3));
    assert!(digits(&format!("{decrypt} --exact")) > Some(10));

    // What is given to others has no scores in it.
    let others = run(
        dir,
        "decrypt --owner owner server/scores.enc --index contributor/test.index.csv --labels-only \
         --out others.csv",
    );
    assert!(others["verdicts"][0].get("score").is_none());
    assert!(others.get("roc_auc").is_none_or(serde_json::Value::is_null));
    assert!(
        column(&dir.join("others.csv"), "score")
            .iter()
            .all(String::is_empty)
    );
    assert_eq!(
        column(&dir.join("others.csv"), "class"),
        column(&dir.join("clear.csv"), "class")
    );

    // A file says what it is without a key.
    let inspected = run(dir, "inspect server/train.enc");
    assert_eq!(inspected["objects"][0]["holds"], "contribution");
    assert_eq!(inspected["objects"][1]["holds"], "encrypted-matrix");
    assert_eq!(inspected["objects"][2]["holds"], "clear-labels");
    for (file, holds) in [
        ("owner/secret.key", "secret key"),
        ("contributor/public.key", "public key"),
        ("server/evaluation.keys", "evaluation keys"),
        ("server/model.enc", "linear-model"),
        ("server/scores.enc", "encrypted-scores"),
    ] {
        let inspected = run(dir, &format!("inspect {file}"));
        let holding = inspected["objects"][0]["holds"].as_str().unwrap();
        assert!(holding.contains(holds), "{file}: {holding}");
    }
}

/// A picture of bars, upright or lying, with noise.
fn bars(random: &mut Random, upright: bool) -> GrayImage {
    let (width, height) = (20 + (random.next() * 8.0) as u32, 24);
    GrayImage::from_fn(width, height, |x, y| {
        let along = if upright { x } else { y };
        let bar = if along / 4 % 2 == 0 { 60.0 } else { 180.0 };
        Luma([(bar + 60.0 * random.next()) as u8])
    })
}

#[test]
fn pictures_in_folders_and_a_single_one() {
    let dir = &temporary();
    let mut random = Random(11);
    let formats = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP];
    for (folder, upright) in [("upright", true), ("lying", false)] {
        let folder = dir.join("bars").join(folder);
        fs::create_dir_all(&folder).unwrap();
        for i in 0..24 {
            let format = formats[i % 3];
            let name = format!("{i:02}.{}", format.extensions_str()[0]);
            let picture = bars(&mut random, upright);
            picture.save_with_format(folder.join(name), format).unwrap();
        }
    }
    let new = dir.join("new");
    fs::create_dir(&new).unwrap();
    for (i, upright) in [true, false, false, true].into_iter().enumerate() {
        let picture = bars(&mut random, upright);
        picture.save(new.join(format!("{i}.png"))).unwrap();
    }

    // The contributor has pictures of both kinds and labels; the server sees neither.
    run(
        dir,
        "keygen --owner owner --contributor contributor --server server --learner linear-means \
         --features pixels:8 --side 16 --rows 48",
    );
    let encrypt = |line: &str| run(dir, &format!("encrypt --contributor contributor {line}"));
    let sent = encrypt("--images bars --positive upright --out train.enc");
    assert_eq!(
        (&sent["samples"], &sent["columns"]),
        (&48.into(), &64.into())
    );
    encrypt("--images new --out new.enc");
    let single = encrypt("--images new/2.png --out single.enc");
    assert_eq!(
        (&single["samples"], &single["ciphertexts"]),
        (&1.into(), &1.into())
    );
    without_owner(
        dir,
        &[
            "train --server server --data train.enc --out model.enc",
            "classify --server server --model model.enc --data new.enc --out new-scores.enc",
            "classify --server server --model model.enc --data single.enc --out single-scores.enc",
        ],
    );
    let read = |line: &str| {
        let found = run(dir, &format!("decrypt --owner owner {line}"));
        let predictions = found["verdicts"].as_array().unwrap().clone();
        let text = |v: &serde_json::Value, key| v[key].as_str().unwrap().to_owned();
        predictions
            .iter()
            .map(|v| {
                (
                    text(v, "source"),
                    text(v, "class"),
                    v["score"].as_f64().unwrap(),
                )
            })
            .collect::<Vec<_>>()
    };
    let many = read("new-scores.enc --index contributor/new.index.csv");
    let classes = many
        .iter()
        .map(|(source, class, _)| (source.as_str(), class.as_str()));
    let classes: Vec<_> = classes.collect();
    assert_eq!(
        classes,
        [
            ("0.png", "upright"),
            ("1.png", "lying"),
            ("2.png", "lying"),
            ("3.png", "upright")
        ]
    );
    let one = read("single-scores.enc --index contributor/single.index.csv");
    assert_eq!((one[0].0.as_str(), one[0].1.as_str()), ("2.png", "lying"));
    assert!((one[0].2 - many[2].2).abs() < 1e-3);
    // Without the index there are numbers, and classes without names, for the owner fitted nothing.
    let plain = read("single-scores.enc");
    assert_eq!(
        (plain[0].0.as_str(), plain[0].1.as_str()),
        ("0", "negative")
    );
}

#[test]
fn text_for_people() {
    let dir = &temporary();
    fs::write(dir.join("cells.csv"), table()).unwrap();
    let line = "simulate --images cells.csv --positive M --learner linear-means";
    let output = tapetum(dir).args(common::words(line)).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for part in [
        "% right",
        "log N = ",
        "evaluation keys: ",
        "from a contributor",
    ] {
        assert!(text.contains(part), "no “{part}” in: {text}");
    }
    // Progress is on standard error, and --quiet is quiet.
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("in the clear")
    );
    let quiet = tapetum(dir)
        .arg("-q")
        .args(common::words(line))
        .output()
        .unwrap();
    assert_eq!(quiet.stderr, b"");
}

#[test]
fn every_command_explains_itself_by_examples() {
    let help = |args: &[&str]| {
        let output = tapetum(Path::new(".")).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let overview = help(&["--help"]);
    assert!(overview.contains("Exit codes:"));
    for command in [
        "simulate", "keygen", "encrypt", "train", "classify", "decrypt", "inspect", "demo",
    ] {
        assert!(overview.contains(command), "{command}");
        let text = help(&[command, "--help"]);
        assert!(text.contains("Example"), "{command}: {text}");
        assert!(text.contains(&format!("  tapetum {command} ")) || command == "demo");
    }
}

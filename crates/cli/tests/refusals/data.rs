//! Samples and pictures that cannot be used.

use std::fs::{self, File};

use tapetum::ckks::{Encryptor, SecretKey};
use tapetum::learn::{ClassLabels, EncryptedLabels, EncryptedMatrix, Features, Layout};

use crate::common::{ROWS, copy, fails, run, temporary};
use crate::{COMPUTATION, ENCRYPT_NEW, FILES, INPUT, ROLE, with, world};

#[test]
fn data_that_cannot_be_used() {
    let dir = &world();
    let encrypt = |images: &str| {
        format!("encrypt --contributor contributor --images {images} --refit --out train.enc")
    };
    let csv = |name: &str, text: &str| fs::write(dir.join(name), text).unwrap();
    csv("nan.csv", "label,a,b,c,d,e\nM,1,2,3,4,5\nB,1,NaN,3,4,5\n");
    fails(
        dir,
        &encrypt("nan.csv"),
        INPUT,
        &["nan.csv", "line 3", "column 3"],
    );
    csv("inf.csv", "label,a,b,c,d,e\nM,1,2,3,4,5\nB,1,2,3,4,inf\n");
    fails(dir, &encrypt("inf.csv"), INPUT, &["inf.csv", "line 3"]);
    csv("word.csv", "label,a,b,c,d,e\nM,1,2,3,4,5\nB,1,2,cat,4,5\n");
    fails(
        dir,
        &encrypt("word.csv"),
        INPUT,
        &["word.csv", "line 3", "column 4"],
    );
    csv("one.csv", "label,a,b,c,d,e\nM,1,2,3,4,5\nM,5,4,3,2,1\n");
    fails(dir, &encrypt("one.csv"), INPUT, &["class"]);
    fails(dir, "simulate --images one.csv", INPUT, &["class"]);
    csv("empty.csv", "");
    fails(dir, &encrypt("empty.csv"), INPUT, &["empty.csv"]);
    csv("narrow.csv", "label,a\nM,1\nB,2\n");
    fails(dir, &encrypt("narrow.csv"), INPUT, &["1 features", "5"]);
    fails(dir, &encrypt("nothing.csv"), FILES, &["nothing.csv"]);
    fails(
        dir,
        &encrypt("cells.csv --positive cat"),
        INPUT,
        &["cat", "B, M"],
    );
    let split = "cells.csv --split train --train-count 1000 --test-count 10";
    fails(dir, &encrypt(split), INPUT, &["1000", &ROWS.to_string()]);

    // Options that mean nothing for these data.
    let unlabelled = "encrypt --contributor contributor --images nan.csv --unlabelled --out a.enc";
    fails(dir, unlabelled, INPUT, &["nan.csv"]);
    csv("plain.csv", "1,2,3,4,5\n2,3,4,5,6\n");
    let plain = "encrypt --contributor contributor --images plain.csv --unlabelled --out a.enc";
    for option in ["--positive M", "--balanced", "--refit", "--labels clear"] {
        fails(dir, &format!("{plain} {option}"), INPUT, &["labels"]);
    }
    fails(
        dir,
        &format!("{plain} --split train --train-count 1 --test-count 1"),
        INPUT,
        &["labels"],
    );
    fails(
        dir,
        "simulate --images plain.csv --unlabelled",
        INPUT,
        &["labels"],
    );
    let counts = encrypt("cells.csv --train-count 10 --test-count 10");
    fails(dir, &counts, INPUT, &["--split"]);
    // Standardised for M against B, so not for B against M.
    let other = "encrypt --owner contributor2 --images cells.csv --positive B --out a.enc";
    copy(&dir.join("owner"), &dir.join("contributor2"));
    fs::copy(
        dir.join("contributor/features.json"),
        dir.join("contributor2/features.json"),
    )
    .unwrap();
    fails(dir, other, INPUT, &["B and M", "M and B", "--refit"]);
    // New data need to know how the old were standardised.
    let early = "encrypt --owner owner --images plain.csv --unlabelled --out a.enc";
    fails(
        dir,
        early,
        ROLE,
        &["features.json is missing", "copy the file"],
    );
}

#[test]
fn pictures_that_are_none() {
    let dir = &temporary();
    run(
        dir,
        "keygen --owner owner --learner linear-means --features pixels:4 --rows 20",
    );
    let encrypt = |images: &str| format!("encrypt --owner owner --images {images} --out train.enc");
    let folder = |name: &str| {
        fs::create_dir_all(dir.join(name)).unwrap();
        dir.join(name)
    };
    let picture = image::GrayImage::from_fn(8, 8, |x, y| image::Luma([(x * y) as u8]));
    picture.save(folder("one/cats").join("a.png")).unwrap();
    fails(dir, &encrypt("one"), INPUT, &["at least two"]);

    picture.save(folder("pets/cats").join("a.png")).unwrap();
    fs::write(folder("pets/dogs").join("b.png"), "a dog").unwrap();
    fails(
        dir,
        &encrypt("pets"),
        INPUT,
        &["b.png", "not a readable PNG, JPEG or WebP"],
    );
    let png = fs::read(dir.join("pets/cats/a.png")).unwrap();
    fs::write(dir.join("pets/dogs/b.png"), &png[..png.len() / 2]).unwrap();
    fails(dir, &encrypt("pets"), INPUT, &["b.png"]);
    fails(dir, &encrypt("pets/dogs/b.png"), INPUT, &["b.png"]);
    fs::remove_file(dir.join("pets/dogs/b.png")).unwrap();
    fails(dir, &encrypt("pets"), INPUT, &["dogs", "no image"]);
    fails(dir, &encrypt("nowhere"), FILES, &["nowhere"]);
    fs::write(dir.join("t10k-images-idx3-ubyte"), [0, 0, 8, 3]).unwrap();
    fails(
        dir,
        &encrypt("t10k-images-idx3-ubyte"),
        INPUT,
        &["--label-file"],
    );
}

#[test]
fn values_that_would_leave_their_range() {
    let dir = &temporary();
    // Far values that say most clearly what they are: the first step would overshoot on these, so the features are
    // made smaller.
    let mut text = "label,a\n".to_owned();
    for i in -200..=200 {
        let value = (f64::from(i) / 200.0).powi(3);
        text += &format!("{},{value}\n", i32::from(i > 0));
    }
    fs::write(dir.join("far.csv"), text).unwrap();
    let found = run(
        dir,
        "simulate --images far.csv --plain-columns --interval 8",
    );
    let largest = found["ranges"]["largest_z"].as_array().unwrap();
    let largest = largest
        .iter()
        .map(|z| z.as_f64().unwrap())
        .fold(0.0, f64::max);
    assert!((6.0..=7.2).contains(&largest), "{largest}");
    assert!(found["accuracy"].as_f64().unwrap() > 0.9);
    // Where there is no room for eigenvalues of 1, nothing is made smaller.
    fails(
        dir,
        "simulate --images far.csv --learner ridge --largest-eigenvalue 0.5",
        INPUT,
        &["eigenvalue", "--largest-eigenvalue"],
    );
}

#[test]
fn levels_that_do_not_suffice() {
    let dir = &world();
    let secret = SecretKey::read(File::open(dir.join("owner/secret.key")).unwrap()).unwrap();
    let parameters = secret.parameters();
    let encryptor = Encryptor::with_secret_key(&secret);
    let plan: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(dir.join("server/plan.json")).unwrap()).unwrap();
    let width = plan["block_cols"].as_u64().unwrap() as usize;
    let columns = plan["columns"].as_u64().unwrap() as usize;
    let layout = Layout::new(4, columns, parameters.slots() / width, width).unwrap();
    let values: Vec<f64> = (0..4 * columns).map(|i| i as f64 / 40.0).collect();
    let features = Features::new(&values, columns).unwrap();
    let labels = ClassLabels::new(vec![true, false, true, false]).unwrap();
    let mut file = File::create(dir.join("low.enc")).unwrap();
    let matrix = EncryptedMatrix::encrypt(&features, layout, 1, &encryptor, &mut |_| ()).unwrap();
    let labels = EncryptedLabels::encrypt(&labels, layout, 1, &encryptor, &mut |_| ()).unwrap();
    matrix.to_bundle().unwrap().write(&mut file).unwrap();
    labels.to_bundle().unwrap().write(&mut file).unwrap();

    let line = "train --server server --data low.enc --out model.enc";
    fails(
        dir,
        line,
        COMPUTATION,
        &["level", "encrypt at a higher level"],
    );
    let line = "classify --server server --model model.enc --data low.enc --out scores.enc";
    fails(
        dir,
        line,
        COMPUTATION,
        &["level", "encrypt at a higher level"],
    );
    // A plan that somebody changed.
    let changed = plan
        .to_string()
        .replace(&format!("\"levels\":{}", plan["levels"]), "\"levels\":1");
    assert_ne!(changed, plan.to_string());
    with(
        dir,
        "contributor/plan.json",
        changed.as_bytes(),
        ENCRYPT_NEW,
        INPUT,
        &["1 levels"],
    );
}

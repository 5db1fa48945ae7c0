//! Everything that is refused: exit code, a message that says what to do, and no file touched.

mod common;

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use common::{ROWS, check_failure, copy, fails, files, output, run, table, words};
use tapetum_ckks::{Encoder, Encryptor, SecretKey};
use tapetum_learn::{ClassLabels, EncryptedLabels, EncryptedMatrix, Features, Layout};

const KEYGEN: &str = "keygen --learner linear-means --like cells.csv";
const TRAIN: &str = "train --server server --data train.enc --out model.enc";
const CLASSIFY: &str = "classify --server server --model model.enc --data new.enc --out scores.enc";
const DECRYPT: &str = "decrypt --owner owner scores.enc --out verdicts.csv";
const ENCRYPT_NEW: &str = "encrypt --contributor contributor --images cells.csv --positive M \
                           --labels withheld --out new.enc";

const USAGE: i32 = 2;
const INPUT: i32 = 3;
const ROLE: i32 = 4;
const FILES: i32 = 5;
const COMPUTATION: i32 = 6;

/// Three directories and every file that passes between them.
fn world() -> tempfile::TempDir {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path();
    fs::write(dir.join("cells.csv"), table()).unwrap();
    run(
        dir,
        &format!("{KEYGEN} --owner owner --contributor contributor --server server"),
    );
    let data = "--images cells.csv --positive M";
    run(
        dir,
        &format!("encrypt --contributor contributor {data} --out train.enc"),
    );
    run(dir, ENCRYPT_NEW);
    run(dir, TRAIN);
    run(dir, CLASSIFY);
    run(dir, DECRYPT);
    temporary
}

/// The command that reads a file, for each kind of file.
const READERS: [(&str, &str); 10] = [
    ("train.enc", TRAIN),
    ("new.enc", CLASSIFY),
    ("model.enc", CLASSIFY),
    ("scores.enc", DECRYPT),
    ("owner/secret.key", DECRYPT),
    ("contributor/public.key", ENCRYPT_NEW),
    ("contributor/features.json", ENCRYPT_NEW),
    ("contributor/plan.json", ENCRYPT_NEW),
    ("server/evaluation.keys", TRAIN),
    ("server/plan.json", TRAIN),
];

/// Replaces a file while a command must fail.
fn with(dir: &Path, file: &str, content: &[u8], line: &str, code: i32, says: &[&str]) {
    let path = dir.join(file);
    let good = fs::read(&path).unwrap();
    fs::write(&path, content).unwrap();
    fails(dir, line, code, says);
    fs::write(&path, good).unwrap();
}

#[test]
fn damaged_foreign_and_missing_files() {
    let temporary = world();
    let dir = temporary.path();
    for (file, line) in READERS {
        let good = fs::read(dir.join(file)).unwrap();
        let binary = !file.ends_with(".json");
        let name = file.rsplit('/').next().unwrap();
        with(dir, file, &good[..good.len() / 2], line, INPUT, &[name]);
        with(dir, file, b"", line, INPUT, &[name]);
        with(
            dir,
            file,
            b"Dear server, here are my cats.",
            line,
            INPUT,
            &[name],
        );
        if binary {
            let mut flipped = good.clone();
            flipped[good.len() / 2] ^= 0x10;
            with(dir, file, &flipped, line, INPUT, &[name]);
            let mut newer = good.clone();
            // The version stands behind the magic.
            let version = newer.windows(2).position(|w| w == [1, 0]).unwrap();
            newer[version + 1] = 1;
            with(dir, file, &newer, line, INPUT, &["newer version"]);
        }
        fs::rename(dir.join(file), dir.join("away")).unwrap();
        let code = match name {
            // Without it the contributor cannot know the features, but may fit them.
            "features.json" | "plan.json" => ROLE,
            _ if file.contains('/') => ROLE,
            _ => FILES,
        };
        fails(dir, line, code, &[name]);
        fs::rename(dir.join("away"), dir.join(file)).unwrap();
    }
    for (file, line) in [
        ("train.enc", TRAIN),
        ("model.enc", CLASSIFY),
        ("scores.enc", DECRYPT),
    ] {
        let mut longer = fs::read(dir.join(file)).unwrap();
        longer.push(0);
        with(
            dir,
            file,
            &longer,
            line,
            INPUT,
            &["goes on where it should end"],
        );
    }
    // After all that, everything still works.
    for line in [TRAIN, CLASSIFY, DECRYPT] {
        run(dir, line);
    }

    // Files in each other's places.
    let model = "classify --server server --model new.enc --data new.enc --out scores.enc";
    fails(
        dir,
        model,
        ROLE,
        &["new.enc", "encrypted-matrix", "linear-model"],
    );
    let key = "train --server server --data server/evaluation.keys --out model.enc";
    fails(dir, key, ROLE, &["evaluation.keys", "evaluation keys"]);
    let scores = "decrypt --owner owner new.enc --out verdicts.csv";
    fails(
        dir,
        scores,
        ROLE,
        &["new.enc", "encrypted-matrix", "encrypted-scores"],
    );
    let model = "decrypt --owner owner model.enc";
    fails(dir, model, INPUT, &["model.enc is a model", "--out"]);
    fails(
        dir,
        "inspect cells.csv",
        INPUT,
        &["cells.csv", "not a Tapetum file"],
    );
    fails(dir, "inspect nothing.enc", FILES, &["nothing.enc"]);

    // Samples without labels teach nothing.
    let withheld = "train --server server --data new.enc --out model.enc";
    fails(
        dir,
        withheld,
        INPUT,
        &["without labels", "--labels encrypted"],
    );

    // Directories that are not there, or are another role's.
    fails(
        dir,
        "train --server nowhere --data train.enc --out model.enc",
        FILES,
        &["nowhere"],
    );
    let wrong = "train --server contributor --data train.enc --out model.enc";
    fails(
        dir,
        wrong,
        ROLE,
        &["evaluation.keys is missing", "ask the owner"],
    );
    fails(
        dir,
        "decrypt --owner server scores.enc",
        ROLE,
        &["secret.key is missing"],
    );
    let wrong = "encrypt --contributor server --images cells.csv --out new.enc";
    fails(dir, wrong, ROLE, &["public.key is missing"]);

    // An index that is none, and one of other samples.
    fails(
        dir,
        "decrypt --owner owner scores.enc --index cells.csv",
        INPUT,
        &["is no index"],
    );
    fs::write(
        dir.join("one.csv"),
        "sample,source,label,contributor,classes\n0,a,,,\"[\"\"b\"\",\"\"c\"\"]\"\n",
    )
    .unwrap();
    let one = "decrypt --owner owner scores.enc --index one.csv";
    fails(dir, one, INPUT, &["1 samples", &format!("{ROWS} scores")]);
}

#[test]
fn keys_and_files_of_another_keygen() {
    let temporary = world();
    let dir = temporary.path();
    // The same parameters: nobody can tell before decryption, which must.
    run(
        dir,
        &format!("{KEYGEN} --owner owner2 --contributor contributor2 --server server2"),
    );
    let other = "decrypt --owner owner2 scores.enc --out verdicts.csv";
    fails(
        dir,
        other,
        ROLE,
        &["does not decrypt", "another `tapetum keygen`"],
    );
    run(
        dir,
        "classify --server server2 --model model.enc --data new.enc --out strange.enc",
    );
    fails(
        dir,
        "decrypt --owner owner strange.enc",
        ROLE,
        &["another `tapetum keygen`"],
    );
    // Another number of features.
    run(
        dir,
        "keygen --owner owner3 --server server3 --learner linear-means --features table \
              --columns 700 --rows 20",
    );
    fails(
        dir,
        "encrypt --owner owner3 --images cells.csv --positive M --out train.enc",
        INPUT,
        &["5 features", "700", "--like"],
    );
    // Other parameters.
    run(
        dir,
        "keygen --owner owner4 --contributor contributor4 --server server4 \
              --features table --columns 5 --rows 20",
    );
    let parameters = ["belongs to parameters"];
    fails(
        dir,
        "train --server server4 --data train.enc --out model.enc",
        ROLE,
        &parameters,
    );
    fails(
        dir,
        "decrypt --owner owner4 scores.enc --out verdicts.csv",
        ROLE,
        &parameters,
    );
    // Halves of two runs in one directory.
    for (file, line) in [
        ("server/plan.json", TRAIN),
        ("owner/plan.json", DECRYPT),
        ("contributor/plan.json", ENCRYPT_NEW),
    ] {
        let other = file.replace('/', "4/");
        let content = fs::read(dir.join(other)).unwrap();
        with(
            dir,
            file,
            &content,
            line,
            ROLE,
            &["different runs of `tapetum keygen`"],
        );
    }
}

#[test]
fn levels_that_do_not_suffice() {
    let temporary = world();
    let dir = temporary.path();
    let secret = SecretKey::read(File::open(dir.join("owner/secret.key")).unwrap()).unwrap();
    let parameters = secret.parameters();
    let (encoder, encryptor) = (
        Encoder::new(parameters),
        Encryptor::with_secret_key(&secret),
    );
    let plan: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(dir.join("server/plan.json")).unwrap()).unwrap();
    let width = plan["block_cols"].as_u64().unwrap() as usize;
    let layout = Layout::new(4, 5, parameters.slots() / width, width).unwrap();
    let values: Vec<f64> = (0..20).map(|i| f64::from(i) / 20.0).collect();
    let features = Features::new(&values, 5).unwrap();
    let labels = ClassLabels::new(vec![true, false, true, false]).unwrap();
    let mut file = File::create(dir.join("low.enc")).unwrap();
    let matrix =
        EncryptedMatrix::encrypt(&features, layout, 1, &encoder, &encryptor, &mut |_| ()).unwrap();
    let labels =
        EncryptedLabels::encrypt(&labels, layout, 1, &encoder, &encryptor, &mut |_| ()).unwrap();
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

#[test]
fn values_that_leave_their_range() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path();
    // Far values that say most clearly what they are: the first step overshoots on these.
    let mut text = "label,a\n".to_owned();
    for i in -200..=200 {
        let value = (f64::from(i) / 200.0).powi(3);
        text += &format!("{},{value}\n", i32::from(i > 0));
    }
    fs::write(dir.join("far.csv"), text).unwrap();
    let line = "simulate --images far.csv --out clear.csv";
    let output = output(dir, line);
    // The figures are there all the same.
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let largest = found["ranges"]["largest_z"].as_array().unwrap();
    let leaves = largest.iter().any(|z| z.as_f64().unwrap() > 8.0);
    assert!(leaves, "{largest:?}");
    assert_eq!(output.status.code(), Some(COMPUTATION));
    assert!(String::from_utf8_lossy(&output.stderr).contains("outside the interval"));
}

#[test]
fn data_that_cannot_be_used() {
    let temporary = world();
    let dir = temporary.path();
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
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path();
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
fn command_lines_that_are_wrong() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path();
    for (line, says) in [
        ("train --server s --data d --out o --fast", "--fast"),
        ("train --server s", "--data"),
        ("fly", "fly"),
        (
            "encrypt --owner a --contributor b --images c --out d",
            "--contributor",
        ),
        ("encrypt --images c --out d", "--owner"),
        (
            "encrypt --owner a --images c --out d --split train",
            "--train-count",
        ),
        (
            "encrypt --owner a --images c --out d --split all --train-count 1",
            "all",
        ),
        ("keygen --owner a --learner magic", "logistic, linear-means"),
        ("keygen --owner a --rows many", "many"),
    ] {
        fails(dir, line, USAGE, &[says]);
    }
    for (line, says) in [
        ("keygen --owner a --features table", "--columns"),
        ("keygen --owner a --columns 3", "--features table"),
        ("keygen --owner a --features whiskers:3", "whiskers:3"),
        ("keygen --owner a --rows 0", "0"),
        ("keygen --owner a --side 100000", "100000"),
    ] {
        fails(dir, line, INPUT, &[says]);
    }
    // Without --json, for people.
    let output = common::tapetum(dir)
        .args(["train", "--fast"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(USAGE));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: "));
    let output = common::tapetum(dir)
        .args(words("inspect nothing.enc"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(FILES));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.starts_with("error: cannot open nothing.enc"), "{text}");
}

#[test]
fn a_secret_key_never_meets_a_server() {
    let temporary = world();
    let dir = temporary.path();
    let secret = fs::read(dir.join("owner/secret.key")).unwrap();
    let refused = |line: &str| fails(dir, line, ROLE, &["secret key", "make new keys"]);
    let both = || [TRAIN, CLASSIFY].into_iter().for_each(refused);
    // Under its name or another, in the directory or below it.
    for place in [
        "server/secret.key",
        "server/holiday.txt",
        "server/a/b/.hidden",
    ] {
        let place = dir.join(place);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, &secret).unwrap();
        both();
        // It need not be whole to be too much.
        fs::write(&place, &secret[..secret.len() / 2]).unwrap();
        both();
        fs::remove_file(&place).unwrap();
    }
    fs::write(dir.join("server/secret.key"), "unreadable").unwrap();
    both();
    fs::remove_file(dir.join("server/secret.key")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        let link = dir.join("server/link");
        for target in ["../owner/secret.key", "../owner"] {
            symlink(target, &link).unwrap();
            both();
            fs::remove_file(&link).unwrap();
        }
        // A circle of links is no secret.
        symlink("../server", &link).unwrap();
        run(dir, TRAIN);
        fs::remove_file(&link).unwrap();
    }
    // As an argument.
    refused("train --server server --data owner/secret.key --out model.enc");
    refused("classify --server server --model owner/secret.key --data new.enc --out scores.enc");
    refused("classify --server server --model model.enc --data owner/secret.key --out scores.enc");
    refused("train --server owner --data train.enc --out model.enc");
    refused("train --server . --data train.enc --out model.enc");
    run(dir, TRAIN);

    // Keys that exist are not replaced, whichever they are.
    for line in [
        "--owner owner",
        "--owner new --server server",
        "--owner new --contributor contributor",
        "--owner server",
        "--owner contributor",
    ] {
        fails(
            dir,
            &format!("{KEYGEN} {line}"),
            ROLE,
            &["is there already"],
        );
    }
    // Directories that are not apart.
    for line in [
        "--owner new --server new",
        "--owner new --server ./new/",
        "--owner new/own --server new",
        "--owner new/own --server new/own/../",
        "--owner new --contributor new",
        "--owner own --contributor new --server new",
        "--owner server/new",
    ] {
        let output = output(dir, &format!("{KEYGEN} {line}"));
        check_failure(&output, line, ROLE, &["a directory of its own"]);
        let written = files(&dir.join("new"));
        assert!(written.values().all(Option::is_none), "{line} wrote a file");
    }
    let everything = files(dir);
    let secrets = everything
        .keys()
        .filter(|path| path.ends_with("secret.key"));
    assert_eq!(secrets.count(), 1);
}

#[test]
fn places_that_cannot_be_written_to() {
    let temporary = world();
    let dir = temporary.path();
    let to = |out: &str| {
        [
            TRAIN.replace("model.enc", out),
            CLASSIFY.replace("scores.enc", out),
            ENCRYPT_NEW.replace("new.enc", out),
            DECRYPT.replace("verdicts.csv", out),
            format!("simulate --images cells.csv --out {out}"),
            format!("demo --report {out}"),
        ]
    };
    for line in to("nowhere/out") {
        fails(
            dir,
            &line,
            FILES,
            &["there is no folder nowhere", "make it first"],
        );
    }
    for line in to("server") {
        fails(dir, &line, FILES, &["a folder has this name"]);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A device or a pipe would be replaced by a file.
        let made = Command::new("mkfifo").arg(dir.join("pipe")).status();
        if made.is_ok_and(|status| status.success()) {
            for line in to("pipe") {
                fails(dir, &line, FILES, &["no regular file"]);
            }
            fs::remove_file(dir.join("pipe")).unwrap();
        }
        let closed = dir.join("closed");
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
        if File::create(closed.join("test")).is_ok() {
            eprintln!("skipped: this user may write into read-only directories");
        } else {
            for line in to("closed/out") {
                fails(dir, &line, FILES, &["closed/out", "may you write there?"]);
            }
        }
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// As on a full disk, no file may grow beyond some kilobytes.
#[test]
#[cfg(unix)]
fn a_disk_without_room() {
    let temporary = world();
    let dir = temporary.path();
    let limited = |line: &str| {
        // Without the signal, writing gives an error.
        let script = format!("trap '' XFSZ; ulimit -f 8 && exec \"$0\" --json {line}");
        let mut shell = Command::new("bash");
        shell.args(["-c", &script]);
        shell.arg(assert_cmd::cargo::cargo_bin!("tapetum"));
        shell.current_dir(dir).output()
    };
    if limited("inspect train.enc").is_err() {
        eprintln!("skipped: there is no bash");
        return;
    }
    for line in [
        TRAIN,
        CLASSIFY,
        ENCRYPT_NEW,
        &ENCRYPT_NEW.replace("withheld", "encrypted"),
    ] {
        let before = files(dir);
        let output = limited(line).unwrap();
        check_failure(&output, line, FILES, &["is there room"]);
        assert!(before == files(dir), "{line} changed a file");
    }
    let output = limited(&format!("{KEYGEN} --owner new --server new-server")).unwrap();
    check_failure(&output, "keygen", FILES, &["is there room"]);
    assert!(!dir.join("new/secret.key").exists());
    let left = files(dir);
    let partial = left
        .keys()
        .find(|path| path.to_string_lossy().contains("partial"));
    assert_eq!(partial, None);
}

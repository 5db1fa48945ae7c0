//! The folders of earlier versions (`tests/compat`), used with the command of today.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use common::{column, copy, files, output, run, tapetum, temporary};

/// What the keys named `sealed` are kept under.
const PASSPHRASE: &str = "known to everybody";

/// A command line works, or refuses with a message that names the version of what it met.
fn works_or_names_the_version(dir: &Path, line: &str) -> bool {
    let output = output(dir, line);
    judge(dir, line, &output)
}

fn judge(dir: &Path, line: &str, output: &Output) -> bool {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() || errors.contains("version"),
        "{}: {line}: {errors}",
        dir.display()
    );
    output.status.success()
}

fn versions() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/compat");
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).collect()
}

/// What `inspect` says that files hold, whichever it is. The known-answer files are read whole by the tests of the
/// crates that write them.
#[test]
fn there_is_a_file_of_every_kind() {
    let dir = &temporary();
    let mut found = BTreeSet::new();
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");
    let folders = versions().into_iter().chain([PathBuf::from(vectors)]);
    for file in folders.flat_map(|folder| files(&folder).into_keys().collect::<Vec<_>>()) {
        let kind = file.extension().and_then(|e| e.to_str());
        if !file.is_file() || !matches!(kind, Some("enc" | "key" | "keys" | "bin")) {
            continue;
        }
        let line = format!("inspect {}", file.display());
        if works_or_names_the_version(dir, &line) {
            let objects = run(dir, &line)["objects"].as_array().unwrap().clone();
            found.extend(
                objects
                    .iter()
                    .map(|o| o["holds"].as_str().unwrap().to_owned()),
            );
        }
    }
    for kind in [
        "parameters",
        "a secret key",
        "a public key",
        "a relinearisation key",
        "a Galois key",
        "evaluation keys",
        "a plaintext",
        "a ciphertext",
        "contribution",
        "clear-labels",
        "encrypted-matrix",
        "encrypted-labels",
        "linear-model",
        "encrypted-scores",
        "encrypted-verdicts",
        "training-state",
        "vector-1",
        "network-image",
        "network-scores",
    ] {
        assert!(found.contains(kind), "{kind} {found:?}");
    }
}

#[test]
fn files_of_every_version_are_read_or_refused_by_name() {
    assert!(!versions().is_empty());
    for version in versions() {
        let dir = &temporary();
        copy(&version, dir);
        for file in files(dir).into_keys().filter(|file| file.is_file()) {
            let kind = file.extension().and_then(|e| e.to_str());
            if matches!(kind, Some("enc" | "key" | "keys")) {
                works_or_names_the_version(dir, &format!("inspect {}", file.display()));
            }
        }

        let scored = works_or_names_the_version(
            dir,
            "decrypt --owner owner scores.enc --index owner/samples.index.csv --out again.csv",
        );
        fs::rename(dir.join("owner"), dir.join("away")).unwrap();
        let classified = works_or_names_the_version(
            dir,
            "classify --server server --model provider/model.json --data samples.enc --out new.enc",
        );
        let encrypted = works_or_names_the_version(
            dir,
            "encrypt --contributor contributor --images rows.csv --unlabelled --out more.enc",
        );
        let more = encrypted
            && works_or_names_the_version(
                dir,
                "classify --server server --model provider/model.json --data more.enc --out more-scores.enc",
            );
        fs::rename(dir.join("away"), dir.join("owner")).unwrap();
        if more {
            fs::rename(
                dir.join("contributor/more.index.csv"),
                dir.join("owner/more.index.csv"),
            )
            .unwrap();
        }
        let expected = column(&dir.join("verdicts.csv"), "class");
        for (done, line, written) in [
            (scored, "", "again.csv"),
            (
                classified,
                "decrypt --owner owner new.enc --index owner/samples.index.csv --out new.csv",
                "new.csv",
            ),
            (
                more,
                "decrypt --owner owner more-scores.enc --index owner/more.index.csv --out more.csv",
                "more.csv",
            ),
        ] {
            if done && (line.is_empty() || works_or_names_the_version(dir, line)) {
                assert_eq!(column(&dir.join(written), "class"), expected, "{written}");
            }
        }
        sealed_keys_open(dir, &expected);
        networks_decide_the_same(dir);
    }
}

/// A secret key under a passphrase, if the version has one.
fn sealed_keys_open(dir: &Path, expected: &[String]) {
    if !dir.join("sealed").is_dir() {
        return;
    }
    let line = "decrypt --owner sealed sealed.enc --index sealed/sealed.index.csv --out sealed.csv";
    let decrypt = |passphrase: &str| {
        let mut command = tapetum(dir);
        command.env("TAPETUM_PASSPHRASE", passphrase);
        command.args(line.split(' ')).output().unwrap()
    };
    assert!(!decrypt("something else").status.success());
    if judge(dir, line, &decrypt(PASSPHRASE)) {
        assert_eq!(column(&dir.join("sealed.csv"), "class"), expected);
    }
}

/// A network, and a photograph under its keys, if the version has them.
fn networks_decide_the_same(dir: &Path) {
    let dir = &dir.join("network");
    if !dir.is_dir() {
        return;
    }
    let expected: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(dir.join("decrypted.json")).unwrap()).unwrap();
    let decrypts = |file: &str| {
        let line = format!("net decrypt --owner owner {file}");
        if works_or_names_the_version(dir, &line) {
            assert_eq!(run(dir, &line)["label"], expected["label"], "{file}");
        }
    };
    decrypts("scores.enc");
    let line = "net encrypt --contributor contributor --photo photo.png --out more.enc";
    let more = works_or_names_the_version(dir, line).then_some("more.enc");
    for photo in ["photo.enc"].into_iter().chain(more) {
        fs::rename(dir.join("owner"), dir.join("../away")).unwrap();
        let line = format!(
            "net classify --server server --network dense.onnx --data {photo} --out new-{photo}"
        );
        let classified = works_or_names_the_version(dir, &line);
        fs::rename(dir.join("../away"), dir.join("owner")).unwrap();
        if classified {
            decrypts(&format!("new-{photo}"));
        }
    }
}

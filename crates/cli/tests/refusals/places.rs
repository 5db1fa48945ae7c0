//! Places that cannot be written to.

use std::fs::{self, File};
use std::process::Command;

use crate::common::{check_failure, fails, files, run};
use crate::{CLASSIFY, DECRYPT, ENCRYPT_NEW, FILES, KEYGEN, ROLE, TRAIN, world};

#[test]
fn places_that_cannot_be_written_to() {
    let dir = &world();
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
            &["the folder nowhere does not exist", "create it first"],
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
                fails(dir, &line, FILES, &["not a regular file"]);
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
    let dir = &world();
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

#[test]
fn outputs_replace_neither_inputs_nor_files_of_another_kind() {
    let dir = &world();
    fs::write(dir.join("report.html"), "<!doctype html>").unwrap();
    let simulate = "simulate --images cells.csv --positive M --learner linear-means";
    run(dir, &format!("{simulate} --export provider"));
    let encrypt = "encrypt --owner owner --images cells.csv --positive M";
    let train = "train --server server --data train.enc";
    let classify = "classify --server server --model model.enc --data new.enc";
    let decrypt = "decrypt --owner owner scores.enc";
    let input = "is an input of this command";
    for (command, out, says) in [
        (simulate, "cells.csv", input),
        (simulate, "contributor/features.json", "not predictions"),
        (encrypt, "cells.csv", input),
        (encrypt, "model.enc", "is a bundle of kind linear-model"),
        (encrypt, "contributor/public.key", "is a public key"),
        (train, "train.enc", input),
        (train, "new.enc", "not an encrypted model"),
        (train, "server/evaluation.keys", "is evaluation keys"),
        (classify, "model.enc", input),
        (classify, "new.enc", input),
        (classify, "cells.csv", "is another file"),
        (decrypt, "scores.enc", input),
        (decrypt, "contributor/new.index.csv", "is an index"),
        (decrypt, "owner/secret.key", "is a secret key"),
        (decrypt, "owner/plan.json", "not predictions"),
        (decrypt, "provider/model.json", "not predictions"),
        (
            "decrypt --owner owner model.enc",
            "verdicts.csv",
            "not a model's weights",
        ),
    ] {
        fails(dir, &format!("{command} --out {out}"), ROLE, &[out, says]);
    }
    // An index is an input, too.
    let with_index = format!("{decrypt} --index contributor/new.index.csv");
    let line = format!("{with_index} --out contributor/new.index.csv");
    fails(dir, &line, ROLE, &[input]);
    // An export never replaces how encrypted samples were standardised, a page no page of ours.
    let line = format!("{simulate} --export contributor");
    fails(dir, &line, ROLE, &["contributor", "features.json"]);
    fails(dir, "demo --report cells.csv", ROLE, &["not a report"]);
    // The same again is no surprise.
    run(dir, &format!("{simulate} --export provider"));
    for line in [TRAIN, CLASSIFY, DECRYPT] {
        run(dir, line);
    }
}

//! Places that cannot be written to.

use std::fs::{self, File};
use std::process::Command;

use crate::common::{check_failure, fails, files};
use crate::{CLASSIFY, DECRYPT, ENCRYPT_NEW, FILES, KEYGEN, TRAIN, world};

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

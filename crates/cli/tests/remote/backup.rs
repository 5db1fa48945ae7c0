//! `tapetum backup` and `tapetum restore`, and starts that are refused.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::Path;

use crate::common::{check_failure, fails, files, output, run, temporary};
use crate::serving::{Serving, json, remote};

#[cfg(unix)]
#[test]
fn a_copy_of_a_running_server_becomes_a_server() {
    let dir = &temporary();
    let serving = Serving::start(dir, "--data srv");
    let demo = "demo --images 300 --learner linear-means --dir play --keep";
    let model = json(&mut serving.remote(dir, demo))["model"].clone();
    let model = model.as_str().unwrap();

    let copied = run(dir, "backup --data srv copy");
    let manifest = &copied["manifest"];
    assert!(manifest["files"].as_u64().unwrap() >= 5, "{copied}");
    // It is of that moment: what is deleted afterwards is in it.
    json(&mut serving.remote(dir, &format!("delete {model}")));
    let again = "backup --data srv copy";
    check_failure(
        &output(dir, again),
        again,
        3,
        &["copy already exists", "specify a new folder"],
    );
    let token = serving.word("token").to_owned();
    serving.end();

    fails(
        dir,
        "restore --data srv copy",
        3,
        &["srv is not empty", "specify an empty folder"],
    );
    let restored = run(dir, "restore --data other/deep copy");
    assert_eq!(restored, copied);
    let known = format!(
        "{}:{}",
        manifest["audit_seq"],
        manifest["audit_hash"].as_str().unwrap()
    );
    let verified = run(
        dir,
        &format!("audit verify --data other/deep --known {known}"),
    );
    // The newest record says that it was restored.
    let seq = manifest["audit_seq"].as_u64().unwrap();
    assert!(verified["records"].as_u64().unwrap() > seq);
    // A copy of the copy has the same tenants, tokens, objects, jobs and files.
    run(dir, "backup --data other/deep again");
    let [first, second] = ["copy", "again"].map(|copy| {
        let mut found = BTreeMap::new();
        for (path, content) in files(&dir.join(copy)) {
            let name = path.strip_prefix(dir.join(copy)).unwrap().to_owned();
            found.insert(name, content);
        }
        for changed in [
            "manifest.json",
            "manifest.blake3",
            "tables/audit.jsonl",
            "tables/audit_head.jsonl",
        ] {
            assert!(found.remove(Path::new(changed)).is_some(), "{changed}");
        }
        found
    });
    assert!(first.len() > 12 && first == second);

    let other = Serving::start(dir, "--data other/deep");
    assert!(!other.is_first_start());
    let line = format!("classify --model {model} play/outbox/test.enc --out scores.enc");
    json(&mut remote(dir, &other, &token, &line));
    let decrypt = |scores: &str| run(dir, &format!("decrypt --owner play/owner {scores}"));
    let classes = |scores: &str| {
        let found = decrypt(scores);
        let predictions = found["verdicts"].as_array().unwrap().iter();
        predictions.map(|v| v["class"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(classes("scores.enc"), classes("play/owner/scores.enc"));
    other.end();
}

#[test]
fn what_is_refused_leaves_nothing_half_made() {
    let dir = &temporary();
    // `fails` compares all files and folders before and after.
    fails(
        dir,
        "backup --data nothing copy",
        3,
        &["nothing is not a server's folder"],
    );
    fails(
        dir,
        "worker --data nothing",
        3,
        &["nothing is not a server's folder"],
    );
    fails(dir, "restore --data new missing", 5, &["missing"]);
    fs::create_dir(dir.join("pictures")).unwrap();
    fs::write(dir.join("pictures/cat.png"), "a cat").unwrap();
    fails(dir, "restore --data new pictures", 5, &["pictures"]);
    fs::write(dir.join("pictures/manifest.json"), "{}").unwrap();
    fs::write(dir.join("pictures/manifest.blake3"), "0").unwrap();
    fails(
        dir,
        "restore --data new pictures",
        3,
        &["manifest.json is damaged"],
    );
    fails(
        dir,
        "restore --data new/pictures pictures",
        3,
        &["manifest.json is damaged"],
    );

    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap();
    let serve = |rest: &str, code, says: &[&str]| {
        fails(
            dir,
            &format!("serve --data new --log quiet {rest}"),
            code,
            says,
        );
    };
    serve(
        &format!("--listen {address}"),
        5,
        &["cannot listen at 127.0.0.1", "in use"],
    );
    let certificate = "--listen 127.0.0.1:0 --certificate pictures/cat.png --key pictures/cat.png";
    serve(certificate, 1, &["cat.png"]);
    serve(
        "--listen 127.0.0.1:0 --page pictures",
        1,
        &["pictures is not a folder with the browser's page"],
    );
    serve(
        "--listen 127.0.0.1:0 --database sqlite:/nowhere/at/all",
        1,
        &["the database"],
    );
    // Nor does it take away what was there before.
    fs::create_dir(dir.join("new")).unwrap();
    serve(
        &format!("--listen {address}"),
        5,
        &["cannot listen at 127.0.0.1", "in use"],
    );
    fs::write(dir.join("new/notes"), "mine").unwrap();
    fails(
        dir,
        "restore --data new pictures",
        3,
        &["manifest.json is damaged"],
    );
}

//! A server, and somebody who does not trust it.

mod backup;
#[path = "../common/mod.rs"]
mod common;
mod networks;
mod serving;

use std::fs;

use common::{files, tapetum, temporary, words};
use serde_json::Value;
use serving::{Serving, json, remote, terminate};
use tapetum::learn::{EncryptedScores, EstimatorConfig};
use tapetum::remote::client::{Client, Trust};
use tapetum::remote::{Remote, RemoteServer};
use tapetum::vision::embedded;
use tapetum::{EncryptedDataSet, EncryptedSamples, Owner, Plan, Server, ServerSide, Silent};

#[cfg(unix)]
#[test]
fn a_demo_with_a_server_and_a_worker_in_between() {
    use std::os::unix::fs::PermissionsExt;
    let dir = &temporary();
    // A folder that everybody may write to.
    fs::create_dir(dir.join("srv")).unwrap();
    fs::set_permissions(dir.join("srv"), fs::Permissions::from_mode(0o777)).unwrap();
    let serving = Serving::start(dir, "--data srv --jobs 0");
    let line = "worker --data srv --log quiet --lease 5";
    let mut worker = tapetum(dir).args(words(line)).spawn().unwrap();

    let demo = "demo --images 300 --learner linear-means --dir play --keep";
    let found = json(&mut serving.remote(dir, demo));
    let number = |name: &str| found[name].as_f64().unwrap();
    assert_eq!(number("agreement"), 1.0);
    assert!(number("largest_score_difference") < 1e-2);
    assert_eq!(number("accuracy_encrypted"), number("accuracy_clear"));
    assert!(number("accuracy_clear") > 0.6, "{found}");

    // Without the token nothing goes.
    let refused = remote(dir, &serving, "tpt_wrong", demo).output().unwrap();
    assert_eq!(
        refused.status.code(),
        Some(4),
        "{}",
        String::from_utf8_lossy(&refused.stderr)
    );

    // A secret key is not even sent.
    let remote = |line: &str| serving.remote(dir, line);
    let refused = remote("append --data-set dat_0 play/owner/secret.key")
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("nothing was sent"));

    // Nor is anything else that is not meant for it, whatever it is called.
    fs::copy(dir.join("play/owner/features.json"), dir.join("train.enc")).unwrap();
    let samples = fs::read(dir.join("play/outbox/test.enc")).unwrap();
    let index = fs::read(dir.join("play/owner/train.index.csv")).unwrap();
    fs::write(dir.join("with-index.enc"), [samples, index].concat()).unwrap();
    for file in [
        "train.enc",
        "with-index.enc",
        "play/owner/train.index.csv",
        "play/owner/scores.enc",
        "play/owner/public.key",
    ] {
        let refused = remote(&format!("append --data-set dat_0 {file}"))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(4), "{errors}");
        assert!(errors.contains("nothing was sent"), "{errors}");
    }

    // The same, command by command, with a token that can do no more than that.
    let made = json(&mut remote(
        "prepare --keys play/outbox --public-key play/owner/public.key",
    ));
    let id = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    let set = id(&made, "data_set");
    json(&mut remote(&format!(
        "append --data-set {set} play/outbox/train.enc"
    )));
    let trained = json(&mut remote(&format!(
        "train --data-set {set} --key-set {}",
        id(&made, "key_set")
    )));
    let issued = json(&mut remote("token --scope classify"));
    let classify = format!(
        "classify --model {} play/outbox/test.enc --out scores.enc",
        id(&trained, "model")
    );
    json(remote(&classify).env("TAPETUM_TOKEN", id(&issued, "token")));
    let predictions =
        json(tapetum(dir).args(words("--json decrypt --owner play/owner scores.enc")));
    let before = json(tapetum(dir).args(words(
        "--json decrypt --owner play/owner play/owner/scores.enc",
    )));
    let classes = |found: &Value| {
        let predictions = found["verdicts"].as_array().unwrap().iter();
        predictions.map(|v| v["class"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(classes(&predictions), classes(&before));
    let receipt = json(&mut remote(&format!("delete {set}")));
    assert_eq!(receipt["files"].as_array().unwrap().len(), 1);

    // The server has nothing of what is the owner's: not the secret key, not the features' statistics,
    // not the index with names and labels, and no token.
    let kept = files(&dir.join("srv"));
    assert!(kept.len() > 5);
    // Nobody else may read any of it: neither databases and keys, nor what is in folders.
    let srv = dir.join("srv");
    assert!(kept.contains_key(&srv.join("service.db")));
    for path in kept
        .keys()
        .filter(|path| path.parent() == Some(srv.as_path()))
    {
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} {mode:o}", path.display());
    }
    let secret = fs::read(dir.join("play/owner/secret.key")).unwrap();
    let statistics = fs::read(dir.join("play/owner/features.json")).unwrap();
    let index = fs::read(dir.join("play/owner/train.index.csv")).unwrap();
    // The middle of each, since fronts may be alike.
    let traces = [secret, statistics, index].map(|bytes| bytes[bytes.len() / 2..][..32].to_vec());
    let token = serving.word("token").as_bytes().to_vec();
    for (path, content) in &kept {
        let Some(content) = content else { continue };
        for trace in traces.iter().chain([&token]) {
            let is_in = content.windows(trace.len()).any(|window| window == trace);
            assert!(!is_in, "{}", path.display());
        }
    }

    terminate(&worker);
    assert!(worker.wait().unwrap().success());
    serving.end();
    let verified = json(tapetum(dir).args(words("--json audit verify --data srv")));
    assert!(verified["records"].as_u64().unwrap() > 8, "{verified}");
    let listed = json(tapetum(dir).args(words("--json tenant list --data srv")));
    assert_eq!(listed["tenants"], serde_json::json!(["first"]));

    // A folder with a secret key in it is no server's.
    fs::copy(dir.join("play/owner/secret.key"), dir.join("srv/mislaid")).unwrap();
    let refused = tapetum(dir)
        .args(words("serve --data srv --listen 127.0.0.1:0"))
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(4));
}

/// A program that takes either server gets the same bits from both.
#[test]
fn a_server_in_memory_and_one_far_away_do_the_same() {
    let dir = &temporary();
    let serving = Serving::start(dir, "--data srv");
    let trust = Trust::Fingerprint(serving.word("fingerprint").to_owned());
    let client = Client::new(serving.word("url"), &trust, serving.word("token")).unwrap();

    let animals = embedded::animal_shapes().unwrap().without_repeats().0;
    let cats = animals.one_vs_rest("cat", true, 1).unwrap();
    let split = cats.split_counts(64, 16, 1).unwrap();
    let plan = Plan::for_images(EstimatorConfig::LinearMeans, "pixels:4", 64).unwrap();
    let mut owner = Owner::generate(&plan).unwrap();
    let keys = owner.evaluation_keys(&Silent).unwrap();
    let far = RemoteServer::new(Remote { client }, &plan, &keys, &Silent).unwrap();
    let here = Server::new(&plan, keys).unwrap();

    let data = owner.encrypt(&split.train, &Silent).unwrap();
    let samples = owner
        .encrypt_samples(split.test.samples(), &Silent)
        .unwrap();
    fn play<S: ServerSide>(
        server: &S,
        (data, samples): (&EncryptedDataSet, &EncryptedSamples),
    ) -> EncryptedScores {
        let model = server.fit(data, &Silent).unwrap();
        server.decision_function(&model, samples, &Silent).unwrap()
    }
    let what = (&data, &samples);
    assert!(play(&here, what) == play(&far, what));
}

/// A provider's model in the clear, command by command.
#[test]
fn a_plain_model_on_a_server() {
    let dir = &temporary();
    let images = "--images animal-shapes --positive cat --balanced --train-count 60 \
                  --test-count 20 --seed 5";
    common::run(
        dir,
        &format!("simulate {images} --out clear.csv --export provider"),
    );
    let keygen = "keygen --owner client --server keys --classify-only provider/features.json";
    common::run(dir, keygen);
    common::run(
        dir,
        &format!("encrypt --owner client {images} --split test --out test.enc"),
    );
    let serving = Serving::start(dir, "--data srv");
    let remote = |line: &str| json(&mut serving.remote(dir, line));
    let made = remote("prepare --keys keys");
    assert!(made.get("data_set").is_none());
    let key_set = made["key_set"].as_str().unwrap();
    let model = remote(&format!(
        "add-model --key-set {key_set} provider/model.json"
    ));
    let model = model["model"].as_str().unwrap();
    remote(&format!(
        "classify --model {model} test.enc --out scores.enc"
    ));
    common::run(
        dir,
        "decrypt --owner client scores.enc --index client/test.index.csv --out verdicts.csv",
    );
    common::same_predictions(&dir.join("verdicts.csv"), &dir.join("clear.csv"), 1e-3);
}

#[cfg(unix)]
#[test]
fn clients_at_once_get_the_answers_of_the_clear_reference() {
    let dir = &temporary();
    let line = "bench service --clients 3 --seconds 1 --singles 2";
    let found = common::run(dir, line);
    let (single, load) = (&found["single"], &found["load"]);
    assert_eq!(single["images"], 2);
    assert!(load["classified"].as_u64().unwrap() >= 3, "{found}");
    for part in [single, load] {
        assert_eq!(part["wrong"], 0, "{found}");
        let times = &part["computing_ms"];
        assert!(times["p50"].as_f64().unwrap() <= times["p99"].as_f64().unwrap());
    }
    assert_eq!(load["errors"], 0, "{found}");
}

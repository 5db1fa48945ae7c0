//! A provider's network on a server, and a client with keys and pictures of its own.

use std::fs;
use std::path::Path;

use image::{GrayImage, Luma};
use tapetum::networks::{Preprocessing, read_network, read_photo, values};

use crate::common::halves::halves;
use crate::common::{run, temporary};
use crate::serving::{Serving, json, remote};

const NETWORKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../nets/tests/data");

#[test]
fn a_photograph_is_classified_by_a_network_on_a_server() {
    let dir = &temporary();
    fs::create_dir(dir.join("images")).unwrap();
    let photo = GrayImage::from_fn(8, 8, |x, y| Luma([(20 * x + 5 * y) as u8]));
    photo.save(dir.join("images/0.png")).unwrap();
    photo.save(dir.join("photo.png")).unwrap();
    let network = format!("{NETWORKS}/quadratic.onnx");
    let classes = "a,b,c,d,e";
    let plan = format!("net plan {network} --calibrate images --classes {classes} --out plan.json");
    run(dir, &plan);

    // The provider.
    let serving = Serving::start(dir, "--data srv");
    let owner = |line: &str| serving.remote(dir, line);
    let add = format!("add-network --plan plan.json --queries-per-token 2 {network}");
    let added = json(&mut owner(&add));
    let id = added["network"].as_str().unwrap();
    assert_eq!(added["details"]["classes"][4], "e");
    let refused = |command: &mut std::process::Command, code: i32, says: &str| {
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{errors}");
        assert!(errors.contains(says), "{says}: {errors}");
    };
    // A plan of another network.
    let other = format!("add-network --plan plan.json {NETWORKS}/deep.onnx");
    refused(&mut owner(&other), 3, "another network");
    let no_plan = format!("add-network --plan {network} {network}");
    refused(&mut owner(&no_plan), 4, "no network's plan");

    // A client, whose token can do no more than this.
    let token = |scope: &str| {
        let made = json(&mut owner(&format!("token --scope {scope}")));
        made["token"].as_str().unwrap().to_owned()
    };
    let (classify, contributor) = (token("classify"), token("contributor"));
    let client = |line: &str| remote(dir, &serving, &classify, line);
    json(&mut client(&format!(
        "network-plan --network {id} --out fetched.json"
    )));
    let text = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    assert_eq!(text("fetched.json"), text("plan.json"));
    run(
        dir,
        "net keygen --plan fetched.json --owner owner --contributor anne --server server",
    );
    refused(
        &mut remote(dir, &serving, &contributor, "prepare --keys server"),
        4,
        "scope classify",
    );
    let prepared = json(&mut client(
        "prepare --keys server --public-key anne/public.key",
    ));
    let keys = prepared["key_set"].as_str().unwrap();
    run(
        dir,
        "net encrypt --contributor anne --photo photo.png --out photo.enc",
    );

    let ask = format!("classify --network {id} --key-set {keys} photo.enc --out scores.enc");
    json(&mut client(&ask));
    let found = run(dir, "net decrypt --owner owner scores.enc");
    let picture = read_photo(&dir.join("photo.png")).unwrap();
    let range = Preprocessing::of_range([0.0, 1.0]).unwrap();
    let values = values(&picture, 1, &range).unwrap();
    let clear = read_network(Path::new(&network)).unwrap();
    let clear = clear.scores(&values).unwrap();
    let largest = clear.iter().fold(0.0, |most, s| f64::max(most, s.abs()));
    for (found, clear) in found["scores"].as_array().unwrap().iter().zip(&clear) {
        let error = found["score"].as_f64().unwrap() - clear;
        assert!(error.abs() <= largest / 64.0, "{found} {clear}");
    }

    // What the server is sent is what it says, and nothing else.
    let wrong = format!("classify --network {id} --key-set {keys} scores.enc --out x");
    refused(&mut client(&wrong), 4, "nothing was sent");
    let model = format!("classify --model {id} photo.enc --out x");
    refused(&mut client(&model), 4, "nothing was sent");
    let elsewhere = format!("classify --network {id} --key-set key_0 photo.enc --out x");
    refused(&mut client(&elsewhere), 4, "key set");
    // The owner of a network limits how much its scores can tell; other tokens have a count of their own.
    json(&mut client(&ask));
    refused(&mut client(&ask), 3, "all that its provider allows");
    json(&mut remote(dir, &serving, &token("classify"), &ask));

    // Who brought keys may take them away, and nobody else's.
    refused(&mut client(&format!("delete {id}")), 4, "scope owner");
    let second = json(&mut owner("prepare --keys server"));
    let theirs = format!("delete {}", second["key_set"].as_str().unwrap());
    refused(&mut client(&theirs), 4, "key set");
    json(&mut client(&format!("delete {keys}")));
    json(&mut owner(&format!("delete {id}")));
    serving.end();
}

/// As few of them as the provider allows each token.
#[test]
fn labels_alone_leave_a_server() {
    let dir = &temporary();
    halves(dir);
    run(
        dir,
        "net plan halves.onnx --calibrate images --classes left,right --answer labels --out plan.json",
    );
    let serving = Serving::start(dir, "--data srv");
    let add = "add-network --plan plan.json --queries-per-token 1 halves.onnx";
    let added = json(&mut serving.remote(dir, add));
    let id = added["network"].as_str().unwrap();
    let made = json(&mut serving.remote(dir, "token --scope classify"));
    let client = |line: &str| remote(dir, &serving, made["token"].as_str().unwrap(), line);
    run(
        dir,
        "net keygen --plan plan.json --owner owner --contributor anne --server server",
    );
    let prepared = json(&mut client("prepare --keys server"));
    let keys = prepared["key_set"].as_str().unwrap();
    run(
        dir,
        "net encrypt --contributor anne --photo images/right/1.png --out photo.enc",
    );
    let ask = format!("classify --network {id} --key-set {keys} photo.enc --out label.enc");
    json(&mut client(&ask));
    let found = run(dir, "net decrypt --owner owner label.enc");
    assert_eq!(
        (&found["label"], &found["decided"]),
        (&"right".into(), &true.into())
    );
    assert!(found.get("scores").is_none());
    let again = client(&ask).output().unwrap();
    let errors = String::from_utf8_lossy(&again.stderr);
    assert!(errors.contains("all that its provider allows"), "{errors}");
    serving.end();
}

/// The network that the command brings, and keys of gigabytes.
#[test]
#[ignore = "minutes in release, and 10 GB of memory"]
fn a_cat_is_recognised_over_https() {
    const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data");
    let dir = &temporary();
    let network = format!("{DATA}/networks/cats-and-dogs.onnx");
    let serving = Serving::start(dir, "--data srv");
    let plan = format!("{DATA}/networks/cats-and-dogs.plan.json");
    let added = json(&mut serving.remote(dir, &format!("add-network --plan {plan} {network}")));
    let id = added["network"].as_str().unwrap();
    let made = json(&mut serving.remote(dir, "token --scope classify"));
    let client = |line: &str| remote(dir, &serving, made["token"].as_str().unwrap(), line);
    json(&mut client(&format!(
        "network-plan --network {id} --out plan.json"
    )));
    run(
        dir,
        "net keygen --plan plan.json --owner owner --contributor anne --server server",
    );
    let prepared = json(&mut client("prepare --keys server"));
    let keys = prepared["key_set"].as_str().unwrap();
    fs::remove_dir_all(dir.join("server")).unwrap();
    let encrypt = "net encrypt --contributor anne --out photo.enc";
    run(
        dir,
        &format!("{encrypt} --photo {DATA}/photographs/chelsea.jpg"),
    );
    let ask = format!("classify --network {id} --key-set {keys} photo.enc --out scores.enc");
    json(&mut client(&ask));
    let found = run(dir, "net decrypt --owner owner scores.enc");
    assert_eq!(found["label"], "cat", "{found}");
    serving.end();
}

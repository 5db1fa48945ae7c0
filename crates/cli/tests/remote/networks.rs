//! A provider's network on a server, and a client with keys and pictures of its own.

use std::fs;
use std::path::Path;

use image::{GrayImage, Luma};
use tapetum::networks::{Preprocessing, read_network, read_photo, values};

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

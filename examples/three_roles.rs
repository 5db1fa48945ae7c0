//! Owner, contributor and server, each with a directory of its own: what the `tapetum` command does.
//!
//! ```sh
//! cargo run --release -p tapetum-examples --example three_roles
//! ```

use tapetum::contributor::LabelsAre;
use tapetum::learn::EstimatorConfig;
use tapetum::owner::{self, Directories};
use tapetum::samples::Samples;
use tapetum::server::TrainOptions;
use tapetum::vision::embedded;
use tapetum::{Contributor, Owner, Plan, Result, Server, Silent};

fn main() -> Result<()> {
    let animals = embedded::animal_shapes()?.without_repeats().0;
    let split = animals
        .one_vs_rest("cat", true, 1)?
        .split_counts(256, 64, 1)?;
    let dir = tempfile::tempdir()?;
    let [owner, hospital, server] =
        ["owner", "hospital", "server"].map(|name| dir.path().join(name));
    let [train, new, model, scores] =
        ["train.enc", "new.enc", "model.enc", "scores.enc"].map(|name| server.join(name));

    // The owner makes all keys. Only one directory gets the secret key.
    let plan = Plan::for_images(
        EstimatorConfig::LinearMeans,
        "hog:7+dct:10",
        split.train.len(),
    )?;
    let directories = Directories {
        owner: &owner,
        contributor: Some(&hospital),
        server: Some(&server),
    };
    owner::make(&plan, directories, &Silent)?;

    // A contributor has the public key: it encrypts, and cannot decrypt, not even its own images.
    let hospital = Contributor::open(&hospital)?;
    let labelled = Samples::Labelled(split.train);
    hospital.encrypt_file(&labelled, LabelsAre::Encrypted, false, &train, &Silent)?;
    let others = Samples::Labelled(split.test);
    let index = hospital
        .encrypt_file(&others, LabelsAre::Withheld, false, &new, &Silent)?
        .index;

    // The server finds the files in its directory, and would refuse to run beside a secret key.
    let server = Server::open(&server, None, &Silent)?;
    server.train_files(&TrainOptions::new(&train, &model), &Silent)?;
    server.classify_file(&model, &new, &scores, &Silent)?;

    // The owner reads the scores, and the index says whose they are.
    let index = tapetum::folders::Index::read(&index)?;
    let found = Owner::open(&owner)?.predictions(&scores, Some(&index))?;
    println!(
        "{}: {}",
        found.predictions[0].source, found.predictions[0].class
    );
    assert!(found.accuracy().is_some_and(|accuracy| accuracy > 0.7));
    Ok(())
}

#[test]
fn classifies_correctly() {
    main().unwrap();
}

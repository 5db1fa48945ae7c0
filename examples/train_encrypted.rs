//! Trains a classifier on encrypted images, and classifies others with it.
//!
//! ```sh
//! cargo run --release -p tapetum-examples --example train_encrypted
//! ```

use tapetum::learn::EstimatorConfig;
use tapetum::vision::embedded;
use tapetum::{Owner, Plan, Result, Server, Silent};

fn main() -> Result<()> {
    // Silhouettes of animals: cats, and as many others. A part is held out.
    let cats = embedded::animal_shapes()?.without_repeats().0;
    let cats = cats.one_vs_rest("cat", true, 1)?;
    let split = cats.split_counts(1536, 448, 1)?;

    // What all agree on: the algorithm, the features of an image, how many images to expect.
    let plan = Plan::for_images(EstimatorConfig::default(), "hog:7+dct:10", 1536)?;

    // The owner keeps the secret key. The server gets keys that compute and cannot decrypt.
    let mut owner = Owner::generate(&plan)?;
    let server = Server::new(&plan, owner.evaluation_keys(&Silent)?)?;

    // The server trains on images and labels that it cannot see, and the model stays encrypted too.
    let model = server.fit(&owner.encrypt(&split.train, &Silent)?, &Silent)?;

    // It classifies images that it cannot see. Only the owner reads what it found.
    let samples = owner.encrypt_samples(split.test.samples(), &Silent)?;
    let scores = server.decision_function(&model, &samples, &Silent)?;
    println!("the first image: class {}", owner.predict(&scores)?[0]);
    let accuracy = owner.accuracy(&scores, &split.test)?;
    println!(
        "{:.2} % of the images classified correctly",
        100.0 * accuracy
    );
    assert!(accuracy > 0.9);
    Ok(())
}

#[test]
fn classifies_correctly() {
    main().unwrap();
}

//! A provider has a model in the clear, a client has images that it shows nobody.
//!
//! ```sh
//! cargo run --release -p tapetum-examples --example plain_model
//! ```

use tapetum::learn::EstimatorConfig;
use tapetum::server::Model;
use tapetum::simulate::Reference;
use tapetum::vision::embedded;
use tapetum::{Contributor, Owner, Plan, Result, Server, Silent};

fn main() -> Result<()> {
    let animals = embedded::animal_shapes()?.without_repeats().0;
    let split = animals
        .one_vs_rest("cat", true, 1)?
        .split_counts(1536, 448, 1)?;

    // The provider trains in the clear, on images of its own.
    let training = Plan::for_images(
        EstimatorConfig::default(),
        "hog:7+dct:10",
        split.train.len(),
    )?;
    let pipeline = training.fit(&split.train)?;
    let reference = Reference::run(&training, &pipeline, &split.train, &split.test)?;
    let model = Model::Plain(reference.model.into_linear()?);

    // The client makes keys of two megabytes for features like the provider's, and encrypts.
    let plan = Plan::classify_only(&pipeline)?;
    let owner = Owner::generate(&plan)?;
    let client = Contributor::new(&plan, &owner.public_key()?, pipeline)?;
    let samples = client.encrypt_samples(split.test.samples(), &Silent)?;

    // The provider sees neither images nor scores; the client does not see the model.
    let provider = Server::new(&plan, owner.evaluation_keys(&Silent)?)?;
    let scores = provider.decision_function(&model, &samples, &Silent)?;
    let found = owner.decision_function(&scores)?;

    let differences = found
        .iter()
        .zip(&reference.scores)
        .map(|(a, b)| (a - b).abs());
    let largest = differences.fold(0.0, f64::max);
    println!(
        "{} images; scores differ from those in the clear by {largest:.1e}",
        found.len()
    );
    assert!(largest < 1e-3);
    Ok(())
}

#[test]
fn scores_are_those_of_the_plain_model() {
    main().unwrap();
}

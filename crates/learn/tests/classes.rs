//! More than two classes: labels, models and scores lie in the slots as they say.

mod common;

use common::{Data, World, assert_close};
use tapetum_ckks::{Ciphertext, Parameters, Preset};
use tapetum_learn::*;

/// With scales of 36 bits at N = 2^13.
const BOUND: f64 = 1.0 / (1 << 14) as f64;

/// A model in the clear, with weights that differ in every place.
fn plain_model(outputs: usize, features: usize) -> PlainModel {
    let number = |i: usize| ((i * 37 + 11) % 101) as f64 / 101.0 - 0.5;
    PlainModel {
        weights: (0..outputs * features).map(number).collect(),
        intercepts: (0..outputs).map(|i| number(i + 7)).collect(),
    }
}

/// The model under encryption: row r of a block has the weights of class r mod P.
fn encrypted(world: &World, model: &PlainModel, block_cols: usize) -> LinearModel {
    let outputs = model.outputs();
    let features = model.weights.len() / outputs;
    let period = outputs.next_power_of_two();
    let slots = world.parameters.slots();
    let encrypt = |number: &dyn Fn(usize, usize) -> f64| -> Ciphertext {
        let values: Vec<_> = (0..slots)
            .map(|i| match i / block_cols % period {
                class if class < outputs => number(class, i % block_cols),
                _ => 0.0,
            })
            .collect();
        let plaintext = world.evaluator.encoder().encode(&values, 3).unwrap();
        world.encryptor.encrypt(&plaintext).unwrap()
    };
    let weights = (0..features.div_ceil(block_cols))
        .map(|block| {
            encrypt(&|class, j| match block * block_cols + j {
                feature if feature < features => model.weights[class * features + feature],
                _ => 0.0,
            })
        })
        .collect();
    let intercept = encrypt(&|class, _| model.intercepts[class]);
    LinearModel::from_ciphertexts(features, block_cols, outputs, weights, Some(intercept)).unwrap()
}

#[test]
fn every_layout_gives_the_scores_of_the_clear_model() {
    let data = Data::gaussians(600, 11, 1);
    for (classes, model_cols, layout) in [
        // Sample in slot: several rows of blocks would be more than 4096 samples.
        (3, 1, Layout::new(600, 11, 4096, 1).unwrap()),
        (10, 8, Layout::new(600, 11, 512, 8).unwrap()),
        // Wider than the model, all features in one block or not.
        (3, 4, Layout::new(600, 11, 512, 8).unwrap()),
        (5, 2, Layout::new(600, 11, 256, 16).unwrap()),
        // More columns of scores than columns in a block.
        (7, 2, Layout::new(600, 11, 2048, 2).unwrap()),
    ] {
        let needs = LinearModel::requirements(&layout, model_cols, classes).unwrap();
        let world = World::new(Preset::N13, &needs);
        let plain = plain_model(classes, 11);
        let model = encrypted(&world, &plain, model_cols);
        let found = world.decrypt_model(&model);
        assert_close("weights", &found.weights, &plain.weights, BOUND);
        assert_close("intercepts", &found.intercepts, &plain.intercepts, BOUND);

        let samples = world.encrypt(&data, layout, LinearModel::SAMPLE_LEVEL);
        let scores = world.score(&model, &samples);
        assert_eq!((scores.classes(), scores.outputs()), (classes, classes));
        let found = world.decrypt(&scores);
        let expected = plain.decision_function(&data.features()).unwrap();
        assert_close("scores", &found, &expected, BOUND);
        assert_eq!(
            classes_of(&found, classes).len(),
            plain.predict(&data.features()).unwrap().len()
        );
        only_scores_are_left(&world, &scores, &expected);
    }
}

#[test]
fn a_plain_model_scores_encrypted_samples_in_every_layout() {
    let data = Data::gaussians(600, 11, 4);
    for (outputs, layout) in [
        (1, Layout::for_samples(600, 11, 4096, 1).unwrap()),
        (1, Layout::for_samples(1, 11, 4096, 1).unwrap()),
        (3, Layout::new(600, 11, 4096, 1).unwrap()),
        (10, Layout::new(600, 11, 512, 8).unwrap()),
        // More columns of scores than columns in a block.
        (7, Layout::new(600, 11, 2048, 2).unwrap()),
    ] {
        let parameters = Parameters::preset(Preset::N13);
        let needs = PlainModel::key_requirements(&parameters, &layout);
        let (level, key_level) = (
            PlainModel::sample_level(&parameters),
            PlainModel::key_level(&parameters),
        );
        assert!(!needs.relinearization && needs.levels == key_level);
        let world = World::new(Preset::N13, &needs);
        let model = plain_model(outputs, 11);
        let data = data.part(0, layout.rows());
        let samples = world.encrypt(&data, layout, level);
        let evaluator = &world.evaluator;
        let score =
            |model: &PlainModel, samples| model.score_encrypted(evaluator, samples, &mut |_| ());
        let scores = score(&model, &samples).unwrap();
        assert_eq!(
            (scores.outputs(), scores.ciphertexts()[0].level()),
            (outputs, 0)
        );
        let expected = model.decision_function(&data.features()).unwrap();
        assert_close("scores", &world.decrypt(&scores), &expected, BOUND);
        only_scores_are_left(&world, &scores, &expected);

        let low = world.encrypt(&data, layout, key_level);
        assert!(matches!(
            score(&model, &low),
            Err(LearnError::LevelExhausted { .. })
        ));
        let other = plain_model(outputs, 12);
        assert!(matches!(
            score(&other, &samples),
            Err(LearnError::Shape { .. })
        ));
    }
    let layout = Layout::for_samples(1, 11, 4096, 1).unwrap();
    let world = World::new(Preset::N13, &Requirements::default());
    let samples = world.encrypt(&data.part(0, 1), layout, LinearModel::SAMPLE_LEVEL);
    let model = plain_model(1, 11);
    let found = model.score_encrypted(&world.evaluator, &samples, &mut |_| ());
    assert!(matches!(found, Err(LearnError::MissingKeys(_))));
    let samples = world.encrypt(&data.part(0, 8), Layout::new(8, 11, 4, 1024).unwrap(), 2);
    let found = plain_model(7, 11).score_encrypted(&world.evaluator, &samples, &mut |_| ());
    assert!(matches!(found, Err(LearnError::Layout { found: 7, .. })));
}

/// Every slot that holds anything holds a score.
fn only_scores_are_left(world: &World, scores: &EncryptedScores, expected: &[f64]) {
    let slots: Vec<f64> = scores
        .ciphertexts()
        .iter()
        .flat_map(|c| {
            world
                .evaluator
                .encoder()
                .decode(&world.decryptor.decrypt(c).unwrap())
        })
        .collect();
    let sum = |numbers: &[f64]| numbers.iter().map(|x| x * x).sum::<f64>();
    let scale = sum(expected);
    assert!((sum(&slots) - scale).abs() < 1e-3 * scale);
    let filled = slots.iter().filter(|x| x.abs() > BOUND).count();
    assert!(filled <= expected.len());
}

#[test]
fn labels_repeat_over_the_columns_or_go_on_in_the_next_ciphertext() {
    let classes = 5;
    let labels: Vec<u8> = (0..300).map(|i| (i * i % 5) as u8).collect();
    let labels = ClassLabels::of_classes(labels, classes).unwrap();
    let world = World::new(Preset::N12, &Requirements::default());
    for (block_cols, per_row) in [(16, 1), (8, 1), (4, 2), (1, 5)] {
        let layout = Layout::new(300, 20, 2048 / block_cols, block_cols).unwrap();
        let encryptor = &world.encryptor;
        let encrypted =
            EncryptedLabels::encrypt(&labels, layout, 1, encryptor, &mut |_| ()).unwrap();
        assert_eq!(encrypted.vectors().len(), layout.grid_rows() * per_row);
        assert_eq!(encrypted.classes(), classes);
        let bundle = encrypted.to_bundle().unwrap();
        assert_eq!(EncryptedLabels::from_bundle(bundle).unwrap(), encrypted);
        for (i, vector) in encrypted.vectors().iter().enumerate() {
            let (grid_row, chunk) = (i / per_row, i % per_row);
            let slots = world
                .evaluator
                .encoder()
                .decode(&world.decryptor.decrypt(vector).unwrap());
            for (slot, found) in slots.into_iter().enumerate() {
                let sample = grid_row * layout.block_rows() + slot / block_cols;
                let class = (chunk * block_cols + slot % block_cols) % 8;
                let is = sample < 300 && usize::from(labels.as_slice()[sample]) == class;
                assert!((found - f64::from(u8::from(is))).abs() < 1e-3);
            }
        }
    }
}

#[test]
fn models_and_scores_of_many_classes_are_files() {
    let data = Data::gaussians(20, 6, 2);
    let layout = Layout::new(20, 6, 512, 8).unwrap();
    let world = World::new(
        Preset::N13,
        &LinearModel::requirements(&layout, 8, 3).unwrap(),
    );
    let model = encrypted(&world, &plain_model(3, 6), 8);
    let read = LinearModel::from_bundle(model.to_bundle().unwrap()).unwrap();
    assert_eq!((read.classes(), &read), (3, &model));
    let samples = world.encrypt(&data, layout, LinearModel::SAMPLE_LEVEL);
    let scores = world.score(&model, &samples);
    let read = EncryptedScores::from_bundle(scores.to_bundle().unwrap()).unwrap();
    assert_eq!((read.classes(), &read), (3, &scores));
}

#[test]
fn what_is_for_two_classes_refuses_more() {
    let data = Data::gaussians(30, 5, 3);
    let labels = ClassLabels::of_classes((0..30).map(|i| i % 3).collect(), 3).unwrap();
    let logistic = LogisticRegression::new(LogisticRegressionConfig::default()).unwrap();
    assert!(matches!(
        logistic.simulate(&data.features(), &labels),
        Err(LearnError::Classes { found: 3, .. })
    ));
    // Ten classes have no room in eight rows.
    let layout = Layout::new(30, 300, 8, 512).unwrap();
    assert!(matches!(
        LinearModel::requirements(&layout, 512, 10),
        Err(LearnError::Layout { found: 10, .. })
    ));
    assert!(LinearModel::requirements(&layout, 512, 8).is_ok());
}

//! Encrypted logistic regression against its plaintext reference.

mod common;

use common::{CLEAR, Data, ENCRYPTED, World, assert_close, needs};
use tapetum_ckks::{Encryptor, KeyGenerator, Preset};
use tapetum_learn::*;

/// Bound on the error of weights and scores with scales of 40 bits: the rounding errors of slots
/// are about 2^-27, and sums over samples and features make them grow.
const BOUND: f64 = 1.0 / (1 << 15) as f64;

fn estimator(
    iterations: usize,
    degree: SigmoidDegree,
    learning_rate: LearningRate,
) -> LogisticRegression {
    LogisticRegression::new(LogisticRegressionConfig {
        iterations,
        degree,
        learning_rate,
        ..LogisticRegressionConfig::default()
    })
    .unwrap()
}

/// The reference's model, which stays within the interval.
fn reference(estimator: &dyn Estimator, data: &Data) -> PlainModel {
    let simulation = estimator.simulate(&data.features(), &data.labels).unwrap();
    simulation.ranges.check().unwrap();
    simulation.model.into_linear().unwrap()
}

/// Two iterations on a grid of 2 x 3 blocks with clear and with encrypted labels; then batches
/// and single samples.
#[test]
fn two_iterations_and_classification() {
    let data = Data::gaussians(1500, 21, 1);
    let layout = Layout::new(1500, 21, 1024, 8).unwrap();
    assert_eq!((layout.grid_rows(), layout.grid_cols()), (2, 3));
    let estimator = estimator(2, SigmoidDegree::Three, LearningRate::Constant(1.5));
    let single = Layout::for_samples(1, 21, 8192, 8).unwrap();
    assert_eq!((single.blocks(), single.block_cols()), (1, 32));
    let batch = needs(&estimator, ENCRYPTED, &layout, &layout);
    assert_eq!(batch.levels, 8);
    let mut needs = batch.clone();
    needs
        .rotations
        .extend(LinearModel::requirements(&single, 8, 2).unwrap().rotations);
    let world = World::new(Preset::N14, &needs);

    let expected = reference(&estimator, &data);
    let expected_scores = expected.decision_function(&data.features()).unwrap();
    let matrix = world.encrypt(&data, layout, batch.levels);
    for labels in [
        Labels::Clear(data.labels.clone()),
        world.encrypt_labels(&data, layout, batch.levels),
    ] {
        let model = world.fit(&estimator, &matrix, &labels);
        assert_eq!(model.level(), 2);
        world.assert_like(&model, &expected, (&matrix, &data), BOUND);
        let scores = world.score(&model, &matrix);
        assert_eq!(scores.ciphertexts().len(), 1);
        assert_eq!(scores.ciphertexts()[0].level(), 0);
    }
    // Far better than chance, or the reference's agreement would mean nothing.
    let right = expected_scores
        .iter()
        .zip(data.labels.as_slice())
        .filter(|(score, label)| u8::from(**score > 0.0) == **label)
        .count();
    assert!(right > 1250, "{right} of 1500");
}

/// Samples encrypted with the public key in wider blocks than the model's.
#[test]
fn a_single_sample_scores_as_in_a_batch() {
    let data = Data::gaussians(300, 21, 2);
    let layout = Layout::new(300, 21, 1024, 8).unwrap();
    let estimator = estimator(1, SigmoidDegree::Three, LearningRate::Constant(2.0));
    let single = Layout::for_samples(1, 21, 8192, 8).unwrap();
    let few = Layout::for_samples(100, 21, 8192, 8).unwrap();
    let needs = needs(&estimator, CLEAR, &layout, &single);
    assert_eq!(needs.levels, 2 + 3);
    let mut world = World::new(Preset::N14, &needs);
    let public = KeyGenerator::new(&world.secret).unwrap().public_key();
    world.encryptor = Encryptor::with_public_key(&public.unwrap());

    let matrix = world.encrypt(&data, layout, needs.levels);
    let model = world.fit(&estimator, &matrix, &Labels::Clear(data.labels.clone()));
    let expected = reference(&estimator, &data);
    let expected = expected.decision_function(&data.features()).unwrap();
    let batch = world.decrypt(&world.score(&model, &matrix));
    // The error of encryption with the public key is larger.
    assert_close("batch", &batch, &expected, 4.0 * BOUND);

    for (rows, layout) in [(1, single), (100, few)] {
        let samples = world.encrypt(&data.head(rows), layout, LinearModel::SAMPLE_LEVEL);
        let found = world.decrypt(&world.score(&model, &samples));
        assert_close("few", &found, &expected[..rows], 4.0 * BOUND);
        assert_close("few and batch", &found, &batch[..rows], 8.0 * BOUND);
    }
}

/// Trains on samples in this layout, and compares the weights with the reference.
fn check(
    (estimator, levels): (LogisticRegression, usize),
    (data, layout): (Data, Layout),
    (preset, kind): (Preset, LabelKind),
) -> LinearModel {
    let needs = estimator.requirements(&layout, Task::two_classes(kind));
    assert_eq!(needs.levels, levels);
    let world = World::new(preset, &needs);
    let matrix = world.encrypt(&data, layout, levels);
    let labels = world.labels(&data, kind, layout, levels);
    let model = world.fit(&estimator, &matrix, &labels);
    let expected = reference(&estimator, &data);
    let found = world.decrypt_model(&model);
    assert_close("weights", &found.weights, &expected.weights, BOUND);
    model
}

/// Momentum starts in the second iteration and shows in the third.
#[test]
fn three_iterations_with_momentum() {
    let estimator = estimator(3, SigmoidDegree::Three, LearningRate::InverseTime(4.0));
    let (data, layout) = (Data::gaussians(500, 6, 3), Layout::new(500, 6, 4096, 4));
    let place = (Preset::N15, LabelKind::Encrypted);
    let model = check((estimator, 11), (data, layout.unwrap()), place);
    assert_eq!(model.level(), 0);
}

#[test]
fn a_sigmoid_of_degree_five() {
    let estimator = estimator(2, SigmoidDegree::Five, LearningRate::Constant(2.0));
    let (data, layout) = (Data::gaussians(700, 6, 4), Layout::new(700, 6, 512, 16));
    let place = (Preset::N14, LabelKind::Clear);
    check((estimator, 7), (data, layout.unwrap()), place);
}

/// One feature a ciphertext: nothing is summed over features or replicated. And the other
/// extreme, one sample a ciphertext.
#[test]
fn blocks_of_one_column_and_of_one_row() {
    let data = Data::gaussians(3, 3, 5);
    let estimator = estimator(2, SigmoidDegree::Three, LearningRate::Constant(1.0));
    let expected = reference(&estimator, &data);
    for (block_rows, block_cols) in [(8192, 1), (1, 8192)] {
        let layout = Layout::new(3, 3, block_rows, block_cols).unwrap();
        let needs = needs(&estimator, CLEAR, &layout, &layout);
        let world = World::new(Preset::N14, &needs);
        let matrix = world.encrypt(&data, layout, needs.levels);
        let model = world.fit(&estimator, &matrix, &Labels::Clear(data.labels.clone()));
        world.assert_like(&model, &expected, (&matrix, &data), BOUND);
    }
}

/// The reference tells when the polynomial's interval is left, which encrypted training cannot.
#[test]
fn a_learning_rate_that_is_too_large_is_seen() {
    let data = Data::gaussians(200, 10, 6);
    let estimator = estimator(4, SigmoidDegree::Three, LearningRate::Constant(40.0));
    let simulation = estimator.simulate(&data.features(), &data.labels).unwrap();
    assert_eq!(simulation.ranges.largest.len(), 3);
    assert!(matches!(
        simulation.ranges.check(),
        Err(LearnError::OutOfRange { iteration: 2, .. })
    ));
}

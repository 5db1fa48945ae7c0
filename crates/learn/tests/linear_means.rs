//! Encrypted linear means against its plaintext reference, and what leaves the server.

mod common;

use common::{CLEAR, Data, ENCRYPTED, World, assert_close, needs};
use tapetum_ckks::Preset;
use tapetum_learn::*;

/// With scales of 36 bits at N = 2^13 (rounding errors of slots about 2^-24).
const BOUND_36: f64 = 1.0 / (1 << 14) as f64;
/// With scales of 40 bits at N = 2^14 (rounding errors of slots about 2^-27).
const BOUND_40: f64 = 1.0 / (1 << 16) as f64;

fn reference(data: &Data) -> PlainModel {
    LinearMeans
        .simulate(&data.features(), &data.labels)
        .unwrap()
        .model
        .into_linear()
        .unwrap()
}

/// Everything in three levels: one for the weights, two for classification.
#[test]
fn clear_labels_fit_the_smallest_preset_with_products() {
    let data = Data::gaussians(700, 11, 1);
    let layout = Layout::new(700, 11, 512, 8).unwrap();
    assert_eq!((layout.grid_rows(), layout.grid_cols()), (2, 2));
    let needs = needs(&LinearMeans, CLEAR, &layout, &layout);
    assert_eq!(needs.levels, 3);
    let world = World::new(Preset::N13, &needs);
    let matrix = world.encrypt(&data, layout, 3);
    let model = world.fit(&LinearMeans, &matrix, &Labels::Clear(data.labels.clone()));

    world.assert_like(&model, &reference(&data), (&matrix, &data), BOUND_36);
}

#[test]
fn encrypted_labels_and_single_samples() {
    let data = Data::gaussians(900, 11, 2);
    let layout = Layout::new(900, 11, 2048, 4).unwrap();
    let single = Layout::for_samples(2, 11, 8192, 4).unwrap();
    assert_eq!(single.block_cols(), 16);
    let needs = needs(&LinearMeans, ENCRYPTED, &layout, &single);
    assert_eq!(needs.levels, 6);
    let world = World::new(Preset::N14, &needs);
    // The labels lie higher than the features: they are brought down.
    let matrix = world.encrypt(&data, layout, 6);
    let labels = world.encrypt_labels(&data, layout, 7);
    let model = world.fit(&LinearMeans, &matrix, &labels);

    let expected = reference(&data);
    world.assert_like(&model, &expected, (&matrix, &data), BOUND_40);
    let expected = expected.decision_function(&data.features()).unwrap();
    let samples = world.encrypt(&data.head(2), single, LinearModel::SAMPLE_LEVEL);
    let found = world.decrypt(&world.score(&model, &samples));
    assert_close("single", &found, &expected[..2], BOUND_40);
}

/// Slots that are no score hold nothing, though the rows beyond the samples would score the
/// intercept, and the columns beside the scores held partial sums. Scores of several rows of blocks
/// share ciphertexts, here 2 columns each.
#[test]
fn only_scores_leave_the_server() {
    let rows = 4096 + 2048 + 17;
    let data = Data::gaussians(rows, 2, 3);
    let training = data.head(40);
    let training_layout = Layout::new(40, 2, 2048, 2).unwrap();
    let layout = Layout::new(rows, 2, 2048, 2).unwrap();
    assert_eq!(layout.grid_rows(), 4);
    let needs = needs(&LinearMeans, CLEAR, &training_layout, &layout);
    let world = World::new(Preset::N13, &needs);

    let labels = ClassLabels::of_classes(data.labels.as_slice()[..40].to_vec(), 2).unwrap();
    let matrix = world.encrypt(&training, training_layout, 3);
    let model = world.fit(&LinearMeans, &matrix, &Labels::Clear(labels.clone()));
    let expected = LinearMeans.simulate(&training.features(), &labels).unwrap();
    assert!(expected.model.linear().unwrap().intercepts[0].abs() > 1e-3);
    let expected = expected.model.decision_function(&data.features()).unwrap();

    let samples = world.encrypt(&data, layout, LinearModel::SAMPLE_LEVEL);
    let scores = world.score(&model, &samples);
    assert_eq!(scores.ciphertexts().len(), 2);
    assert_close("scores", &world.decrypt(&scores), &expected, BOUND_36);

    // Sample r of the rows of blocks i lies in slot 2 r, one to the left if i is odd.
    let mut in_slots = vec![vec![0.0; 4096]; 2];
    for (sample, &score) in expected.iter().enumerate() {
        let (i, r) = (sample / 2048, sample % 2048);
        in_slots[i / 2][(2 * r + 4096 - i % 2) % 4096] = score;
    }
    for (ciphertext, expected) in scores.ciphertexts().iter().zip(&in_slots) {
        let plaintext = world.decryptor.decrypt(ciphertext).unwrap();
        let slots = world.evaluator.encoder().decode(&plaintext);
        assert_close("slots", &slots, expected, BOUND_36);
    }
    let empty = in_slots[1].iter().filter(|&&score| score == 0.0);
    assert_eq!(empty.count(), 2048 - 17);
}

/// Many narrow rows of blocks in one ciphertext.
#[test]
fn scores_of_many_rows_of_blocks_are_packed() {
    let data = Data::gaussians(22, 5, 4);
    let layout = Layout::new(22, 5, 4, 1024).unwrap();
    assert_eq!(layout.grid_rows(), 6);
    let needs = needs(&LinearMeans, CLEAR, &layout, &layout);
    let world = World::new(Preset::N13, &needs);
    let matrix = world.encrypt(&data, layout, 3);
    let model = world.fit(&LinearMeans, &matrix, &Labels::Clear(data.labels.clone()));
    let scores = world.score(&model, &matrix);
    assert_eq!(scores.ciphertexts().len(), 1);
    let expected = reference(&data)
        .decision_function(&data.features())
        .unwrap();
    assert_close("scores", &world.decrypt(&scores), &expected, BOUND_36);
}

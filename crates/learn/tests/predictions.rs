//! Predictions under encryption against their reference, and what they do not tell.

mod common;

use common::{Data, World};
use tapetum_ckks::{Precision, Preset};
use tapetum_learn::*;

/// Training and classification keep their errors below this.
const SCORE_ERROR: f64 = 1e-3;
/// What encryption adds to a prediction.
const NOISE: f64 = 1.0 / 65536.0;

#[test]
fn predictions_tell_the_side_and_nothing_else() {
    let data = Data::gaussians(300, 5, 1);
    let reference = LinearMeans
        .simulate(&data.features(), &data.labels)
        .unwrap();
    let scores = reference.model.decision_function(&data.features()).unwrap();
    let largest = scores.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    let prediction = ScoreThreshold::new(1.1 * largest, Precision::new(4).unwrap()).unwrap();
    assert_eq!(prediction.levels(), 7);

    let slots = Preset::N15.literal().log_n - 1;
    let layout = Layout::for_training(300, 5, 1 << slots).unwrap();
    let task = Task::two_classes(LabelKind::Clear);
    let needs = LinearMeans
        .requirements(&layout, task)
        .then(LinearModel::requirements(&layout, layout.block_cols(), 2).unwrap())
        .then(prediction.requirements());
    let t = World::new(Preset::N15, &needs);
    let matrix = t.encrypt(&data, layout, needs.levels);
    let model = t.fit(&LinearMeans, &matrix, &Labels::Clear(data.labels.clone()));

    let evaluator = &t.evaluator;
    let predictions = model
        .predictions(&prediction, evaluator, &matrix, &mut |_| ())
        .unwrap();
    let bundle = predictions.to_bundle().unwrap();
    assert_eq!(
        EncryptedPredictions::from_bundle(bundle).unwrap(),
        predictions
    );
    let encrypted = predictions.slots();
    assert_eq!(encrypted.ciphertexts()[0].level(), 0);
    let found = t.decrypt(encrypted);

    // The error of the score, where the prediction is steep, and the polynomials' own.
    let (mut decided, mut steepest) = (0, 0.0f64);
    for (found, &score) in found.iter().zip(&scores) {
        let near = [-SCORE_ERROR, 0.0, SCORE_ERROR].map(|e| prediction.clear(score + e));
        let [low, clear, high] = near;
        let slack = (high - low).abs() + NOISE;
        steepest = steepest.max(slack);
        assert!(
            (found - clear).abs() <= slack,
            "{score}: {found}, not {clear}"
        );
        if score.abs() > prediction.gap() + SCORE_ERROR {
            decided += 1;
            let truth = f64::from(u8::from(score > 0.0));
            assert!(
                (found - truth).abs() <= prediction.error() + NOISE,
                "{score}: {found}"
            );
        }
    }
    assert!(decided > 200 && decided < 300 && steepest < 0.1);

    // Every other slot is zero.
    let unused_slots = encrypted.unused_slots();
    let unused = unused_slots
        .iter()
        .flatten()
        .filter(|&&unused| unused)
        .count();
    assert_eq!(unused, unused_slots.len() * layout.slots() - 300);
    for (ciphertext, unused_slots) in encrypted.ciphertexts().iter().zip(unused_slots) {
        let slots = evaluator
            .encoder()
            .decode(&t.decryptor.decrypt(ciphertext).unwrap());
        for (slot, _) in slots.iter().zip(unused_slots).filter(|(_, unused)| *unused) {
            assert!(slot.abs() <= prediction.error() + NOISE, "{slot}");
        }
    }

    // Levels for scores are not enough.
    let low = t.encrypt(&data, layout, LinearModel::SAMPLE_LEVEL);
    let refused = model.predictions(&prediction, evaluator, &low, &mut |_| ());
    assert!(matches!(
        refused,
        Err(LearnError::LevelExhausted { needed: 9, .. })
    ));
}

#[test]
fn bounds_are_positive_and_written_down() {
    let precision = Precision::new(6).unwrap();
    for bound in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let refused = ScoreThreshold::new(bound, precision);
        assert!(matches!(refused, Err(LearnError::Config { .. })));
    }
    let prediction = ScoreThreshold::new(4.0, precision).unwrap();
    for k in -100..=100 {
        let score = f64::from(k) / 25.0;
        let clear = prediction.clear(score);
        assert!((-prediction.error()..=1.0 + prediction.error()).contains(&clear));
        if score.abs() >= prediction.gap() {
            let truth = f64::from(u8::from(score > 0.0));
            assert!((clear - truth).abs() <= prediction.error() * (1.0 + 1e-9));
        }
    }
}

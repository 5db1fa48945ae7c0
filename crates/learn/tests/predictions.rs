//! Predictions under encryption against their reference, and what they do not tell.

mod common;

use common::{Data, World};
use tapetum_ckks::{Precision, Preset};
use tapetum_learn::*;

/// Training and classification keep their errors below this.
const SCORE_ERROR: f64 = 1e-3;
/// What encryption adds to a prediction, without the server's noise.
const NOISE: f64 = 1.0 / 65536.0;

/// The correlation of two lists of numbers.
fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let n = pairs.len() as f64;
    let mean = |f: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>() / n;
    let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
    let of = |f: &dyn Fn(&(f64, f64)) -> f64| mean(f);
    of(&|p| (p.0 - x) * (p.1 - y))
        / (of(&|p| (p.0 - x).powi(2)) * of(&|p| (p.1 - y).powi(2))).sqrt()
}

#[test]
fn predictions_tell_the_side_and_nothing_else() {
    let data = Data::gaussians(300, 5, 1);
    let reference = LinearMeans
        .simulate(&data.features(), &data.labels)
        .unwrap();
    let scores = reference.model.decision_function(&data.features()).unwrap();
    let largest = scores.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    let prediction = ScoreThreshold::new(1.1 * largest, Precision::new(4).unwrap()).unwrap();
    assert_eq!(prediction.levels(), 8);

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
    let noise = NOISE + prediction.noise();
    // Deviation and score of each class, without and with the server's noise.
    let mut told = [const { Vec::new() }; 2];
    for (found, &score) in found.iter().zip(&scores) {
        let near = [-SCORE_ERROR, 0.0, SCORE_ERROR].map(|e| prediction.clear(score + e));
        let [low, clear, high] = near;
        let slack = (high - low).abs() + noise;
        steepest = steepest.max(slack);
        assert!(
            (found - clear).abs() <= slack,
            "{score}: {found}, not {clear}"
        );
        if score.abs() > prediction.gap() + SCORE_ERROR {
            decided += 1;
            let truth = f64::from(u8::from(score > 0.0));
            assert!(
                (found - truth).abs() <= prediction.error() + noise,
                "{score}: {found}"
            );
            told[usize::from(score > 0.0)].push((found - truth, score));
        }
    }
    assert!(decided > 200 && decided < 300 && steepest < 0.1);
    // What is left of a prediction does not tell the score: no correlation beyond that of chance.
    for told in &told {
        let chance = 5.0 / (told.len() as f64).sqrt();
        let found = correlation(told).abs();
        assert!(found < chance, "{found}, by chance {chance}");
    }

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
            assert!(slot.abs() <= prediction.error() + noise, "{slot}");
        }
    }

    // Levels for scores are not enough.
    let low = t.encrypt(&data, layout, LinearModel::SAMPLE_LEVEL);
    let refused = model.predictions(&prediction, evaluator, &low, &mut |_| ());
    assert!(matches!(
        refused,
        Err(LearnError::LevelExhausted { needed: 10, .. })
    ));
}

/// Plans of before have keys for the polynomial of before, which squares the error.
#[test]
fn thresholds_that_name_no_cleaning_keep_theirs() {
    let written = r#"{"bound":16.0,"precision_bits":10}"#;
    let old: ScoreThreshold = serde_json::from_str(written).unwrap();
    assert_eq!(old.levels(), 16);
    assert!(old.error() > 1e-7 && old.clear(0.1) > 1.0 - 1e-6);
    let new = ScoreThreshold::new(16.0, Precision::new(10).unwrap()).unwrap();
    let written = serde_json::to_string(&new).unwrap();
    assert_eq!(
        serde_json::from_str::<ScoreThreshold>(&written).unwrap(),
        new
    );
    assert!(written.contains("septic"), "{written}");
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

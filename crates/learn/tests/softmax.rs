//! Softmax regression on diagonals of slots against its plaintext reference.

mod common;

use common::diagonals::{OwnerRefresh, batches, layout, many, step, world};
use common::{Data, assert_close, in_passes};
use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{Parameters, ParametersLiteral, SecretDistribution};
use tapetum_learn::*;

/// Scales of 40 bits: 2^-25 of rounding, which the inverse of small sums enlarges.
const BOUND: f64 = 1.0 / (1 << 13) as f64;

/// With two levels to bootstrap from.
fn parameters(levels: usize) -> Parameters {
    let mut q_bits = vec![48];
    q_bits.resize(levels + 1, 40);
    Parameters::new(ParametersLiteral {
        log_n: 15,
        q_bits,
        p_bits: vec![49],
        log_scale: 40,
        secret: SecretDistribution::UniformTernary,
        bootstrapping: None,
    })
    .unwrap()
}

fn estimator(iterations: usize, rows: usize, rate: f64, interval: f64) -> SoftmaxRegression {
    SoftmaxRegression::new(SoftmaxRegressionConfig {
        iterations,
        interval,
        learning_rate: LearningRate::Constant(rate),
        batches: MiniBatches {
            rows,
            weight_bound: 4.0,
        },
    })
    .unwrap()
}

/// Trains with clear and with encrypted labels on batches of several blocks, the last one smaller.
fn trial(
    classes: usize,
    (cols, width): (usize, usize),
    rows: usize,
    (rate, interval): (f64, f64),
    levels: usize,
) {
    let data = Data::classes(3 * rows / 2, cols, classes, 41 + classes as u64);
    let estimator = estimator(3, rows, rate, interval);
    let reference = estimator.simulate(&data.features(), &data.labels).unwrap();
    reference.ranges.check().unwrap();
    assert!(reference.ranges.filled() > 0.15, "{:?}", reference.ranges);
    let descent = estimator.gradient_descent();
    let parameters = parameters(levels);
    let layout = layout(rows, cols, width, &parameters);
    let world = world(
        &descent,
        &layout,
        many(classes, LabelKind::Encrypted),
        parameters,
    );
    let bootstrap = OwnerRefresh::new(&world);
    for kind in [LabelKind::Clear, LabelKind::Encrypted] {
        let task = many(classes, kind);
        let batches = batches(&world, &data, rows, width, kind);
        let start = SessionStart::new(&world.evaluator, &layout, task, Some(&bootstrap));
        let mut session = estimator.begin(start).unwrap();
        while session.next_batch(batches.len()).is_some() {
            step(&mut *session, &batches);
        }
        let model = session.finish(&mut |_| ()).unwrap().into_linear().unwrap();
        assert_eq!(model.level(), LinearModel::LEVEL);
        let found = world.decrypt_model(&model);
        assert_close(
            "weights",
            &found.weights,
            &reference.model.linear().unwrap().weights,
            BOUND,
        );
    }
}

/// Scores of two blocks have room in a ciphertext, and there are three blocks; three outputs are no class.
#[test]
fn five_classes_in_few_features() {
    trial(5, (9, 16), 2500, (0.8, 8.0), 15);
}

/// The scores of a block fill a ciphertext, so those of a pair come from two. All outputs are classes.
#[test]
fn four_classes_in_four_features() {
    trial(4, (4, 4), 5000, (2.5, 12.0), 16);
}

/// Rows that are longer than the samples of a block, and an odd block in a ciphertext of many.
#[test]
fn ten_classes_in_many_features() {
    trial(10, (200, 256), 150, (0.04, 8.0), 15);
}

/// Two blocks go through the softmax together, so three are two shares.
#[test]
fn shares_of_a_batch_add_up_to_the_same_bits() {
    let data = Data::classes(2500, 9, 5, 46);
    let estimator = estimator(2, 2500, 0.8, 8.0);
    let parameters = parameters(15);
    let layout = layout(2500, 9, 16, &parameters);
    let task = many(5, LabelKind::Encrypted);
    let world = world(&estimator.gradient_descent(), &layout, task, parameters);
    let bootstrap = OwnerRefresh::new(&world);
    let batches = batches(&world, &data, 2500, 16, LabelKind::Encrypted);
    let start = || SessionStart::new(&world.evaluator, &layout, task, Some(&bootstrap));
    let mut whole = estimator.begin(start()).unwrap();
    while whole.next_batch(1).is_some() {
        step(&mut *whole, &batches);
    }
    let expected = whole.finish(&mut |_| ()).unwrap();
    let worker = estimator.pass_worker(start(), Some(bootstrap.levels()));
    let passes = estimator.begin_passes(start(), &Totals::of(&batches[0]).unwrap());
    let (passes, worker) = (passes.unwrap(), worker.unwrap());
    assert_eq!(shares(&batches[0], passes.unit(), 9).unwrap().len(), 2);
    let found = in_passes(&world, (passes, &worker), &batches, 9);
    assert!(EncryptedModel::from(found) == expected);
}

/// Wherever a training is interrupted, it comes to the same ciphertexts.
#[test]
fn a_checkpoint_leads_to_the_same_bits() {
    let data = Data::classes(300, 6, 3, 12);
    let estimator = estimator(3, 150, 1.0, 8.0);
    let descent = estimator.gradient_descent();
    let parameters = parameters(15);
    let layout = layout(150, 6, 8, &parameters);
    let task = many(3, LabelKind::Clear);
    let world = world(&descent, &layout, task, parameters);
    let bootstrap = OwnerRefresh::new(&world);
    let batches = batches(&world, &data, 150, 8, LabelKind::Clear);
    let begin = || {
        let start = SessionStart::new(&world.evaluator, &layout, task, Some(&bootstrap));
        estimator.begin(start).unwrap()
    };
    let mut through = begin();
    step(&mut *through, &batches);
    step(&mut *through, &batches);
    let state = through.checkpoint([3; 32]).unwrap().unwrap().to_bytes();
    step(&mut *through, &batches);
    let mut resumed = begin();
    let bundle = Bundle::from_bytes(&world.parameters, &state).unwrap();
    resumed.restore([3; 32], bundle).unwrap();
    assert_eq!(resumed.iteration(), Some(2));
    step(&mut *resumed, &batches);
    let [through, resumed] =
        [through, resumed].map(|s| s.finish(&mut |_| ()).unwrap().into_linear().unwrap());
    assert!(through == resumed);
}

/// With the weights of a training that is as long as this, scores leave the interval.
#[test]
fn what_leaves_the_interval_is_refused() {
    let data = Data::classes(300, 6, 3, 12);
    let simulate = |rate, interval| {
        let estimator = estimator(12, 300, rate, interval);
        estimator.simulate(&data.features(), &data.labels).unwrap()
    };
    simulate(0.5, 16.0).ranges.check().unwrap();
    let far = simulate(8.0, 8.0).ranges.check();
    assert!(
        matches!(
            far,
            Err(LearnError::OutOfRange { .. } | LearnError::WeightOutOfRange { .. })
        ),
        "{far:?}"
    );
}

/// What it does not do is refused before there are ciphertexts.
#[test]
fn other_layouts_and_tasks_are_refused() {
    let estimator = estimator(3, 150, 1.0, 8.0);
    let descent = estimator.gradient_descent();
    let parameters = parameters(15);
    let columns = layout(150, 6, 8, &parameters);
    let levels = Some(OwnerRefresh::levels_of(&parameters));
    let refused = |layout: &Layout, classes, levels| {
        let task = many(classes, LabelKind::Encrypted);
        descent
            .requirements(layout, task, levels)
            .unwrap_err()
            .to_string()
    };
    let rows = columns.with_order(SlotOrder::Rows);
    assert!(refused(&rows, 3, levels).contains("order of columns"));
    assert!(refused(&columns, 3, None).contains("bootstrap"));
    assert!(refused(&columns, 2, levels).contains("at least 3"));
    let low = levels.map(|levels| BootstrapLevels {
        output: 14,
        ..levels
    });
    assert!(refused(&columns, 3, low).contains("level"));
    for interval in [3.0, 21.0, f64::NAN] {
        let config = SoftmaxRegressionConfig {
            interval,
            ..SoftmaxRegressionConfig::default()
        };
        assert!(SoftmaxRegression::new(config).is_err());
    }
}

/// Owner and server agree on parameters that bootstrap and on blocks in the order of columns.
#[test]
fn a_specification_says_what_it_takes() {
    let learner = EstimatorConfig::Softmax(SoftmaxRegressionConfig::default());
    let (spec, parameters) = TrainingSpec::planned(learner.clone(), 256, 10, 7773).unwrap();
    assert_eq!(
        (spec.slot_order, parameters.log_n()),
        (SlotOrder::Columns, 16)
    );
    let (layout, level) = spec.training_shape(1024, &parameters).unwrap();
    assert_eq!((layout.blocks(), level), (8, 15));
    let written = serde_json::to_string(&spec).unwrap();
    assert!(written.contains("multinomial"), "{written}");
    assert_eq!(
        serde_json::from_str::<TrainingSpec>(&written).unwrap(),
        spec
    );
    for (columns, classes) in [(256, 2), (2000, 10)] {
        assert!(TrainingSpec::planned(learner.clone(), columns, classes, 7773).is_err());
    }
}

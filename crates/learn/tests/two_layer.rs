//! The network with a hidden layer against its plaintext reference.

mod common;

use std::sync::{Mutex, PoisonError};

use common::diagonals::{OwnerRefresh, layout, many, step};
use common::{Data, World, assert_close};
use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{Parameters, ParametersLiteral, SecretDistribution};
use tapetum_learn::*;

/// Scales of 40 bits: 2^-25 of rounding, which three products of numbers up to 60 enlarge.
const BOUND: f64 = 1.0 / (1 << 12) as f64;

/// Two levels to bootstrap from, two to pack, six for a step, two to unpack.
const LEVELS: usize = 12;

fn parameters() -> Parameters {
    let mut q_bits = vec![49];
    q_bits.resize(LEVELS + 1, 40);
    Parameters::new(ParametersLiteral {
        log_n: 15,
        q_bits,
        p_bits: vec![49, 49, 49],
        log_scale: 40,
        secret: SecretDistribution::UniformTernary,
        bootstrapping: None,
    })
    .unwrap()
}

fn config(activation: Activation, iterations: usize, rows: usize) -> TwoLayerConfig {
    TwoLayerConfig {
        hidden_units: 32,
        activation,
        iterations,
        hidden_rate: 0.3,
        output_rate: 0.02,
        batches: MiniBatches {
            rows,
            weight_bound: 4.0,
        },
        ..TwoLayerConfig::default()
    }
}

/// Keys take some gigabytes: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// A world with the keys of a training on batches of so many rows, in blocks of this width.
fn prepare(spec: &TrainingSpec, data: &Data, (rows, width): (usize, usize)) -> World {
    let parameters = parameters();
    let estimator = spec.learner.estimator().unwrap();
    let blocks = layout(rows, data.cols, width, &parameters);
    let task = many(spec.classes, LabelKind::Encrypted);
    // All keys, by what is missing without any.
    let world = World::with_parameters(parameters.clone(), &Requirements::default());
    let bootstrap = OwnerRefresh::complex(&world);
    let start = SessionStart::new(&world.evaluator, &blocks, task, Some(&bootstrap));
    let Err(LearnError::MissingKeys(missing)) = estimator.begin(start).map(drop) else {
        panic!("no keys are needed");
    };
    let needs = Requirements {
        levels: missing.level,
        rotations: missing.rotations,
        relinearization: missing.relinearization,
        conjugation: missing.conjugation,
    };
    assert_eq!(needs.levels, LEVELS);
    World::with_parameters(parameters, &needs)
}

fn batches(
    world: &World,
    data: &Data,
    (rows, width): (usize, usize),
    kind: LabelKind,
) -> Vec<Batch> {
    (0..data.labels.len().div_ceil(rows))
        .map(|i| {
            let part = data.part(i * rows, rows);
            let layout = layout(part.labels.len(), data.cols, width, &world.parameters);
            let labels = world.labels(&part, kind, layout, LEVELS - 2);
            (world.encrypt(&part, layout, LEVELS - 2), labels)
        })
        .collect()
}

fn spec(config: TwoLayerConfig, columns: usize, classes: usize) -> TrainingSpec {
    let learner = EstimatorConfig::TwoLayer(config);
    TrainingSpec::planned(learner, columns, classes, 5000)
        .unwrap()
        .0
}

fn trial(
    classes: usize,
    (cols, width): (usize, usize),
    rows: usize,
    activation: Activation,
    kinds: &[LabelKind],
) {
    let data = Data::classes(5 * rows / 2, cols, classes, 61 + classes as u64);
    let spec = spec(config(activation, 4, rows), cols, classes);
    let estimator = spec.learner.estimator().unwrap();
    let reference = estimator.simulate(&data.features(), &data.labels).unwrap();
    reference.ranges.check().unwrap();
    let PlainClassifier::TwoLayer(expected) = &reference.model else {
        panic!("another model");
    };
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let world = prepare(&spec, &data, (rows, width));
    for &kind in kinds {
        let batches = batches(&world, &data, (rows, width), kind);
        let bootstrap = OwnerRefresh::complex(&world);
        let blocks = layout(rows, cols, width, &world.parameters);
        let start = SessionStart::new(
            &world.evaluator,
            &blocks,
            many(classes, kind),
            Some(&bootstrap),
        );
        let mut session = estimator.begin(start).unwrap();
        while session.next_batch(batches.len()).is_some() {
            step(&mut *session, &batches);
        }
        let EncryptedModel::TwoLayer(model) = session.finish(&mut |_| ()).unwrap() else {
            panic!("another model");
        };
        assert_eq!(model.level(), TwoLayerModel::LEVEL);
        let bytes = model.to_bundle().unwrap().to_bytes();
        let read = Bundle::from_bytes(&world.parameters, &bytes).unwrap();
        assert!(
            EncryptedModel::from_bundle(read).unwrap() == EncryptedModel::TwoLayer(model.clone())
        );
        let found = model.decrypt_exact(&world.decryptor).unwrap();
        assert_close("hidden weights", &found.hidden, &expected.hidden, BOUND);
        assert_close("output weights", &found.output, &expected.output, BOUND);

        let samples = world.encrypt(
            &data,
            layout(data.labels.len(), cols, width, &world.parameters),
            TwoLayerModel::SAMPLE_LEVEL,
        );
        let scores = EncryptedModel::TwoLayer(model)
            .decision_function((&world.evaluator, &samples), &mut |_| ())
            .unwrap();
        let bytes = scores.to_bundle().unwrap().to_bytes();
        let read = Bundle::from_bytes(&world.parameters, &bytes).unwrap();
        let scores = EncryptedScores::from_bundle(read).unwrap();
        let found = scores.decrypt_exact(&world.decryptor).unwrap();
        let expected = reference.model.decision_function(&data.features()).unwrap();
        assert_close("scores", &found, &expected, 16.0 * BOUND);
        scores.open(&world.decryptor).unwrap();
    }
}

/// Several blocks, the last of them without a partner, and a smaller batch at the end.
#[test]
fn five_classes() {
    let kinds = [LabelKind::Clear, LabelKind::Encrypted];
    trial(5, (9, 128), 330, Activation::Hermite, &kinds);
}

/// One score, and blocks that are filled.
#[test]
fn two_classes_in_many_features() {
    trial(
        2,
        (200, 256),
        128,
        Activation::Hermite,
        &[LabelKind::Encrypted],
    );
}

/// As many outputs as hidden units.
#[test]
fn thirty_classes() {
    trial(
        30,
        (20, 256),
        150,
        Activation::Quadratic,
        &[LabelKind::Clear],
    );
}

/// Wherever a training is interrupted, it comes to the same ciphertexts.
#[test]
fn a_checkpoint_leads_to_the_same_bits() {
    let data = Data::classes(300, 6, 3, 12);
    let spec = spec(config(Activation::Hermite, 3, 150), 6, 3);
    let estimator = spec.learner.estimator().unwrap();
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let world = prepare(&spec, &data, (150, 256));
    let batches = batches(&world, &data, (150, 256), LabelKind::Clear);
    let bootstrap = OwnerRefresh::complex(&world);
    let layout = layout(150, 6, 256, &world.parameters);
    let begin = || {
        let task = many(3, LabelKind::Clear);
        let start = SessionStart::new(&world.evaluator, &layout, task, Some(&bootstrap));
        estimator.begin(start).unwrap()
    };
    let mut through = begin();
    step(&mut *through, &batches);
    step(&mut *through, &batches);
    let state = through.checkpoint([3; 32]).unwrap().unwrap().to_bytes();
    step(&mut *through, &batches);
    let bundle = || Bundle::from_bytes(&world.parameters, &state).unwrap();
    assert!(matches!(
        begin().restore([4; 32], bundle()),
        Err(LearnError::OtherInputs)
    ));
    let mut resumed = begin();
    resumed.restore([3; 32], bundle()).unwrap();
    assert_eq!(resumed.iteration(), Some(2));
    step(&mut *resumed, &batches);
    let [through, resumed] = [through, resumed].map(|s| s.finish(&mut |_| ()).unwrap());
    assert!(through == resumed);
}

/// Steps that are too long make weights grow beyond what can be bootstrapped.
#[test]
fn what_diverges_is_refused() {
    let data = Data::classes(300, 6, 3, 12);
    let simulate = |hidden_rate, output_rate| {
        let estimator = TwoLayer::new(TwoLayerConfig {
            hidden_rate,
            output_rate,
            ..config(Activation::Hermite, 12, 300)
        });
        let simulation = estimator.unwrap().simulate(&data.features(), &data.labels);
        simulation.unwrap().ranges.check()
    };
    simulate(0.3, 0.02).unwrap();
    let far = simulate(50.0, 5.0);
    assert!(
        matches!(
            far,
            Err(LearnError::Diverges { .. } | LearnError::WeightOutOfRange { .. })
        ),
        "{far:?}"
    );
}

/// Settings out of range, layers without room, and samples in another order.
#[test]
fn what_cannot_be_trained_is_refused() {
    for wrong in [
        TwoLayerConfig {
            hidden_units: 48,
            ..TwoLayerConfig::default()
        },
        TwoLayerConfig {
            momentum: 1.0,
            ..TwoLayerConfig::default()
        },
        TwoLayerConfig {
            hidden_rate: f64::NAN,
            ..TwoLayerConfig::default()
        },
    ] {
        assert!(matches!(
            TwoLayer::new(wrong),
            Err(LearnError::Config { .. })
        ));
    }
    let planned = |hidden_units, columns, classes| {
        let learner = EstimatorConfig::TwoLayer(TwoLayerConfig {
            hidden_units,
            ..TwoLayerConfig::default()
        });
        TrainingSpec::planned(learner, columns, classes, 5000)
    };
    let (spec, parameters) = planned(64, 251, 10).unwrap();
    assert_eq!(
        (spec.slot_order, spec.block_cols),
        (SlotOrder::Columns, 256)
    );
    spec.check(&parameters).unwrap();
    let (samples, level) = spec.sample_shape(5, &parameters).unwrap();
    assert_eq!((samples.order(), level), (SlotOrder::Columns, 4));
    let rows = TrainingSpec {
        slot_order: SlotOrder::Rows,
        ..spec
    };
    assert!(rows.check(&parameters).is_err());
    assert!(planned(128, 251, 10).is_err());
    assert!(planned(128, 128, 10).is_ok());
    assert!(planned(32, 9, 33).is_err());
}

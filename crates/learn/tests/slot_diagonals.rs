//! Training of many classes on diagonals of slots against its plaintext reference.

mod common;

use common::diagonals::{OwnerRefresh, batches, layout, many, step, world};
use common::{Data, assert_close, in_passes};
use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{Parameters, ParametersLiteral, SecretDistribution};
use tapetum_learn::*;

/// Scales of 31 bits: masks let 2^-26 through, sums over samples and the factors of unpacked weights enlarge that.
const BOUND: f64 = 1.0 / (1 << 10) as f64;

/// Eleven levels and more in a small ring.
fn parameters(levels: usize, log_n: u32) -> Parameters {
    let mut q_bits = vec![39];
    q_bits.resize(levels + 1, 31);
    Parameters::new(ParametersLiteral {
        log_n,
        q_bits,
        p_bits: vec![46],
        log_scale: 31,
        secret: SecretDistribution::UniformTernary,
        bootstrapping: None,
    })
    .unwrap()
}

fn estimator(
    degree: SigmoidDegree,
    iterations: usize,
    rows: usize,
    rate: f64,
) -> OneVsRestLogistic {
    OneVsRestLogistic::new(LogisticRegressionConfig {
        degree,
        iterations,
        learning_rate: LearningRate::Constant(rate),
        batches: Some(MiniBatches {
            rows,
            weight_bound: 4.0,
        }),
        ..LogisticRegressionConfig::default()
    })
    .unwrap()
}

/// Trains with clear and with encrypted labels on batches of several blocks, the last one smaller.
fn trial(
    classes: usize,
    cols: usize,
    width: usize,
    (rows, rate): (usize, f64),
    degree: SigmoidDegree,
) {
    let samples = 5 * rows / 2;
    let data = Data::classes(samples, cols, classes, 31 + classes as u64);
    let estimator = estimator(degree, 4, rows, rate);
    let reference = estimator.simulate(&data.features(), &data.labels).unwrap();
    reference.ranges.check().unwrap();
    let first = self::estimator(degree, 1, rows, rate);
    let first = first.simulate(&data.features(), &data.labels).unwrap();
    let descent = estimator.gradient_descent();
    let parameters = match degree {
        SigmoidDegree::Three => parameters(11, 14),
        SigmoidDegree::Five => parameters(12, 15),
    };
    let layout = layout(rows, cols, width, &parameters);
    let task = many(classes, LabelKind::Encrypted);
    let world = world(&descent, &layout, task, parameters);
    let bootstrap = OwnerRefresh::new(&world);
    for kind in [LabelKind::Clear, LabelKind::Encrypted] {
        let batches = batches(&world, &data, rows, width, kind);
        let start = SessionStart::new(
            &world.evaluator,
            &layout,
            many(classes, kind),
            Some(&bootstrap),
        );
        let mut session = estimator.begin(start).unwrap();
        assert!(session.model().is_err());
        step(&mut *session, &batches);
        let early = world.decrypt_model(&session.model().unwrap().unwrap().into_linear().unwrap());
        // The first step has no momentum, so the snapshot is the model of one iteration.
        assert_close(
            "snapshot",
            &early.weights,
            &first.model.linear().unwrap().weights,
            BOUND,
        );
        while session.next_batch(batches.len()).is_some() {
            step(&mut *session, &batches);
        }
        assert!(session.add(&batches[0], &mut |_| ()).is_err());
        let model = session.finish(&mut |_| ()).unwrap().into_linear().unwrap();
        assert_eq!(model.level(), LinearModel::LEVEL);
        assert_eq!(
            (model.features(), model.block_cols(), model.classes()),
            (cols, width, classes)
        );
        let found = world.decrypt_model(&model);
        assert_close(
            "weights",
            &found.weights,
            &reference.model.linear().unwrap().weights,
            BOUND,
        );
    }
}

/// Several blocks for the samples of a batch, and an odd number of them; diagonals in 2 x 2, and rows that are shorter than the
/// samples of a block.
#[test]
fn five_classes_in_few_features() {
    trial(5, 9, 16, (1200, 1.5), SigmoidDegree::Three);
}

/// Rows that are longer than the samples of a block, so that a model takes several products.
#[test]
fn three_classes_in_many_features() {
    trial(3, 200, 256, (150, 0.1), SigmoidDegree::Five);
}

/// However the blocks of a mini-batch are shared out, the model is the same bit for bit.
#[test]
fn shares_of_a_batch_add_up_to_the_same_bits() {
    // Batches of five blocks, and of two.
    let (rows, samples) = (4 * 1024 + 300, 6_000);
    let data = Data::classes(samples, 6, 3, 14);
    let estimator = estimator(SigmoidDegree::Three, 3, rows, 1.0);
    let descent = estimator.gradient_descent();
    let parameters = parameters(11, 14);
    let layout = layout(rows, 6, 8, &parameters);
    let task = many(3, LabelKind::Encrypted);
    let world = world(&descent, &layout, task, parameters);
    let bootstrap = OwnerRefresh::new(&world);
    let batches = batches(&world, &data, rows, 8, LabelKind::Encrypted);
    let start = || SessionStart::new(&world.evaluator, &layout, task, Some(&bootstrap));
    let mut whole = estimator.begin(start()).unwrap();
    while whole.next_batch(2).is_some() {
        step(&mut *whole, &batches);
    }
    let expected = whole.finish(&mut |_| ()).unwrap();
    // Workers need no bootstrap.
    let without = SessionStart::new(&world.evaluator, &layout, task, None);
    let worker = estimator.pass_worker(without, Some(bootstrap.levels()));
    let worker = worker.unwrap();
    let totals = Totals::of(&batches[0]).unwrap();
    for count in [1, 2, 3] {
        let passes = estimator.begin_passes(start(), &totals);
        let model = in_passes(&world, (passes.unwrap(), &worker), &batches, count);
        assert!(EncryptedModel::from(model) == expected, "{count} shares");
    }
}

/// Wherever a training is interrupted, it comes to the same ciphertexts.
#[test]
fn a_checkpoint_leads_to_the_same_bits() {
    let data = Data::classes(300, 6, 3, 12);
    let estimator = estimator(SigmoidDegree::Three, 3, 128, 1.0);
    let descent = estimator.gradient_descent();
    let parameters = parameters(11, 14);
    let layout = layout(128, 6, 8, &parameters);
    let task = many(3, LabelKind::Clear);
    let world = world(&descent, &layout, task, parameters);
    let bootstrap = OwnerRefresh::new(&world);
    let batches = batches(&world, &data, 128, 8, LabelKind::Clear);
    let begin = || {
        let start = SessionStart::new(&world.evaluator, &layout, task, Some(&bootstrap));
        estimator.begin(start).unwrap()
    };
    let resume = |inputs, bytes: &[u8]| {
        let mut session = begin();
        let bundle = Bundle::from_bytes(&world.parameters, bytes)?;
        session.restore(inputs, bundle).map(|()| session)
    };
    let mut through = begin();
    let mut checkpoints = Vec::new();
    loop {
        checkpoints.push(through.checkpoint([3; 32]).unwrap().unwrap().to_bytes());
        if through.next_batch(3).is_none() {
            break;
        }
        step(&mut *through, &batches);
    }
    let expected = through.model().unwrap().unwrap();
    assert_eq!(checkpoints.len(), 4);
    for (i, bytes) in checkpoints.iter().enumerate() {
        let mut resumed = resume([3; 32], bytes).unwrap();
        assert_eq!(resumed.iteration(), Some(i));
        while resumed.next_batch(3).is_some() {
            step(&mut *resumed, &batches);
        }
        assert!(resumed.model().unwrap().unwrap() == expected, "from {i}");
    }
    let other = resume([4; 32], &checkpoints[1]).err();
    assert!(matches!(other, Some(LearnError::OtherInputs)));
    // A state without weights, one with two, and one at another level.
    let (metadata, weights) = Bundle::from_bytes(&world.parameters, &checkpoints[1])
        .unwrap()
        .into_contents(Training::KIND)
        .unwrap();
    let lower = world.evaluator.lower_to(&weights[0], 1).unwrap();
    for weights in [vec![], vec![weights[0].clone(); 2], vec![lower]] {
        let state = Bundle::new(&world.parameters, Training::KIND, metadata.clone(), weights);
        let refused = resume([3; 32], &state.unwrap().to_bytes()).err();
        assert!(
            matches!(refused, Some(LearnError::Shape { .. })),
            "{refused:?}"
        );
    }
}

/// Who has the slots in one order does not take them in the other.
#[test]
fn the_other_order_is_refused() {
    let data = Data::classes(40, 6, 3, 13);
    let estimator = estimator(SigmoidDegree::Three, 2, 64, 1.0);
    let descent = estimator.gradient_descent();
    let parameters = parameters(11, 14);
    let columns = layout(40, 6, 8, &parameters);
    let rows = columns.with_order(SlotOrder::Rows);
    let task = many(3, LabelKind::Clear);
    let world = world(&descent, &columns, task, parameters);
    let bootstrap = OwnerRefresh::new(&world);
    let labels = Labels::Clear(data.labels.clone());
    let [in_rows, in_columns] = [rows, columns].map(|layout| world.encrypt(&data, layout, 9));
    let refused = |error: LearnError| {
        assert!(matches!(error, LearnError::Malformed { .. }), "{error}");
        assert!(error.to_string().contains("order of"), "{error}");
    };
    let start = |layout| SessionStart::new(&world.evaluator, layout, task, Some(&bootstrap));

    let mut session = estimator.begin(start(&columns)).unwrap();
    refused(
        session
            .add(&(in_rows.clone(), labels.clone()), &mut |_| ())
            .unwrap_err(),
    );
    session
        .add(&(in_columns.clone(), labels.clone()), &mut |_| ())
        .unwrap();
    let model = session.model().unwrap().unwrap().into_linear().unwrap();
    refused(
        model
            .decision_function(&world.evaluator, &in_columns, &mut |_| ())
            .unwrap_err(),
    );
    let samples = Samples::new(&world.evaluator, &in_columns, &labels);
    refused(estimator.fit(&samples, &mut |_| ()).unwrap_err());
    refused(
        Training::begin(descent.clone(), start(&columns))
            .err()
            .unwrap(),
    );
    let ridge = Ridge::new(LeastSquaresConfig::default()).unwrap();
    refused(ridge.begin(start(&columns)).err().unwrap());
    // Without a bootstrap there is no training in the order of columns.
    let start = SessionStart::new(&world.evaluator, &columns, task, None);
    assert!(estimator.begin(start).is_err());
}

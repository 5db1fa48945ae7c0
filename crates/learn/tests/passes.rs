//! Training in passes: however the samples are shared out, the model is that of one machine bit for bit.

mod common;

use common::diagonals::OwnerRefresh;
use common::{CLEAR, Data, World, in_passes, needs, ten_levels};
use tapetum_learn::*;

/// Rows of two contributors: stacked, five rows of blocks of 1,024 x 8, of which the third is not full.
const PARTS: [usize; 2] = [2_500, 1_500];

fn layout(rows: usize, width: usize) -> Layout {
    Layout::new(rows, 11, 8_192 / width, width).unwrap()
}

/// Fits to stacked samples at once, and in passes over one to nine shares.
fn check(estimator: &dyn Estimator, classes: usize, width: usize) {
    let data = match classes {
        2 => Data::gaussians(PARTS.iter().sum(), 11, 21),
        _ => Data::classes(PARTS.iter().sum(), 11, classes, 21),
    };
    let task = |labels| Task { classes, labels };
    let shape = layout(1, width);
    let needs = estimator.requirements(&shape, task(LabelKind::Encrypted));
    let world = World::with_parameters(ten_levels(), &needs);
    for kind in [LabelKind::Clear, LabelKind::Encrypted] {
        let (mut matrices, mut labels, mut first) = (Vec::new(), Vec::new(), 0);
        for rows in PARTS {
            let part = data.part(first, rows);
            let layout = layout(rows, width);
            matrices.push(world.encrypt(&part, layout, needs.levels));
            labels.push(world.labels(&part, kind, layout, needs.levels));
            first += rows;
        }
        let layouts: Vec<_> = matrices.iter().map(|matrix| *matrix.layout()).collect();
        let batch = (
            EncryptedMatrix::stack(matrices).unwrap(),
            Labels::stack(labels, &layouts).unwrap(),
        );
        let expected = world.fit(estimator, &batch.0, &batch.1);
        let totals = Totals::of(&batch).unwrap();
        assert_eq!((totals.samples(), totals.labels()), (4_000, kind));
        let start = || SessionStart::new(&world.evaluator, &shape, task(kind), None);
        let worker = estimator.pass_worker(start(), None).unwrap();
        for count in [1, 2, 3, 9] {
            let passes = estimator.begin_passes(start(), &totals).unwrap();
            let model = in_passes(
                &world,
                (passes, &worker),
                std::slice::from_ref(&batch),
                count,
            );
            assert!(model == expected, "{count} shares, labels {kind:?}");
        }
    }
}

fn logistic(iterations: usize, batches: Option<MiniBatches>) -> LogisticRegressionConfig {
    LogisticRegressionConfig {
        iterations,
        learning_rate: LearningRate::Constant(1.0),
        batches,
        ..LogisticRegressionConfig::default()
    }
}

#[test]
fn linear_means() {
    check(&LinearMeans, 2, 8);
}

#[test]
fn fisher() {
    let config = LeastSquaresConfig {
        iterations: 2,
        largest_eigenvalue: 5.0,
        ..LeastSquaresConfig::default()
    };
    check(&FisherDiscriminant::new(config).unwrap(), 2, 16);
}

#[test]
fn logistic_regression() {
    for iterations in [1, 2] {
        let estimator = LogisticRegression::new(logistic(iterations, None)).unwrap();
        check(&estimator, 2, 8);
    }
}

/// Labels of an odd number of classes and of rows of blocks, of which pairs are copied together.
#[test]
fn one_vs_rest() {
    let estimator = OneVsRestLogistic::new(logistic(2, None)).unwrap();
    check(&estimator, 3, 8);
}

/// Two mini-batches of five and of two rows of blocks, with bootstraps in between.
#[test]
fn mini_batches_with_bootstraps() {
    let rows = 4_500;
    let batches = MiniBatches {
        rows,
        weight_bound: 4.0,
    };
    for classes in [2, 3] {
        let data = match classes {
            2 => Data::gaussians(6_000, 11, 22),
            _ => Data::classes(6_000, 11, classes, 22),
        };
        let config = logistic(3, Some(batches));
        let estimator: Box<dyn Estimator> = match classes {
            2 => Box::new(LogisticRegression::new(config.clone()).unwrap()),
            _ => Box::new(OneVsRestLogistic::new(config.clone()).unwrap()),
        };
        let descent = match classes {
            2 => LogisticRegression::new(config).unwrap().gradient_descent(),
            _ => OneVsRestLogistic::new(config).unwrap().gradient_descent(),
        };
        let parameters = ten_levels();
        let levels = OwnerRefresh::levels_of(&parameters);
        let task = Task {
            classes,
            labels: LabelKind::Encrypted,
        };
        let shape = layout(rows, 8);
        let needs = descent.requirements(&shape, task, Some(levels)).unwrap();
        let level = descent.batch_level(&shape, task, Some(levels)).unwrap();
        let world = World::with_parameters(parameters, &needs);
        let bootstrap = OwnerRefresh::new(&world);
        let batches: Vec<_> = [(0, rows), (rows, 1_500)]
            .map(|(first, rows)| {
                let part = data.part(first, rows);
                let layout = layout(rows, 8);
                let labels = world.labels(&part, LabelKind::Encrypted, layout, level);
                (world.encrypt(&part, layout, level), labels)
            })
            .into();
        let start = || SessionStart::new(&world.evaluator, &shape, task, Some(&bootstrap));
        let mut whole = estimator.begin(start()).unwrap();
        while let Some(batch) = whole.next_batch(2) {
            whole.add(&batches[batch], &mut |_| ()).unwrap();
        }
        let expected = whole.finish(&mut |_| ()).unwrap();
        let without = SessionStart::new(&world.evaluator, &shape, task, None);
        let worker = estimator.pass_worker(without, Some(levels)).unwrap();
        for count in [1, 3] {
            let totals = Totals::of(&batches[0]).unwrap();
            let passes = estimator.begin_passes(start(), &totals).unwrap();
            assert_eq!((passes.total(), passes.unit()), (3, 2));
            let model = in_passes(&world, (passes, &worker), &batches, count);
            assert!(
                EncryptedModel::from(model) == expected,
                "{count} shares, {classes} classes"
            );
        }
    }
}

#[test]
fn what_does_not_add_up_to_a_pass_is_refused() {
    let data = Data::gaussians(3_000, 11, 23);
    let shape = layout(3_000, 8);
    let estimator = LogisticRegression::new(logistic(2, None)).unwrap();
    let world = World::with_parameters(ten_levels(), &needs(&estimator, CLEAR, &shape, &shape));
    let level = estimator.requirements(&shape, CLEAR).levels;
    let matrix = world.encrypt(&data, shape, level);
    let batch = (matrix.clone(), Labels::Clear(data.labels.clone()));
    let totals = Totals::of(&batch).unwrap();
    let start = || SessionStart::new(&world.evaluator, &shape, CLEAR, None);
    let mut passes = estimator.begin_passes(start(), &totals).unwrap();
    let worker = estimator.pass_worker(start(), None).unwrap();
    let parts = shares(&batch, passes.unit(), 2).unwrap();
    assert_eq!(parts.len(), 2);
    assert_eq!(
        parts.iter().map(|(m, _)| m.samples()).collect::<Vec<_>>(),
        [2_048, 952]
    );

    let first = passes.start(&totals).unwrap().clone();
    assert!(passes.start(&totals).is_err());
    let sums: Vec<_> = (parts
        .iter()
        .map(|part| worker.add_up(&first, part).unwrap()))
    .collect();
    let shape_error =
        |error: LearnError| assert!(matches!(error, LearnError::Shape { .. }), "{error}");
    // A share is missing, or comes twice.
    shape_error(passes.advance(sums[0].clone()).unwrap_err());
    let mut twice = sums[0].clone();
    twice.add(&sums[0], &world.evaluator).unwrap();
    shape_error(passes.advance(twice).unwrap_err());
    let mut all = sums[1].clone();
    all.add(&sums[0], &world.evaluator).unwrap();
    passes.advance(all.clone()).unwrap();

    // Sums, and what the pass before began with, in the next pass.
    assert!(passes.advance(all.clone()).is_err());
    let second = passes.start(&totals).unwrap().clone();
    shape_error(passes.advance(all.clone()).unwrap_err());
    let mut next = worker.add_up(&second, &parts[0]).unwrap();
    shape_error(next.add(&sums[1], &world.evaluator).unwrap_err());
    assert!(passes.finish().is_err());

    // Labels of another kind, and too many rows.
    let encrypted = (matrix.clone(), world.encrypt_labels(&data, shape, level));
    assert!(worker.add_up(&first, &encrypted).is_err());
    let (few, labels) = (data.part(0, 100), layout(100, 8));
    let few_batch = (
        world.encrypt(&few, labels, level),
        Labels::Clear(few.labels.clone()),
    );
    let totals = Totals::of(&few_batch).unwrap();
    let mut passes = estimator.begin_passes(start(), &totals).unwrap();
    let of_few = passes.start(&totals).unwrap().clone();
    assert!(worker.add_up(&of_few, &batch).is_err());

    // One class only; an estimator with sums of its own.
    let one = Labels::Clear(ClassLabels::new(vec![true; 3_000]).unwrap());
    let totals = Totals::of(&(matrix, one)).unwrap();
    let refused = estimator.begin_passes(start(), &totals).err().unwrap();
    assert!(matches!(refused, LearnError::OneClass(1)), "{refused}");
    let ridge = Ridge::new(LeastSquaresConfig::default()).unwrap();
    let refused = ridge.begin_passes(start(), &totals).err().unwrap();
    assert!(matches!(refused, LearnError::NotAdditive), "{refused}");
}

/// From a specification, as a server has it.
#[test]
fn a_specification_says_what_passes_go_over() {
    let data = Data::gaussians(60, 5, 3);
    let parts = |learner: EstimatorConfig| {
        let (spec, parameters) = TrainingSpec::planned(learner, 5, 2, 60).unwrap();
        let needs = spec.requirements(&parameters).unwrap();
        let world = World::with_parameters(parameters, &needs);
        let parts = [0, 20, 40].map(|first| {
            let part = data.part(first, 20);
            let (layout, level) = spec.training_shape(20, &world.parameters).unwrap();
            (
                world.encrypt(&part, layout, level),
                Labels::Clear(part.labels.clone()),
            )
        });
        (spec, world, parts.to_vec())
    };
    let batches = MiniBatches {
        rows: 20,
        ..MiniBatches::default()
    };
    for (learner, batches) in [
        (EstimatorConfig::LinearMeans, 1),
        (EstimatorConfig::Logistic(logistic(2, None)), 1),
        (EstimatorConfig::Logistic(logistic(2, Some(batches))), 3),
    ] {
        assert!(learner.trains_in_passes());
        let (spec, world, parts) = parts(learner);
        let options = TrainingOptions::default();
        let expected = train(&spec, &world.evaluator, &parts, options, &mut ()).unwrap();
        let found = spec.pass_batches(parts).unwrap();
        assert_eq!(found.len(), batches);
        let totals = Totals::of(&found[0]).unwrap();
        let passes = spec.begin_passes(&world.evaluator, &totals).unwrap();
        let worker = spec
            .pass_worker(&world.evaluator, LabelKind::Clear)
            .unwrap();
        let model = in_passes(&world, (passes, &worker), &found, 2);
        assert!(EncryptedModel::from(model) == expected.unwrap().model);
    }
    let ridge = EstimatorConfig::Ridge(LeastSquaresConfig::default());
    assert!(!ridge.trains_in_passes());
    let (spec, world, parts) = parts(ridge);
    assert!(spec.pass_batches(parts).is_err());
    assert!(
        spec.pass_worker(&world.evaluator, LabelKind::Clear)
            .is_err()
    );
}

//! Samples of several contributors, stacked: the same as if one had sent them all.

mod common;

use common::{Data, World, assert_close};
use tapetum_ckks::Preset;
use tapetum_learn::*;

/// With scales of 40 bits at N = 2^14; see the tests of each estimator.
const BOUND: f64 = 1.0 / (1 << 13) as f64;

/// Parts that fill no block, in a layout of 2 or 3 rows of blocks each.
const PARTS: [usize; 2] = [700, 400];

fn check(estimator: &dyn Estimator, layout: impl Fn(usize) -> Layout) {
    let data = Data::gaussians(PARTS.iter().sum(), 11, 9);
    let encrypted = Task::two_classes(LabelKind::Encrypted);
    let needs = estimator.requirements(&layout(PARTS[0]), encrypted);
    let world = World::new(Preset::N14, &needs);
    let reference = estimator.simulate(&data.features(), &data.labels).unwrap();
    reference.ranges.check().unwrap();
    for kind in [LabelKind::Clear, LabelKind::Encrypted] {
        let (mut matrices, mut labels, mut first) = (Vec::new(), Vec::new(), 0);
        for rows in PARTS {
            let part = data.part(first, rows);
            let layout = layout(rows);
            matrices.push(world.encrypt(&part, layout, needs.levels));
            labels.push(match kind {
                LabelKind::Clear => Labels::Clear(part.labels.clone()),
                LabelKind::Encrypted => world.encrypt_labels(&part, layout, needs.levels),
            });
            first += rows;
        }
        let layouts: Vec<_> = matrices.iter().map(|matrix| *matrix.layout()).collect();
        let labels = Labels::stack(labels, &layouts).unwrap();
        let matrix = EncryptedMatrix::stack(matrices).unwrap();
        assert_eq!(matrix.samples(), first);
        assert!(matrix.layout().rows() > first && matrix.to_bundle().is_err());
        let found = world.decrypt_model(&world.fit(estimator, &matrix, &labels));
        assert_close(
            "weights",
            &found.weights,
            &reference.model.linear().unwrap().weights,
            BOUND,
        );
        assert_close(
            "intercepts",
            &found.intercepts,
            &reference.model.linear().unwrap().intercepts,
            BOUND,
        );
    }
}

#[test]
fn linear_means() {
    check(&LinearMeans, |rows| Layout::new(rows, 11, 512, 16).unwrap());
}

#[test]
fn logistic_regression() {
    let estimator = LogisticRegression::new(LogisticRegressionConfig {
        iterations: 2,
        learning_rate: LearningRate::Constant(1.0),
        ..LogisticRegressionConfig::default()
    });
    check(&estimator.unwrap(), |rows| {
        Layout::new(rows, 11, 512, 16).unwrap()
    });
}

#[test]
fn fisher_and_ridge() {
    let config = LeastSquaresConfig {
        iterations: 2,
        largest_eigenvalue: 5.0,
        ..LeastSquaresConfig::default()
    };
    let layout = |rows| Layout::for_least_squares(rows, 11, 2, 8192).unwrap();
    check(&FisherDiscriminant::new(config).unwrap(), layout);
    check(&Ridge::new(config).unwrap(), layout);
}

#[test]
fn what_does_not_go_together_is_refused() {
    let data = Data::gaussians(40, 5, 1);
    let world = World::new(Preset::N12, &Requirements::default());
    let layouts = [4, 8].map(|width| Layout::new(40, 5, 2048 / width, width).unwrap());
    let matrices = layouts.map(|layout| world.encrypt(&data, layout, 1));
    let stacked = EncryptedMatrix::stack(matrices.to_vec());
    assert!(matches!(stacked, Err(LearnError::Shape { .. })));
    assert!(matches!(
        EncryptedMatrix::stack(vec![]),
        Err(LearnError::Empty(_))
    ));
    let clear = Labels::Clear(data.labels.clone());
    let mixed = vec![world.encrypt_labels(&data, layouts[0], 1), clear.clone()];
    let stacked = Labels::stack(mixed, &[layouts[0]; 2]);
    assert!(matches!(stacked, Err(LearnError::Malformed { .. })));
    assert!(Labels::stack(vec![clear.clone()], &[layouts[0]; 2]).is_err());
    let ten = Labels::Clear(ClassLabels::of_classes(vec![3; 40], 10).unwrap());
    assert!(Labels::stack(vec![clear, ten], &[layouts[0]; 2]).is_err());
}

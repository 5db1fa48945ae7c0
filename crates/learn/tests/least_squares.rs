//! Encrypted Fisher's discriminant and linear regression against their plaintext twins.

mod common;

use common::{Data, World, assert_close, assert_same_verdicts};
use tapetum_ckks::Preset;
use tapetum_learn::*;

/// With scales of 40 bits at N = 2^14 (rounding errors of slots about 2^-27) and what the inverse
/// of a matrix of condition 10 and its steps make of them.
const BOUND: f64 = 1.0 / (1 << 14) as f64;

fn config(steps: usize) -> LeastSquaresConfig {
    LeastSquaresConfig {
        steps,
        ridge: 0.5,
        largest_eigenvalue: 4.0,
    }
}

/// Trains on samples in this layout at N = 2^14, and compares with the twin.
fn check(estimator: &dyn Estimator, data: &Data, layout: Layout, labels: LabelKind) {
    let classes = data.labels.classes();
    let needs = estimator
        .requirements(&layout, Task { classes, labels })
        .then(LinearModel::requirements(&layout, layout.block_cols(), classes).unwrap());
    let world = World::new(Preset::N14, &needs);
    let matrix = world.encrypt(data, layout, needs.levels);
    let labels = match labels {
        LabelKind::Clear => Labels::Clear(data.labels.clone()),
        LabelKind::Encrypted => world.encrypt_labels(data, layout, needs.levels),
    };
    let model = world.fit(estimator, &matrix, &labels);

    let twin = estimator
        .simulate(&data.features(), &data.labels)
        .unwrap()
        .model;
    let found = world.decrypt_model(&model);
    assert_close("weights", &found.weights, &twin.weights, BOUND);
    assert_close("offsets", &found.offsets, &twin.offsets, BOUND);
    let expected = twin.decision_function(&data.features()).unwrap();
    let found = world.decrypt(&world.score(&model, &matrix));
    assert_close("scores", &found, &expected, BOUND);
    if classes == 2 {
        assert_same_verdicts(&found, &expected, BOUND);
    }
    // The bounds say something: the model is better than none.
    let right = classes_of(&found, twin.outputs());
    let right = right
        .iter()
        .zip(data.labels.as_slice())
        .filter(|(a, b)| a == b);
    assert!(right.count() * 10 > 7 * data.labels.len());
}

#[test]
fn fisher_with_clear_and_with_encrypted_labels() {
    let data = Data::gaussians(900, 11, 1);
    let layout = Layout::for_least_squares(900, 11, 2, 8192).unwrap();
    assert_eq!((layout.block_cols(), layout.grid_rows()), (16, 2));
    let fisher = FisherDiscriminant::new(config(3)).unwrap();
    check(&fisher, &data, layout, LabelKind::Clear);
    let fisher = FisherDiscriminant::new(config(2)).unwrap();
    check(&fisher, &data, layout, LabelKind::Encrypted);
}

#[test]
fn regression_of_two_classes() {
    let data = Data::gaussians(700, 9, 2);
    let layout = Layout::for_least_squares(700, 9, 2, 8192).unwrap();
    let ridge = LinearRegression::new(config(4)).unwrap();
    check(&ridge, &data, layout, LabelKind::Encrypted);
    // A single step is a multiple of the moment.
    let ridge = LinearRegression::new(config(1)).unwrap();
    check(&ridge, &data, layout, LabelKind::Encrypted);
}

#[test]
fn regression_of_many_classes() {
    let ridge = LinearRegression::new(config(2)).unwrap();
    // Fewer features than baby steps, and as many as there is room for, where labels wrap around.
    for (features, classes) in [(3, 5), (8, 3)] {
        let data = Data::clouds(1500, features, classes, 3);
        let layout = Layout::for_least_squares(1500, features, classes, 8192).unwrap();
        check(&ridge, &data, layout, LabelKind::Encrypted);
    }
    let data = Data::clouds(800, 6, 3, 3);
    let layout = Layout::for_least_squares(800, 6, 3, 8192).unwrap();
    check(&ridge, &data, layout, LabelKind::Clear);
}

#[test]
fn the_twin_solves_the_system() {
    let data = Data::gaussians(300, 6, 4);
    let ridge = LinearRegression::new(config(40)).unwrap();
    let model = ridge
        .simulate(&data.features(), &data.labels)
        .unwrap()
        .model;
    // (G/m + lambda I) w = X^T y / m.
    let (m, features) = (300.0, data.features());
    let scores = model.decision_function(&features).unwrap();
    for (j, w) in model.weights.iter().enumerate() {
        let rows = features.samples().zip(&scores).zip(data.labels.as_slice());
        let gradient: f64 = rows
            .map(|((x, z), &label)| x[j] * (z - f64::from(label) + 0.5) / m)
            .sum();
        assert!((gradient + 0.5 * w).abs() < 1e-9);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    use LearnError as E;
    let refused = |change: fn(&mut LeastSquaresConfig)| {
        let mut config = LeastSquaresConfig::default();
        change(&mut config);
        matches!(LinearRegression::new(config), Err(E::Config { .. }))
            && matches!(FisherDiscriminant::new(config), Err(E::Config { .. }))
    };
    assert!(!refused(|_| ()));
    assert!(refused(|c| c.steps = 0));
    assert!(refused(|c| c.steps = 65));
    assert!(refused(|c| c.ridge = 0.0));
    assert!(refused(|c| c.ridge = 2.0));
    assert!(refused(|c| c.ridge = f64::NAN));
    assert!(refused(|c| c.largest_eigenvalue = 0.0));
    assert!(refused(|c| c.largest_eigenvalue = f64::INFINITY));

    // The twin sees what the encrypted run cannot.
    let data = Data::gaussians(300, 6, 5);
    let narrow = LeastSquaresConfig {
        largest_eigenvalue: 0.7,
        ..LeastSquaresConfig::default()
    };
    let fisher = FisherDiscriminant::new(narrow).unwrap();
    assert!(matches!(
        fisher.simulate(&data.features(), &data.labels),
        Err(E::Eigenvalue { .. })
    ));
    let three = Data::clouds(30, 4, 3, 6);
    let wide = FisherDiscriminant::new(config(3)).unwrap();
    assert!(matches!(
        wide.simulate(&three.features(), &three.labels),
        Err(E::Classes { found: 3, .. })
    ));

    // A sample must lie in one row of a block.
    let layout = Layout::new(300, 6, 2048, 2).unwrap();
    let world = World::new(Preset::N13, &Requirements::default());
    let matrix = world.encrypt(&data, layout, 3);
    let labels = Labels::Clear(data.labels.clone());
    let (evaluator, encoder) = (&world.evaluator, &world.encoder);
    let error = wide.fit(evaluator, encoder, &matrix, &labels, &mut |_| ());
    assert!(matches!(error, Err(E::Layout { .. })));
}

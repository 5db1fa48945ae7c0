//! What does not fit is refused with an error that says why, before any work starts.

mod common;

use common::{CLEAR, Data, World, needs};
use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{Ciphertext, EvaluationKeys, Evaluator, KeyPlan, Parameters, Preset};
use tapetum_learn::*;

/// A model and its samples at N = 2^13.
struct Trained {
    world: World,
    data: Data,
    layout: Layout,
    needs: Requirements,
    matrix: EncryptedMatrix,
    model: LinearModel,
}

fn trained() -> Trained {
    let data = Data::gaussians(30, 5, 1);
    let layout = Layout::new(30, 5, 1024, 4).unwrap();
    let needs = needs(&LinearMeans, CLEAR, &layout, &layout);
    let world = World::new(Preset::N13, &needs);
    let matrix = world.encrypt(&data, layout, 3);
    let model = world.fit(&LinearMeans, &matrix, &Labels::Clear(data.labels.clone()));
    Trained {
        world,
        data,
        layout,
        needs,
        matrix,
        model,
    }
}

fn logistic(iterations: usize) -> LogisticRegression {
    LogisticRegression::new(LogisticRegressionConfig {
        iterations,
        learning_rate: LearningRate::Constant(1.0),
        ..LogisticRegressionConfig::default()
    })
    .unwrap()
}

#[test]
fn training_checks_everything_before_it_starts() {
    let t = trained();
    let clear = Labels::Clear(t.data.labels.clone());
    let fit = |estimator: &dyn Estimator, evaluator: &Evaluator, labels| {
        let mut started = false;
        let mut listener = |_| started = true;
        let result = estimator.fit(&Samples::new(evaluator, &t.matrix, labels), &mut listener);
        assert!(!started);
        result.unwrap_err()
    };
    let evaluator = &t.world.evaluator;
    use LearnError as E;

    let error = fit(&logistic(3), evaluator, &clear);
    assert!(matches!(
        error,
        E::LevelExhausted {
            needed: 11,
            available: 3,
            ..
        }
    ));
    assert!(error.to_string().contains("fewer iterations"));

    let none = Evaluator::new(&t.world.parameters);
    let error = fit(&LinearMeans, &none, &clear);
    let E::MissingKeys(missing) = error else {
        panic!("{error}");
    };
    assert!(missing.relinearization && missing.conjugation);
    assert_eq!(missing.rotations, t.needs.rotations);

    let other = Parameters::preset(Preset::N12);
    assert!(matches!(
        fit(&LinearMeans, &Evaluator::new(&other), &clear),
        E::Parameters("the encrypted matrix")
    ));

    let few = Labels::Clear(ClassLabels::new(vec![true, false]).unwrap());
    assert!(matches!(
        fit(&LinearMeans, evaluator, &few),
        E::Shape {
            expected: 30,
            found: 2,
            ..
        }
    ));
    let elsewhere = Layout::new(30, 5, 2048, 2).unwrap();
    let labels = t.world.encrypt_labels(&t.data, elsewhere, 3);
    assert!(matches!(
        fit(&LinearMeans, evaluator, &labels),
        E::Malformed { .. }
    ));
    let labels = t.world.encrypt_labels(&t.data, t.layout, 2);
    assert!(matches!(
        fit(&LinearMeans, evaluator, &labels),
        E::LevelExhausted {
            needed: 3,
            available: 2,
            ..
        }
    ));
}

/// Keys for low levels only: training starts where they serve.
#[test]
fn low_keys_are_enough_if_the_levels_are() {
    let t = trained();
    let matrix = t.world.encrypt(&t.data, t.layout, 3);
    let mut generator = tapetum_ckks::KeyGenerator::new(&t.world.secret).unwrap();
    let plan = |level| {
        KeyPlan::new(&t.world.parameters)
            .relinearization()
            .conjugation()
            .rotations(t.needs.rotations.iter().copied())
            .up_to_level(level)
    };
    let mut fit = |level| {
        let keys: EvaluationKeys = generator.evaluation_keys(&plan(level)).unwrap();
        let labels = &Labels::Clear(t.data.labels.clone());
        let evaluator = Evaluator::with_keys(keys);
        LinearMeans.fit(&Samples::new(&evaluator, &matrix, labels), &mut |_| ())
    };
    assert_eq!(fit(2).unwrap().level(), 1);
    assert!(matches!(fit(0), Err(LearnError::MissingKeys(_))));
}

#[test]
fn classification_checks_samples_and_model() {
    let t = trained();
    let score = |model: &LinearModel, samples: &EncryptedMatrix| {
        let evaluator = &t.world.evaluator;
        model.decision_function(evaluator, samples, &mut |_| ())
    };
    use LearnError as E;
    assert!(score(&t.model, &t.matrix).is_ok());

    let other = Data::gaussians(30, 4, 1);
    let shape = |rows, cols| Layout::new(30, 5, rows, cols).unwrap();
    let samples = (t.world).encrypt(&other, Layout::new(30, 4, 1024, 4).unwrap(), 2);
    let narrow = t.world.encrypt(&t.data, shape(2048, 2), 2);
    for (samples, numbers) in [(samples, (5, 4)), (narrow, (4, 2))] {
        assert!(matches!(
            score(&t.model, &samples),
            Err(E::Shape { expected, found, .. }) if (expected, found) == numbers
        ));
    }
    let low = t.world.encrypt(&t.data, t.layout, 1);
    // The model is at level 2, and wider blocks need one at level 3.
    let wide = t.world.encrypt(&t.data, shape(512, 8), 2);
    for (samples, numbers) in [(low, (2, 1)), (wide, (3, 2))] {
        assert!(matches!(
            score(&t.model, &samples),
            Err(E::LevelExhausted { needed, available, .. }) if (needed, available) == numbers
        ));
    }
    let keyless =
        t.model
            .decision_function(&Evaluator::new(&t.world.parameters), &t.matrix, &mut |_| ());
    assert!(matches!(keyless, Err(E::MissingKeys(_))));
}

#[test]
fn encryption_checks_shapes_and_levels() {
    let t = trained();
    let encryptor = &t.world.encryptor;
    let features = t.data.features();
    let encrypt =
        |layout, level| EncryptedMatrix::encrypt(&features, layout, level, encryptor, &mut |_| ());
    use LearnError as E;
    let layout = |rows, cols, block_rows| Layout::new(rows, cols, block_rows, 4).unwrap();
    assert!(matches!(
        encrypt(layout(31, 5, 1024), 2),
        Err(E::Shape { .. })
    ));
    assert!(matches!(
        encrypt(layout(30, 6, 1024), 2),
        Err(E::Shape { .. })
    ));
    assert!(matches!(
        encrypt(layout(30, 5, 512), 2),
        Err(E::Shape { .. })
    ));
    assert!(matches!(encrypt(layout(30, 5, 1024), 4), Err(E::Encode(_))));
    assert!(encrypt(layout(30, 5, 1024), 0).is_ok());
}

#[test]
fn objects_survive_a_bundle() {
    let t = trained();
    let parameters = &t.world.parameters;
    let through = |bundle: Bundle<'_>| Bundle::from_bytes(parameters, &bundle.to_bytes()).unwrap();

    let matrix = EncryptedMatrix::from_bundle(through(t.matrix.to_bundle().unwrap())).unwrap();
    assert_eq!(matrix, t.matrix);
    let model = LinearModel::from_bundle(through(t.model.to_bundle().unwrap())).unwrap();
    assert_eq!(model, t.model);
    let scores = t.world.score(&model, &matrix);
    let read = EncryptedScores::from_bundle(through(scores.to_bundle().unwrap())).unwrap();
    assert_eq!(read, scores);
    let Labels::Encrypted(labels) = t.world.encrypt_labels(&t.data, t.layout, 2) else {
        unreachable!();
    };
    let read = EncryptedLabels::from_bundle(through(labels.to_bundle().unwrap())).unwrap();
    assert_eq!(read, labels);

    let intercept = None;
    let weights = t.model.weights().to_vec();
    let without = LinearModel::from_ciphertexts(5, 4, 2, weights, intercept).unwrap();
    let read = LinearModel::from_bundle(through(without.to_bundle().unwrap())).unwrap();
    assert_eq!(read, without);
}

#[test]
fn forged_bundles_are_refused() {
    let t = trained();
    let blocks = t.matrix.blocks().to_vec();
    let metadata = t.matrix.to_bundle().unwrap().metadata().to_vec();
    let matrix = |metadata: &[u8], blocks: Vec<Ciphertext>| {
        let kind = EncryptedMatrix::KIND;
        let bundle = Bundle::new(&t.world.parameters, kind, metadata, blocks).unwrap();
        EncryptedMatrix::from_bundle(bundle)
    };
    use LearnError as E;
    assert!(matrix(&metadata, blocks.clone()).is_ok());

    // Another kind.
    let bundle = t.model.to_bundle().unwrap();
    assert!(matches!(
        EncryptedMatrix::from_bundle(bundle),
        Err(E::Wire(_))
    ));

    // Metadata that are no layout: too short, too long, no shape, a shape beyond the caps.
    let end = metadata.len() - 1;
    let longer = [&metadata[..], &[0]].concat();
    let huge = [&[0xff, 0xff, 0xff, 0xff, 0x0f], &metadata[1..]].concat();
    let zero = [&[0], &metadata[1..]].concat();
    for bad in [&metadata[..end], &longer, &huge, &zero, &[], &[0xff; 64]] {
        assert!(matches!(
            matrix(bad, blocks.clone()),
            Err(E::Malformed { .. })
        ));
    }

    // A number of ciphertexts that is not the layout's.
    assert!(matches!(matrix(&metadata, vec![]), Err(E::Shape { .. })));
    let more = [&blocks[..], &blocks[..1]].concat();
    assert!(matches!(matrix(&metadata, more), Err(E::Shape { .. })));

    // Ciphertexts of another level, degree or scale.
    let evaluator = &t.world.evaluator;
    let first = &blocks[0];
    for odd in [
        evaluator.lower_to(first, 2).unwrap(),
        evaluator.mul(first, first).unwrap(),
        evaluator.mul_scalar(first, 1.0).unwrap(),
    ] {
        let forged = vec![odd, blocks[1].clone()];
        assert!(matches!(
            matrix(&metadata, forged),
            Err(E::Malformed { .. })
        ));
    }
    let same = evaluator.mul(first, first).unwrap();
    let forged = vec![same.clone(), same];
    assert!(matches!(
        matrix(&metadata, forged),
        Err(E::Malformed { .. })
    ));

    // Models whose ciphertexts are not those of their shape.
    let weights = t.model.weights().to_vec();
    let model = |features, block_cols, weights| {
        LinearModel::from_ciphertexts(features, block_cols, 2, weights, None)
    };
    assert!(model(5, 4, weights.clone()).is_ok());
    assert!(matches!(model(5, 4, vec![]), Err(E::Malformed { .. })));
    assert!(matches!(model(9, 4, weights.clone()), Err(E::Shape { .. })));
    assert!(matches!(model(5, 8, weights.clone()), Err(E::Shape { .. })));
    for (features, block_cols) in [(0, 4), (5, 0), (5, 3), (5, 1 << 20), (usize::MAX, 4)] {
        let refused = model(features, block_cols, weights.clone());
        assert!(matches!(refused, Err(E::Layout { .. })));
    }
}

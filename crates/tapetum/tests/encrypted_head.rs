//! A classifier that is trained under encryption on the features that a network computes of encrypted images, all under one
//! key: no picture becomes features where it is encrypted.

#[path = "../../vision/tests/support/onnx.rs"]
#[allow(dead_code)]
mod onnx;

use tapetum_ckks::{Decryptor, Encryptor, Evaluator, KeyGenerator, SecretKey};
use tapetum_learn::{
    ClassLabels, EncryptedMatrix, Estimator, Features, LabelKind, Labels, Layout, LearningRate,
    LeastSquaresConfig, LinearModel, LogisticRegression, LogisticRegressionConfig, Ridge, Samples,
    Task, classes_of,
};
use tapetum_nets::{
    Answer, EncryptedScores, Network, encrypt_image, features_in_rows, row_rotations,
};

const PIXELS: usize = 16;
const FEATURES: usize = 4;
/// Features and a constant, as many slots as a row has.
const COLUMNS: usize = FEATURES + 1;
const WIDTH: usize = 8;
const IMAGES: usize = 24;
/// Images that are trained on; the others are classified.
const TRAINED: usize = 16;

/// Of scores up to 1, at scales of 33 bits or more: twenty times what is found.
const BOUND: f64 = 1.0 / (1 << 13) as f64;

/// Pseudo-random numbers in [0, 1) (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A dense layer, squares, a dense layer, and a head that is cut off.
fn network(random: &mut Random) -> Network {
    let mut weights = |rows: usize, columns: usize| -> Vec<f32> {
        let one = |_| (2.0 * random.next() - 1.0) as f32;
        (0..rows * columns).map(one).collect()
    };
    let tensors = [
        onnx::tensor("first", &[PIXELS as u64, 8], &weights(PIXELS, 8)),
        onnx::tensor("second", &[8, FEATURES as u64], &weights(8, FEATURES)),
        onnx::tensor("head", &[FEATURES as u64, 2], &weights(FEATURES, 2)),
    ];
    let nodes = [
        onnx::node("MatMul", &["image", "first"], "a"),
        onnx::node("Mul", &["a", "a"], "b"),
        onnx::node("MatMul", &["b", "second"], "features"),
        onnx::node("MatMul", &["features", "head"], "scores"),
    ];
    let (image, scores) = (
        onnx::value("image", &[1, PIXELS as u64]),
        onnx::value("scores", &[1, 2]),
    );
    let whole = Network::from_onnx(&onnx::model(&nodes, &tensors, &image, &scores)).unwrap();
    whole.features().unwrap()
}

fn check(estimator: &dyn Estimator) {
    let mut random = Random(18);
    let network = network(&mut random);
    let images: Vec<Vec<f64>> = (0..IMAGES)
        .map(|_| (0..PIXELS).map(|_| random.next()).collect())
        .collect();
    let task = Task::two_classes(LabelKind::Clear);
    // What is needed depends on the slots of the ring, and that on what is needed.
    let layout = |rows, slots| Layout::new(rows, COLUMNS, slots / WIDTH, WIDTH).unwrap();
    let needs = |slots| {
        let (trained, others) = (layout(TRAINED, slots), layout(IMAGES - TRAINED, slots));
        let scoring = LinearModel::requirements(&others, WIDTH, 2).unwrap();
        estimator.requirements(&trained, task).then(scoring)
    };
    let levels = needs(1 << 14).levels;
    let answer = Answer::Features { levels };
    let (plan, polynomials) = network
        .planned([0.0, 1.0], &images[..TRAINED], answer)
        .unwrap();
    let parameters = plan.parameters().unwrap();
    let slots = parameters.slots();
    let needs = needs(slots);
    assert_eq!(needs.levels, levels);

    // In the clear: features as they are encrypted, a constant behind them.
    let rows: Vec<f64> = images
        .iter()
        .flat_map(|image| {
            let mut row = polynomials.scores(image).unwrap().scores;
            row.iter_mut().for_each(|v| *v *= plan.feature_factor());
            row.push(1.0);
            row
        })
        .collect();
    let (train, test) = rows.split_at(TRAINED * COLUMNS);
    let mut values: Vec<f64> = train.chunks(COLUMNS).map(|row| row[0] - row[1]).collect();
    values.sort_by(f64::total_cmp);
    let label = |row: &[f64]| row[0] - row[1] > values[TRAINED / 2];
    let labels = ClassLabels::new(train.chunks(COLUMNS).map(label).collect()).unwrap();
    let reference = estimator
        .simulate(&Features::new(train, COLUMNS).unwrap(), &labels)
        .unwrap()
        .model;
    let expected = reference.decision_function(&Features::new(test, COLUMNS).unwrap());
    let expected = expected.unwrap();

    // The owner's keys: for the network, for the rows, for training and classification.
    let secret = SecretKey::generate(&parameters).unwrap();
    let rotations = row_rotations(&plan, WIDTH).unwrap();
    let keys = plan
        .key_plan(&parameters)
        .unwrap()
        .join(&needs.key_plan(&parameters).rotations(rotations));
    let keys = KeyGenerator::new(&secret).unwrap().evaluation_keys(&keys);
    let encryptor = Encryptor::with_secret_key(&secret);
    let encrypted: Vec<_> = images
        .iter()
        .map(|image| encrypt_image(&plan, image, &encryptor).unwrap())
        .collect();

    // The server sees encrypted images alone.
    let evaluator = Evaluator::with_keys(keys.unwrap());
    let encoded = network.encode(&plan).unwrap();
    let features: Vec<EncryptedScores> = encrypted
        .iter()
        .map(|image| encoded.classify(&evaluator, image, &mut |_| ()).unwrap())
        .collect();
    let matrix = |features: &[EncryptedScores]| {
        let rows = features_in_rows(&plan, features, (WIDTH, true), &evaluator).unwrap();
        EncryptedMatrix::from_blocks(layout(features.len(), slots), rows).unwrap()
    };
    let labels = Labels::Clear(labels);
    let trained = matrix(&features[..TRAINED]);
    let samples = Samples::new(&evaluator, &trained, &labels);
    let model = estimator.fit(&samples, &mut |_| ()).unwrap();
    let scores = model
        .decision_function(&evaluator, &matrix(&features[TRAINED..]), &mut |_| ())
        .unwrap();

    // The owner.
    let found = scores.decrypt_exact(&Decryptor::new(&secret)).unwrap();
    let worst = found
        .iter()
        .zip(&expected)
        .map(|(found, expected)| (found - expected).abs())
        .fold(0.0, f64::max);
    println!(
        "N = 2^{}, {levels} levels, largest error {worst:e}",
        parameters.log_n()
    );
    assert!(worst < BOUND, "{worst}");
    // The bound says something: most images are classified correctly.
    let right = classes_of(&found, 1)
        .into_iter()
        .zip(test.chunks(COLUMNS))
        .filter(|(class, row)| (*class == 1) == label(row));
    assert!(right.count() * 4 >= 3 * (IMAGES - TRAINED));
}

#[test]
fn ridge_regression_on_features_of_a_network() {
    let config = LeastSquaresConfig {
        iterations: 3,
        largest_eigenvalue: COLUMNS as f64,
        ..LeastSquaresConfig::default()
    };
    check(&Ridge::new(config).unwrap());
}

#[test]
fn logistic_regression_on_features_of_a_network() {
    let config = LogisticRegressionConfig {
        iterations: 2,
        learning_rate: LearningRate::Constant(1.5),
        ..LogisticRegressionConfig::default()
    };
    check(&LogisticRegression::new(config).unwrap());
}

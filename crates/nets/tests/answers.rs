//! What leaves the server beside scores, and in their place: range flags and labels.

#[path = "../../vision/tests/support/onnx.rs"]
#[allow(dead_code)]
mod onnx;

use tapetum_ckks::{Decryptor, Encryptor, Evaluator, SecretKey};
use tapetum_nets::{
    Answer, EncodedNetwork, Network, NetworkError, NetworkPlan, Scores, decrypt_scores,
    encrypt_image, evaluation_keys, features_in_rows, largest, row_rotations,
};

/// Who plays all roles.
struct World {
    plan: NetworkPlan,
    server: EncodedNetwork,
    secret: SecretKey,
    evaluator: Evaluator,
}

impl World {
    fn new(network: &Network, plan: &NetworkPlan) -> Self {
        let secret = SecretKey::generate(&plan.parameters().unwrap()).unwrap();
        Self {
            plan: plan.clone(),
            server: network.encode(plan).unwrap(),
            evaluator: Evaluator::with_keys(evaluation_keys(plan, &secret).unwrap()),
            secret,
        }
    }

    fn scores(&self, image: &[f64]) -> Result<Scores, NetworkError> {
        let encryptor = Encryptor::with_secret_key(&self.secret);
        let image = encrypt_image(&self.plan, image, &encryptor)?;
        let scores = self.server.classify(&self.evaluator, &image, &mut |_| ())?;
        decrypt_scores(&self.plan, &scores, &Decryptor::new(&self.secret))
    }
}

/// One dense layer after the other, with ReLU between them.
fn dense(layers: &[&[[f32; 3]]]) -> Network {
    let (mut nodes, mut tensors) = (Vec::new(), Vec::new());
    let mut last = "image".to_owned();
    for (i, layer) in layers.iter().enumerate() {
        if i > 0 {
            let next = format!("r{i}");
            nodes.push(onnx::node("Relu", &[&last], &next));
            last = next;
        }
        let (weights, next) = (format!("w{i}"), format!("d{i}"));
        tensors.push(onnx::tensor(
            &weights,
            &[3, layer.len() as u64],
            &(0..3)
                .flat_map(|c| layer.iter().map(move |row| row[c]))
                .collect::<Vec<_>>(),
        ));
        nodes.push(onnx::node("MatMul", &[&last, &weights], &next));
        last = next;
    }
    let outputs = layers.last().unwrap().len() as u64;
    let bytes = onnx::model(
        &nodes,
        &tensors,
        &onnx::value("image", &[1, 3]),
        &onnx::value(&last, &[1, outputs]),
    );
    Network::from_onnx(&bytes).unwrap()
}

const IDENTITY: [[f32; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
const MIXED: [[f32; 3]; 3] = [[1.0, -0.5, 0.25], [-0.75, 1.0, 0.5], [0.5, 0.25, -1.0]];

#[test]
fn what_leaves_the_interval_of_a_relu_is_out_of_range() {
    let network = dense(&[&MIXED, &IDENTITY]);
    let calibration = [
        vec![1.0, 0.0, 0.0],
        vec![0.0, 1.0, 0.0],
        vec![0.3, -0.2, 1.0],
    ];
    let plan = network.plan([-100.0, 100.0], &calibration).unwrap();
    assert!(plan.has_range_flag());
    let polynomials = network.polynomials(&plan).unwrap();
    let world = World::new(&network, &plan);
    let (mut within, mut beyond) = (0, 0);
    for factor in [0.0, 0.5, 1.0, 2.0, 2.4, 3.0, 4.0, 8.0, 90.0] {
        let image = [factor, 0.0, -0.1 * factor];
        let expected = polynomials.scores(&image).unwrap();
        let found = world.scores(&image);
        if expected.largest < 1.0 {
            within += 1;
            let found = found.unwrap();
            for (found, expected) in found.values().iter().zip(&expected.scores) {
                assert!((found - expected).abs() < 0.05, "{found} {expected}");
            }
        } else if expected.largest > 1.06 {
            beyond += 1;
            assert!(matches!(found, Err(NetworkError::OutOfRange)), "{found:?}");
        }
    }
    assert!(within >= 3 && beyond >= 3);
}

#[test]
fn labels_of_two_and_of_three_scores() {
    for count in [2, 3] {
        let network = dense(&[&IDENTITY[..count]]);
        let calibration = [
            vec![1.0, 0.0, 0.0],
            vec![0.0, 1.0, 0.0],
            vec![0.0, 0.0, 1.0],
        ];
        let planned = network.planned([-100.0, 100.0], &calibration, Answer::Labels);
        let (plan, _) = planned.unwrap();
        assert_eq!((plan.answer(), plan.scores()), (Answer::Labels, count));
        let world = World::new(&network, &plan);
        for label in 0..count {
            let mut image = [0.3, 0.25, 0.2];
            image[label] = 0.9;
            let found = world.scores(&image).unwrap();
            assert!(found.is_decided() && found.values().is_empty(), "{found:?}");
            assert_eq!(found.label(), label);
            assert_eq!(label, largest(&network.scores(&image).unwrap()));
        }
        let tie = world.scores(&[0.7, 0.7, 0.7]).unwrap();
        assert!(!tie.is_decided(), "{tie:?}");
        let beyond = world.scores(&[90.0, -90.0, 3.0]);
        assert!(
            matches!(beyond, Err(NetworkError::OutOfRange)),
            "{beyond:?}"
        );
    }
}

/// The range flag leaves the server beside a label as beside scores.
#[test]
fn labels_come_with_the_range_flag() {
    let network = dense(&[&MIXED, &IDENTITY[..2]]);
    let calibration = [
        vec![1.0, 0.0, 0.0],
        vec![0.0, 1.0, 0.0],
        vec![0.3, -0.2, 1.0],
    ];
    let planned = network.planned([-100.0, 100.0], &calibration, Answer::Labels);
    let (plan, polynomials) = planned.unwrap();
    assert!(plan.has_range_flag());
    assert_eq!((plan.answer(), plan.scores()), (Answer::Labels, 2));
    let world = World::new(&network, &plan);
    for (image, label) in [([1.0, 0.0, 0.0], 0), ([0.0, 1.0, 0.0], 1)] {
        let found = world.scores(&image).unwrap();
        assert!(found.is_decided() && found.values().is_empty(), "{found:?}");
        assert_eq!(found.label(), label);
        let clear = polynomials.scores(&image).unwrap();
        assert!(clear.decided && clear.largest < 1.0, "{clear:?}");
        assert_eq!(largest(&clear.scores), label);
    }
    let beyond = [4.0, 0.0, -0.4];
    assert!(polynomials.scores(&beyond).unwrap().largest > 1.06);
    let found = world.scores(&beyond);
    assert!(matches!(found, Err(NetworkError::OutOfRange)), "{found:?}");
}

/// With the levels that were asked for, in the first slots, and nothing in the others.
#[test]
fn features_leave_with_levels_to_compute_with() {
    let network = dense(&[&MIXED]);
    let calibration = [vec![1.0, -1.0, 0.5], vec![0.25, 1.0, -1.0]];
    let levels = 4;
    let answer = Answer::Features { levels };
    let (plan, polynomials) = network.planned([-1.0, 1.0], &calibration, answer).unwrap();
    assert_eq!((plan.answer(), plan.scores()), (answer, 3));
    let world = World::new(&network, &plan);
    let image = [0.5, -0.75, 1.0];
    let encryptor = Encryptor::with_secret_key(&world.secret);
    let encrypted = encrypt_image(&plan, &image, &encryptor).unwrap();
    let features = world
        .server
        .classify(&world.evaluator, &encrypted, &mut |_| ())
        .unwrap();
    assert!(features.ciphertext().level() >= levels);
    let decryptor = Decryptor::new(&world.secret);
    let slots = decryptor.decrypt(features.ciphertext()).unwrap();
    let slots = decryptor.encoder().decode(&slots);
    let factor = plan.feature_factor();
    let clear = polynomials.scores(&image).unwrap().scores;
    for (i, slot) in slots.iter().enumerate() {
        let expected = clear.get(i).map_or(0.0, |feature| factor * feature);
        assert!(
            (slot - expected).abs() < FEATURE_BOUND,
            "{i}: {slot} {expected}"
        );
    }
    // Keys for rows are those of whoever computes with them.
    for width in [3, 2, 1 << 20] {
        assert!(row_rotations(&plan, width).is_err());
    }
    let rows = |count, width, constant| {
        let features = vec![features.clone(); count];
        features_in_rows(&plan, &features, (width, constant), &world.evaluator)
    };
    assert_eq!(rows(1, 4, true).unwrap().len(), 1);
    for (count, width) in [(0, 4), (1, 2)] {
        let refused = rows(count, width, true);
        assert!(matches!(refused, Err(NetworkError::Features(_))));
    }
    let scores = network.plan([-1.0, 1.0], &calibration).unwrap();
    let refused = row_rotations(&scores, 4);
    assert!(matches!(refused, Err(NetworkError::Features(_))));
}

/// At scales of 28 bits or more, of values up to 1.
const FEATURE_BOUND: f64 = 1.0 / (1 << 10) as f64;

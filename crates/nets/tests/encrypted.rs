//! A small network on encrypted images, against the reference in the clear.

use tapetum_ckks::{Decryptor, Encryptor, Evaluator, KeyGenerator, SecretKey};
use tapetum_nets::{
    Network, NetworkError, NetworkPlan, decrypt_batch, decrypt_scores, encrypt_batch,
    encrypt_image, evaluation_keys, largest,
};

fn network(name: &str) -> Network {
    let path = format!("{}/tests/data/{name}.onnx", env!("CARGO_MANIFEST_DIR"));
    Network::from_onnx(&std::fs::read(path).unwrap()).unwrap()
}

fn quadratic() -> Network {
    network("quadratic")
}

/// Images in [0, 1] that look random.
fn images(count: usize, values: usize) -> Vec<Vec<f64>> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (state >> 33) as f64 / (1_u64 << 31) as f64
    };
    (0..count)
        .map(|_| (0..values).map(|_| next()).collect())
        .collect()
}

/// Classifies encrypted images, and compares with the reference.
fn check(network: &Network, plan: &NetworkPlan, images: &[Vec<f64>]) {
    let parameters = plan.parameters().unwrap();
    let secret = SecretKey::generate(&parameters).unwrap();
    let keys = evaluation_keys(plan, &secret).unwrap();
    let (encryptor, decryptor) = (Encryptor::with_secret_key(&secret), Decryptor::new(&secret));

    let server = network.encode(plan).unwrap();
    let evaluator = Evaluator::with_keys(keys);
    for image in images {
        let encrypted = encrypt_image(plan, image, &encryptor).unwrap();
        let mut finished = 0;
        let scores = server.classify(&evaluator, &encrypted, &mut |layers| finished = layers);
        assert_eq!(finished, plan.layers().len());
        let scores = decrypt_scores(plan, &scores.unwrap(), &decryptor).unwrap();
        let expected = network.scores(image).unwrap();
        assert_eq!(scores.values().len(), expected.len());
        // Scores are scaled to 16 for the calibration; the noise of the levels stays below 2^-9 of that.
        let most = expected.iter().fold(0.0_f64, |most, s| most.max(s.abs()));
        let bound = scores.step() / 2.0 + most / 512.0;
        for (found, expected) in scores.values().iter().zip(&expected) {
            let error = (found - expected).abs();
            assert!(
                error <= bound,
                "{found} is not {expected}: {error:.2e} > {bound:.2e}"
            );
        }
        assert_eq!(scores.label(), largest(&expected));
    }
}

#[test]
fn encrypted_scores_are_those_of_the_reference() {
    let network = quadratic();
    let images = images(4, network.input_len());
    let (calibration, images) = images.split_at(2);
    let plan = network.plan([0.0, 1.0], calibration).unwrap();
    // conv, square, conv, pool, square, dense.
    assert_eq!(plan.levels(), 6);
    assert_eq!((plan.input_ciphertexts(), plan.scores()), (9, 5));
    check(&network, &plan, images);
}

/// Garbage would have a label like everything else.
#[test]
fn scores_that_overflowed_or_are_under_another_key_are_refused() {
    let network = quadratic();
    let images = images(2, network.input_len());
    // Scales for images that are far darker than is possible.
    let (dark, most) = (images[0].clone(), 1e4);
    let bright: Vec<f64> = images[1].iter().map(|v| v * most).collect();
    let plan = network.plan([0.0, most], &images[..1]).unwrap();
    let parameters = plan.parameters().unwrap();
    let [secret, other] = [(); 2].map(|()| SecretKey::generate(&parameters).unwrap());
    let keys = plan.key_plan(&parameters).unwrap();
    let mut generator = KeyGenerator::new(&secret).unwrap();
    let evaluator = Evaluator::with_keys(generator.evaluation_keys(&keys).unwrap());
    let server = network.encode(&plan).unwrap();
    let scores = |image: &[f64]| {
        let encrypted = encrypt_image(&plan, image, &Encryptor::with_secret_key(&secret)).unwrap();
        let scores = server.classify(&evaluator, &encrypted, &mut |_| ());
        scores.unwrap()
    };
    let decrypt = |image: &[f64], key: &SecretKey| {
        decrypt_scores(&plan, &scores(image), &Decryptor::new(key))
    };
    assert!(decrypt(&dark, &secret).is_ok());
    for (image, key) in [(&bright, &secret), (&dark, &other)] {
        let refused = decrypt(image, key);
        assert!(
            matches!(refused, Err(NetworkError::OutOfRange)),
            "{refused:?}"
        );
    }
}

/// A block with a shortcut and polynomials by channel.
#[test]
fn branches_are_added_up_at_one_level() {
    let network = network("deep");
    let images = images(3, network.input_len());
    let (calibration, images) = images.split_at(2);
    let plan = network.plan([0.0, 1.0], calibration).unwrap();
    // Three times a layer and a polynomial, the shortcut being part of the third layer, and the dense layer, of which
    // the mean over the pixels is part.
    assert_eq!((plan.levels(), plan.layers().len()), (7, 7));
    assert_eq!((plan.input_ciphertexts(), plan.scores()), (1, 3));
    check(&network, &plan, images);
}

#[test]
fn a_batch_has_an_image_in_each_slot() {
    let network = quadratic();
    let images = images(5, network.input_len());
    let (plan, server) = network.batch([0.0, 1.0], &images[..2]).unwrap();
    let parameters = plan.parameters().unwrap();
    let secret = SecretKey::generate(&parameters).unwrap();
    let keys = plan.key_plan(&parameters);
    let mut generator = KeyGenerator::new(&secret).unwrap();
    let evaluator = Evaluator::with_keys(generator.evaluation_keys(&keys).unwrap());
    let encryptor = Encryptor::with_secret_key(&secret);
    let batch = encrypt_batch(&plan, &images, &encryptor).unwrap();
    let scores = server.classify(&evaluator, &batch, &mut |_| ()).unwrap();
    let scores = decrypt_batch(&plan, &scores, &Decryptor::new(&secret)).unwrap();
    assert_eq!(scores.len(), images.len());
    for (image, found) in images.iter().zip(scores) {
        let expected = network.scores(image).unwrap();
        let largest = expected.iter().fold(0.0_f64, |most, s| most.max(s.abs()));
        for (found, expected) in found.values().iter().zip(&expected) {
            assert!(
                (found - expected).abs() < largest / 256.0,
                "{found} is not {expected}"
            );
        }
    }

    let (other, _) = network.batch([0.0, 1.0], &images[2..]).unwrap();
    let batch = encrypt_batch(&other, &images, &encryptor).unwrap();
    assert!(server.classify(&evaluator, &batch, &mut |_| ()).is_err());
    let error = batch_error("deep");
    assert!(error.contains("batches"), "{error}");
}

fn batch_error(name: &str) -> String {
    match network(name).batch([0.0, 1.0], &[]) {
        Ok(_) => panic!("{name} is accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let network = quadratic();
    let images = images(2, network.input_len());
    let plan = network.plan([0.0, 1.0], &images[..1]).unwrap();
    let other = network.plan([0.0, 1.0], &images[1..]).unwrap();
    let parameters = plan.parameters().unwrap();
    let secret = SecretKey::generate(&parameters).unwrap();
    let encryptor = Encryptor::with_secret_key(&secret);
    let evaluator = Evaluator::new(&parameters);
    let server = network.encode(&plan).unwrap();

    let image = encrypt_image(&other, &images[0], &encryptor).unwrap();
    let error = server.classify(&evaluator, &image, &mut |_| ());
    assert!(matches!(error, Err(NetworkError::Mismatch { .. })));
    // No keys.
    let image = encrypt_image(&plan, &images[0], &encryptor).unwrap();
    assert!(server.classify(&evaluator, &image, &mut |_| ()).is_err());

    let short = encrypt_image(&plan, &images[0][1..], &encryptor);
    assert!(matches!(short, Err(NetworkError::ImageSize { .. })));
    for bad in [1.5, f64::NAN] {
        let mut image = images[0].clone();
        image[3] = bad;
        let refused = encrypt_image(&plan, &image, &encryptor);
        assert!(matches!(
            refused,
            Err(NetworkError::ImageValue { index: 3, .. })
        ));
    }
}

#[test]
fn plans_are_data_and_damaged_ones_are_refused() {
    let network = quadratic();
    let plan = network.plan([0.0, 1.0], &[]).unwrap();
    let text = serde_json::to_string(&plan).unwrap();
    let read: NetworkPlan = serde_json::from_str(&text).unwrap();
    read.check().unwrap();
    assert_eq!((&read, read.digest()), (&plan, plan.digest()));
    network.encode(&read).unwrap();

    for (from, to) in [
        ("\"period\":64", "\"period\":65"),
        ("\"range\":[0.0,1.0]", "\"range\":[1.0,0.0]"),
        ("\"copies\":1", "\"copies\":4194304"),
        ("\"level\":6", "\"level\":5"),
        ("\"strides\":[2,2]", "\"strides\":[2,4294967296]"),
    ] {
        let damaged = text.replacen(from, to, 1);
        assert_ne!(damaged, text, "{from} is not in {text}");
        let damaged: NetworkPlan = serde_json::from_str(&damaged).unwrap();
        assert!(damaged.check().is_err(), "{to}");
        assert!(network.encode(&damaged).is_err(), "{to}");
    }
    // One that would take hours.
    let mut hostile: serde_json::Value = serde_json::from_str(&text).unwrap();
    let layers = hostile["layers"].as_array_mut().unwrap();
    for linear in layers
        .iter_mut()
        .filter_map(|l| l["step"].get_mut("Linear"))
    {
        let mut block = linear["blocks"][0].clone();
        block["diagonals"] = (0..2048).collect();
        linear["blocks"] = vec![block; 33].into();
    }
    let hostile: NetworkPlan = serde_json::from_value(hostile).unwrap();
    let refused = hostile.check().unwrap_err().to_string();
    assert!(refused.contains("65,536 diagonals"), "{refused}");
}

//! `tests/vectors`: files of format 1 that must stay readable, and that this code writes to the
//! byte. `tests/vectors/README.md` says how they are made and what they decrypt to.

use std::fs;

use tapetum_ckks::wire::Bundle;
use tapetum_ckks::*;

use crate::support::{Draft, Objects, parameters, repository};

fn objects() -> Objects {
    Objects::new(&parameters(12, &[36, 33], &[37], 33), [42; 32])
}

/// The least parameters that have an encapsulation key, and a secret key of theirs.
fn encapsulating() -> (SecretKey, EvaluationKeys) {
    let mut rng = SecretRng::insecure_from_key([43; 32]);
    let parameters = parameters(15, &[24], &[25], 20);
    let secret_key = SecretKey::generate_with(&parameters, &mut rng);
    let plan = KeyPlan::new(&parameters).encapsulation();
    let keys = KeyGenerator::with_rng(&secret_key, rng).evaluation_keys(&plan);
    (secret_key, keys.unwrap())
}

fn vectors(objects: &Objects) -> Vec<(&'static str, Vec<u8>)> {
    let (encapsulation_secret, encapsulation_keys) = encapsulating();
    let bootstrapping = Parameters::preset(Preset::N16Bootstrapping);
    vec![
        ("parameters", objects.parameters.to_bytes()),
        ("secret-key", objects.secret_key.to_bytes().to_vec()),
        ("public-key", objects.public_key.to_bytes()),
        (
            "relinearization-key",
            objects.relinearization_key.to_bytes(),
        ),
        ("galois-key", objects.galois_key.to_bytes()),
        ("evaluation-keys", objects.evaluation_keys.to_bytes()),
        ("plaintext", objects.plaintext.to_bytes()),
        ("ciphertext-seeded", objects.seeded.to_bytes()),
        ("ciphertext", objects.unseeded.to_bytes()),
        ("ciphertext-degree-2", objects.product.to_bytes()),
        ("bundle", objects.bundle().to_bytes()),
        ("bootstrapping-parameters", bootstrapping.to_bytes()),
        (
            "encapsulation-secret-key",
            encapsulation_secret.to_bytes().to_vec(),
        ),
        ("encapsulation-keys", encapsulation_keys.to_bytes()),
    ]
}

fn load(name: &str) -> Vec<u8> {
    fs::read(repository("vectors").join(name).with_extension("bin")).unwrap()
}

#[test]
fn the_files_are_written_to_the_byte() {
    for (name, bytes) in vectors(&objects()) {
        assert!(load(name) == bytes, "{name} differs");
    }
}

#[test]
fn the_files_decrypt_to_the_stated_values() {
    let secret_key = SecretKey::from_bytes(&load("secret-key")).unwrap();
    let parameters = Parameters::from_bytes(&load("parameters")).unwrap();
    assert_eq!(*secret_key.parameters(), parameters);
    assert_eq!(parameters.digest().to_string(), "69fb0e0fe3e2669e");

    let values: Vec<f64> = (0..16)
        .map(|i| f64::from(i * 37 % 101) / 64.0 - 0.75)
        .collect();
    let decryptor = Decryptor::new(&secret_key);
    let encoder = Encoder::new(&parameters);
    let close = |plaintext: &Plaintext, expected: &[f64], tolerance: f64| {
        let found = encoder.decode(plaintext);
        let rest = expected.iter().chain(std::iter::repeat(&0.0));
        for (i, (found, expected)) in found.iter().zip(rest).enumerate() {
            assert!((found - expected).abs() < tolerance, "slot {i}: {found}");
        }
    };
    let read = |name: &str| Ciphertext::from_bytes(&parameters, &load(name)).unwrap();
    let squares: Vec<f64> = values.iter().map(|v| v * v).collect();

    let plaintext = Plaintext::from_bytes(&parameters, &load("plaintext")).unwrap();
    close(&plaintext, &values, 1e-7);
    for (name, tolerance) in [("ciphertext-seeded", 1e-6), ("ciphertext", 1e-4)] {
        close(&decryptor.decrypt(&read(name)).unwrap(), &values, tolerance);
    }
    let product = read("ciphertext-degree-2");
    close(&decryptor.decrypt(&product).unwrap(), &squares, 1e-5);

    let bundle = Bundle::from_bytes(&parameters, &load("bundle")).unwrap();
    let (metadata, ciphertexts) = bundle.into_contents("test-3").unwrap();
    assert_eq!(metadata, b"metadata");
    let [first, second, third, fourth] = &ciphertexts[..] else {
        panic!("four ciphertexts");
    };
    assert!(first == second && *first == read("ciphertext-seeded"));
    assert!(*third == product && *fourth == read("ciphertext"));
}

#[test]
fn the_keys_in_the_files_work() {
    let secret_key = SecretKey::from_bytes(&load("secret-key")).unwrap();
    let parameters = secret_key.parameters();
    let keys = EvaluationKeys::from_bytes(&load("evaluation-keys")).unwrap();
    let evaluator = Evaluator::with_keys(keys);
    let encoder = Encoder::new(parameters);
    let ciphertext = Ciphertext::from_bytes(parameters, &load("ciphertext-seeded")).unwrap();
    let rotated = evaluator.rotate(&ciphertext, 1).unwrap();
    let slots = encoder.decode(&Decryptor::new(&secret_key).decrypt(&rotated).unwrap());
    for (i, slot) in slots[..15].iter().enumerate() {
        let expected = f64::from((i as i32 + 1) * 37 % 101) / 64.0 - 0.75;
        assert!((slot - expected).abs() < 1e-3, "{slot} {expected}");
    }

    RelinearizationKey::from_bytes(parameters, &load("relinearization-key")).unwrap();
    let galois = GaloisKey::from_bytes(parameters, &load("galois-key")).unwrap();
    assert_eq!(galois.element().exponent(), 5);
    // A key alone is laid out like a key in a set.
    let lengths = [
        "relinearization-key",
        "galois-key",
        "galois-key",
        "galois-key",
    ]
    .map(|name| Draft::of(&load(name)).payload.len());
    let set = Draft::of(&load("evaluation-keys")).payload.len();
    assert_eq!(set, lengths.iter().sum::<usize>());
}

#[test]
fn the_files_of_bootstrapping_hold_what_they_should() {
    let parameters = Parameters::from_bytes(&load("bootstrapping-parameters")).unwrap();
    assert_eq!(parameters, Parameters::preset(Preset::N16Bootstrapping));
    assert_eq!(parameters.digest().to_string(), "7de2e17c87dfcb17");

    let secret_key = SecretKey::from_bytes(&load("encapsulation-secret-key")).unwrap();
    let keys = EvaluationKeys::from_bytes(&load("encapsulation-keys")).unwrap();
    assert_eq!(keys.parameters(), secret_key.parameters());
    assert!(keys.relinearization().is_none() && keys.galois_keys().next().is_none());
    assert!(keys.encapsulation().is_some());
}

/// `cargo test -p tapetum-ckks --test wire -- --ignored write_vectors`
#[test]
#[ignore = "rewrites tests/vectors; only for files of a new format"]
fn write_vectors() {
    for (name, bytes) in vectors(&objects()) {
        let path = repository("vectors").join(name).with_extension("bin");
        fs::write(path, bytes).unwrap();
    }
}

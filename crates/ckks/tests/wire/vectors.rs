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
        ("secret-key-id", with_id(&objects.secret_key.to_bytes())),
        ("public-key-id", with_id(&objects.public_key.to_bytes())),
        (
            "evaluation-keys-id",
            with_id(&EvaluationKeys::none(&objects.parameters).to_bytes()),
        ),
    ]
}

/// The file of a key with the id of its key set.
fn with_id(bytes: &[u8]) -> Vec<u8> {
    Draft::of(bytes)
        .with(|draft| draft.header.extend(1..=16))
        .bytes()
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
fn keys_have_the_id_of_their_key_set_or_none() {
    let id = "0102030405060708090a0b0c0d0e0f10".parse().ok();
    let ids = |end: &str| {
        let load = |name: &str| load(&format!("{name}{end}"));
        [
            SecretKey::from_bytes(&load("secret-key"))
                .unwrap()
                .key_set(),
            PublicKey::from_bytes(&load("public-key"))
                .unwrap()
                .key_set(),
            EvaluationKeys::from_bytes(&load("evaluation-keys"))
                .unwrap()
                .key_set(),
        ]
    };
    assert_eq!((ids(""), ids("-id")), ([None; 3], [id; 3]));
    assert!(id.is_some());

    // All keys of a secret key have its id, and keep it in files.
    let secret = SecretKey::generate(&parameters(12, &[36, 33], &[37], 33)).unwrap();
    let id = secret.key_set();
    let mut generator = KeyGenerator::new(&secret).unwrap();
    let public = generator.public_key().unwrap();
    let plan = KeyPlan::new(secret.parameters())
        .up_to_level(0)
        .rotations([1]);
    let keys = generator.evaluation_keys(&plan).unwrap();
    assert!(id.is_some());
    assert_eq!((public.key_set(), keys.key_set()), (id, id));
    let bytes = keys.to_bytes();
    assert_eq!(plan.file_bytes(secret.parameters()), Ok(bytes.len() as u64));
    assert_eq!(EvaluationKeys::from_bytes(&bytes).unwrap().key_set(), id);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    fs::write(&path, bytes).unwrap();
    let opened = EvaluationKeys::open(&path, MemoryBudget::UNLIMITED).unwrap();
    assert_eq!((opened.key_set(), opened.to_bytes()), (id, keys.to_bytes()));
    let read = PublicKey::from_bytes(&public.to_bytes()).unwrap();
    assert_eq!(read.key_set(), id);
    let read = SecretKey::from_bytes(&secret.to_bytes()).unwrap();
    assert_eq!(read.key_set(), id);
    let other = SecretKey::generate(secret.parameters()).unwrap();
    assert_ne!(other.key_set(), id);
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

//! What is written is read again, the same, and works.

use std::io::{self, Read};

use tapetum_ckks::wire::{Bundle, FORMAT_VERSION, FileType, Header, WireError, inspect};
use tapetum_ckks::*;

use crate::support::{Draft, Objects, parameter_sets, rewritten, smallest};

#[test]
fn every_object_comes_back_the_same() {
    for parameters in parameter_sets() {
        let objects = Objects::new(&parameters, [1; 32]);
        for (file_type, bytes) in objects.files() {
            assert_eq!(
                rewritten(&parameters, file_type, &bytes).unwrap(),
                bytes,
                "{file_type} of {parameters:?}"
            );
            // The layout is the documented one.
            assert_eq!(Draft::of(&bytes).bytes(), bytes);
        }
        let p = &parameters;
        let same = |a: &Ciphertext| Ciphertext::from_bytes(p, &a.to_bytes()).unwrap() == *a;
        assert!(same(&objects.seeded) && same(&objects.unseeded) && same(&objects.product));
        let plaintext = Plaintext::from_bytes(p, &objects.plaintext.to_bytes()).unwrap();
        assert_eq!(plaintext, objects.plaintext);
        let bundle = objects.bundle();
        assert_eq!(Bundle::from_bytes(p, &bundle.to_bytes()).unwrap(), bundle);
        let key = PublicKey::from_bytes(&objects.public_key.to_bytes()).unwrap();
        assert!(key == objects.public_key);
    }
}

#[test]
fn loaded_keys_work() {
    for parameters in parameter_sets() {
        let objects = Objects::new(&parameters, [2; 32]);
        let secret_key = SecretKey::from_bytes(&objects.secret_key.to_bytes()).unwrap();
        let public_key = PublicKey::from_bytes(&objects.public_key.to_bytes()).unwrap();
        let keys = EvaluationKeys::from_bytes(&objects.evaluation_keys.to_bytes()).unwrap();
        assert_eq!(*secret_key.parameters(), parameters);
        assert_eq!(*public_key.parameters(), parameters);
        assert_eq!(*keys.parameters(), parameters);

        let tolerance = 0.05;
        let decryptor = Decryptor::new(&secret_key);
        let decrypted = |ciphertext: &Ciphertext| {
            Encoder::new(&parameters).decode(&decryptor.decrypt(ciphertext).unwrap())
        };
        let encrypted = Encryptor::with_public_key(&public_key)
            .encrypt(&objects.plaintext)
            .unwrap();
        let evaluator = Evaluator::with_keys(keys);
        let rotated = evaluator.rotate(&encrypted, 1).unwrap();
        let conjugated = evaluator.conjugate(&objects.seeded).unwrap();
        let product = evaluator.relinearize(&objects.product).unwrap();
        let (rotated, conjugated) = (decrypted(&rotated), decrypted(&conjugated));
        for (i, &value) in objects.values.iter().enumerate() {
            let left = (i + parameters.slots() - 1) % parameters.slots();
            assert!(
                (rotated[left] - value).abs() < tolerance,
                "{} {value}",
                rotated[left]
            );
            assert!((conjugated[i] - value).abs() < tolerance);
        }
        // At a single prime, the key switch drowns a scale of 2^24 in a product.
        if parameters.max_level() > 0 {
            let product = decrypted(&product);
            for (found, value) in product.iter().zip(&objects.values) {
                assert!((found - value * value).abs() < tolerance, "{found} {value}");
            }
        }
    }
}

#[test]
fn keys_for_lower_levels_and_sets_without_keys() {
    let [_, _, parameters] = parameter_sets();
    let secret_key = SecretKey::generate(&parameters).unwrap();
    let mut generator = KeyGenerator::new(&secret_key).unwrap();
    let plan = KeyPlan::new(&parameters).rotations([3, 5]).up_to_level(2);
    let keys = generator.evaluation_keys(&plan).unwrap();
    let bytes = keys.to_bytes();
    let loaded = EvaluationKeys::from_bytes(&bytes).unwrap();
    assert!(loaded.covers(&plan) && loaded.relinearization().is_none());
    assert!(!loaded.covers(&plan.up_to_level(3)));
    assert_eq!(loaded.to_bytes(), bytes);

    let none = EvaluationKeys::none(&parameters).to_bytes();
    let loaded = EvaluationKeys::from_bytes(&none).unwrap();
    assert_eq!(loaded.galois_keys().len(), 0);
}

#[test]
fn a_ciphertext_that_lost_limbs_keeps_its_seed() {
    let [_, _, parameters] = parameter_sets();
    let objects = Objects::new(&parameters, [3; 32]);
    let evaluator = Evaluator::new(&parameters);
    let dropped = evaluator.drop_to_level(&objects.seeded, 1).unwrap();
    assert!(dropped.is_seeded());
    let loaded = Ciphertext::from_bytes(&parameters, &dropped.to_bytes()).unwrap();
    assert!(loaded == dropped && loaded.level() == 1);
    // Half the size, but for the seed.
    let sum = evaluator.add(&objects.seeded, &objects.seeded).unwrap();
    assert!(!sum.is_seeded());
    assert!(objects.seeded.to_bytes().len() < sum.to_bytes().len() / 2 + 128);
}

/// Hands out a few bytes at a time.
struct Trickle<R>(R);

impl<R: Read> Read for Trickle<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let few = out.len().min(1000);
        self.0.read(&mut out[..few])
    }
}

#[test]
fn objects_follow_each_other_in_a_stream() {
    let objects = Objects::new(&smallest(), [4; 32]);
    let mut bytes = Vec::new();
    objects.public_key.write(&mut bytes).unwrap();
    objects.seeded.write(&mut bytes).unwrap();
    objects.bundle().write(&mut bytes).unwrap();
    assert!(matches!(
        PublicKey::from_bytes(&bytes),
        Err(WireError::TrailingBytes(_))
    ));

    let mut reader = Trickle(bytes.as_slice());
    let key = PublicKey::read(&mut reader).unwrap();
    let seeded = Ciphertext::read(key.parameters(), &mut reader).unwrap();
    assert!(key == objects.public_key && seeded == objects.seeded);
    let bundle = Bundle::read(key.parameters(), &mut reader).unwrap();
    assert_eq!(bundle, objects.bundle());
    let end = Bundle::read(key.parameters(), &mut reader).unwrap_err();
    assert!(matches!(end, WireError::Truncated(_)));
}

#[test]
fn failures_of_reader_and_writer_are_passed_on() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("unplugged"))
        }
    }
    impl io::Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("full"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let objects = Objects::new(&smallest(), [5; 32]);
    assert_eq!(
        objects.seeded.write(Broken).unwrap_err().to_string(),
        "full"
    );
    let bytes = objects.seeded.to_bytes();
    for len in [0, 30, 60, 3000] {
        let reader = bytes[..len].chain(Broken);
        let error = Ciphertext::read(&objects.parameters, reader).unwrap_err();
        assert!(matches!(error, WireError::Io(_)), "{error}");
    }
}

#[test]
fn inspection_needs_no_parameters() {
    for parameters in parameter_sets() {
        let objects = Objects::new(&parameters, [6; 32]);
        for (file_type, bytes) in objects.files() {
            // The front of the largest header here is all that is read.
            let summary = inspect(&bytes[..bytes.len().min(256)]).unwrap();
            assert_eq!(summary.file_type, file_type);
            assert_eq!(summary.version, FORMAT_VERSION);
            assert_eq!(summary.digest, parameters.digest());
            assert_eq!(summary.file_len, bytes.len() as u64);
            assert_eq!(summary.payload_len, Draft::of(&bytes).payload.len() as u64);
            match summary.header {
                Header::Parameters(header) => assert_eq!(header.literal, *parameters.literal()),
                Header::SecretKey(header) | Header::PublicKey(header) => {
                    assert_eq!(header.literal, *parameters.literal());
                    assert_eq!(header.key_set, None);
                }
                Header::GaloisKey(header) => {
                    assert_eq!(header.exponent, objects.galois_key.element().exponent());
                }
                Header::EvaluationKeys(header) => {
                    assert_eq!(header.galois.len(), 3);
                    assert!(header.relinearization.is_some());
                }
                Header::Ciphertext(header) => {
                    assert_eq!(header.level as usize, parameters.max_level());
                }
                Header::Bundle(header) => {
                    assert_eq!((header.kind.as_str(), header.metadata_len), ("test-3", 8));
                    assert_eq!((header.ciphertexts(), header.runs.len()), (4, 3));
                }
                _ => {}
            }
        }
    }
}

#[test]
fn inspection_shows_no_kind_that_could_drive_a_terminal() {
    let bytes = Objects::new(&smallest(), [6; 32]).bundle().to_bytes();
    let Header::Bundle(mut header) = inspect(bytes.as_slice()).unwrap().header else {
        panic!("this is a bundle");
    };
    header.kind = "\u{1b}[2J".to_owned();
    let forged = Draft::of(&bytes).with_header(&header).bytes();
    let error = inspect(forged.as_slice()).unwrap_err();
    assert!(matches!(error, WireError::Kind));
}

#[test]
fn bundles_are_checked_when_they_are_made() {
    let [parameters, others, _] = parameter_sets();
    let objects = Objects::new(&parameters, [7; 32]);
    let bundle = |kind: &str, metadata: Vec<u8>, ciphertexts: &[Ciphertext]| {
        Bundle::new(&parameters, kind, metadata, ciphertexts.to_vec()).map(|_| ())
    };
    for kind in ["", "Scores", "a b", "ö", &"x".repeat(65)] {
        assert!(matches!(bundle(kind, vec![], &[]), Err(WireError::Kind)));
    }
    assert!(bundle(&"x".repeat(64), vec![], &[]).is_ok());
    let too_much = vec![0; (1 << 24) + 1];
    assert!(matches!(
        bundle("scores", too_much, &[]),
        Err(WireError::Oversized {
            part: "metadata",
            ..
        })
    ));
    let foreign = Objects::new(&others, [7; 32]).seeded;
    assert!(matches!(
        bundle("scores", vec![], &[objects.seeded.clone(), foreign]),
        Err(WireError::WrongParameters { .. })
    ));
    let error = objects.bundle().into_contents("model").unwrap_err();
    assert_eq!(
        error.to_string(),
        "this bundle holds 'test-3', where 'model' is expected"
    );
    let borrowed = Bundle::new(
        &parameters,
        "scores",
        b"m".as_slice(),
        std::slice::from_ref(&objects.seeded),
    )
    .unwrap();
    let loaded = Bundle::from_bytes(&parameters, &borrowed.to_bytes()).unwrap();
    assert_eq!(loaded.into_contents("scores").unwrap().0, b"m");
}

#[test]
fn types_have_distinct_tags_and_names() {
    for (i, a) in FileType::ALL.into_iter().enumerate() {
        assert_eq!(a as usize, i + 1);
        assert!(FileType::ALL[..i].iter().all(|b| a.name() != b.name()));
    }
}

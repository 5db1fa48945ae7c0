//! Sums of several sites: exact, and refused where they do not belong together.

use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{Decryptor, Encryptor, Evaluator, KeyGenerator, Parameters, Preset, SecretKey};
use tapetum_learn::{LearnError, PooledSums};

/// Numbers of very different sizes, more than fill one ciphertext.
fn numbers(site: usize) -> Vec<f64> {
    (0..1500)
        .map(|i| {
            let mantissa = ((i * 37 + site * 11) % 101) as f64 - 50.0;
            mantissa * 2f64.powi(i as i32 % 60 - 30)
        })
        .collect()
}

#[test]
fn sums_are_exact_for_all_kinds_of_keys_and_parameters() {
    for preset in [Preset::N12, Preset::N13, Preset::N14] {
        let parameters = Parameters::preset(preset);
        let secret = SecretKey::generate(&parameters).unwrap();
        let public = KeyGenerator::new(&secret).unwrap().public_key().unwrap();
        let evaluator = Evaluator::new(&parameters);
        let encryptors = [
            Encryptor::with_secret_key(&secret),
            Encryptor::with_public_key(&public),
            Encryptor::with_public_key(&public),
        ];
        let mut pool: Option<PooledSums> = None;
        for (site, encryptor) in encryptors.iter().enumerate() {
            let sums = PooledSums::encrypt(&numbers(site), "x", encryptor).unwrap();
            match &mut pool {
                None => pool = Some(sums),
                Some(pool) => pool.add(&sums, &evaluator).unwrap(),
            }
        }
        let bytes = pool.unwrap().to_bundle().unwrap().to_bytes();
        let bundle = Bundle::from_bytes(&parameters, &bytes).unwrap();
        let pool = PooledSums::from_bundle(bundle).unwrap();
        assert_eq!((pool.sites(), pool.description()), (3, "x"));
        let found = pool.decrypt(&Decryptor::new(&secret)).unwrap();
        let sites: Vec<_> = (0..3).map(numbers).collect();
        for (i, found) in found.iter().enumerate() {
            // Small multiples of one power of two: no rounding in either sum.
            assert_eq!(*found, sites.iter().map(|site| site[i]).sum::<f64>());
        }
        assert_eq!(found.len(), 1500);
        let other = SecretKey::generate(&parameters).unwrap();
        let refused = pool.decrypt(&Decryptor::new(&other)).unwrap_err();
        assert!(matches!(refused, LearnError::OtherKey), "{refused}");
    }
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let parameters = Parameters::preset(Preset::N13);
    let secret = SecretKey::generate(&parameters).unwrap();
    let (encryptor, evaluator) = (
        Encryptor::with_secret_key(&secret),
        Evaluator::new(&parameters),
    );
    let sums = |numbers: &[f64], what| PooledSums::encrypt(numbers, what, &encryptor);
    let mut pool = sums(&[1.0, 2.0], "x").unwrap();
    for other in [sums(&[1.0, 2.0], "y"), sums(&[1.0], "x")] {
        let refused = pool.add(&other.unwrap(), &evaluator).unwrap_err();
        assert!(matches!(refused, LearnError::Malformed { .. }), "{refused}");
    }
    let same = pool.clone();
    let refused = pool.add(&same, &evaluator).unwrap_err();
    assert!(matches!(refused, LearnError::File(_)), "{refused}");
    assert_eq!(pool, same);
    for wrong in [&[f64::NAN][..], &[1e30], &[]] {
        assert!(sums(wrong, "x").is_err(), "{wrong:?}");
    }
    assert!(sums(&[1.0], &"x".repeat(1 << 17)).is_err());
}

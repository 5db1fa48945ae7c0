//! Bootstrapping against the numbers that were encrypted, with a dense secret at 128-bit security.

mod common;

use std::f64::consts::TAU;
use std::sync::OnceLock;

use common::{Scheme, small_bootstrapping};
use tapetum_ckks::*;

const SLOTS: usize = 256;
const LOG_RATIO: u32 = 10;

struct Server {
    scheme: Scheme,
    complex: Bootstrapper,
    real: Bootstrapper,
}

/// Keys of a bootstrapping are large, so all tests share them.
fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let parameters = Parameters::new(small_bootstrapping(LOG_RATIO)).unwrap();
        let plan = |kind| BootstrappingPlan::new(&parameters, SLOTS, kind).unwrap();
        let (complex, real) = (plan(SlotKind::Complex), plan(SlotKind::Real));
        assert_eq!(complex.keys(), real.keys());
        let scheme = Scheme::new(parameters.clone(), |_| complex.keys());
        Server {
            complex: Bootstrapper::new(&complex).unwrap(),
            real: Bootstrapper::new(&real).unwrap(),
            scheme,
        }
    })
}

impl Server {
    /// The vector on all slots.
    fn repeated(&self, vector: &[Complex64]) -> Vec<Complex64> {
        let slots = self.scheme.parameters.slots();
        vector.iter().cycle().take(slots).copied().collect()
    }

    fn random(&self, seed: u64) -> Vec<Complex64> {
        self.repeated(&self.scheme.random(seed)[..SLOTS])
    }
}

/// The error of the sine for a part of magnitude z, and 12 times the standard deviation of what the
/// arithmetic adds: about 2^-19.
fn bound(z: f64) -> f64 {
    let ratio = f64::from(LOG_RATIO).exp2();
    (TAU / ratio).powi(2) * z.powi(3) / 6.0 * 1.1 + 12.0 * 2f64.powi(-19)
}

#[test]
fn complex_slots_get_fresh_levels() {
    let Server {
        scheme, complex, ..
    } = server();
    for seed in 0..2 {
        let values = server().random(seed);
        let refreshed = scheme
            .evaluator
            .bootstrap(&scheme.encrypt_at(&values, 2), complex)
            .unwrap();
        assert_eq!(refreshed.level(), 4);
        assert_eq!(refreshed.scale(), scheme.parameters.scale(4));
        scheme.check(&refreshed, &values, 2f64.sqrt() * bound(1.0));
    }
}

#[test]
fn real_slots_lose_their_imaginary_parts() {
    let Server { scheme, real, .. } = server();
    let values = server().random(7);
    let refreshed = scheme
        .evaluator
        .bootstrap(&scheme.encrypt_at(&values, 2), real)
        .unwrap();
    let real_parts: Vec<_> = values.iter().map(|v| Complex64::from(v.re)).collect();
    scheme.check(&refreshed, &real_parts, 2f64.sqrt() * bound(1.0));
}

#[test]
fn edge_values_keep_to_the_error_of_the_sine() {
    let Server {
        scheme, complex, ..
    } = server();
    let i = Complex64::I;
    let one = Complex64::ONE;
    // All slots alike make one large coefficient; 1.5 is beyond the range.
    for (value, size) in [
        (Complex64::ZERO, 0.0),
        (one, 1.0),
        (-one - i, 1.0),
        (i * 1.5, 1.5),
    ] {
        let values = server().repeated(&[value]);
        let refreshed = scheme
            .evaluator
            .bootstrap(&scheme.encrypt_at(&values, 2), complex)
            .unwrap();
        scheme.check(&refreshed, &values, 2f64.sqrt() * bound(size));
    }
}

#[test]
fn a_refreshed_ciphertext_computes_and_is_refreshed_again() {
    let Server { scheme, real, .. } = server();
    let mut values = server().random(11);
    values.iter_mut().for_each(|v| v.im = 0.0);
    let mut x = scheme.encrypt_at(&values, 4);
    // Each time a square and a doubling of the error.
    for round in 1..=3 {
        x = scheme.evaluator.with_levels(&x, 2, real).unwrap();
        let square = scheme.evaluator.square(&x).unwrap();
        x = scheme.evaluator.rescale(&square).unwrap();
        x = scheme.evaluator.lower_to(&x, 2).unwrap();
        values.iter_mut().for_each(|v| *v *= *v);
        scheme.check(&x, &values, 2f64.powi(round + 1) * bound(1.0));
    }
}

#[test]
fn what_has_its_levels_stays_as_it_is() {
    let Server { scheme, real, .. } = server();
    let x = scheme.encrypt_at(&server().random(3), 3);
    assert!(scheme.evaluator.with_levels(&x, 1, real).unwrap() == x);
    assert_eq!(
        scheme.evaluator.with_levels(&x, 2, real).unwrap().level(),
        4
    );
    assert!(matches!(
        scheme.evaluator.with_levels(&x, 3, real),
        Err(EvaluationError::LevelExhausted {
            level: 4,
            needed: 5,
            ..
        })
    ));
}

#[test]
fn what_cannot_be_refreshed_is_refused() {
    let Server {
        scheme, complex, ..
    } = server();
    let x = scheme.encrypt_at(&server().random(5), 1);
    let low = scheme.evaluator.bootstrap(&x, complex);
    assert!(matches!(
        low,
        Err(EvaluationError::LevelExhausted {
            level: 1,
            needed: 2,
            ..
        })
    ));
    let x = scheme.encrypt_at(&server().random(5), 2);
    let product = scheme.evaluator.mul(&x, &x).unwrap();
    let degree = scheme.evaluator.bootstrap(&product, complex);
    assert!(matches!(degree, Err(EvaluationError::Degree { .. })));
    let keyless = Evaluator::new(&scheme.parameters).bootstrap(&x, complex);
    assert!(matches!(keyless, Err(EvaluationError::MissingKey(_))));
}

#[test]
fn a_public_key_encrypts_up_to_the_level_of_messages() {
    let Server { scheme, .. } = server();
    let public = Encryptor::with_public_key(&scheme.public);
    let at = |level| scheme.encoder.encode(&[0.5; 4], level).unwrap();
    assert_eq!(public.encrypt(&at(4)).unwrap().level(), 4);
    assert_eq!(
        public.encrypt(&at(5)).unwrap_err(),
        EncryptionError::Level {
            level: 5,
            highest: 4
        }
    );
}

#[test]
fn plans_that_make_no_sense_are_refused() {
    let parameters = Parameters::new(small_bootstrapping(LOG_RATIO)).unwrap();
    for slots in [0, 1, 2, 3, 1 << 15] {
        let plan = BootstrappingPlan::new(&parameters, slots, SlotKind::Real);
        assert!(
            matches!(plan, Err(BootstrappingError::Transform(_))),
            "{slots} slots"
        );
    }
    let without = Parameters::preset(Preset::N14);
    assert_eq!(
        BootstrappingPlan::new(&without, 64, SlotKind::Real).unwrap_err(),
        BootstrappingError::Parameters
    );
}

#[test]
fn literals_that_make_no_sense_are_refused() {
    let with = |change: &dyn Fn(&mut BootstrappingLiteral)| {
        let mut literal = small_bootstrapping(LOG_RATIO);
        change(literal.bootstrapping.as_mut().unwrap());
        Parameters::new(literal).unwrap_err()
    };
    for error in [
        with(&|b| b.slots_to_coeffs_levels = 0),
        with(&|b| b.slots_to_coeffs_levels = 5),
        with(&|b| b.coeffs_to_slots_bits.clear()),
        with(&|b| b.log_message_ratio = 3),
        with(&|b| b.log_message_ratio = 28),
    ] {
        assert!(
            matches!(error, ParametersError::Bootstrapping(_)),
            "{error}"
        );
    }
    let error = with(&|b| b.eval_mod_bits = 50);
    assert_eq!(error, ParametersError::PrimeBits(50));
    // The table speaks about all primes, those of bootstrapping too.
    let error = with(&|b| b.coeffs_to_slots_bits = vec![46; 3]);
    assert!(matches!(error, ParametersError::Security(_)), "{error}");
}

#[test]
fn the_parameters_are_stored_with_their_bootstrapping() {
    let parameters = Parameters::new(small_bootstrapping(LOG_RATIO)).unwrap();
    let read = Parameters::from_bytes(&parameters.to_bytes()).unwrap();
    assert_eq!(read.literal(), &small_bootstrapping(LOG_RATIO));
    assert_eq!(read, parameters);
    // What bootstraps in another way is not the same.
    let mut other = small_bootstrapping(LOG_RATIO);
    other.bootstrapping.as_mut().unwrap().log_message_ratio = 9;
    assert_ne!(Parameters::new(other).unwrap(), parameters);
}

#[test]
fn the_estimate_counts_the_keys_that_are_made() {
    let plan = server().complex.plan();
    let estimate = plan.estimate().unwrap();
    let keys = server().scheme.evaluator.keys().to_bytes();
    assert_eq!(estimate.key_file_bytes, keys.len() as u64);
    assert!(estimate.peak_bytes() > estimate.key_bytes + estimate.matrix_bytes);
    let real = server().real.plan().estimate().unwrap();
    assert!(real.transforms < 0.8 * estimate.transforms);
    assert!(real.products < 0.9 * estimate.products);
}

//! Every operation against decrypted truth, over several parameter sets.
//!
//! The stated bounds are on the largest error of any slot for messages in the square
//! [-1, 1] + [-1, 1] i, in units of the *grain*: N / scale, the size of the error of a public-key
//! encryption.

mod common;

use common::{Scheme, uneven};
use tapetum_ckks::{
    Ciphertext, Complex64, Decryptor, Encryptor, EvaluationError, Evaluator, KeyGenerator, KeyName,
    KeyPlan, NoiseBound, NoiseFlooding, Parameters, Preset, SecretKey,
};

/// Three presets, and parameters with uneven digits.
fn parameter_sets() -> Vec<Parameters> {
    let mut sets: Vec<_> = [Preset::N12, Preset::N13, Preset::N14]
        .map(Parameters::preset)
        .into();
    sets.push(uneven());
    sets
}

fn grain(scheme: &Scheme) -> f64 {
    scheme.parameters.degree() as f64 / 2f64.powi(scheme.parameters.literal().log_scale as i32)
}

fn zip(
    a: &[Complex64],
    b: &[Complex64],
    f: impl Fn(Complex64, Complex64) -> Complex64,
) -> Vec<Complex64> {
    a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect()
}

fn rotated(a: &[Complex64], steps: i64) -> Vec<Complex64> {
    let mut a = a.to_vec();
    let steps = steps.rem_euclid(a.len() as i64) as usize;
    a.rotate_left(steps);
    a
}

#[test]
fn encryption_with_either_key_and_at_every_level() {
    for parameters in parameter_sets() {
        let s = Scheme::new(parameters, |plan| plan);
        let edge = vec![Complex64::new(1.0, -1.0); s.parameters.slots()];
        for level in 0..=s.parameters.max_level() {
            for values in [s.random(level as u64), edge.clone()] {
                let plaintext = s.encoder.encode_complex(&values, level).unwrap();
                let own = s.encryptor.encrypt(&plaintext).unwrap();
                assert!(own.is_seeded() && own.level() == level && own.degree() == 1);
                s.check(&own, &values, 2.0 * grain(&s));
                let public = Encryptor::with_public_key(&s.public);
                let foreign = public.encrypt(&plaintext).unwrap();
                assert!(!foreign.is_seeded());
                s.check(&foreign, &values, 32.0 * grain(&s));
                assert_ne!(own, s.encryptor.encrypt(&plaintext).unwrap());
            }
        }
    }
}

#[test]
fn sums_differences_and_negation() {
    for parameters in parameter_sets() {
        let s = Scheme::new(parameters, |plan| plan);
        let e = &s.evaluator;
        let (x, y) = (s.random(1), s.random(2));
        let (a, b) = (s.encrypt(&x), s.encrypt(&y));
        let p = s.encoder.encode_complex(&y, a.level()).unwrap();
        let bound = 4.0 * grain(&s);
        s.check(&e.add(&a, &b).unwrap(), &zip(&x, &y, |x, y| x + y), bound);
        s.check(&e.sub(&a, &b).unwrap(), &zip(&x, &y, |x, y| x - y), bound);
        s.check(&e.neg(&a).unwrap(), &zip(&x, &y, |x, _| -x), bound);
        s.check(
            &e.add_plain(&a, &p).unwrap(),
            &zip(&x, &y, |x, y| x + y),
            bound,
        );
        s.check(
            &e.sub_plain(&a, &p).unwrap(),
            &zip(&x, &y, |x, y| x - y),
            bound,
        );
        for c in [0.0, 1.0, -0.37, 17.25] {
            let sum = e.add_scalar(&a, c).unwrap();
            assert!(!sum.is_seeded(), "a seed must not survive a change");
            s.check(&sum, &zip(&x, &y, |x, _| x + c), bound);
        }
        for k in [0, 1, -3, 11] {
            let expected = zip(&x, &y, |x, _| x * k as f64);
            s.check(&e.mul_integer(&a, k).unwrap(), &expected, 12.0 * bound);
        }
    }
}

#[test]
fn products_with_ciphertexts_plaintexts_and_scalars() {
    for parameters in parameter_sets() {
        let s = Scheme::new(parameters, KeyPlan::relinearization);
        let e = &s.evaluator;
        for level in 1..=s.parameters.max_level() {
            let (x, y) = (s.random(3), s.random(4));
            let (a, b) = (s.encrypt_at(&x, level), s.encrypt_at(&y, level));
            let p = s.encoder.encode_complex(&y, level).unwrap();
            let bound = 16.0 * grain(&s);
            let expected = zip(&x, &y, |x, y| x * y);
            let lazy = e.mul(&a, &b).unwrap();
            assert_eq!(lazy.degree(), 2);
            let product = e.mul_relin(&a, &b).unwrap();
            assert_eq!(product.degree(), 1);
            for product in [
                e.relinearize(&lazy).unwrap(),
                product,
                e.mul_plain(&a, &p).unwrap(),
            ] {
                let rescaled = e.rescale(&product).unwrap();
                assert_eq!(rescaled.level(), level - 1);
                assert_eq!(rescaled.scale(), s.parameters.scale(level - 1));
                s.check(&rescaled, &expected, bound);
            }
            let fused = e.relinearize_rescale(&e.mul(&a, &b).unwrap()).unwrap();
            assert_eq!((fused.level(), fused.degree()), (level - 1, 1));
            assert_eq!(fused.scale(), s.parameters.scale(level - 1));
            s.check(&fused, &expected, bound);
            let square = e.rescale(&e.square(&a).unwrap()).unwrap();
            s.check(&square, &zip(&x, &y, |x, _| x * x), bound);
            for c in [0.0, 1.0, -0.7, 3.5] {
                let scaled = e.rescale(&e.mul_scalar(&a, c).unwrap()).unwrap();
                s.check(&scaled, &zip(&x, &y, |x, _| x * c), 4.0 * bound);
            }
        }
    }
}

#[test]
fn lazy_sums_of_products_equal_their_terms() {
    for parameters in parameter_sets() {
        let s = Scheme::new(parameters, KeyPlan::relinearization);
        let e = &s.evaluator;
        let vectors: Vec<_> = (10..17).map(|seed| s.random(seed)).collect();
        let encrypted: Vec<_> = vectors.iter().map(|v| s.encrypt(v)).collect();
        let encoded: Vec<_> = vectors
            .iter()
            .map(|v| {
                s.encoder
                    .encode_complex(v, s.parameters.max_level())
                    .unwrap()
            })
            .collect();
        // Pairs (0, 1), (1, 2), ..., (5, 6).
        let mut expected = vec![Complex64::ZERO; s.parameters.slots()];
        for pair in vectors.windows(2) {
            for (sum, product) in expected
                .iter_mut()
                .zip(zip(&pair[0], &pair[1], |x, y| x * y))
            {
                *sum += product;
            }
        }
        let pairs: Vec<_> = encrypted.windows(2).map(|w| (&w[0], &w[1])).collect();
        let lazy = e.inner_product(&pairs).unwrap();
        let bound = 100.0 * grain(&s);
        s.check(
            &e.rescale(&e.relinearize(&lazy).unwrap()).unwrap(),
            &expected,
            bound,
        );
        let pairs: Vec<_> = encrypted.iter().zip(&encoded[1..]).collect();
        let plain = e.mul_plain_sum(&pairs).unwrap();
        s.check(&e.rescale(&plain).unwrap(), &expected, bound);
        // A sum of degree 2 and one of degree 1.
        let [sum, difference] = [e.add(&plain, &lazy), e.sub(&plain, &lazy)]
            .map(|mixed| e.rescale(&e.relinearize(&mixed.unwrap()).unwrap()).unwrap());
        let twice = zip(&expected, &expected, |x, y| x + y);
        s.check(&sum, &twice, bound);
        let nothing = vec![Complex64::ZERO; s.parameters.slots()];
        s.check(&difference, &nothing, bound);
    }
}

#[test]
fn rotations_hoisted_or_not_conjugation_and_slot_sums() {
    for parameters in parameter_sets() {
        let half = parameters.slots() as i64 / 2;
        let steps = [0, 1, -1, 2, 5, half, -half + 3];
        let s = Scheme::new(parameters, |plan| {
            plan.rotations(steps).rotations([4, 8]).conjugation()
        });
        let e = &s.evaluator;
        let bound = 16.0 * grain(&s);
        for level in [0, s.parameters.max_level()] {
            let x = s.random(5);
            let a = s.encrypt_at(&x, level);
            let hoisted = e.rotate_hoisted(&a, &steps).unwrap();
            for (k, hoisted) in steps.iter().zip(&hoisted) {
                s.check(hoisted, &rotated(&x, *k), bound);
                assert_eq!(hoisted, &e.rotate(&a, *k).unwrap());
            }
            let conjugated: Vec<_> = x.iter().map(Complex64::conj).collect();
            s.check(&e.conjugate(&a).unwrap(), &conjugated, bound);
            let mut sums = vec![Complex64::ZERO; x.len()];
            for k in 0..8 {
                sums = zip(&sums, &rotated(&x, 2 * k), |x, y| x + y);
            }
            s.check(&e.sum_slots(&a, 8, 2).unwrap(), &sums, 8.0 * bound);
        }
    }
}

#[test]
fn lowering_keeps_the_message_and_scales_it_for_free() {
    for parameters in parameter_sets() {
        let s = Scheme::new(parameters, |plan| plan);
        let e = &s.evaluator;
        let x = s.random(6);
        let a = s.encrypt(&x);
        let bound = 16.0 * grain(&s);
        for level in 0..s.parameters.max_level() {
            let lowered = e.lower_to(&a, level).unwrap();
            assert_eq!(
                (lowered.level(), lowered.scale()),
                (level, s.parameters.scale(level))
            );
            s.check(&lowered, &x, bound);
            let dropped = e.drop_to_level(&a, level).unwrap();
            assert_eq!((dropped.level(), dropped.scale()), (level, a.scale()));
            assert!(dropped.is_seeded(), "a seed describes fewer primes as well");
            s.check(&dropped, &x, bound);
            let third = e.lower_scaled(&a, level, -1.0 / 3.0).unwrap();
            s.check(&third, &zip(&x, &x, |x, _| x * (-1.0 / 3.0)), bound);
            let (left, right) = e.align(&a, &third).unwrap();
            s.check(
                &e.add(&left, &right).unwrap(),
                &zip(&x, &x, |x, _| x * 2.0 / 3.0),
                2.0 * bound,
            );
        }
        assert_eq!(e.lower_to(&a, a.level()).unwrap(), a);
    }
}

#[test]
fn keys_for_lower_levels_serve_there_and_only_there() {
    for parameters in [Preset::N13, Preset::N14].map(Parameters::preset) {
        let level = parameters.max_level() - 1;
        let s = Scheme::new(parameters, |plan| {
            plan.relinearization().rotations([3]).up_to_level(level)
        });
        let e = &s.evaluator;
        let x = s.random(7);
        for below in 1..=level {
            let a = s.encrypt_at(&x, below);
            let bound = 16.0 * grain(&s);
            s.check(&e.rotate(&a, 3).unwrap(), &rotated(&x, 3), bound);
            let square = e.rescale(&e.square(&a).unwrap()).unwrap();
            s.check(&square, &zip(&x, &x, |x, y| x * y), bound);
        }
        let a = s.encrypt(&x);
        let refused = |key| EvaluationError::KeyLevel {
            key,
            key_level: level,
            level: level + 1,
        };
        assert_eq!(e.rotate(&a, 3), Err(refused(KeyName::Rotation(3))));
        assert_eq!(e.square(&a), Err(refused(KeyName::Relinearization)));
    }
}

#[test]
fn every_misuse_is_a_typed_error() {
    let s = Scheme::new(Parameters::preset(Preset::N13), |plan| plan.rotations([1]));
    let other = Scheme::new(Parameters::preset(Preset::N12), |plan| plan);
    let e = &s.evaluator;
    let x = s.random(8);
    let a = s.encrypt(&x);
    let low = s.encrypt_at(&x, 0);
    let foreign = other.encrypt(&other.random(8));
    let product = e.mul(&a, &a).unwrap();
    let plain = s.encoder.encode_complex(&x, 2).unwrap();
    let foreign_plain = other.encoder.encode(&[1.0], 1).unwrap();
    use EvaluationError as E;

    assert_eq!(e.add(&a, &foreign), Err(E::Parameters));
    assert_eq!(e.mul_plain(&a, &foreign_plain), Err(E::Parameters));
    assert_eq!(e.rescale(&foreign), Err(E::Parameters));
    assert_eq!(e.rotate(&foreign, 1), Err(E::Parameters));
    assert_eq!(e.add(&a, &low), Err(E::Levels { left: 3, right: 0 }));
    assert_eq!(e.mul(&a, &low), Err(E::Levels { left: 3, right: 0 }));
    assert_eq!(
        e.add_plain(&a, &plain),
        Err(E::Levels { left: 3, right: 2 })
    );
    assert!(matches!(e.add(&a, &product), Err(E::Scales { .. })));
    assert!(matches!(e.lower_to(&product, 1), Err(E::Scales { .. })));
    assert!(matches!(e.mul(&low, &low), Err(E::ScaleTooLarge { .. })));
    assert!(matches!(
        e.mul_scalar(&low, 2.0),
        Err(E::ScaleTooLarge { .. })
    ));
    assert!(matches!(
        e.rescale(&low),
        Err(E::LevelExhausted {
            level: 0,
            needed: 1,
            ..
        })
    ));
    assert!(matches!(
        e.drop_to_level(&product, 0),
        Err(E::ScaleTooLarge { .. })
    ));
    let once = e.rescale(&a).unwrap_err();
    assert!(matches!(once, E::ScaleTooSmall { .. }), "{once}");
    assert_eq!(
        e.drop_to_level(&low, 1),
        Err(E::HigherLevel {
            level: 0,
            target: 1
        })
    );
    assert!(matches!(
        e.lower_scaled(&a, 3, 0.5),
        Err(E::LevelExhausted { .. })
    ));
    assert!(matches!(
        e.mul(&product, &a),
        Err(E::Degree {
            expected: 1,
            found: 2,
            ..
        })
    ));
    assert!(matches!(e.rotate(&product, 1), Err(E::Degree { .. })));
    assert_eq!(
        e.relinearize(&product),
        Err(E::MissingKey(KeyName::Relinearization))
    );
    assert_eq!(
        e.relinearize_rescale(&product),
        Err(E::MissingKey(KeyName::Relinearization))
    );
    assert_eq!(e.rotate(&a, 2), Err(E::MissingKey(KeyName::Rotation(2))));
    assert_eq!(e.conjugate(&a), Err(E::MissingKey(KeyName::Conjugation)));
    assert_eq!(e.sum_slots(&a, 3, 1), Err(E::SlotCount(3)));
    assert_eq!(e.sum_slots(&a, 8192, 1), Err(E::SlotCount(8192)));
    assert_eq!(e.inner_product(&[]), Err(E::Empty));
    assert_eq!(e.mul_plain_sum(&[]), Err(E::Empty));
    for bad in [f64::NAN, f64::INFINITY, 1e300] {
        assert!(matches!(e.add_scalar(&a, bad), Err(E::Scalar(_))));
        assert!(matches!(e.mul_scalar(&a, bad), Err(E::Scalar(_))));
    }
    assert!(s.decryptor.decrypt(&foreign).is_err());
    assert!(s.encryptor.encrypt(&foreign_plain).is_err());
    let mut generator = KeyGenerator::new(&s.secret).unwrap();
    let plan = KeyPlan::new(&s.parameters).up_to_level(4);
    assert!(generator.evaluation_keys(&plan).is_err());
}

#[test]
fn another_key_decrypts_to_nothing_like_the_message() {
    let s = Scheme::new(Parameters::preset(Preset::N12), |plan| plan);
    let x = s.random(9);
    let stranger = SecretKey::generate(&s.parameters).unwrap();
    let plaintext = Decryptor::new(&stranger).decrypt(&s.encrypt(&x)).unwrap();
    let found = s.encoder.decode_complex(&plaintext);
    let close = found.iter().zip(&x).filter(|(f, x)| (*f - *x).norm() < 1.0);
    assert!(close.count() < x.len() / 10);
}

#[test]
fn flooding_hides_the_error_and_keeps_the_message() {
    let s = Scheme::new(Parameters::preset(Preset::N14), |plan| plan);
    let x = s.random(10);
    let a = s.encrypt(&x);
    let flooding = NoiseFlooding {
        error: 32.0,
        bits: 20,
        decryptions: 16,
    };
    let decode = |p| s.encoder.decode_complex(&p);
    let exact = decode(s.decryptor.decrypt(&a).unwrap());
    let shared = decode(s.decryptor.decrypt_flooded(&a, flooding).unwrap());
    let degree = s.parameters.degree();
    let deviation = flooding.slot_deviation(degree, a.scale()) * 2f64.sqrt();
    let difference = exact.iter().zip(&shared).map(|(x, y)| (x - y).norm_sqr());
    let found = (difference.sum::<f64>() / exact.len() as f64).sqrt();
    assert!(
        (0.95..1.05).contains(&(found / deviation)),
        "{found} against {deviation}"
    );
    let least = flooding.deviation(degree) * (degree as f64).sqrt() / a.scale();
    assert!((1.0..2.0).contains(&(deviation / least)));
    let again = decode(s.decryptor.decrypt_flooded(&a, flooding).unwrap());
    assert_ne!(shared, again);
    let too_much = NoiseFlooding {
        bits: 128,
        ..flooding
    };
    assert!(s.decryptor.decrypt_flooded(&a, too_much).is_err());
    for error in [0.0, f64::NAN, -1.0] {
        let nonsense = NoiseFlooding { error, ..flooding };
        assert!(s.decryptor.decrypt_flooded(&a, nonsense).is_err());
    }
}

/// Carried along with a computation, the bound holds and is not far off.
#[test]
fn errors_are_below_the_bound_that_the_computation_gives() {
    let s = Scheme::new(Parameters::preset(Preset::N14), |plan| {
        plan.relinearization().rotations([1, 2, 4, 8])
    });
    let real = |seed| -> Vec<f64> { s.random(seed).iter().map(|z| z.re).collect() };
    let (a, b, weights) = (real(21), real(22), real(23));
    let encryptor = Encryptor::with_public_key(&s.public);
    let encrypted = |values: &[f64]| {
        let plaintext = s.encoder.encode(values, 3).unwrap();
        encryptor.encrypt(&plaintext).unwrap()
    };
    let check = |found: &Ciphertext, bound: &NoiseBound, clear: &dyn Fn(usize) -> f64| {
        assert_eq!(found.level(), bound.level());
        assert!((found.scale() / bound.scale() - 1.0).abs() < 1e-9);
        let slots = s.decrypt(found);
        let error = (0..slots.len())
            .map(|i| (slots[i] - clear(i)).norm())
            .fold(0.0, f64::max);
        let (magnitude, bound) = (bound.magnitude(), bound.slot_error());
        assert!((0..slots.len()).all(|i| clear(i).abs() <= magnitude));
        let times = bound / error;
        assert!((1.0..1000.0).contains(&times), "{times} times too large");
    };
    let (x, y) = (encrypted(&a), encrypted(&b));
    let (left, right) = (
        NoiseBound::encrypted(&s.parameters, 3, 1.0),
        NoiseBound::encrypted(&s.parameters, 3, 1.0),
    );
    check(&x, &left, &|i| a[i]);
    let plaintext = s.encoder.encode(&a, 3).unwrap();
    let by_owner = NoiseBound::encrypted_by_owner(&s.parameters, 3, plaintext.scale(), 1.0);
    check(&s.encryptor.encrypt(&plaintext).unwrap(), &by_owner, &|i| {
        a[i]
    });

    let product = s
        .evaluator
        .rescale(&s.evaluator.mul_relin(&x, &y).unwrap())
        .unwrap();
    let of_product = left.times(&right).rescaled();
    check(&product, &of_product, &|i| a[i] * b[i]);

    let sum = s.evaluator.sum_slots(&product, 16, 1).unwrap();
    let of_sum = of_product.summed(16);
    let slots = a.len();
    let summed = |i: usize| {
        (0..16)
            .map(|k| a[(i + k) % slots] * b[(i + k) % slots])
            .sum()
    };
    check(&sum, &of_sum, &summed);

    let encoded = s.encoder.encode(&weights, sum.level()).unwrap();
    let weighted = s.evaluator.mul_plain(&sum, &encoded).unwrap();
    let weighted = s.evaluator.rescale(&weighted).unwrap();
    let of_weighted = of_sum.times_plain(encoded.scale(), 1.0).rescaled();
    check(&weighted, &of_weighted, &|i| summed(i) * weights[i]);
    let tripled = s.evaluator.mul_integer(&weighted, -3).unwrap();
    check(&tripled, &of_weighted.times_integer(-3), &|i| {
        -3.0 * summed(i) * weights[i]
    });

    // A plain model's score at a large scale can be published, a deep computation's cannot.
    let fresh = NoiseBound::encrypted_at(&s.parameters, 3, 2f64.powi(60), 1.0);
    let plain = fresh.times_plain(s.parameters.scale(3), 1.0).rescaled();
    let flooding = plain.flooding(30, 1);
    assert!(
        plain.bits_left(&flooding) > 8.0,
        "{}",
        plain.bits_left(&flooding)
    );
    assert!(of_weighted.bits_left(&of_weighted.flooding(30, 1)) < 8.0);
}

/// Errors of the factors, times the other one, are in the imaginary parts of a product; an owner who
/// rounds the real parts gives none of it away.
#[test]
fn imaginary_parts_hold_noise_and_stay_with_the_owner() {
    let s = Scheme::new(Parameters::preset(Preset::N13), |plan| {
        plan.relinearization()
    });
    let encryptor = Encryptor::with_public_key(&s.public);
    let real = |seed| -> Vec<f64> { s.random(seed).iter().map(|z| z.re).collect() };
    let (a, b) = (real(31), real(32));
    let encrypted = |values: &[f64]| {
        encryptor
            .encrypt(&s.encoder.encode(values, 2).unwrap())
            .unwrap()
    };
    let product = s
        .evaluator
        .mul_relin(&encrypted(&a), &encrypted(&b))
        .unwrap();
    let product = s.evaluator.rescale(&product).unwrap();
    let slots = s.decrypt(&product);
    let rms = |part: &dyn Fn(usize) -> f64| {
        let squares: f64 = (0..slots.len()).map(|i| part(i).powi(2)).sum();
        (squares / slots.len() as f64).sqrt()
    };
    let (re, im) = (rms(&|i| slots[i].re - a[i] * b[i]), rms(&|i| slots[i].im));
    // As much in the one as in the other: they tell how exact the result is.
    assert!((0.8..1.25).contains(&(im / re)), "{im} {re}");
    let (rounded, rounding) = s.decryptor.decrypt_rounded(&product).unwrap();
    assert!(
        (256.0..600.0).contains(&(rounding.step() / im)),
        "{rounding:?} {im}"
    );
    let border = |x: f64| (x / rounding.step()).fract().abs();
    let near = |i: usize| (border(a[i] * b[i]) - 0.5).abs() < 8.0 * re / rounding.step();
    for (i, found) in rounded.iter().enumerate() {
        // What anyone who knows the message would have said, unless it lies on a border.
        assert!(near(i) || *found == rounding.round(a[i] * b[i]), "{i}");
    }
    assert!((0..slots.len()).filter(|&i| near(i)).count() < slots.len() / 10);
}

#[test]
fn secrets_do_not_show() {
    let s = Scheme::new(Parameters::preset(Preset::N12), |plan| plan);
    let text = format!("{:?} {:?} {:?}", s.secret, s.encryptor, s.decryptor);
    assert!(!text.contains("coefficients") && text.len() < 300, "{text}");
    let evaluator: Evaluator = s.evaluator;
    assert!(format!("{evaluator:?}").len() < 300);
}

//! The encoder as its users see it: precision at the edges, and every error.

use num_complex::Complex64;
use proptest::prelude::*;
use tapetum_ckks::{EncodeError, Encoder, Parameters, Preset};

/// 6 standard deviations of the rounding error in a slot, and the error of the transform.
fn bound(parameters: &Parameters, scale: f64, largest: f64) -> f64 {
    6.0 * (parameters.degree() as f64 / 12.0).sqrt() / scale + largest * 2f64.powi(-46)
}

#[track_caller]
fn assert_round_trip(encoder: &Encoder, values: &[f64], level: usize, scale: f64) {
    let parameters = encoder.parameters();
    let plaintext = encoder.encode_at(values, level, scale).unwrap();
    assert_eq!((plaintext.level(), plaintext.scale()), (level, scale));
    let decoded = encoder.decode(&plaintext);
    assert_eq!(decoded.len(), parameters.slots());
    let largest = values.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    let bound = bound(parameters, scale, largest);
    let expected = values.iter().copied().chain(std::iter::repeat(0.0));
    for (i, (d, v)) in decoded.into_iter().zip(expected).enumerate() {
        assert!((d - v).abs() < bound, "slot {i}: {d} for {v}");
    }
}

fn encoders() -> Vec<Encoder> {
    [Preset::N12, Preset::N13, Preset::N14]
        .map(|preset| Encoder::new(&Parameters::preset(preset)))
        .into()
}

#[test]
fn edge_values_survive() {
    for encoder in encoders() {
        let parameters = encoder.parameters().clone();
        let top = parameters.max_level();
        let scale = parameters.scale(top);
        for level in [0, top] {
            let scale = parameters.scale(level);
            for value in [0.0, -0.0, 1.0, -1.0, 1e-12, f64::MIN_POSITIVE, -0.5] {
                assert_round_trip(&encoder, &vec![value; parameters.slots()], level, scale);
                assert_round_trip(&encoder, &[value], level, scale);
            }
        }
        assert_round_trip(&encoder, &[], top, scale);
        // In one slot out of N/2, so the coefficients stay small.
        assert_round_trip(&encoder, &[1e4, -1e4], top, scale);
        let signs: Vec<_> = (0..parameters.slots())
            .map(|i| if i % 2 == 0 { 1.0 } else { -1.0 })
            .collect();
        assert_round_trip(&encoder, &signs, top, scale);
        assert_round_trip(&encoder, &signs, top, 1e6);
    }
}

/// Coefficients of 100 bits go through 128-bit integers.
#[test]
fn large_values_survive_at_high_levels() {
    let encoder = Encoder::new(&Parameters::preset(Preset::N14));
    let values: Vec<_> = (0..8192).map(|i| (i as f64 - 4000.0) * 1e14).collect();
    assert_round_trip(&encoder, &values, 8, 2f64.powi(40));
    assert_round_trip(&encoder, &[1.0; 8192], 8, 2f64.powi(120));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]
    #[test]
    fn random_vectors_survive(values in prop::collection::vec(-8.0f64..8.0, 0..2048)) {
        for encoder in encoders() {
            let parameters = encoder.parameters();
            let level = parameters.max_level();
            assert_round_trip(&encoder, &values, level, parameters.scale(level));
        }
    }

    #[test]
    fn complex_vectors_survive(values in prop::collection::vec((-1.0f64..1.0, -1.0f64..1.0), 1..2048)) {
        let values: Vec<_> = values.into_iter().map(|(re, im)| Complex64::new(re, im)).collect();
        for encoder in encoders() {
            let plaintext = encoder.encode_complex(&values, 1).unwrap();
            let bound = bound(encoder.parameters(), plaintext.scale(), 1.5);
            let decoded = encoder.decode_complex(&plaintext);
            for (d, v) in decoded.iter().zip(&values) {
                prop_assert!((d - v).norm() < bound);
            }
            prop_assert!(decoded[values.len()..].iter().all(|d| d.norm() < bound));
        }
    }
}

#[test]
fn canonical_scale_is_the_default() {
    for encoder in encoders() {
        for level in 0..=encoder.parameters().max_level() {
            let plaintext = encoder.encode(&[1.0], level).unwrap();
            assert_eq!(plaintext.level(), level);
            assert_eq!(plaintext.scale(), encoder.parameters().scale(level));
        }
    }
}

#[test]
fn a_plaintext_of_another_degree_is_decoded() {
    let encoders = encoders();
    let plaintext = encoders[0].encode(&[0.5, -2.0], 1).unwrap();
    let decoded = encoders[2].decode(&plaintext);
    assert_eq!(decoded.len(), 2048);
    assert!((decoded[0] - 0.5).abs() < 1e-6 && (decoded[1] + 2.0).abs() < 1e-6);
}

#[test]
fn what_does_not_fit_is_refused() {
    use EncodeError as E;
    let encoder = Encoder::new(&Parameters::preset(Preset::N13));
    let refused =
        |values: &[f64], level, scale| encoder.encode_at(values, level, scale).unwrap_err();
    assert_eq!(
        encoder.encode(&vec![0.0; 4097], 3),
        Err(E::TooManyValues {
            found: 4097,
            slots: 4096
        })
    );
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(
            encoder.encode(&[1.0, 2.0, bad, bad], 3),
            Err(E::NotFinite { index: 2 })
        );
        let z = [Complex64::new(0.0, bad)];
        assert_eq!(
            encoder.encode_complex(&z, 3),
            Err(E::NotFinite { index: 0 })
        );
    }
    assert_eq!(
        encoder.encode(&[1.0], 4),
        Err(E::Level { level: 4, max: 3 })
    );
    assert_eq!(refused(&[1.0], 4, 1e9), E::Level { level: 4, max: 3 });
    for bad in [0.0, 0.5, -1e9, f64::INFINITY] {
        assert_eq!(refused(&[1.0], 3, bad), E::Scale(bad));
    }
    assert!(matches!(refused(&[1.0], 3, f64::NAN), E::Scale(_)));
    // Level 0 holds 46 bits and the scale takes 36: all slots at 2^10 are too much, at 2^7 not.
    assert!(encoder.encode(&vec![128.0; 4096], 0).is_ok());
    assert!(matches!(
        encoder.encode(&vec![1024.0; 4096], 0),
        Err(E::TooLarge { level: 0, .. })
    ));
    assert!(encoder.encode(&vec![1024.0; 4096], 1).is_ok());
    // Sums of such values overflow to infinity on the way.
    assert!(matches!(
        refused(&[f64::MAX; 4096], 3, 1e30),
        E::TooLarge { .. }
    ));
    assert!(matches!(
        refused(&[f64::MAX, -f64::MAX, f64::MAX], 3, 2.0),
        E::TooLarge { .. }
    ));
    // Under the modulus, yet beyond 128-bit integers.
    assert!(matches!(
        refused(&[1.0; 4096], 3, 2f64.powi(127)),
        E::TooLarge { .. }
    ));
}

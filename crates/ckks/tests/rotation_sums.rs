//! Sums of rotations that are divided once, against decrypted truth.
//!
//! The stated bounds are on the largest error of any slot for messages in the square
//! [-1, 1] + [-1, 1] i, in units of the *grain*, N / scale.

mod common;

use common::{Scheme, uneven};
use tapetum_ckks::{
    Complex64, EvaluationError, Evaluator, KeyGenerator, KeyName, KeyPlan, Parameters, Preset,
};

#[test]
fn sums_of_rotations_are_divided_once() {
    for parameters in [Parameters::preset(Preset::N13), uneven()] {
        let s = Scheme::new(parameters, |plan| plan.rotations([1, 2, 3, 4, 8, 12, -7]));
        let (x, y) = (s.random(1), s.random(2));
        let slots = x.len() as i64;
        let rotated = |v: &[Complex64], k: i64| -> Vec<Complex64> {
            let at = |i: i64| v[(i + k).rem_euclid(slots) as usize];
            (0..slots).map(at).collect()
        };
        let expected = |terms: &[(&[Complex64], i64)]| -> Vec<Complex64> {
            let rotations: Vec<_> = terms.iter().map(|(v, k)| rotated(v, *k)).collect();
            let sum = |i: usize| rotations.iter().map(|v| v[i]).sum();
            (0..slots as usize).map(sum).collect()
        };
        let e = &s.evaluator;
        let (a, b) = (s.encrypt(&x), s.encrypt(&y));
        let mut sum = e.sum_rotations(&a, &[0, 1, -7, 1]).unwrap();
        e.add_rotations(&mut sum, &b, &[3]).unwrap();
        assert_eq!((sum.level(), sum.scale()), (a.level(), a.scale()));
        let terms = [(&x[..], 0), (&x, 1), (&x, -7), (&x, 1), (&y, 3)];
        let divided = e.divide(sum.clone()).unwrap();
        let grain = s.parameters.degree() as f64 / a.scale();
        s.check(&divided, &expected(&terms), 8.0 * grain);
        let one = e.divide(e.sum_rotations(&a, &[1]).unwrap()).unwrap();
        assert_eq!(one, e.rotate(&a, 1).unwrap());

        let scaled = e.mul_scalar(&a, 1.0).unwrap();
        let sum = e.sum_rotations(&scaled, &[0, 2]).unwrap();
        let rescaled = e.divide_rescale(sum).unwrap();
        assert_eq!(rescaled.level(), a.level() - 1);
        let terms = [(&x[..], 0), (&x, 2)];
        s.check(&rescaled, &expected(&terms), 8.0 * grain);

        // Four neighbours at a time where there is a key for three steps, two where there is none.
        for (count, stride) in [(4usize, 1), (8, 1), (16, 1), (4, 4)] {
            let keys = KeyPlan::new(&s.parameters);
            let powers = (0..count.ilog2()).map(|k| stride << k);
            let plain = KeyGenerator::new(&s.secret)
                .unwrap()
                .evaluation_keys(&keys.rotations(powers))
                .unwrap();
            let plain = Evaluator::with_keys(plain);
            let terms: Vec<_> = (0..count as i64).map(|k| (&x[..], k * stride)).collect();
            for e in [e, &plain] {
                let sum = e.sum_slots(&a, count, stride).unwrap();
                s.check(&sum, &expected(&terms), 8.0 * count as f64 * grain);
            }
        }
        let missing = e.sum_rotations(&a, &[1, 5]).unwrap_err();
        assert_eq!(missing, EvaluationError::MissingKey(KeyName::Rotation(5)));
        let mut sum = e.sum_rotations(&a, &[1]).unwrap();
        let low = e.drop_to_level(&a, 0).unwrap();
        let refused = e.add_rotations(&mut sum, &low, &[1]).unwrap_err();
        assert!(
            matches!(refused, EvaluationError::Levels { .. }),
            "{refused}"
        );
    }
}

//! Polynomials: their clear values against independent ones, and encrypted evaluation against the
//! clear values.

mod common;

use common::Scheme;
use tapetum_ckks::{
    Complex64, EvaluationError, Evaluator, KeyName, Parameters, Polynomial, PolynomialError, Preset,
};

fn scheme(preset: Preset) -> Scheme {
    Scheme::new(Parameters::preset(preset), |plan| plan.relinearization())
}

/// Uniform in [-1, 1].
fn coefficients(degree: usize, seed: u64) -> Vec<f64> {
    let mut state = (seed << 16 | degree as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..=degree)
        .map(|_| {
            // xorshift64*
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            let bits = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
            bits as f64 / (1u64 << 52) as f64 - 1.0
        })
        .collect()
}

/// Evaluates at the ends and random places of the interval, in an encryption at `level`.
///
/// The result must have the promised level and its canonical scale. The errors of the rescalings,
/// about N / (4 scale) each and up to three times as much in some slot, reach it multiplied by the
/// slope, which is at most the sum of k |c_k| for powers and of k^2 |c_k| for Chebyshev
/// polynomials.
#[track_caller]
fn check(s: &Scheme, polynomial: &Polynomial, level: usize) {
    let (low, high) = polynomial.interval().unwrap_or((-1.0, 1.0));
    let mut x = s.random(polynomial.degree() as u64);
    for z in &mut x {
        *z = (low + (high - low) * 0.5 * (z.re + 1.0)).into();
    }
    x[..3].copy_from_slice(&[low, high, 0.5 * (low + high)].map(Complex64::from));
    let y: Vec<_> = x.iter().map(|z| polynomial.eval(z.re).into()).collect();

    let x = s.encrypt_at(&x, level);
    let result = s.evaluator.evaluate_polynomial(&x, polynomial).unwrap();
    assert_eq!(result.level(), level - polynomial.depth());
    assert_eq!(result.scale(), s.parameters.scale(result.level()));
    assert_eq!(result.degree(), 1);
    let exponent = if polynomial.interval().is_some() {
        2
    } else {
        1
    };
    let slope: f64 = polynomial
        .coefficients()
        .iter()
        .enumerate()
        .map(|(k, c)| c.abs() * (k as f64).powi(exponent))
        .sum();
    let grain = s.parameters.degree() as f64 / result.scale();
    s.check(&result, &y, (4.0 + 2.0 * slope) * grain);
}

#[test]
fn every_degree_in_both_bases() {
    let (small, large) = (scheme(Preset::N13), scheme(Preset::N14));
    for degree in 1..32usize {
        let s = if degree < 8 { &small } else { &large };
        let depth = (degree + 1).next_power_of_two().ilog2() as usize;
        for polynomial in [
            Polynomial::monomial(coefficients(degree, 1)),
            Polynomial::chebyshev(coefficients(degree, 2), (-1.0, 1.0)),
        ] {
            let polynomial = polynomial.unwrap();
            assert_eq!((polynomial.degree(), polynomial.depth()), (degree, depth));
            check(s, &polynomial, depth);
        }
    }
}

#[test]
fn a_level_for_the_map_from_an_interval_only_if_it_needs_one() {
    let (small, large) = (scheme(Preset::N13), scheme(Preset::N14));
    for (degree, interval, depth) in [
        (0, (-8.0, 8.0), 0),
        (1, (-8.0, 8.0), 2),
        (2, (0.25, 5.0), 3),
        (3, (-8.0, 8.0), 3),
        (7, (0.0, 1.0), 3),
        (7, (-0.5, 0.5), 3),
        (7, (10.0, 11.0), 3),
        (15, (-12.0, 3.0), 5),
    ] {
        let s = if degree < 8 { &small } else { &large };
        let polynomial = Polynomial::chebyshev(coefficients(degree, 3), interval).unwrap();
        assert_eq!(polynomial.depth(), depth);
        check(s, &polynomial, s.parameters.max_level());
    }
}

#[test]
fn degree_31_at_the_highest_level_of_n15() {
    let s = scheme(Preset::N15);
    let sine = Polynomial::approximate(f64::sin, (-9.0, 9.0), 31).unwrap();
    check(&s, &sine, s.parameters.max_level());
}

#[test]
fn odd_even_sparse_and_constant_polynomials() {
    let s = scheme(Preset::N14);
    let thinned = |degree: usize, keep: &dyn Fn(usize) -> bool| -> Vec<f64> {
        let all = coefficients(degree, 4).into_iter().enumerate();
        all.map(|(k, c)| if keep(k) { c } else { 0.0 }).collect()
    };
    for c in [
        vec![0.0],
        vec![-0.75],
        vec![0.0, 1.0],
        vec![0.5, 0.0, 0.0, 0.0],
        thinned(7, &|k| k % 2 == 1),
        thinned(14, &|k| k % 2 == 0),
        thinned(23, &|k| k % 2 == 1),
        thinned(16, &|k| k == 16),
        thinned(27, &|k| k % 9 == 0),
    ] {
        check(&s, &Polynomial::monomial(c.clone()).unwrap(), 5);
        check(&s, &Polynomial::chebyshev(c, (-1.0, 1.0)).unwrap(), 5);
    }
}

/// From level to level with nothing in between, as in an iteration.
#[test]
fn results_are_arguments() {
    let s = scheme(Preset::N14);
    let step = Polynomial::monomial([0.0, 1.5, 0.0, -0.5]).unwrap();
    let mut x = s.random(5);
    x.iter_mut().for_each(|z| z.im = 0.0);
    let mut encrypted = s.encrypt(&x);
    while encrypted.level() >= step.depth() {
        encrypted = s.evaluator.evaluate_polynomial(&encrypted, &step).unwrap();
        x.iter_mut().for_each(|z| *z = step.eval(z.re).into());
    }
    // Slopes of up to 3/2, four times, on errors of a few grains.
    s.check(&encrypted, &x, 16.0 * 2f64.powi(14 - 40));
}

#[test]
fn clear_values_are_those_of_the_definitions() {
    for degree in [0, 1, 2, 3, 10, 31, 100] {
        let c = coefficients(degree, 6);
        let powers = Polynomial::monomial(c.clone()).unwrap();
        let chebyshev = Polynomial::chebyshev(c.clone(), (-1.0, 5.0)).unwrap();
        for i in 0..=40 {
            let u = i as f64 / 20.0 - 1.0;
            let sum = |term: &dyn Fn(usize) -> f64| -> f64 {
                c.iter().enumerate().map(|(k, c)| c * term(k)).sum()
            };
            let by_powers = sum(&|k| u.powi(k as i32));
            assert!((powers.eval(u) - by_powers).abs() < 1e-12);
            let by_cosines = sum(&|k| (k as f64 * u.acos()).cos());
            assert!((chebyshev.eval(2.0 + 3.0 * u) - by_cosines).abs() < 1e-10);
        }
    }
    // 1 + T_2(u) = 2 u^2 with u = x / 2 - 1.
    let p = Polynomial::chebyshev([1.0, 0.0, 1.0], (0.0, 4.0)).unwrap();
    let expected = Polynomial::monomial([2.0, -2.0, 0.5]).unwrap();
    assert_eq!(p.to_monomial().unwrap(), expected);
    let p = Polynomial::chebyshev(coefficients(9, 7), (-3.0, 2.0)).unwrap();
    let q = p.to_monomial().unwrap();
    assert_eq!((q.degree(), q.interval()), (9, None));
    for i in 0..=50 {
        let x = i as f64 / 10.0 - 3.0;
        assert!((p.eval(x) - q.eval(x)).abs() < 1e-9);
    }
}

fn largest_error(p: &Polynomial, f: impl Fn(f64) -> f64, (low, high): (f64, f64)) -> f64 {
    (0..=2000)
        .map(|i| low + (high - low) * i as f64 / 2000.0)
        .map(|x| (p.eval(x) - f(x)).abs())
        .fold(0.0, f64::max)
}

#[test]
fn approximations_are_near_their_functions() {
    let interval = (-2.0, 3.0);
    let square = |x: f64| x * x - 0.25;
    for (f, degree, bound) in [
        (f64::exp as fn(f64) -> f64, 15, 1e-8),
        (f64::sin, 16, 1e-10),
        (square, 2, 1e-14),
        (|x| 1.0 / (1.0 + x * x), 63, 1e-9),
    ] {
        for p in [
            Polynomial::approximate(f, interval, degree).unwrap(),
            Polynomial::least_squares(f, interval, degree).unwrap(),
        ] {
            assert_eq!((p.degree(), p.interval()), (degree, Some(interval)));
            let error = largest_error(&p, f, interval);
            assert!(error < bound, "degree {degree}: {error:e}");
        }
    }
    // What vanishes by symmetry is zero, not rounding.
    let odd = Polynomial::approximate(f64::sin, (-2.0, 2.0), 10).unwrap();
    assert_eq!(odd.degree(), 9);
    assert!(odd.coefficients().iter().step_by(2).all(|&c| c == 0.0));
    // The error of the best approximation in the mean is orthogonal to all that it could be.
    let p = Polynomial::least_squares(f64::exp, interval, 4).unwrap();
    for k in 0..=4 {
        let steps = 100_000;
        let sum: f64 = (0..steps)
            .map(|i| interval.0 + 5.0 * (i as f64 + 0.5) / steps as f64)
            .map(|x| (x.exp() - p.eval(x)) * x.powi(k))
            .sum();
        assert!((sum / steps as f64).abs() < 1e-7, "power {k}");
    }
}

/// The coefficients and largest errors published by Kim, Song, Kim, Lee, Cheon (2018). Left out is
/// the last coefficient of degree 5: with the one in print the error would be another.
#[test]
fn the_sigmoid_is_the_published_one() {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let published: [(usize, &[f64], f64); 3] = [
        (3, &[1.20096, -0.81562], 0.114),
        (5, &[1.53048, -2.3533056], 0.061),
        (7, &[1.73496, -4.19407, 5.43402, -2.50739], 0.032),
    ];
    for (degree, odd, error) in published {
        let p = Polynomial::sigmoid(degree, 8.0).unwrap();
        assert_eq!((p.degree(), p.interval()), (degree, Some((-8.0, 8.0))));
        assert_eq!(p.coefficients()[0], 0.5);
        assert!(p.coefficients()[2..].iter().step_by(2).all(|&c| c == 0.0));
        let powers = p.to_monomial().unwrap();
        for (i, expected) in odd.iter().enumerate() {
            let c = powers.coefficients()[2 * i + 1] * 8f64.powi(2 * i as i32 + 1);
            assert!((c - expected).abs() < 5e-3, "degree {degree}: {c}");
        }
        assert!((largest_error(&p, sigmoid, (-8.0, 8.0)) - error).abs() < 1e-3);
    }
    assert_eq!(Polynomial::sigmoid(4, 8.0).unwrap().degree(), 3);
    assert_eq!(Polynomial::sigmoid(0, 8.0).unwrap().coefficients(), [0.5]);
}

/// An argument in [-8, 8] as it is, computed as its eighth, and in powers.
#[test]
fn three_ways_to_a_sigmoid() {
    let s = scheme(Preset::N14);
    for (degree, depth) in [(3, 2), (5, 3), (7, 3)] {
        let p = Polynomial::sigmoid(degree, 8.0).unwrap();
        assert_eq!(p.depth(), depth + 1);
        check(&s, &p, 5);
        let on_unit = p.on_unit_interval();
        assert_eq!(on_unit.depth(), depth);
        assert!((on_unit.eval(0.5) - p.eval(4.0)).abs() < 1e-15);
        check(&s, &on_unit, 5);
    }
    let p = Polynomial::sigmoid(3, 8.0).unwrap().to_monomial().unwrap();
    assert_eq!(
        (p.depth(), p.interval(), p.on_unit_interval()),
        (2, None, p.clone())
    );
    let x: Vec<_> = s
        .random(8)
        .iter()
        .map(|z| Complex64::from(8.0 * z.re))
        .collect();
    let y: Vec<_> = x.iter().map(|z| p.eval(z.re).into()).collect();
    let result = s.evaluator.evaluate_polynomial(&s.encrypt(&x), &p).unwrap();
    s.check(&result, &y, 64.0 * 2.0 * 2f64.powi(14 - 40));
}

#[test]
fn what_is_no_polynomial_is_refused() {
    use PolynomialError as E;
    let nan = f64::NAN;
    assert_eq!(Polynomial::monomial([]), Err(E::Empty));
    assert_eq!(Polynomial::chebyshev([], (0.0, 1.0)), Err(E::Empty));
    for bad in [nan, f64::INFINITY] {
        assert_eq!(
            Polynomial::monomial([0.0, bad, bad]),
            Err(E::NotFinite { index: 1 })
        );
    }
    let sin = f64::sin;
    for (low, high) in [
        (1.0, 1.0),
        (1.0, -1.0),
        (0.0, f64::INFINITY),
        (f64::MIN, f64::MAX),
        (0.0, f64::MIN_POSITIVE / 4.0),
        (1e300, 1e300 + 1e280),
        (-1.0, nan),
    ] {
        let interval = (low, high);
        for refused in [
            Polynomial::chebyshev([1.0], interval),
            Polynomial::approximate(sin, interval, 3),
            Polynomial::least_squares(sin, interval, 3),
        ] {
            assert!(matches!(refused, Err(E::Interval { .. })), "{interval:?}");
        }
    }
    for radius in [0.0, -8.0, nan, f64::INFINITY] {
        let refused = Polynomial::sigmoid(3, radius);
        assert!(matches!(refused, Err(E::Interval { .. })), "{radius}");
    }
    let unit = (-1.0, 1.0);
    let long = Polynomial::MAX_DEGREE + 1;
    assert_eq!(
        Polynomial::monomial(vec![1.0; long + 1]),
        Err(E::Degree(long))
    );
    assert!(Polynomial::monomial(vec![1.0; long]).is_ok());
    for refused in [
        Polynomial::approximate(sin, unit, long),
        Polynomial::least_squares(sin, unit, usize::MAX),
        Polynomial::sigmoid(long, 8.0),
    ] {
        assert!(matches!(refused, Err(E::Degree(_))));
    }
    let pole = |x: f64| if x > 0.5 { nan } else { x };
    for refused in [
        Polynomial::approximate(pole, unit, 8),
        Polynomial::least_squares(pole, unit, 8),
    ] {
        assert!(matches!(refused, Err(E::Function { at }) if at > 0.5));
    }
}

#[test]
fn what_cannot_be_evaluated_is_refused() {
    use EvaluationError as E;
    let s = scheme(Preset::N13);
    let e = &s.evaluator;
    let x = s.encrypt(&[Complex64::from(0.5); 4096]);
    let degree = |d: usize| Polynomial::monomial(vec![0.1; d + 1]).unwrap();
    let refused = |x, p: &Polynomial| e.evaluate_polynomial(x, p).unwrap_err();

    assert!(e.evaluate_polynomial(&x, &degree(7)).is_ok());
    let exhausted = |level, needed| E::LevelExhausted {
        operation: "evaluating the polynomial",
        level,
        needed,
    };
    assert_eq!(refused(&x, &degree(8)), exhausted(3, 4));
    assert_eq!(
        refused(&x, &degree(Polynomial::MAX_DEGREE)),
        exhausted(3, 12)
    );
    let low = e.drop_to_level(&x, 0).unwrap();
    assert_eq!(refused(&low, &degree(1)), exhausted(0, 1));
    let on_interval = Polynomial::chebyshev([0.1; 8], (-8.0, 8.0)).unwrap();
    assert_eq!(refused(&x, &on_interval), exhausted(3, 4));

    let product = e.mul(&x, &x).unwrap();
    assert!(matches!(refused(&product, &degree(1)), E::Degree { .. }));
    let unscaled = e.relinearize(&product).unwrap();
    assert!(matches!(refused(&unscaled, &degree(1)), E::Scales { .. }));

    let foreign = scheme(Preset::N12);
    let stranger = foreign.encrypt(&[Complex64::from(0.5); 2048]);
    assert_eq!(refused(&stranger, &degree(1)), E::Parameters);

    let keyless = Evaluator::new(&s.parameters);
    assert!(keyless.evaluate_polynomial(&x, &degree(1)).is_ok());
    assert_eq!(
        keyless.evaluate_polynomial(&x, &degree(2)).unwrap_err(),
        E::MissingKey(KeyName::Relinearization)
    );

    let huge = Polynomial::monomial([0.0, 1e30]).unwrap();
    assert_eq!(refused(&x, &huge), E::Scalar(1e30));
}

//! The ring against schoolbook and big-integer arithmetic.

use num_bigint::BigInt;
use proptest::prelude::*;
use tapetum_ring::sampling::{Seed, uniform};
use tapetum_ring::{
    Automorphism, BaseConverter, Basis, Coefficient, Decomposer, Divider, GaloisElement, Poly,
    inner_product, inner_product_pair, linear_combination, primes, tensor_product,
};

/// A basis of primes nearest to powers of two of the given sizes.
fn basis(log_n: u32, bits: &[i32]) -> Basis {
    let mut chosen: Vec<u64> = Vec::new();
    for &b in bits {
        let prime = primes::near(2f64.powi(b), log_n)
            .map(|m| m.value())
            .find(|p| !chosen.contains(p));
        chosen.push(prime.expect("enough primes"));
    }
    Basis::new(log_n, &chosen).unwrap()
}

fn product(basis: &Basis) -> BigInt {
    basis.moduli().map(|m| BigInt::from(m.value())).product()
}

/// The integer in (-q/2, q/2) that is x modulo q.
fn centered(x: BigInt, q: &BigInt) -> BigInt {
    let r = ((x % q) + q) % q;
    if &r * 2u8 > *q { r - q } else { r }
}

/// The coefficients as centred integers, by the Chinese remainder theorem.
fn integers(poly: &Poly<Coefficient>) -> Vec<BigInt> {
    let q = product(poly.basis());
    let cofactors: Vec<BigInt> = poly
        .basis()
        .moduli()
        .map(|m| {
            let cofactor = &q / BigInt::from(m.value());
            let p = BigInt::from(m.value());
            &cofactor * cofactor.modpow(&(&p - 2u8), &p)
        })
        .collect();
    (0..poly.basis().degree())
        .map(|k| {
            let sum = (0..poly.basis().len())
                .map(|i| &cofactors[i] * BigInt::from(poly.limb(i)[k].centered()))
                .sum();
            centered(sum, &q)
        })
        .collect()
}

fn random(basis: &Basis, seed: u8) -> Poly<Coefficient> {
    uniform(basis, Seed::from_bytes([seed; 32])).into_coefficients()
}

/// x / d, rounded to the nearest integer (no ties, d is odd).
fn rounded(x: &BigInt, d: &BigInt) -> BigInt {
    (x - centered(x.clone(), d)) / d
}

const SHAPES: [(u32, &[i32]); 4] = [
    (4, &[20, 20, 21]),
    (5, &[49, 49, 49, 49]),
    (6, &[48, 36, 36, 36, 49]),
    (8, &[40, 49]),
];

#[test]
fn products_are_those_of_the_schoolbook() {
    for (log_n, bits) in SHAPES {
        let basis = basis(log_n, bits);
        let (n, q) = (basis.degree(), product(&basis));
        let (a, b) = (random(&basis, 1), random(&basis, 2));
        let (x, y) = (integers(&a), integers(&b));
        let mut expected = vec![BigInt::ZERO; n];
        for i in 0..n {
            for j in 0..n {
                let term = &x[i] * &y[j];
                if i + j < n {
                    expected[i + j] += term;
                } else {
                    expected[i + j - n] -= term;
                }
            }
        }
        let expected: Vec<_> = expected.into_iter().map(|c| centered(c, &q)).collect();
        let (a, b) = (a.into_evaluation(), b.into_evaluation());
        let mut pointwise = a.clone();
        pointwise.mul_assign(&b);
        assert_eq!(integers(&pointwise.clone().into_coefficients()), expected);
        assert_eq!(inner_product(&[(&a, &b)]), pointwise);

        // Sixteen equal products and the longest sum that is allowed.
        for terms in [16, 1 << 10] {
            let mut sum = pointwise.clone();
            sum.scale_assign(|i| basis.modulus(i).reduce(terms));
            assert_eq!(inner_product(&vec![(&a, &b); terms as usize]), sum);
        }
    }
}

#[test]
fn a_switch_is_an_inner_product_and_a_division() {
    for log_n in [4, 12] {
        let whole = basis(log_n, &[45, 40, 40, 40, 40, 49, 49]);
        let (q, p) = (whole.prefix(3), whole.slice(5..7));
        let [poly, addend] = [7, 8].map(|i| uniform(&q, Seed::from_bytes([i; 32])));
        let weights: Vec<_> = (0..3)
            .map(|i| [0, 1].map(|half| uniform(&whole, Seed::from_bytes([2 * i + half; 32]))))
            .collect();
        for (alpha, dropped) in [(1, 2), (2, 2), (2, 3), (3, 4)] {
            let decomposer = Decomposer::new(&q, &p, alpha);
            let divider = Divider::new(decomposer.target(), dropped);
            let mut raised = addend.clone();
            raised.scale_assign(|i| decomposer.special_product(i));
            let product = integers(&addend.clone().into_coefficients()) // P x, as integers modulo Q
                .into_iter()
                .map(|x| centered(x * self::product(&p), &self::product(&q)));
            let raised_integers = integers(&raised.clone().into_coefficients());
            assert!(product.eq(raised_integers));
            for addends in [[Some(&addend), None], [Some(&addend), Some(&addend)]] {
                let digits = decomposer.decompose(&poly);
                let pairs: Vec<_> = digits.iter().zip(&weights).collect();
                let mut sums = inner_product_pair(&pairs);
                for (sum, addend) in sums.iter_mut().zip(addends) {
                    if addend.is_some() {
                        sum.add_prefix_assign(&raised);
                    }
                }
                let expected = sums.map(|sum| divider.divide(sum));
                assert!(decomposer.switch(&poly, &weights, addends, &divider) == expected);
            }
        }
    }
}

#[test]
fn tensor_products_are_inner_products() {
    for log_n in [4, 12] {
        let basis = basis(log_n, &[40, 49, 49]);
        let polys: Vec<_> = (0..40)
            .map(|i| uniform(&basis, Seed::from_bytes([i; 32])))
            .collect();
        let pairs: Vec<_> = polys
            .chunks_exact(4)
            .map(|p| [&p[0], &p[1], &p[2], &p[3]])
            .collect();
        for count in [1, 8, 9, 10] {
            let pairs = &pairs[..count];
            let sum = |products: &[(usize, usize)]| {
                let terms: Vec<_> = pairs
                    .iter()
                    .flat_map(|term| products.iter().map(|&(i, j)| (term[i], term[j])))
                    .collect();
                inner_product(&terms)
            };
            let [c0, c1, c2] = tensor_product(pairs);
            assert_eq!(c0, sum(&[(0, 2)]));
            assert_eq!(c1, sum(&[(0, 3), (1, 2)]));
            assert_eq!(c2, sum(&[(1, 3)]));
        }
    }
}

#[test]
fn linear_combinations_are_sums_of_products() {
    let whole = basis(5, &[40, 41, 49]);
    let part = whole.prefix(2);
    let polys: Vec<_> = (0..20)
        .map(|i| uniform(&whole, Seed::from_bytes([i; 32])))
        .collect();
    for count in [1, 2, 16, 17, 20] {
        let constant = |k: usize, i: usize| part.modulus(i).reduce((k as i64 - 7) << 38);
        let mut expected = Poly::zero(&part);
        for (k, poly) in polys[..count].iter().enumerate() {
            let mut term = poly.truncated(2);
            term.scale_assign(|i| constant(k, i));
            expected.add_assign(&term);
        }
        let terms: Vec<_> = polys[..count]
            .iter()
            .enumerate()
            .map(|(k, p)| (p, move |i| constant(k, i)))
            .collect();
        assert_eq!(linear_combination(&part, &terms), expected);
    }
}

#[test]
fn inner_products_find_the_limbs_of_a_larger_basis() {
    let whole = basis(5, &[40, 41, 42, 49]);
    let part = whole.prefix(2).join(&whole.slice(3..4));
    let key = uniform(&whole, Seed::from_bytes([3; 32]));
    let digit = uniform(&part, Seed::from_bytes([4; 32]));
    let mut expected = digit.clone();
    expected.mul_assign(&key.restricted(&part));
    assert_eq!(inner_product(&[(&digit, &key)]), expected);
}

#[test]
fn sums_over_the_first_primes_leave_the_others() {
    for (log_n, bits) in SHAPES {
        let basis = basis(log_n, bits);
        let (a, b) = (random(&basis, 1), random(&basis, 2));
        for len in 1..=basis.len() {
            let mut sum = a.clone();
            sum.add_prefix_assign(&b.truncated(len));
            let mut start = a.truncated(len);
            start.add_assign(&b.truncated(len));
            assert_eq!(sum.truncated(len), start);
            assert!((len..basis.len()).all(|i| sum.limb(i) == a.limb(i)));
        }
    }
}

#[test]
fn conversion_is_that_of_the_centred_integer() {
    for (log_n, bits) in SHAPES {
        let from = basis(log_n, bits);
        let to = basis(log_n, &[44, 45, 46]);
        let converter = BaseConverter::new(&from, &to);
        let q = product(&from);
        let edge: Vec<i64> = (0..from.degree() as i64).map(|i| i - 8).collect();
        for poly in [random(&from, 5), Poly::from_coefficients(&from, &edge)] {
            let converted = converter.convert(&poly);
            for (k, x) in integers(&poly).into_iter().enumerate() {
                assert!(&x * 2u8 < q && &x * -2 < q);
                for (j, p) in to.moduli().enumerate() {
                    let expected = centered(x.clone(), &BigInt::from(p.value()));
                    assert_eq!(BigInt::from(converted.limb(j)[k].centered()), expected);
                }
            }
        }
    }
}

#[test]
fn division_rounds_to_the_nearest() {
    for (log_n, bits) in SHAPES {
        let whole = basis(log_n, bits);
        for dropped in 1..whole.len() {
            let divider = Divider::new(&whole, dropped);
            let divisor = product(&whole.slice(whole.len() - dropped..whole.len()));
            let kept = product(divider.kept());
            let poly = random(&whole, 6);
            let expected: Vec<_> = integers(&poly)
                .iter()
                .map(|x| centered(rounded(x, &divisor), &kept))
                .collect();
            let quotient = divider.divide(poly.into_evaluation()).into_coefficients();
            assert_eq!(integers(&quotient), expected);
        }
    }
}

#[test]
fn digits_recompose_and_are_small() {
    let all = basis(5, &[48, 40, 41, 42, 43, 49, 49]);
    let p = all.slice(5..7);
    for (len, alpha) in [(5, 2), (5, 1), (4, 2), (3, 3), (1, 2), (5, 9)] {
        let q = all.prefix(len);
        let decomposer = Decomposer::new(&q, &p, alpha);
        let poly = random(&q, 7);
        let digits = decomposer.decompose(&poly.clone().into_evaluation());
        assert_eq!(digits.len(), decomposer.count());
        assert_eq!(digits.len(), len.div_ceil(alpha));
        let x = integers(&poly);
        for (j, digit) in digits.into_iter().enumerate() {
            let own = product(&q.slice(j * alpha..((j + 1) * alpha).min(len)));
            let digit = integers(&digit.into_coefficients());
            for (d, x) in digit.iter().zip(&x) {
                assert_eq!(*d, centered(x.clone(), &own), "digit {j}");
            }
        }
    }
}

#[test]
fn automorphisms_agree_in_both_forms_and_compose() {
    for log_n in [4, 7] {
        let basis = basis(log_n, &[40, 49]);
        let n = basis.degree();
        let poly = random(&basis, 8);
        let half = n as i64 / 2;
        for steps in [0, 1, 3, -1, half - 1, half, 12345] {
            let g = GaloisElement::rotation(steps, log_n);
            check_automorphism(&poly, g);
            assert_eq!(g, GaloisElement::rotation(steps - half, log_n));
            assert_eq!(g.inverse(), GaloisElement::rotation(-steps, log_n));
        }
        check_automorphism(&poly, GaloisElement::conjugation(log_n));
        let g = GaloisElement::conjugation(log_n);
        assert_eq!(g.inverse(), g);
        assert_eq!(GaloisElement::from_exponent(2, log_n), None);
        assert_eq!(GaloisElement::from_exponent(2 * n as u32 + 1, log_n), None);
    }
}

fn check_automorphism(poly: &Poly<Coefficient>, element: GaloisElement) {
    let (n, g) = (poly.basis().degree(), element.exponent() as usize);
    let image = Automorphism::new(element);
    let (x, y) = (integers(poly), integers(&image.apply_to_coefficients(poly)));
    for (k, x) in x.into_iter().enumerate() {
        let target = k * g % (2 * n);
        assert_eq!(y[target % n], if target < n { x } else { -x });
    }
    let evaluated = image.apply(&poly.clone().into_evaluation());
    assert_eq!(
        evaluated.into_coefficients(),
        image.apply_to_coefficients(poly)
    );
    let back = Automorphism::new(element.inverse());
    assert_eq!(
        back.apply_to_coefficients(&image.apply_to_coefficients(poly)),
        *poly
    );
}

proptest! {
    #[test]
    fn sums_constants_and_reading_back(a in prop::collection::vec(any::<i64>(), 16), b in any::<i64>(), wide in any::<i64>()) {
        let basis = basis(4, &[49, 49, 48]);
        let x = Poly::from_coefficients(&basis, &a);
        let shifted: Vec<i128> = a.iter().map(|&a| a as i128 * 1024 + wide as i128).collect();
        let y = Poly::from_wide_coefficients(&basis, &shifted);
        let mut sum = x.clone();
        sum.scale_assign(|i| basis.modulus(i).reduce(1024));
        sum = {
            let mut sum = sum.into_evaluation();
            // A constant in every slot is a constant coefficient.
            sum.add_constant(|i| basis.modulus(i).reduce(b));
            sum.into_coefficients()
        };
        let mut expected: Vec<i128> = a.iter().map(|&a| a as i128 * 1024).collect();
        expected[0] += b as i128;
        prop_assert_eq!(&sum, &Poly::from_wide_coefficients(&basis, &expected));
        let mut difference = y.clone();
        difference.sub_assign(&sum);
        let mut back = difference.clone();
        back.add_assign(&sum);
        prop_assert_eq!(&back, &y);
        difference.neg_assign();
        sum.sub_assign(&y);
        prop_assert_eq!(difference, sum);
        for (k, x) in y.to_centered_f64().into_iter().enumerate() {
            prop_assert!((x - shifted[k] as f64).abs() <= shifted[k].abs() as f64 * 1e-15);
        }
        prop_assert_eq!(y.truncated(2), Poly::from_wide_coefficients(&basis.prefix(2), &shifted));
    }
}

//! Sums of rotations against what they are made of: digits, inner products, automorphisms and sums.

use tapetum_ring::sampling::{Seed, uniform};
use tapetum_ring::{
    Automorphism, Basis, Coefficient, Decomposer, Evaluation, GaloisElement, Integers, Multiplier,
    Poly, RotationKey, RotationSource, inner_product_pair, primes,
};

const ADDEND: u8 = 100;

fn basis(log_n: u32) -> Basis {
    let mut chosen: Vec<u64> = Vec::new();
    for bits in [45, 40, 40, 49, 49] {
        let mut primes = primes::near(2f64.powi(bits), log_n).map(|m| m.value());
        chosen.push(primes.find(|p| !chosen.contains(p)).unwrap());
    }
    Basis::new(log_n, &chosen).unwrap()
}

fn random(basis: &Basis, seed: u8) -> Poly<Evaluation> {
    uniform(basis, Seed::from_bytes([seed; 32]))
}

/// P times a pair, over Q P, rotated.
fn rotated(
    decomposer: &Decomposer,
    pair: &[Poly<Evaluation>; 2],
    key: Option<RotationKey<'_>>,
) -> [Poly<Evaluation>; 2] {
    let raised = |part: &Poly<Evaluation>| {
        let mut product = part.clone();
        product.scale_assign(|i| decomposer.special_product(i));
        let mut raised = Poly::zero(decomposer.target());
        raised.add_prefix_assign(&product);
        raised
    };
    let Some(key) = key else {
        return pair.each_ref().map(raised);
    };
    let digits = decomposer.decompose(&pair[1]);
    let pairs: Vec<_> = digits.iter().zip(key.weights).collect();
    let [mut k0, k1] = inner_product_pair(&pairs);
    k0.add_assign(&raised(&pair[0]));
    [k0, k1].map(|part| key.automorphism.apply(&part))
}

fn add(sum: &mut [Poly<Evaluation>; 2], term: &[Poly<Evaluation>; 2]) {
    for (sum, term) in sum.iter_mut().zip(term) {
        sum.add_assign(term);
    }
}

#[test]
fn sums_of_rotations_are_what_they_are_made_of() {
    for (log_n, alpha) in [(4, 1), (8, 2), (12, 2)] {
        let whole = basis(log_n);
        let (q, p) = (whole.prefix(3), whole.slice(3..5));
        let decomposer = Decomposer::new(&q, &p, alpha);
        // More weights than there are digits.
        let weights: Vec<Vec<_>> = (0..2)
            .map(|key| {
                let pair = |i: u8| [0, 1].map(|half| random(&whole, 50 + 20 * key + 2 * i + half));
                (0..4).map(pair).collect()
            })
            .collect();
        let automorphisms = [3, -5].map(|k| Automorphism::new(GaloisElement::rotation(k, log_n)));
        let key = |i: usize| RotationKey {
            weights: &weights[i],
            automorphism: &automorphisms[i],
        };
        let pairs = [0, 1].map(|i| [0, 1].map(|half| random(&q, 2 * i + half)));
        let hoisted = pairs
            .each_ref()
            .map(|[c0, c1]| decomposer.hoist([c0, c1], true));

        let ready = rotated(&decomposer, &pairs[0], Some(key(1)));
        assert!(decomposer.rotate_hoisted(&hoisted[0], key(1)) == ready);
        let sources = [
            RotationSource::Itself(0),
            RotationSource::Rotated(0, key(0)),
            RotationSource::Rotated(1, key(0)),
            RotationSource::Ready(&ready),
        ];
        let expected = [
            rotated(&decomposer, &pairs[0], None),
            rotated(&decomposer, &pairs[0], Some(key(0))),
            rotated(&decomposer, &pairs[1], Some(key(0))),
            ready.clone(),
        ];
        let n = decomposer.target().degree();
        // Small coefficients, and some beyond the primes; and a polynomial in a power of X.
        let coefficients = [
            (3.0e5, n),
            (1.0e9, n),
            (3.0e18, n),
            (2.0e9, (n / 8).max(16)),
        ];
        let coefficients = coefficients.map(|(size, count): (f64, _)| {
            let at = |i: usize| (size * (1.0 + i as f64).sin()).round();
            (0..count).map(at).collect::<Vec<_>>()
        });
        let as_poly = |basis: &Basis, c: &[i64]| {
            Poly::<Coefficient>::from_coefficients(basis, c).into_evaluation()
        };
        let whole_numbers = coefficients
            .each_ref()
            .map(|c| c.iter().map(|&x| x as i64).collect::<Vec<_>>());
        let values = whole_numbers.each_ref().map(|c| {
            let basis = decomposer.target().subring(c.len().ilog2());
            as_poly(&basis, c)
        });
        let expanded = whole_numbers.each_ref().map(|c| {
            let mut all = vec![0; n];
            for (i, &x) in c.iter().enumerate() {
                all[i * n / c.len()] = x;
            }
            as_poly(decomposer.target(), &all)
        });
        let coefficients = coefficients.map(|c| Integers::new(&c));
        // Sums of one term, of all, of more than fit at once, and of nothing modulo the primes of P.
        let sums: [Vec<(usize, usize)>; 4] = [
            vec![(1, 0)],
            (0..4).flat_map(|k| (0..4).map(move |m| (k, m))).collect(),
            (0..1100).map(|i| (i % 4, i % 3)).collect(),
            vec![(0, 2)],
        ];
        let by = |coefficient_form: bool| {
            let multiplier = |m: usize| match coefficient_form {
                true => Multiplier::Coefficients(&coefficients[m]),
                false => Multiplier::Values(&values[m]),
            };
            let sums: Vec<Vec<_>> = sums
                .iter()
                .map(|sum| sum.iter().map(|&(k, m)| (k, multiplier(m))).collect())
                .collect();
            decomposer.sums_of_rotations(&hoisted, &sources, &sums)
        };
        let (by_values, by_coefficients) = (by(false), by(true));
        for (i, sum) in sums.iter().enumerate() {
            let mut slow = [0, 1].map(|_| Poly::zero(decomposer.target()));
            for &(k, m) in sum {
                let mut product = expected[k].clone();
                product
                    .iter_mut()
                    .for_each(|half| half.mul_assign(&expanded[m]));
                add(&mut slow, &product);
            }
            assert!(by_values[i] == slow, "sum {i}");
            assert!(by_coefficients[i] == slow, "sum {i}");
        }

        let mut sum = expected[2].clone();
        decomposer.add_rotations(&mut sum, &hoisted[0], &[None, Some(key(1)), Some(key(0))]);
        let mut slow = expected[2].clone();
        for term in [&expected[0], &ready, &expected[1]] {
            add(&mut slow, term);
        }
        assert!(sum == slow);

        // A giant step: c0 is over Q P already, c1 over Q.
        let c0 = random(decomposer.target(), ADDEND);
        let zero = Poly::zero(&q);
        let mut giant = rotated(&decomposer, &[zero, pairs[1][1].clone()], Some(key(0)));
        giant[0].add_assign(&automorphisms[0].apply(&c0));
        let mut sum = ready.clone();
        decomposer.add_rotated(&mut sum, &c0, &pairs[1][1], key(0));
        let mut slow = ready.clone();
        add(&mut slow, &giant);
        assert!(sum == slow);
    }
}

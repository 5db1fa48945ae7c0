//! How to evaluate a polynomial with few products and no more levels than its degree demands.
//!
//! Paterson and Stockmeyer (1973) write p as a polynomial in a power m of x whose coefficients are
//! polynomials of degree below m. Here m is split off by halves: with m the largest power of two
//! up to the degree, p = q x^m + r, and again for q and r. A quotient may use one level less
//! than the whole, and is split down to degree 1 where short of levels, so that the whole takes
//! ceil(log2(degree + 1)) levels (Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux, 2021, section 4).
//! All products at one node are added up before they are relinearised and rescaled, once.

use std::collections::BTreeSet;

/// The cost of a relinearisation beside that of a product without it.
const RELINEARIZATION: usize = 5;

/// What is written in powers: x^k, or Chebyshev polynomials T_k(x).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Powers {
    Monomial,
    Chebyshev,
}

/// constant + sum of c x^k over the `terms` + sum of quotient x^m over the `products`.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) constant: f64,
    pub(super) terms: Vec<(usize, f64)>,
    pub(super) products: Vec<(Node, usize)>,
}

/// A polynomial of degree 1 or more as a tree of products.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) root: Node,
    /// The powers that must be computed, each after those that it is computed from; 1 is given.
    pub(super) powers: BTreeSet<usize>,
}

impl Plan {
    /// The cheapest plan with the least depth, over all sizes of the polynomials that are not
    /// split any more.
    pub(super) fn new(kind: Powers, coefficients: &[f64], depth: u32) -> Self {
        (1..=depth)
            .map(|log_leaf| {
                let root = Node::new(kind, coefficients.to_vec(), depth, 1 << log_leaf);
                let mut powers = BTreeSet::new();
                root.collect_powers(kind, &mut powers);
                Self { root, powers }
            })
            .min_by_key(Self::cost)
            .expect("a depth of at least 1")
    }

    fn cost(&self) -> usize {
        let (products, relinearizations) = self.root.count();
        let powers = self.powers.len();
        products + powers + RELINEARIZATION * (relinearizations + powers)
    }
}

impl Node {
    /// The tree for a polynomial of degree below 2^depth, its leaves of degree below `leaf`.
    fn new(kind: Powers, mut p: Vec<f64>, depth: u32, leaf: usize) -> Self {
        let mut node = Self::default();
        loop {
            let degree = p.iter().rposition(|&c| c != 0.0).unwrap_or(0);
            p.truncate(degree + 1);
            // A term takes the levels of its power and one for its coefficient.
            if degree < 2 || (degree < leaf && power_depth(degree) < depth) {
                node.constant = p[0];
                let terms = p.into_iter().enumerate().skip(1);
                node.terms.extend(terms.filter(|&(_, c)| c != 0.0));
                return node;
            }
            let power = 1 << degree.ilog2();
            let quotient = split(kind, &mut p, power);
            if let [c] = quotient[..] {
                node.terms.push((power, c));
            } else {
                let quotient = Self::new(kind, quotient, depth - 1, leaf);
                node.products.push((quotient, power));
            }
        }
    }

    fn collect_powers(&self, kind: Powers, powers: &mut BTreeSet<usize>) {
        let terms = self.terms.iter().map(|&(k, _)| k);
        for k in terms.chain(self.products.iter().map(|&(_, m)| m)) {
            require(kind, k, powers);
        }
        for (quotient, _) in &self.products {
            quotient.collect_powers(kind, powers);
        }
    }

    /// Products, and relinearisations of sums of products.
    fn count(&self) -> (usize, usize) {
        let own = (self.products.len(), usize::from(!self.products.is_empty()));
        self.products.iter().fold(own, |(p, r), (quotient, _)| {
            let (products, relinearizations) = quotient.count();
            (p + products, r + relinearizations)
        })
    }
}

/// Leaves the remainder in `p` and returns the quotient by x^m or T_m, for m up to the degree of
/// p, which is below 2m.
fn split(kind: Powers, p: &mut Vec<f64>, m: usize) -> Vec<f64> {
    let mut quotient = p.split_off(m);
    if kind == Powers::Chebyshev {
        // T_(m+j) = 2 T_m T_j - T_(m-j).
        for (j, c) in quotient.iter_mut().enumerate().skip(1) {
            p[m - j] -= *c;
            *c *= 2.0;
        }
    }
    quotient
}

/// The levels that x^k takes: ceil(log2 k).
fn power_depth(k: usize) -> u32 {
    k.next_power_of_two().ilog2()
}

/// The exponents of two powers whose product is x^k, for k above 1, such that the depth is least:
/// the larger is a power of two.
pub(super) fn factors(k: usize) -> (usize, usize) {
    let large = k.next_power_of_two() / 2;
    (large, k - large)
}

/// Adds k and all powers that its computation needs.
fn require(kind: Powers, k: usize, powers: &mut BTreeSet<usize>) {
    if k < 2 || !powers.insert(k) {
        return;
    }
    let (large, small) = factors(k);
    require(kind, large, powers);
    require(kind, small, powers);
    if kind == Powers::Chebyshev {
        require(kind, large - small, powers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    impl Node {
        /// The value, with the number of levels that it takes.
        fn value(&self, powers: &BTreeMap<usize, (f64, u32)>) -> (f64, u32) {
            let mut sum = (self.constant, 0);
            for (k, c) in &self.terms {
                let (power, depth) = powers[k];
                sum = (sum.0 + c * power, sum.1.max(depth + 1));
            }
            for (quotient, m) in &self.products {
                let (power, depth) = powers[m];
                let (value, quotient_depth) = quotient.value(powers);
                sum.0 += value * power;
                sum.1 = sum.1.max(depth.max(quotient_depth) + 1);
            }
            sum
        }
    }

    /// The powers by the plan, with their depths.
    fn powers(kind: Powers, plan: &Plan, x: f64) -> BTreeMap<usize, (f64, u32)> {
        let mut known = BTreeMap::from([(0, (1.0, 0)), (1, (x, 0))]);
        for &k in &plan.powers {
            let (i, j) = factors(k);
            let ((a, da), (b, db)) = (known[&i], known[&j]);
            let value = match kind {
                Powers::Monomial => a * b,
                Powers::Chebyshev => 2.0 * a * b - known[&(i - j)].0,
            };
            known.insert(k, (value, da.max(db) + 1));
        }
        known
    }

    #[test]
    fn plans_are_right_and_of_least_depth() {
        let x: f64 = 0.83;
        for kind in [Powers::Monomial, Powers::Chebyshev] {
            for degree in 1..130usize {
                for stride in [1, 2] {
                    // All coefficients, or every other one below the leading one.
                    let coefficients: Vec<f64> = (0..=degree)
                        .map(|k| f64::from((degree - k).is_multiple_of(stride)) * (k as f64).sin())
                        .collect();
                    let depth = usize::BITS - degree.leading_zeros();
                    let plan = Plan::new(kind, &coefficients, depth);
                    let (value, levels) = plan.root.value(&powers(kind, &plan, x));
                    let power = |k: usize| match kind {
                        Powers::Monomial => x.powi(k as i32),
                        Powers::Chebyshev => (k as f64 * x.acos()).cos(),
                    };
                    let exact: f64 = coefficients
                        .iter()
                        .enumerate()
                        .map(|(k, c)| c * power(k))
                        .sum();
                    assert!((value - exact).abs() < 1e-11, "{kind:?}, degree {degree}");
                    assert!(
                        levels <= depth,
                        "{kind:?}, degree {degree}: {levels} levels"
                    );
                }
            }
        }
    }

    /// Products and relinearisations of a polynomial with all coefficients, and of one with every
    /// other: even degrees show what an even polynomial saves, 63 what an odd one saves.
    #[test]
    fn costs_are_known() {
        let counts = |coefficients: &[f64]| {
            let depth = usize::BITS - (coefficients.len() - 1).leading_zeros();
            let plan = Plan::new(Powers::Chebyshev, coefficients, depth);
            let (products, relinearizations) = plan.root.count();
            let powers = plan.powers.len();
            (products + powers, relinearizations + powers)
        };
        for (degree, all, half) in [
            (1usize, (0, 0), (0, 0)),
            (3, (2, 2), (2, 2)),
            (5, (4, 3), (4, 3)),
            (7, (5, 4), (5, 4)),
            (14, (7, 6), (6, 5)),
            (15, (8, 7), (8, 7)),
            (30, (12, 9), (9, 8)),
            (31, (13, 10), (13, 10)),
            (62, (17, 14), (14, 11)),
            (63, (18, 15), (17, 14)),
        ] {
            let mut coefficients: Vec<f64> = (1..=degree + 1).map(|k| (k as f64).sqrt()).collect();
            assert_eq!(counts(&coefficients), all, "degree {degree}");
            for k in (0..degree).filter(|k| (degree - k) % 2 == 1) {
                coefficients[k] = 0.0;
            }
            assert_eq!(counts(&coefficients), half, "degree {degree}, every other");
        }
    }
}

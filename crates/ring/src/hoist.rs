//! Sums of products of constants with rotated ciphertexts, over Q P and prime by prime: the baby steps and
//! the giant steps of a linear transform (Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux, 2021, section 4).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rayon::prelude::*;

use crate::automorphism::Automorphism;
use crate::basis::Basis;
use crate::buffer::{Buffer, slices};
use crate::convert::PADDING;
use crate::decompose::{Decomposer, DigitProducts};
use crate::integers::Integers;
use crate::modulus::{Modulus, Residue};
use crate::parallel::{for_each_group_pair, for_each_limb_of};
use crate::poly::{Evaluation, Poly, positions};
use crate::simd::{self, Kernel};

/// What rotates c0 + c1 s: the key that takes c1 back to s, as pairs of weights for the digits, and the
/// automorphism that comes after.
#[derive(Clone, Copy, Debug)]
pub struct RotationKey<'a> {
    /// A pair for each digit, over Q P or more.
    pub weights: &'a [[Poly<Evaluation>; 2]],
    /// What the switched pair is mapped by.
    pub automorphism: &'a Automorphism,
}

/// A pair of polynomials (c0, c1) over Q, and the digits of c1: what any number of rotations begin with
/// (Halevi, Shoup, 2018).
#[derive(Debug)]
pub struct Hoisted<'a> {
    parts: [&'a Poly<Evaluation>; 2],
    digits: Vec<Poly<Evaluation>>,
}

/// Where a rotation of P times a pair comes from.
#[derive(Clone, Copy, Debug)]
pub enum RotationSource<'a> {
    /// The pair at this place of the inputs, not rotated.
    Itself(usize),
    /// The pair at this place, rotated by this key.
    Rotated(usize, RotationKey<'a>),
    /// It has been rotated, over Q P.
    Ready(&'a [Poly<Evaluation>; 2]),
}

/// A constant polynomial that rotated pairs are multiplied by.
///
/// One in a power of X may be given as a polynomial of the [subring](Basis::subring), where it is shorter: plaintexts
/// whose slots repeat are such.
#[derive(Clone, Copy, Debug)]
pub enum Multiplier<'a> {
    /// By its values, over Q P.
    Values(&'a Poly<Evaluation>),
    /// By its coefficients. They are transformed modulo one prime after the other when they are needed: that
    /// takes a transform for each prime, and one limb's memory in place of one for each prime of Q P.
    Coefficients(&'a Integers),
}

/// Bytes of the rows that products run over at a time: half a second-level cache.
const STRETCH_BYTES: usize = 1 << 18;
/// Coefficients of a stretch, at least: shorter ones are all overhead.
const MIN_STRETCH: usize = 1 << 8;
/// Bytes of multipliers that are transformed before they are used.
const TRANSFORMED_BYTES: usize = 1 << 26;

impl Decomposer {
    /// Splits the second half of a pair over Q into digits; none if no rotation will ask for them.
    ///
    /// # Panics
    /// If a half lives in another basis than Q.
    pub fn hoist<'a>(&self, parts: [&'a Poly<Evaluation>; 2], has_rotations: bool) -> Hoisted<'a> {
        let digits = if has_rotations {
            self.decompose(parts[1])
        } else {
            Vec::new()
        };
        Hoisted { parts, digits }
    }

    /// P times the rotation of a pair, over Q P.
    ///
    /// # Panics
    /// If the pair was hoisted without digits, a weight is missing or a degree differs.
    pub fn rotate_hoisted(
        &self,
        pair: &Hoisted<'_>,
        key: RotationKey<'_>,
    ) -> [Poly<Evaluation>; 2] {
        let pairs = std::slice::from_ref(pair);
        let rotation = Rotation::new(self, pairs, RotationSource::Rotated(0, key));
        self.write_pairs(1, |i, outs| {
            let [[first, second]] = outs else {
                unreachable!("one pair was asked for")
            };
            rotation.write(self, i, first, second);
        })
        .pop()
        .expect("one pair was asked for")
    }

    /// For each of `sums`, the sum of its terms: a multiplier times P times a rotation, which is given by its
    /// place in `rotations`.
    ///
    /// Modulo one prime after the other all rotations are made, multiplied and forgotten: they take the memory
    /// of one limb each, and come from the cache when they are multiplied, a stretch of coefficients after the
    /// other.
    ///
    /// # Panics
    /// As [`rotate_hoisted`](Self::rotate_hoisted), and if a place does not exist or a multiplier lives in
    /// another basis.
    pub fn sums_of_rotations(
        &self,
        inputs: &[Hoisted<'_>],
        rotations: &[RotationSource<'_>],
        sums: &[Vec<(usize, Multiplier<'_>)>],
    ) -> Vec<[Poly<Evaluation>; 2]> {
        let rotations: Vec<_> = rotations
            .iter()
            .map(|&source| Rotation::new(self, inputs, source))
            .collect();
        let n = self.target().degree();
        let row_len = n + PADDING;
        let stretch = stretch(n, 2 * rotations.len());
        self.write_pairs(sums.len(), |i, outs| {
            let modulus = self.target().modulus(i);
            let mut rows = Buffer::any(2 * rotations.len() * row_len);
            rows.par_chunks_exact_mut(2 * row_len)
                .zip(&rotations)
                .for_each(|(rows, rotation)| {
                    if !rotation.vanishes(i) {
                        let (first, second) = rows.split_at_mut(row_len);
                        rotation.write(self, i, &mut first[..n], &mut second[..n]);
                    }
                });
            let row = |k: usize, half: usize| &rows[(2 * k + half) * row_len..][..n];
            let sums: Vec<Vec<_>> = sums
                .iter()
                .map(|terms| {
                    let lasting = terms.iter().filter(|(k, _)| !rotations[*k].vanishes(i));
                    lasting
                        .map(|&(k, multiplier)| (multiplier, row(k, 0), row(k, 1)))
                        .collect()
                })
                .collect();
            for (range, multipliers) in transformed(self.target(), i, &sums) {
                let terms: Vec<Vec<_>> = sums[range.clone()]
                    .iter()
                    .map(|terms| {
                        let with_limbs = terms.iter().map(|&(multiplier, x, y)| {
                            let limb = match multiplier {
                                Multiplier::Values(poly) => {
                                    let has_it = self.target().has_subring(poly.basis());
                                    assert!(has_it, "a multiplier of another basis");
                                    poly.limb(i)
                                }
                                Multiplier::Coefficients(coefficients) => {
                                    &multipliers[&address(coefficients)][..]
                                }
                            };
                            (limb, x, y)
                        });
                        with_limbs.collect()
                    })
                    .collect();
                add_products(modulus, stretch, &terms, &mut outs[range]);
            }
        })
    }

    /// Adds P times the rotations of a pair to a sum over Q P; without a key the pair itself.
    ///
    /// # Panics
    /// As [`rotate_hoisted`](Self::rotate_hoisted), and if the sum lives in another basis.
    pub fn add_rotations(
        &self,
        sum: &mut [Poly<Evaluation>; 2],
        pair: &Hoisted<'_>,
        keys: &[Option<RotationKey<'_>>],
    ) {
        assert_eq!(
            sum.each_ref().map(Poly::basis),
            [self.target(); 2],
            "a sum of another basis"
        );
        let pairs = std::slice::from_ref(pair);
        let rotations: Vec<_> = keys
            .iter()
            .map(|key| match key {
                None => RotationSource::Itself(0),
                Some(key) => RotationSource::Rotated(0, *key),
            })
            .map(|source| Rotation::new(self, pairs, source))
            .collect();
        let n = self.target().degree();
        let limbs = sum.each_mut().map(Poly::residues_mut);
        for_each_limb_of(limbs, n, |i, [first, second]| {
            let (kernel, modulus) = (Kernel::selected(), self.target().modulus(i));
            let mut rotated = [0, 1].map(|_| Buffer::any(n));
            let [x, y] = slices(&mut rotated);
            for rotation in rotations.iter().filter(|rotation| !rotation.vanishes(i)) {
                rotation.write(self, i, x, y);
                simd::add_assign(kernel, modulus, first, x);
                simd::add_assign(kernel, modulus, second, y);
            }
        });
    }

    /// Adds a rotation of P times a pair to a sum, all over Q P, where c1 has been divided by P and lives over
    /// Q: a giant step.
    ///
    /// # Panics
    /// If a polynomial lives in another basis, a weight is missing or a degree differs.
    pub fn add_rotated(
        &self,
        sum: &mut [Poly<Evaluation>; 2],
        c0: &Poly<Evaluation>,
        c1: &Poly<Evaluation>,
        key: RotationKey<'_>,
    ) {
        assert!(
            [c0, &sum[0], &sum[1]].map(Poly::basis) == [self.target(); 3],
            "polynomials of another basis"
        );
        let products = DigitProducts::new(self, c1, key.weights);
        let n = self.target().degree();
        let [first, second] = sum.each_mut().map(Poly::residues_mut);
        for_each_group_pair(first, second, n, |range, first, second| {
            let mut switched = [0, 1].map(|_| Buffer::any(range.len() * n));
            let [k0, k1] = slices(&mut switched);
            products.write(range.clone(), k0, k1);
            let mut rotated = Buffer::any(n);
            let limbs = k0.chunks_exact_mut(n).zip(k1.chunks_exact_mut(n));
            let sums = first.chunks_exact_mut(n).zip(second.chunks_exact_mut(n));
            for ((i, (k0, k1)), (first, second)) in range.zip(limbs).zip(sums) {
                let (kernel, modulus) = (Kernel::selected(), self.target().modulus(i));
                simd::add_assign(kernel, modulus, k0, c0.limb(i));
                for (limb, sum) in [(k0, first), (k1, second)] {
                    key.automorphism.permute(modulus, &mut rotated, limb);
                    simd::add_assign(kernel, modulus, sum, &rotated);
                }
            }
        });
    }

    /// `count` pairs over Q P, whose limbs `write` writes, modulo one prime after the other and in parallel.
    fn write_pairs(
        &self,
        count: usize,
        write: impl Fn(usize, &mut [[&mut [Residue]; 2]]) + Sync,
    ) -> Vec<[Poly<Evaluation>; 2]> {
        let qp = self.target();
        let n = qp.degree();
        let mut pairs: Vec<_> = (0..count)
            .map(|_| [0, 1].map(|_| Buffer::any(qp.len() * n)))
            .collect();
        let mut limbs: Vec<_> = pairs
            .iter_mut()
            .map(|pair| pair.each_mut().map(|half| half.chunks_exact_mut(n)))
            .collect();
        let mut by_prime: Vec<Vec<[&mut [Residue]; 2]>> = Vec::with_capacity(qp.len());
        for _ in 0..qp.len() {
            let next = limbs.iter_mut().map(|halves| {
                let [first, second] = halves.each_mut().map(|half| half.next());
                [first.unwrap_or_default(), second.unwrap_or_default()]
            });
            by_prime.push(next.collect());
        }
        by_prime
            .into_par_iter()
            .enumerate()
            .with_max_len(1)
            .for_each(|(i, mut outs)| write(i, &mut outs));
        pairs
            .into_iter()
            .map(|pair| pair.map(|half| Poly::from_data(qp, half)))
            .collect()
    }
}

/// A rotation, with what all its limbs have in common.
enum Rotation<'a> {
    Itself(&'a Hoisted<'a>),
    Rotated {
        pair: &'a Hoisted<'a>,
        key: RotationKey<'a>,
        /// Where the primes of Q P stand in the bases of the weights.
        places: Vec<[Vec<usize>; 2]>,
    },
    Ready(&'a [Poly<Evaluation>; 2]),
}

impl<'a> Rotation<'a> {
    fn new(decomposer: &Decomposer, inputs: &'a [Hoisted<'a>], source: RotationSource<'a>) -> Self {
        match source {
            RotationSource::Itself(input) => Self::Itself(&inputs[input]),
            RotationSource::Rotated(input, key) => {
                let pair = &inputs[input];
                let count = pair.digits.len();
                assert!(
                    (1..=key.weights.len()).contains(&count),
                    "digits, and a weight for each"
                );
                let place = |weights: &[Poly<_>; 2]| {
                    weights
                        .each_ref()
                        .map(|weight| positions(decomposer.target(), weight.basis()))
                };
                let places = key.weights[..count].iter().map(place).collect();
                Self::Rotated { pair, key, places }
            }
            RotationSource::Ready(pair) => {
                let bases = pair.each_ref().map(Poly::basis);
                assert_eq!(bases, [decomposer.target(); 2], "a pair of another basis");
                Self::Ready(pair)
            }
        }
    }

    /// Whether it is zero modulo the prime at index i, as P times something is modulo the primes of P.
    fn vanishes(&self, i: usize) -> bool {
        matches!(self, Self::Itself(pair) if i >= pair.parts[0].basis().len())
    }

    /// Writes both halves modulo the prime at index i of Q P.
    fn write(
        &self,
        decomposer: &Decomposer,
        i: usize,
        first: &mut [Residue],
        second: &mut [Residue],
    ) {
        match self {
            Self::Itself(pair) => {
                for (limb, part) in [first, second].into_iter().zip(pair.parts) {
                    limb.fill(Residue::ZERO);
                    decomposer.add_raised(i, limb, part);
                }
            }
            Self::Rotated { pair, key, places } => {
                let (kernel, modulus) = (Kernel::selected(), decomposer.target().modulus(i));
                let mut switched = [0, 1].map(|_| Buffer::any(first.len()));
                let [k0, k1] = slices(&mut switched);
                let weights = key.weights.iter().zip(places);
                let terms: Vec<_> = pair
                    .digits
                    .iter()
                    .zip(weights)
                    .map(|(digit, ([x, y], [x_places, y_places]))| {
                        (digit.limb(i), x.limb(x_places[i]), y.limb(y_places[i]))
                    })
                    .collect();
                simd::inner_product_pair(kernel, modulus, k0, k1, &terms, 1);
                decomposer.add_raised(i, k0, pair.parts[0]);
                key.automorphism.permute(modulus, first, k0);
                key.automorphism.permute(modulus, second, k1);
            }
            Self::Ready(pair) => {
                first.copy_from_slice(pair[0].limb(i));
                second.copy_from_slice(pair[1].limb(i));
            }
        }
    }
}

/// How many coefficients of so many rows fit into the cache.
fn stretch(n: usize, rows: usize) -> usize {
    let fitting = STRETCH_BYTES / size_of::<Residue>() / rows.max(1);
    (1 << fitting.max(MIN_STRETCH).ilog2()).min(n)
}

/// A term of a sum modulo one prime: a multiplier and the two halves of a rotated pair.
type Term<'a, M> = (M, &'a [Residue], &'a [Residue]);

/// Neighbouring sums, as many at a time as have multipliers by coefficients that fit into some memory together,
/// with those multipliers modulo the prime at index i, each once.
fn transformed<'a>(
    basis: &'a Basis,
    i: usize,
    sums: &'a [Vec<Term<'a, Multiplier<'a>>>],
) -> impl Iterator<Item = (Range<usize>, BTreeMap<usize, Buffer>)> + 'a {
    let most = (TRANSFORMED_BYTES / size_of::<Residue>()).max(basis.degree());
    let coefficients = |sum: &'a [Term<'a, Multiplier<'a>>]| {
        sum.iter().filter_map(|(multiplier, ..)| match multiplier {
            Multiplier::Values(_) => None,
            Multiplier::Coefficients(coefficients) => Some(*coefficients),
        })
    };
    let mut start = 0;
    std::iter::from_fn(move || {
        let (mut distinct, mut residues) = (BTreeMap::new(), 0);
        let mut end = start;
        while let Some(next) = sums.get(end) {
            for coefficients in coefficients(next) {
                distinct.entry(address(coefficients)).or_insert_with(|| {
                    residues += coefficients.len();
                    coefficients
                });
            }
            if residues > most && end > start {
                break;
            }
            end += 1;
        }
        if end == start {
            return None;
        }
        let range = start..end;
        start = end;
        // Those of the sum that was too much are left for later.
        let used: BTreeSet<_> = sums[range.clone()]
            .iter()
            .flat_map(|sum| coefficients(sum).map(address))
            .collect();
        let limbs = distinct
            .into_par_iter()
            .filter(|(address, _)| used.contains(address))
            .map(|(address, coefficients)| {
                let mut limb = Buffer::any(coefficients.len());
                coefficients.write_limb(basis, i, &mut limb);
                (address, limb)
            })
            .collect();
        Some((range, limbs))
    })
}

/// What tells multipliers from each other that several sums may have in common.
fn address(coefficients: &Integers) -> usize {
    std::ptr::from_ref(coefficients).addr()
}

/// Products that the sums of all kernels can hold.
const TERMS_AT_ONCE: usize = 1 << 9;

/// Writes the sums of products, a stretch after the other. Multipliers may be shorter than the other factors.
fn add_products(
    modulus: Modulus,
    stretch: usize,
    sums: &[Vec<Term<'_, &[Residue]>>],
    outs: &mut [[&mut [Residue]; 2]],
) {
    let kernel = Kernel::selected();
    let n = outs.first().map_or(0, |[first, _]| first.len());
    // Those of one length after another.
    let sums: Vec<_> = sums
        .iter()
        .map(|sum| {
            let mut terms: Vec<_> = sum.iter().collect();
            terms.sort_by_key(|(multiplier, ..)| multiplier.len());
            terms
        })
        .collect();
    for start in (0..n).step_by(stretch) {
        let range = start..start + stretch;
        for (sum, [first, second]) in sums.iter().zip(outs.iter_mut()) {
            let (first, second) = (&mut first[range.clone()], &mut second[range.clone()]);
            let mut is_first = true;
            let of_one_length = sum.chunk_by(|(a, ..), (b, ..)| a.len() == b.len());
            for terms in of_one_length.flat_map(|terms| terms.chunks(TERMS_AT_ONCE)) {
                let repeats = n / terms[0].0.len();
                let of_multiplier = start / repeats..(start + stretch).div_ceil(repeats);
                let terms: Vec<_> = terms
                    .iter()
                    .map(|(m, x, y)| {
                        let (x, y) = (&x[range.clone()], &y[range.clone()]);
                        (&m[of_multiplier.clone()], x, y)
                    })
                    .collect();
                let repeats = repeats.min(stretch);
                if is_first {
                    simd::inner_product_pair(kernel, modulus, first, second, &terms, repeats);
                    is_first = false;
                } else {
                    let mut part = [0, 1].map(|_| Buffer::any(stretch));
                    let [x, y] = slices(&mut part);
                    simd::inner_product_pair(kernel, modulus, x, y, &terms, repeats);
                    simd::add_assign(kernel, modulus, first, x);
                    simd::add_assign(kernel, modulus, second, y);
                }
            }
            if is_first {
                first.fill(Residue::ZERO);
                second.fill(Residue::ZERO);
            }
        }
    }
}

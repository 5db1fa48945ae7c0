//! Polynomials over an RNS basis, in coefficient or in evaluation form.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use zeroize::Zeroize;

use crate::basis::Basis;
use crate::buffer::{Buffer, slices};
use crate::modulus::{Modulus, Residue};
use crate::parallel::{for_each_group, for_each_limb, for_each_limb_of};
use crate::simd::{self, Kernel};

/// Marks a polynomial as a list of its coefficients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coefficient {}

/// Marks a polynomial as its values at the roots of X^N + 1, in the order of
/// the transform's output. Products are pointwise here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evaluation {}

/// [`Coefficient`] or [`Evaluation`].
pub trait Form: sealed::Sealed + Copy + Send + Sync + 'static {}

impl Form for Coefficient {}
impl Form for Evaluation {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Coefficient {}
    impl Sealed for super::Evaluation {}
}

/// An element of Z_Q\[X\]/(X^N + 1): one limb of N residues for each prime of its basis.
///
/// `Debug` shows the shape, never the residues.
#[derive(Clone, PartialEq)]
pub struct Poly<F: Form> {
    basis: Basis,
    /// Limb after limb, in the order of the basis.
    data: Buffer,
    form: PhantomData<F>,
}

impl<F: Form> Poly<F> {
    /// The zero polynomial.
    pub fn zero(basis: &Basis) -> Self {
        Self::from_data(basis, Buffer::zeroed(basis.len() * basis.degree()))
    }

    /// `fill(i, limb)` writes every residue of limb i; what it finds there is of no meaning.
    pub(crate) fn from_limbs_with(
        basis: &Basis,
        fill: impl Fn(usize, &mut [Residue]) + Send + Sync,
    ) -> Self {
        let mut data = Buffer::any(basis.len() * basis.degree());
        for_each_limb(&mut data, basis.degree(), fill);
        Self::from_data(basis, data)
    }

    pub(crate) fn from_data(basis: &Basis, data: Buffer) -> Self {
        assert_eq!(data.len(), basis.len() * basis.degree(), "wrong length");
        Self {
            basis: basis.clone(),
            data,
            form: PhantomData,
        }
    }

    /// The basis that the polynomial lives in.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// The residues modulo the prime at `index`.
    ///
    /// # Panics
    /// If there is no such prime.
    pub fn limb(&self, index: usize) -> &[Residue] {
        let n = self.basis.degree();
        &self.data[index * n..(index + 1) * n]
    }

    /// The same polynomial modulo the first `len` primes only.
    ///
    /// # Panics
    /// If `len` is zero or more than there are.
    pub fn truncated(&self, len: usize) -> Self {
        let basis = self.basis.prefix(len);
        Self::from_limbs_with(&basis, |i, limb| limb.copy_from_slice(self.limb(i)))
    }

    /// Drops all but the first `len` primes, in place.
    ///
    /// # Panics
    /// If `len` is zero or more than there are.
    pub fn truncate(&mut self, len: usize) {
        self.basis = self.basis.prefix(len);
        self.data.truncate(len * self.basis.degree());
    }

    /// The polynomial modulo the primes of `basis`, each of which must be among its own.
    ///
    /// # Panics
    /// If one is not.
    pub fn restricted(&self, basis: &Basis) -> Self {
        let positions = positions(basis, &self.basis);
        Self::from_limbs_with(basis, |i, limb| {
            limb.copy_from_slice(self.limb(positions[i]))
        })
    }

    /// `self += other`.
    ///
    /// # Panics
    /// If the bases differ.
    pub fn add_assign(&mut self, other: &Self) {
        self.zip_with(other, |_, modulus, a, b| {
            simd::add_assign(Kernel::selected(), modulus, a, b)
        });
    }

    /// `self += other` modulo the primes of `other`, with which the basis must begin; the other
    /// limbs stay as they are.
    ///
    /// # Panics
    /// If the basis begins with other primes.
    pub fn add_prefix_assign(&mut self, other: &Self) {
        let prefix = self.basis.prefix(other.basis.len());
        assert_eq!(prefix, other.basis, "the basis begins with other primes");
        let n = prefix.degree();
        for_each_limb(&mut self.data[..prefix.len() * n], n, |i, limb| {
            simd::add_assign(Kernel::selected(), prefix.modulus(i), limb, other.limb(i));
        });
    }

    /// `self -= other`.
    ///
    /// # Panics
    /// If the bases differ.
    pub fn sub_assign(&mut self, other: &Self) {
        self.zip_with(other, |_, modulus, a, b| {
            simd::sub_assign(Kernel::selected(), modulus, a, b)
        });
    }

    /// `self = -self`.
    pub fn neg_assign(&mut self) {
        let basis = self.basis.clone();
        for_each_limb(&mut self.data, basis.degree(), |i, limb| {
            simd::neg_assign(Kernel::selected(), basis.modulus(i), limb);
        });
    }

    /// Multiplies by the integer whose residue modulo the prime at index i is `factor(i)`.
    pub fn scale_assign(&mut self, factor: impl Fn(usize) -> Residue + Send + Sync) {
        let basis = self.basis.clone();
        for_each_limb(&mut self.data, basis.degree(), |i, limb| {
            simd::scale_assign(Kernel::selected(), basis.modulus(i), limb, factor(i));
        });
    }

    /// All residues, limb after limb.
    pub(crate) fn residues_mut(&mut self) -> &mut [Residue] {
        &mut self.data
    }

    /// Calls `work(range, limbs)` for groups of neighbouring limbs.
    pub(crate) fn for_each_group(
        &mut self,
        work: impl Fn(Range<usize>, &mut [Residue]) + Send + Sync,
    ) {
        for_each_group(&mut self.data, self.basis.degree(), work);
    }

    pub(crate) fn zip_with(
        &mut self,
        other: &Self,
        kernel: impl Fn(usize, Modulus, &mut [Residue], &[Residue]) + Send + Sync,
    ) {
        assert_eq!(self.basis, other.basis, "polynomials of different bases");
        let basis = self.basis.clone();
        for_each_limb(&mut self.data, basis.degree(), |i, limb| {
            kernel(i, basis.modulus(i), limb, other.limb(i));
        });
    }
}

impl Poly<Coefficient> {
    /// The polynomial with the given N signed coefficients.
    ///
    /// # Panics
    /// If their number is not N.
    pub fn from_coefficients(basis: &Basis, coefficients: &[i64]) -> Self {
        assert_eq!(coefficients.len(), basis.degree(), "N coefficients");
        // Errors and secrets, always smaller than any prime, are their own balanced residues. What
        // is compared is the largest magnitude of all, so the branch tells nothing about them.
        let largest = coefficients.iter().map(|c| c.unsigned_abs()).max();
        let smallest = basis.moduli().map(|m| m.value() / 2).min();
        let balanced = largest <= smallest;
        Self::from_limbs_with(basis, |i, limb| {
            let modulus = basis.modulus(i);
            for (out, &c) in limb.iter_mut().zip(coefficients) {
                *out = if balanced {
                    Residue::from_centered(c)
                } else {
                    modulus.reduce(c)
                };
            }
        })
    }

    /// The same for coefficients of up to 127 bits.
    ///
    /// # Panics
    /// If their number is not N.
    pub fn from_wide_coefficients(basis: &Basis, coefficients: &[i128]) -> Self {
        assert_eq!(coefficients.len(), basis.degree(), "N coefficients");
        Self::from_limbs_with(basis, |i, limb| {
            let modulus = basis.modulus(i);
            for (out, &c) in limb.iter_mut().zip(coefficients) {
                *out = modulus.reduce_i128(c);
            }
        })
    }

    /// To evaluation form.
    pub fn into_evaluation(mut self) -> Poly<Evaluation> {
        let basis = self.basis.clone();
        for_each_limb(&mut self.data, basis.degree(), |i, limb| {
            basis.table(i).forward(limb);
        });
        Poly::from_data(&basis, self.data)
    }

    /// The coefficients, centred in (-Q/2, Q/2), each rounded to an `f64`.
    ///
    /// A coefficient that is small beside Q comes out with the relative error of an `f64`: its
    /// balanced mixed-radix digits (Garner, 1959) vanish from some place on.
    pub fn to_centered_f64(&self) -> Vec<f64> {
        let moduli: Vec<_> = self.basis.moduli().collect();
        // inverses[j][i] = 1 / q_i modulo q_j, for i < j.
        let inverses: Vec<Vec<Residue>> = (0..moduli.len())
            .map(|j| {
                let inverse = |q: &Modulus| {
                    let q = moduli[j].reduce(q.value() as i64);
                    moduli[j].inverse(q).expect("distinct primes")
                };
                moduli[..j].iter().map(inverse).collect()
            })
            .collect();
        let mut digits = vec![Residue::ZERO; moduli.len()];
        (0..self.basis.degree())
            .map(|k| {
                for (j, &m) in moduli.iter().enumerate() {
                    digits[j] = (0..j).fold(self.limb(j)[k], |x, i| {
                        let digit = m.reduce(digits[i].centered());
                        m.mul(m.sub(x, digit), inverses[j][i])
                    });
                }
                let horner =
                    |x: f64, (d, m): (&Residue, &Modulus)| x * m.to_f64() + d.centered() as f64;
                digits.iter().zip(&moduli).rev().fold(0.0, horner)
            })
            .collect()
    }
}

impl Poly<Evaluation> {
    /// To coefficient form.
    pub fn into_coefficients(mut self) -> Poly<Coefficient> {
        let basis = self.basis.clone();
        for_each_limb(&mut self.data, basis.degree(), |i, limb| {
            basis.table(i).inverse(limb);
        });
        Poly::from_data(&basis, self.data)
    }

    /// `self *= other`.
    ///
    /// # Panics
    /// If the bases differ.
    pub fn mul_assign(&mut self, other: &Self) {
        self.zip_with(other, |_, modulus, a, b| {
            simd::mul_assign(Kernel::selected(), modulus, a, b)
        });
    }

    /// Adds the constant whose residue modulo the prime at index i is `constant(i)`.
    pub fn add_constant(&mut self, constant: impl Fn(usize) -> Residue + Send + Sync) {
        let basis = self.basis.clone();
        for_each_limb(&mut self.data, basis.degree(), |i, limb| {
            simd::add_constant(Kernel::selected(), basis.modulus(i), limb, constant(i));
        });
    }
}

/// The sum of `a * b` over the pairs, with one reduction at the end.
///
/// The result has the basis of the first `a`, which all `a` share; a `b` may live in any basis
/// that contains its primes (a key made at a higher level, say).
///
/// # Panics
/// If there is no pair, there are more than 2^10, or a prime is missing.
pub fn inner_product(pairs: &[(&Poly<Evaluation>, &Poly<Evaluation>)]) -> Poly<Evaluation> {
    let places = term_places(pairs.iter().copied());
    let basis = pairs[0].0.basis();
    Poly::from_limbs_with(basis, |i, limb| {
        let terms: Vec<_> = pairs
            .iter()
            .zip(&places)
            .map(|((a, b), places)| (a.limb(i), b.limb(places[i])))
            .collect();
        simd::inner_product(Kernel::selected(), basis.modulus(i), limb, &terms);
    })
}

/// The sum of polynomials times constants, over `basis`, with one reduction at the end: the
/// constant of a term modulo the prime at index i is `constant(i)`. The primes of `basis` must be
/// the first of every term's.
///
/// # Panics
/// If there is no term, there are more than 2^10, or a prime is missing.
pub fn linear_combination<F: Form>(
    basis: &Basis,
    terms: &[(&Poly<F>, impl Fn(usize) -> Residue + Sync)],
) -> Poly<F> {
    assert!((1..=1 << 10).contains(&terms.len()), "1 to 2^10 terms");
    let begins = |whole: &Basis| basis.moduli().eq(whole.moduli().take(basis.len()));
    assert!(
        terms.iter().all(|(poly, _)| begins(poly.basis())),
        "polynomials of other bases"
    );
    Poly::from_limbs_with(basis, |i, limb| {
        let rows: Vec<_> = terms.iter().map(|(poly, _)| poly.limb(i)).collect();
        let weights: Vec<_> = terms.iter().map(|(_, constant)| constant(i)).collect();
        simd::combine(Kernel::selected(), basis.modulus(i), limb, &rows, &weights);
    })
}

/// The sums of `a * b[0]` and of `a * b[1]`, reading every `a` once: a key switch.
///
/// # Panics
/// As [`inner_product`].
pub fn inner_product_pair(
    pairs: &[(&Poly<Evaluation>, &[Poly<Evaluation>; 2])],
) -> [Poly<Evaluation>; 2] {
    let places = [0, 1].map(|half| term_places(pairs.iter().map(|(a, b)| (*a, &b[half]))));
    let basis = pairs[0].0.basis();
    let n = basis.degree();
    let mut sums = [0, 1].map(|_| Buffer::any(basis.len() * n));
    for_each_limb_of(slices(&mut sums), n, |i, [first, second]| {
        let terms: Vec<_> = pairs
            .iter()
            .enumerate()
            .map(|(k, (a, b))| {
                let [x, y] = [0, 1].map(|half| b[half].limb(places[half][k][i]));
                (a.limb(i), x, y)
            })
            .collect();
        let modulus = basis.modulus(i);
        simd::inner_product_pair(Kernel::selected(), modulus, first, second, &terms, 1);
    });
    sums.map(|sum| Poly::from_data(basis, sum))
}

/// The coefficients in s of the sum of products `(a0 + a1 s) (b0 + b1 s)`, given as
/// `[a0, a1, b0, b1]`, reading each factor once: a product of ciphertexts.
///
/// # Panics
/// If there is no product, there are more than 2^9, or the bases differ.
pub fn tensor_product(terms: &[[&Poly<Evaluation>; 4]]) -> [Poly<Evaluation>; 3] {
    assert!((1..=1 << 9).contains(&terms.len()), "1 to 2^9 products");
    let basis = terms[0][0].basis();
    assert!(
        terms.iter().flatten().all(|poly| poly.basis() == basis),
        "polynomials of different bases"
    );
    let mut products = [0, 1, 2].map(|_| Buffer::any(basis.len() * basis.degree()));
    for_each_limb_of(slices(&mut products), basis.degree(), |i, limbs| {
        let terms: Vec<_> = terms
            .iter()
            .map(|polys| polys.map(|poly| poly.limb(i)))
            .collect();
        simd::tensor_product(Kernel::selected(), basis.modulus(i), limbs, &terms);
    });
    products.map(|product| Poly::from_data(basis, product))
}

/// For each pair, where the primes of `a` stand in the basis of `b`.
fn term_places<'a>(
    mut pairs: impl ExactSizeIterator<Item = (&'a Poly<Evaluation>, &'a Poly<Evaluation>)> + Clone,
) -> Vec<Vec<usize>> {
    assert!((1..=1 << 10).contains(&pairs.len()), "1 to 2^10 products");
    let all = pairs.clone();
    let basis = pairs.next().expect("there is one").0.basis();
    all.map(|(a, b)| {
        assert_eq!(a.basis(), basis, "polynomials of different bases");
        positions(basis, b.basis())
    })
    .collect()
}

/// Where the primes of `part` stand in `whole`.
pub(crate) fn positions(part: &Basis, whole: &Basis) -> Vec<usize> {
    assert_eq!(part.log_n(), whole.log_n(), "degrees must agree");
    part.moduli()
        .map(|m| whole.position(m).expect("the prime is in the basis"))
        .collect()
}

impl<F: Form> Zeroize for Poly<F> {
    fn zeroize(&mut self) {
        self.data.zeroize();
    }
}

impl<F: Form> fmt::Debug for Poly<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Poly<{}>(log N = {}, {} primes)",
            std::any::type_name::<F>().rsplit("::").next().unwrap_or(""),
            self.basis.log_n(),
            self.basis.len()
        )
    }
}

//! Switching keys: what turns a multiple of one secret into a ciphertext under another
//! (hybrid key switching with digits of several primes; Han, Ki, 2020, section 3).

use tapetum_ring::sampling::{Seed, uniform};
use tapetum_ring::{Decomposer, Divider, Evaluation, Poly, Residue, inner_product_pair};

use crate::parameters::Parameters;

/// For each digit j a pair (b_j, a_j) over Q P with b_j + a_j t = P g_j s + e_j, where g_j is 1
/// modulo the primes of digit j and 0 modulo the others: from the secret s to the secret t.
#[derive(Clone, PartialEq)]
pub(crate) struct SwitchingKey {
    level: usize,
    seed: Seed,
    digits: Vec<[Poly<Evaluation>; 2]>,
}

impl SwitchingKey {
    /// Joins the halves `b` with the uniform ones, which the children of `seed` stand for.
    ///
    /// The caller guarantees one `b` over Q P at `level` for each digit of that level.
    pub(crate) fn new(level: usize, seed: Seed, b: Vec<Poly<Evaluation>>) -> Self {
        let digits = b
            .into_iter()
            .zip(0..)
            .map(|(b, j)| {
                let a = uniform(b.basis(), seed.child(j));
                [b, a]
            })
            .collect();
        Self {
            level,
            seed,
            digits,
        }
    }

    /// The memory that the residues of a key for `level` take.
    pub(crate) fn memory_bytes_at(parameters: &Parameters, level: usize) -> u64 {
        let digits = parameters.decomposer(level).count();
        let residues = 2 * digits * parameters.qp(level).len() * parameters.degree();
        (residues * size_of::<Residue>()) as u64
    }

    /// The memory that its residues take.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let polys = self.digits.as_flattened().iter();
        let residues = polys.map(|poly| poly.basis().len() * poly.basis().degree());
        (residues.sum::<usize>() * size_of::<Residue>()) as u64
    }

    /// The highest level of ciphertexts that the key can switch.
    pub(crate) fn level(&self) -> usize {
        self.level
    }

    pub(crate) fn seed(&self) -> Seed {
        self.seed
    }

    /// The halves b, one for each digit.
    pub(crate) fn b(&self) -> impl ExactSizeIterator<Item = &Poly<Evaluation>> {
        self.digits.iter().map(|[b, _]| b)
    }

    /// A pair for each digit.
    pub(crate) fn weights(&self) -> &[[Poly<Evaluation>; 2]] {
        &self.digits
    }

    /// From c to (k0, k1) with k0 + k1 t = c s up to a small error: the sums over the digits of c over Q P, joined
    /// by P times the addend of each half, which is over Q, and divided by P, or by P and the last prime of Q. The
    /// level of c is at most that of the key.
    pub(crate) fn switch_and_divide(
        &self,
        decomposer: &Decomposer,
        c: &Poly<Evaluation>,
        addends: [Option<&Poly<Evaluation>>; 2],
        divider: &Divider,
    ) -> [Poly<Evaluation>; 2] {
        decomposer.switch(c, &self.digits, addends, divider)
    }

    /// The sums over Q P, before the division, for a c that has been decomposed, for those who switch it with
    /// several keys.
    pub(crate) fn switch_hoisted(&self, digits: &[Poly<Evaluation>]) -> [Poly<Evaluation>; 2] {
        let pairs: Vec<_> = digits.iter().zip(&self.digits).collect();
        inner_product_pair(&pairs)
    }
}

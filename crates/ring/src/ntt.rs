//! The negacyclic number-theoretic transform modulo one prime.
//!
//! Forward: coefficients to the values at the odd powers of psi, a root of unity of order 2N, by
//! Cooley-Tukey butterflies; position i receives the value at psi^(2 rev(i) + 1), rev being bit
//! reversal. Inverse: Gentleman-Sande butterflies back. Between the layers residues stay lazily
//! reduced (Harvey, 2014): with primes below 2^49 the forward transform needs no correction
//! before its end.

use zeroize::Zeroizing;

use crate::modulus::{MAX_MODULUS_BITS, Modulus, Residue};

/// Twiddle factors of one prime and ring degree.
#[derive(Debug)]
pub struct NttTable {
    modulus: Modulus,
    /// psi^rev(i), in the order in which the forward transform reads them.
    forward: Box<[Twiddle]>,
    /// psi^-rev(i), in the same order.
    inverse: Box<[Twiddle]>,
    /// 1/N, and 1/N times the last inverse twiddle.
    scale: [Twiddle; 2],
}

/// A constant factor w with floor(w 2^64 / p), by which a product is reduced without division
/// (Shoup).
#[derive(Clone, Copy, Debug)]
struct Twiddle {
    factor: u64,
    quotient: u64,
}

impl Twiddle {
    fn new(modulus: Modulus, factor: Residue) -> Self {
        let factor = modulus.to_unsigned(factor);
        Self {
            factor,
            quotient: (((factor as u128) << 64) / modulus.value() as u128) as u64,
        }
    }

    /// `x w` modulo p, in [0, 2p), for any x.
    #[inline(always)]
    fn mul(self, x: u64, p: u64) -> u64 {
        let q = ((x as u128 * self.quotient as u128) >> 64) as u64;
        x.wrapping_mul(self.factor).wrapping_sub(q.wrapping_mul(p))
    }
}

impl NttTable {
    /// Tables for N = 2^`log_n`. The root psi is the power (p-1)/2N of the smallest integer for
    /// which this has order 2N, so the transform is the same wherever it is computed.
    ///
    /// # Panics
    /// If p is not 1 modulo 2N; [`Basis`](crate::Basis) checks that before.
    pub(crate) fn new(modulus: Modulus, log_n: u32) -> Self {
        let n = 1usize << log_n;
        assert_eq!(modulus.value() % (2 * n as u64), 1, "no root of order 2N");
        let minus_one = modulus.reduce(-1);
        let psi = (2..)
            .map(|g| modulus.pow(modulus.reduce(g), (modulus.value() - 1) / (2 * n as u64)))
            .find(|&r| modulus.pow(r, n as u64) == minus_one)
            .expect("half of all integers give a root of order 2N");
        let psi_inverse = modulus.inverse(psi).expect("a root of unity is not zero");
        let inverse = powers_in_bit_reversed_order(modulus, psi_inverse, log_n);
        let n_inverse = modulus
            .inverse(modulus.reduce(n as i64))
            .expect("p does not divide N");
        let last = modulus.residue_of_unsigned(inverse[1].factor);
        Self {
            modulus,
            forward: powers_in_bit_reversed_order(modulus, psi, log_n),
            inverse,
            scale: [n_inverse, modulus.mul(n_inverse, last)].map(|w| Twiddle::new(modulus, w)),
        }
    }

    /// The prime.
    pub fn modulus(&self) -> Modulus {
        self.modulus
    }

    /// A copy to work on, wiped when dropped: the polynomial may be a secret.
    fn unsigned(&self, data: &[Residue]) -> Zeroizing<Vec<u64>> {
        Zeroizing::new(data.iter().map(|&x| self.modulus.to_unsigned(x)).collect())
    }

    /// Coefficients to values, in place.
    pub fn forward(&self, data: &mut [Residue]) {
        // A layer adds at most 2p to a number, so after 17 layers from [0, p) it is below 35p.
        const _: () = assert!(MAX_MODULUS_BITS + 6 < 64);
        let p = self.modulus.value();
        let mut work = self.unsigned(data);
        let n = work.len();
        let mut groups = 1;
        while groups < n {
            let half = n / groups / 2;
            for (block, &w) in work.chunks_exact_mut(2 * half).zip(&self.forward[groups..]) {
                let (low, high) = block.split_at_mut(half);
                for (x, y) in low.iter_mut().zip(high) {
                    let t = w.mul(*y, p);
                    *y = *x + 2 * p - t;
                    *x += t;
                }
            }
            groups *= 2;
        }
        for (out, &x) in data.iter_mut().zip(&*work) {
            *out = self.modulus.reduce(x as i64);
        }
    }

    /// Values to coefficients, in place.
    pub fn inverse(&self, data: &mut [Residue]) {
        let p = self.modulus.value();
        let mut work = self.unsigned(data);
        let n = work.len();
        let mut groups = n / 2;
        while groups > 1 {
            let half = n / groups / 2;
            for (block, &w) in work.chunks_exact_mut(2 * half).zip(&self.inverse[groups..]) {
                let (low, high) = block.split_at_mut(half);
                for (x, y) in low.iter_mut().zip(high) {
                    let sum = *x + *y;
                    *y = w.mul(*x + 2 * p - *y, p);
                    *x = sum.min(sum.wrapping_sub(2 * p));
                }
            }
            groups /= 2;
        }
        let (low, high) = work.split_at_mut(n / 2);
        for (x, y) in low.iter_mut().zip(high) {
            (*x, *y) = (
                self.scale[0].mul(*x + *y, p),
                self.scale[1].mul(*x + 2 * p - *y, p),
            );
        }
        for (out, &x) in data.iter_mut().zip(&*work) {
            *out = self.modulus.residue_of_unsigned(x.min(x.wrapping_sub(p)));
        }
    }
}

/// root^rev(i) for i in 0..N.
fn powers_in_bit_reversed_order(modulus: Modulus, root: Residue, log_n: u32) -> Box<[Twiddle]> {
    let n = 1usize << log_n;
    let mut powers = Vec::with_capacity(n);
    let mut power = modulus.reduce(1);
    for _ in 0..n {
        powers.push(power);
        power = modulus.mul(power, root);
    }
    (0..n)
        .map(|i| Twiddle::new(modulus, powers[i.reverse_bits() >> (usize::BITS - log_n)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primes;
    use proptest::prelude::*;

    fn tables() -> Vec<(u32, NttTable)> {
        let mut all = Vec::new();
        for log_n in [4, 5, 8, 11] {
            for bits in [20, 36, 49] {
                let modulus = primes::near(2f64.powi(bits), log_n).next().unwrap();
                all.push((log_n, NttTable::new(modulus, log_n)));
            }
        }
        all
    }

    #[test]
    fn evaluates_at_the_odd_powers_of_psi() {
        for (log_n, table) in tables().into_iter().filter(|(log_n, _)| *log_n <= 8) {
            let m = table.modulus();
            let n = 1usize << log_n;
            let coefficients: Vec<_> = (0..n as i64).map(|i| m.reduce(i * i * 7919 - 5)).collect();
            let mut values = coefficients.clone();
            table.forward(&mut values);
            let psi = m.residue_of_unsigned(table.forward[n / 2].factor);
            for (i, &value) in values.iter().enumerate() {
                let point = m.pow(psi, 2 * (i.reverse_bits() >> (64 - log_n)) as u64 + 1);
                let horner = coefficients
                    .iter()
                    .rev()
                    .fold(Residue::ZERO, |acc, &c| m.add(m.mul(acc, point), c));
                assert_eq!(value, horner, "position {i} of 2^{log_n}");
            }
        }
    }

    #[test]
    fn extremes_survive_the_largest_ring() {
        let modulus = primes::near(2f64.powi(49), 17).next().unwrap();
        let table = NttTable::new(modulus, 17);
        let half = (modulus.value() as i64 - 1) / 2;
        for fill in [0, half, -half, 1, -1] {
            let original = vec![modulus.reduce(fill); 1 << 17];
            let mut data = original.clone();
            table.forward(&mut data);
            table.inverse(&mut data);
            assert!(data == original, "fill {fill}");
        }
    }

    proptest! {
        #[test]
        fn inverse_undoes_forward(seed: u64) {
            for (log_n, table) in tables() {
                let m = table.modulus();
                let original: Vec<_> = (0..1i64 << log_n)
                    .map(|i| m.reduce((seed as i64).wrapping_mul(2 * i + 1).wrapping_add(i << 40)))
                    .collect();
                let mut data = original.clone();
                table.forward(&mut data);
                table.inverse(&mut data);
                prop_assert_eq!(data, original);
            }
        }
    }
}

//! The negacyclic number-theoretic transform modulo one prime.
//!
//! Forward: coefficients to the values at the odd powers of psi, a root of unity of order 2N, by
//! Cooley-Tukey butterflies; position i receives the value at psi^(2 rev(i) + 1), rev being bit
//! reversal. Inverse: Gentleman-Sande butterflies back.

use std::sync::{Arc, OnceLock};

use crate::modulus::{Modulus, Residue};
use crate::simd::{
    self, Kernel, PortableTables, SMALLEST_VECTOR_TRANSFORM, VectorSet, VectorTables,
};

/// Twiddle factors of one prime and ring degree.
#[derive(Debug)]
pub struct NttTable {
    modulus: Modulus,
    tables: Tables,
    /// By log N, those of smaller rings that have been asked for.
    smaller: [OnceLock<Arc<Self>>; RINGS],
}

/// More than log2 of any ring degree.
const RINGS: usize = 32;

/// For the kernel that will read them.
#[derive(Debug)]
enum Tables {
    Portable(PortableTables),
    Vector(VectorSet, VectorTables),
}

impl NttTable {
    /// Tables for N = 2^`log_n`. The root psi is the power (p-1)/2N of the smallest integer for
    /// which this has order 2N, so the transform is the same wherever it is computed.
    ///
    /// # Panics
    /// If p is not 1 modulo 2N; [`Basis`](crate::Basis) checks that before.
    pub(crate) fn new(modulus: Modulus, log_n: u32) -> Self {
        Self::for_kernel(Kernel::selected(), modulus, log_n)
    }

    pub(crate) fn for_kernel(kernel: Kernel, modulus: Modulus, log_n: u32) -> Self {
        let n = 1usize << log_n;
        let roots = roots_in_bit_reversed_order(modulus, log_n);
        let n_inverse = modulus
            .inverse(modulus.reduce(n as i64))
            .expect("p does not divide N");
        let tables = match kernel.vector_set() {
            Some(set) if n >= SMALLEST_VECTOR_TRANSFORM => {
                let tables = || VectorTables::new(modulus, &roots, n_inverse);
                Tables::Vector(set, simd::rounding_to_nearest(tables))
            }
            _ => Tables::Portable(PortableTables::new(modulus, &roots, n_inverse)),
        };
        Self {
            modulus,
            tables,
            smaller: [const { OnceLock::new() }; RINGS],
        }
    }

    /// The table of a smaller ring, N = 2^`log_n`, made when it is first asked for.
    ///
    /// Its psi is the power psi^k of this one's, k the quotient of the degrees: both come from the same integer. So
    /// the values of a polynomial in X^k are those that the polynomial in X has in the smaller ring, each k times in a
    /// row.
    ///
    /// # Panics
    /// If p is not 1 modulo 2N, which it is where it is for a larger ring.
    pub(crate) fn smaller(&self, log_n: u32) -> &Arc<Self> {
        let made = || Arc::new(Self::new(self.modulus, log_n));
        self.smaller[log_n as usize].get_or_init(made)
    }

    /// The prime.
    pub fn modulus(&self) -> Modulus {
        self.modulus
    }

    /// Coefficients to values, in place.
    pub fn forward(&self, data: &mut [Residue]) {
        match &self.tables {
            Tables::Portable(tables) => tables.forward(self.modulus, data),
            Tables::Vector(set, tables) => simd::forward(*set, self.modulus, tables, data),
        }
    }

    /// Values to coefficients, in place.
    pub fn inverse(&self, data: &mut [Residue]) {
        match &self.tables {
            Tables::Portable(tables) => tables.inverse(self.modulus, data),
            Tables::Vector(set, tables) => simd::inverse(*set, self.modulus, tables, data),
        }
    }
}

/// psi^rev(i) for i in 0..N.
fn roots_in_bit_reversed_order(modulus: Modulus, log_n: u32) -> Vec<Residue> {
    let n = 1usize << log_n;
    assert_eq!(modulus.value() % (2 * n as u64), 1, "no root of order 2N");
    let minus_one = modulus.reduce(-1);
    let psi = (2..)
        .map(|g| modulus.pow(modulus.reduce(g), (modulus.value() - 1) / (2 * n as u64)))
        .find(|&r| modulus.pow(r, n as u64) == minus_one)
        .expect("half of all integers give a root of order 2N");
    let mut powers = Vec::with_capacity(n);
    let mut power = modulus.reduce(1);
    for _ in 0..n {
        powers.push(power);
        power = modulus.mul(power, psi);
    }
    (0..n)
        .map(|i| powers[i.reverse_bits() >> (usize::BITS - log_n)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primes;
    use proptest::prelude::*;

    fn tables() -> Vec<(u32, NttTable)> {
        let mut all = Vec::new();
        for log_n in [4, 5, 6, 7, 8, 11, 12] {
            for bits in [20, 36, 49] {
                let modulus = primes::near(2f64.powi(bits), log_n).next().unwrap();
                for kernel in Kernel::available() {
                    all.push((log_n, NttTable::for_kernel(kernel, modulus, log_n)));
                }
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
            let psi = roots_in_bit_reversed_order(m, log_n)[n / 2];
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
    fn polynomials_in_powers_of_x_have_the_values_of_a_smaller_ring() {
        for (log_n, table) in tables().into_iter().filter(|(log_n, _)| *log_n >= 7) {
            let m = table.modulus();
            for log_small in [4, log_n - 1] {
                let repeats = 1usize << (log_n - log_small);
                let mut small: Vec<_> = (0..1i64 << log_small)
                    .map(|i| m.reduce(i * i * 7919 - 5))
                    .collect();
                let mut large = vec![Residue::ZERO; 1 << log_n];
                for (i, &c) in small.iter().enumerate() {
                    large[i * repeats] = c;
                }
                table.forward(&mut large);
                table.smaller(log_small).forward(&mut small);
                for (i, value) in large.iter().enumerate() {
                    assert_eq!(*value, small[i / repeats], "position {i} of 2^{log_n}");
                }
            }
        }
    }

    #[test]
    fn extremes_survive_the_largest_ring() {
        let modulus = primes::near(2f64.powi(49), 17).next().unwrap();
        let half = (modulus.value() as i64 - 1) / 2;
        let portable = NttTable::for_kernel(Kernel::PORTABLE, modulus, 17);
        for kernel in Kernel::available() {
            let table = NttTable::for_kernel(kernel, modulus, 17);
            for fill in [0, half, -half, 1, -1] {
                let original = vec![modulus.reduce(fill); 1 << 17];
                let (mut data, mut expected) = (original.clone(), original.clone());
                table.forward(&mut data);
                portable.forward(&mut expected);
                assert!(data == expected, "{kernel:?}, fill {fill}");
                table.inverse(&mut data);
                assert!(data == original, "{kernel:?}, fill {fill}");
            }
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

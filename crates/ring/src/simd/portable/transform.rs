//! The transform in 64-bit integers: every machine has them, and vectors must agree with it.
//!
//! Between the layers residues stay lazily reduced (Harvey, 2014). The inverse reads the same
//! tables as the forward transform, as the vector kernels do.

use zeroize::Zeroizing;

use crate::modulus::{MAX_MODULUS_BITS, Modulus, Residue};

/// Twiddle factors of one prime and ring degree.
#[derive(Debug)]
pub(crate) struct Tables {
    /// psi^rev(i).
    roots: Box<[Twiddle]>,
    /// 1 / N, and 1 / N times the factor of the first layer.
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

impl Tables {
    /// `roots[i]` is psi^rev(i).
    pub fn new(modulus: Modulus, roots: &[Residue], n_inverse: Residue) -> Self {
        let twiddle = |w| Twiddle::new(modulus, w);
        Self {
            roots: roots.iter().copied().map(twiddle).collect(),
            scale: [n_inverse, modulus.mul(n_inverse, roots[1])].map(twiddle),
        }
    }

    /// Coefficients to values, in place.
    pub fn forward(&self, modulus: Modulus, data: &mut [Residue]) {
        // A layer adds at most 2p to a number, so after 17 layers from [0, p) it is below 35p.
        const _: () = assert!(MAX_MODULUS_BITS + 6 < 64);
        let p = modulus.value();
        let mut work = unsigned(modulus, data);
        let n = work.len();
        let mut groups = 1;
        while groups < n {
            let half = n / groups / 2;
            for (block, &w) in work.chunks_exact_mut(2 * half).zip(&self.roots[groups..]) {
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
            *out = modulus.reduce(x as i64);
        }
    }

    /// Values to coefficients, in place.
    pub fn inverse(&self, modulus: Modulus, data: &mut [Residue]) {
        let p = modulus.value();
        let mut work = unsigned(modulus, data);
        let n = work.len();
        let mut groups = n / 2;
        while groups > 1 {
            let half = n / groups / 2;
            let mirrored = self.roots[groups..2 * groups].iter().rev();
            for (block, &w) in work.chunks_exact_mut(2 * half).zip(mirrored) {
                let (low, high) = block.split_at_mut(half);
                for (x, y) in low.iter_mut().zip(high) {
                    let sum = *x + *y;
                    *y = w.mul(*y + 2 * p - *x, p);
                    *x = sum.min(sum.wrapping_sub(2 * p));
                }
            }
            groups /= 2;
        }
        let (low, high) = work.split_at_mut(n / 2);
        for (x, y) in low.iter_mut().zip(high) {
            (*x, *y) = (
                self.scale[0].mul(*x + *y, p),
                self.scale[1].mul(*y + 2 * p - *x, p),
            );
        }
        for (out, &x) in data.iter_mut().zip(&*work) {
            *out = modulus.residue_of_unsigned(x.min(x.wrapping_sub(p)));
        }
    }
}

/// A copy to work on, wiped when dropped: the polynomial may be a secret.
fn unsigned(modulus: Modulus, data: &[Residue]) -> Zeroizing<Vec<u64>> {
    Zeroizing::new(data.iter().map(|&x| modulus.to_unsigned(x)).collect())
}

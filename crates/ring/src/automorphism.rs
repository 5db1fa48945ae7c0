//! The automorphisms X -> X^g of the ring, g odd modulo 2N.

use crate::modulus::{Modulus, Residue};
use crate::poly::{Coefficient, Evaluation, Poly};
use crate::simd::{self, Kernel};

/// An odd exponent g modulo 2N: the automorphism X -> X^g.
///
/// In CKKS the powers of 5 rotate the slots and 2N - 1 conjugates them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GaloisElement {
    exponent: u32,
    log_n: u32,
}

impl GaloisElement {
    /// The automorphism that moves slot i + `steps` to slot i (a rotation to the left), cyclic in
    /// N/2 slots: g = 5^steps modulo 2N.
    pub fn rotation(steps: i64, log_n: u32) -> Self {
        let slots = 1i64 << (log_n - 1);
        let mask = (2u32 << log_n) - 1;
        let (mut exponent, mut power) = (1u32, 5u32);
        let mut k = steps.rem_euclid(slots);
        while k != 0 {
            if k & 1 == 1 {
                exponent = exponent.wrapping_mul(power) & mask;
            }
            power = power.wrapping_mul(power) & mask;
            k >>= 1;
        }
        Self { exponent, log_n }
    }

    /// Complex conjugation of the slots: g = 2N - 1.
    pub fn conjugation(log_n: u32) -> Self {
        Self {
            exponent: (2 << log_n) - 1,
            log_n,
        }
    }

    /// From the exponent itself; `None` unless it is odd and below 2N.
    pub fn from_exponent(exponent: u32, log_n: u32) -> Option<Self> {
        (exponent % 2 == 1 && exponent < 2 << log_n).then_some(Self { exponent, log_n })
    }

    /// The exponent g.
    pub fn exponent(self) -> u32 {
        self.exponent
    }

    /// The inverse automorphism.
    pub fn inverse(self) -> Self {
        // The group of odd numbers modulo 2N has exponent N/2, so g^(N/2 - 1) is the inverse.
        let mask = (2u32 << self.log_n) - 1;
        let (mut result, mut power) = (1u32, self.exponent);
        let mut k = (1u32 << (self.log_n - 1)) - 1;
        while k != 0 {
            if k & 1 == 1 {
                result = result.wrapping_mul(power) & mask;
            }
            power = power.wrapping_mul(power) & mask;
            k >>= 1;
        }
        Self {
            exponent: result,
            ..self
        }
    }
}

/// An automorphism with the permutation that it is in evaluation form.
#[derive(Clone, Debug)]
pub struct Automorphism {
    element: GaloisElement,
    /// For each block of eight positions, eight times the block whose values move there plus the
    /// index of a pattern. Eight neighbours are the values at psi^(e + k N / 4), k < 8, and so are
    /// their sources: they stay neighbours.
    blocks: Vec<u32>,
    /// In which orders they do.
    patterns: Vec<[u8; BLOCK]>,
}

/// Positions that stay together.
const BLOCK: usize = 8;

impl Automorphism {
    /// Prepares X -> X^g.
    pub fn new(element: GaloisElement) -> Self {
        // Position i holds the value at psi^(2 rev(i) + 1); the image under X -> X^g has there
        // what the original has at psi^((2 rev(i) + 1) g).
        let log_n = element.log_n;
        let rev = |i: u32| i.reverse_bits() >> (32 - log_n);
        let mask = (2u32 << log_n) - 1;
        let source =
            |i: u32| rev(((2 * rev(i) + 1).wrapping_mul(element.exponent) & mask) >> 1) as usize;
        let mut patterns: Vec<[u8; BLOCK]> = Vec::with_capacity(BLOCK);
        let blocks = (0..(1u32 << log_n) / BLOCK as u32)
            .map(|block| {
                let sources: [usize; BLOCK] =
                    std::array::from_fn(|k| source(block * BLOCK as u32 + k as u32));
                let pattern = sources.map(|source| (source % BLOCK) as u8);
                let known = patterns.iter().position(|&known| known == pattern);
                let index = known.unwrap_or_else(|| {
                    patterns.push(pattern);
                    patterns.len() - 1
                });
                (sources[0] / BLOCK * BLOCK + index) as u32
            })
            .collect();
        debug_assert!(patterns.len() <= BLOCK);
        Self {
            element,
            blocks,
            patterns,
        }
    }

    /// Which automorphism this is.
    pub fn element(&self) -> GaloisElement {
        self.element
    }

    /// Applies it to a polynomial in evaluation form: a permutation of each limb.
    ///
    /// # Panics
    /// If the ring degrees differ.
    pub fn apply(&self, poly: &Poly<Evaluation>) -> Poly<Evaluation> {
        assert_eq!(
            self.element.log_n,
            poly.basis().log_n(),
            "degrees must agree"
        );
        Poly::from_limbs_with(poly.basis(), |i, out| {
            self.permute(poly.basis().modulus(i), out, poly.limb(i));
        })
    }

    /// Writes the permutation of one limb.
    pub(crate) fn permute(&self, modulus: Modulus, out: &mut [Residue], limb: &[Residue]) {
        let kernel = Kernel::selected();
        simd::permute(kernel, modulus, out, limb, &self.blocks, &self.patterns);
    }

    /// Applies it to a polynomial in coefficient form: a signed permutation of each limb.
    ///
    /// # Panics
    /// If the ring degrees differ.
    pub fn apply_to_coefficients(&self, poly: &Poly<Coefficient>) -> Poly<Coefficient> {
        assert_eq!(
            self.element.log_n,
            poly.basis().log_n(),
            "degrees must agree"
        );
        let n = poly.basis().degree();
        let g = self.element.exponent as usize;
        Poly::from_limbs_with(poly.basis(), |i, out| {
            let modulus = poly.basis().modulus(i);
            for (k, &x) in poly.limb(i).iter().enumerate() {
                let target = k * g % (2 * n);
                out[target % n] = if target < n { x } else { modulus.neg(x) };
            }
        })
    }
}

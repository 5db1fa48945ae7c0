//! Limbs as bytes: each residue in as many bits as its prime has, little-endian, without gaps.
//!
//! A limb of N residues modulo a prime of b bits takes N b / 8 bytes, an integral number because
//! N is a multiple of 8. The representatives are those in [0, p), in the order of the polynomial.

use rayon::prelude::*;
use thiserror::Error;

use crate::basis::Basis;
use crate::buffer::Buffer;
use crate::modulus::{Modulus, Residue};
use crate::poly::{Form, Poly};

/// Why bytes are not a polynomial.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PackingError {
    /// The number of bytes does not fit the basis.
    #[error("a polynomial of this basis takes {expected} bytes, not {found}")]
    Length {
        /// What the basis asks for.
        expected: usize,
        /// What was offered.
        found: usize,
    },
    /// A residue is not below its prime.
    #[error("residue {index} of limb {limb} is not below its prime {prime}")]
    Residue {
        /// Which limb.
        limb: usize,
        /// Which residue in it.
        index: usize,
        /// The prime that it should be below.
        prime: u64,
    },
}

/// The number of bytes of a packed polynomial of `basis`.
pub fn packed_len(basis: &Basis) -> usize {
    basis
        .moduli()
        .map(|m| basis.degree() / 8 * m.bits() as usize)
        .sum()
}

/// Appends the packed polynomial to `out`.
pub fn pack<F: Form>(poly: &Poly<F>, out: &mut Vec<u8>) {
    out.reserve(packed_len(poly.basis()));
    for (i, modulus) in poly.basis().moduli().enumerate() {
        let bits = modulus.bits();
        let (mut pending, mut filled) = (0u128, 0);
        for &residue in poly.limb(i) {
            pending |= (modulus.to_unsigned(residue) as u128) << filled;
            filled += bits;
            if filled >= 64 {
                out.extend_from_slice(&(pending as u64).to_le_bytes());
                pending >>= 64;
                filled -= 64;
            }
        }
        out.extend_from_slice(&pending.to_le_bytes()[..filled as usize / 8]);
    }
}

/// Reads a packed polynomial, checking every residue.
///
/// # Errors
/// [`PackingError`] if the length is wrong or a residue is not below its prime.
pub fn unpack<F: Form>(basis: &Basis, bytes: &[u8]) -> Result<Poly<F>, PackingError> {
    let expected = packed_len(basis);
    if bytes.len() != expected {
        return Err(PackingError::Length {
            expected,
            found: bytes.len(),
        });
    }
    let n = basis.degree();
    let mut rest = bytes;
    let packed: Vec<_> = basis
        .moduli()
        .map(|modulus| {
            let (limb, tail) = rest.split_at(n / 8 * modulus.bits() as usize);
            rest = tail;
            (modulus, limb)
        })
        .collect();
    let mut data = Buffer::any(basis.len() * n);
    data.par_chunks_exact_mut(n)
        .zip(packed)
        .enumerate()
        .try_for_each(|(limb, (out, (modulus, packed)))| {
            unpack_limb(modulus, packed, out).map_err(|index| PackingError::Residue {
                limb,
                index,
                prime: modulus.value(),
            })
        })?;
    Ok(Poly::from_data(basis, data))
}

/// One limb, or the index of the first residue that is none.
fn unpack_limb(modulus: Modulus, packed: &[u8], out: &mut [Residue]) -> Result<(), usize> {
    // Eight residues fill a whole number of bytes, at most 49.
    let bits = modulus.bits() as usize;
    let groups = packed.chunks_exact(bits).zip(out.chunks_exact_mut(8));
    for (group, (bytes, out)) in groups.enumerate() {
        let mut padded = [0u8; 64];
        padded[..bits].copy_from_slice(bytes);
        for (k, out) in out.iter_mut().enumerate() {
            let (byte, shift) = (k * bits / 8, k * bits % 8);
            let word: [u8; 8] = padded[byte..byte + 8].try_into().expect("8 bytes");
            let value = (u64::from_le_bytes(word) >> shift) & ((1 << bits) - 1);
            *out = modulus.from_unsigned(value).ok_or(8 * group + k)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poly::Evaluation;
    use crate::primes;
    use crate::sampling::{Seed, uniform};

    fn basis(log_n: u32) -> Basis {
        let primes: Vec<u64> = [13, 30, 36, 40, 47, 49]
            .into_iter()
            .map(|bits| primes::near(2f64.powi(bits), log_n).next().unwrap().value())
            .collect();
        Basis::new(log_n, &primes).unwrap()
    }

    #[test]
    fn comes_back_the_same() {
        for log_n in [4, 7, 11] {
            let basis = basis(log_n);
            let poly = uniform(&basis, Seed::from_bytes([log_n as u8; 32]));
            let mut bytes = Vec::new();
            pack(&poly, &mut bytes);
            assert_eq!(bytes.len(), packed_len(&basis));
            assert_eq!(unpack(&basis, &bytes), Ok(poly));
        }
    }

    #[test]
    fn refuses_wrong_lengths_and_residues() {
        let basis = basis(5);
        let mut bytes = Vec::new();
        pack(&Poly::<Evaluation>::zero(&basis), &mut bytes);
        let unpack = unpack::<Evaluation>;
        assert_eq!(
            unpack(&basis, &bytes[1..]),
            Err(PackingError::Length {
                expected: bytes.len(),
                found: bytes.len() - 1
            })
        );
        assert!(unpack(&basis, &[]).is_err());
        bytes.fill(0xff);
        assert_eq!(
            unpack(&basis, &bytes),
            Err(PackingError::Residue {
                limb: 0,
                index: 0,
                prime: basis.modulus(0).value()
            })
        );
    }
}

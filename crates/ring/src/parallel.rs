//! Work shared out over limbs.

use rayon::prelude::*;

use crate::Residue;

/// Below this many residues a task is not worth handing to another thread.
const MIN_RESIDUES: usize = 1 << 14;

/// Calls `work(i, limb)` for every limb of `degree` residues, in parallel where it pays.
pub(crate) fn for_each_limb(
    data: &mut [Residue],
    degree: usize,
    work: impl Fn(usize, &mut [Residue]) + Send + Sync,
) {
    if data.len() < 2 * MIN_RESIDUES {
        data.chunks_exact_mut(degree)
            .enumerate()
            .for_each(|(i, limb)| work(i, limb));
    } else {
        data.par_chunks_exact_mut(degree)
            .with_min_len((MIN_RESIDUES / degree).max(1))
            .enumerate()
            .for_each(|(i, limb)| work(i, limb));
    }
}

/// Calls `work(i, a, b)` for every limb of two polynomials of one shape, in parallel where it pays.
pub(crate) fn for_each_limb_pair(
    a: &mut [Residue],
    b: &mut [Residue],
    degree: usize,
    work: impl Fn(usize, &mut [Residue], &mut [Residue]) + Send + Sync,
) {
    if a.len() < MIN_RESIDUES {
        let limbs = a.chunks_exact_mut(degree).zip(b.chunks_exact_mut(degree));
        limbs.enumerate().for_each(|(i, (a, b))| work(i, a, b));
    } else {
        a.par_chunks_exact_mut(degree)
            .zip(b.par_chunks_exact_mut(degree))
            .with_min_len((MIN_RESIDUES / 2 / degree).max(1))
            .enumerate()
            .for_each(|(i, (a, b))| work(i, a, b));
    }
}

//! Work shared out over limbs.

use std::ops::Range;

use rayon::prelude::*;

use crate::Residue;
use crate::buffer::Buffer;

/// Below this many residues a task is not worth handing to another thread.
const MIN_RESIDUES: usize = 1 << 14;

/// How many limbs of so many residues make a task: no more than are worth it, so that a thread that
/// starts late or is held up leaves only so much to wait for.
fn task(residues: usize) -> usize {
    (MIN_RESIDUES / residues).max(1)
}

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
            .with_min_len(task(degree))
            .with_max_len(task(degree))
            .enumerate()
            .for_each(|(i, limb)| work(i, limb));
    }
}

/// About how many neighbouring limbs are worked on together by whoever can share work between them.
const GROUP: usize = 4;

/// Splits a number of limbs into groups of about [`GROUP`], as many as keep all threads equally
/// busy.
fn groups(limbs: usize) -> impl Iterator<Item = Range<usize>> {
    let threads = rayon::current_num_threads();
    let count = (limbs.div_ceil(GROUP * threads) * threads).min(limbs);
    (0..count).map(move |i| i * limbs / count..(i + 1) * limbs / count)
}

/// Calls `work(range, limbs)` for groups of neighbouring limbs of `degree` residues, in parallel.
pub(crate) fn for_each_group(
    mut data: &mut [Residue],
    degree: usize,
    work: impl Fn(Range<usize>, &mut [Residue]) + Send + Sync,
) {
    let parts: Vec<_> = groups(data.len() / degree)
        .map(|range| {
            let (part, rest) = std::mem::take(&mut data).split_at_mut(range.len() * degree);
            data = rest;
            (range, part)
        })
        .collect();
    parts
        .into_par_iter()
        .with_max_len(1)
        .for_each(|(range, part)| work(range, part));
}

/// Calls `work(range, a, b)` for groups of neighbouring limbs of two polynomials of one shape, in
/// parallel.
pub(crate) fn for_each_group_pair(
    mut a: &mut [Residue],
    mut b: &mut [Residue],
    degree: usize,
    work: impl Fn(Range<usize>, &mut [Residue], &mut [Residue]) + Send + Sync,
) {
    let parts: Vec<_> = groups(a.len() / degree)
        .map(|range| {
            let (x, rest) = std::mem::take(&mut a).split_at_mut(range.len() * degree);
            a = rest;
            let (y, rest) = std::mem::take(&mut b).split_at_mut(range.len() * degree);
            b = rest;
            (range, x, y)
        })
        .collect();
    parts
        .into_par_iter()
        .with_max_len(1)
        .for_each(|(range, x, y)| work(range, x, y));
}

/// Calls `work(i, limbs)` for every limb of three polynomials of one shape, in parallel where it
/// pays.
pub(crate) fn for_each_limb_of_three(
    [a, b, c]: &mut [Buffer; 3],
    degree: usize,
    work: impl Fn(usize, [&mut [Residue]; 3]) + Send + Sync,
) {
    let parallel = a.len() >= MIN_RESIDUES;
    let mut limbs: Vec<_> = a
        .chunks_exact_mut(degree)
        .zip(b.chunks_exact_mut(degree))
        .zip(c.chunks_exact_mut(degree))
        .map(|((a, b), c)| [a, b, c])
        .collect();
    let work = |(i, [a, b, c]): (usize, &mut [&mut [Residue]; 3])| work(i, [a, b, c]);
    if parallel {
        limbs
            .par_iter_mut()
            .with_min_len(task(3 * degree))
            .with_max_len(task(3 * degree))
            .enumerate()
            .for_each(work);
    } else {
        limbs.iter_mut().enumerate().for_each(work);
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
            .with_min_len(task(2 * degree))
            .with_max_len(task(2 * degree))
            .enumerate()
            .for_each(|(i, (a, b))| work(i, a, b));
    }
}

//! Work shared out over limbs.

use std::ops::Range;

use rayon::prelude::*;

use crate::Residue;

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

/// Calls `work(i, limbs)` for every limb of `K` polynomials of one shape, in parallel where it pays.
pub(crate) fn for_each_limb_of<const K: usize>(
    polys: [&mut [Residue]; K],
    degree: usize,
    work: impl Fn(usize, [&mut [Residue]; K]) + Send + Sync,
) {
    let parallel = polys[0].len() >= MIN_RESIDUES;
    let mut limbs = polys.map(|poly| poly.chunks_exact_mut(degree));
    let limbs: Vec<_> = std::iter::from_fn(|| {
        let next = limbs.each_mut().map(Iterator::next);
        next.iter()
            .all(Option::is_some)
            .then(|| next.map(Option::unwrap_or_default))
    })
    .enumerate()
    .collect();
    if parallel {
        limbs
            .into_par_iter()
            .with_min_len(task(K * degree))
            .with_max_len(task(K * degree))
            .for_each(|(i, limbs)| work(i, limbs));
    } else {
        limbs.into_iter().for_each(|(i, limbs)| work(i, limbs));
    }
}

//! Windows of baby steps, and the indices that they cover.

use std::collections::BTreeSet;

use super::LinearTransformError;

/// A diagonal's index as the sum of two rotations, each the representative nearest to zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) giant: i64,
    pub(super) baby: i64,
}

/// The baby steps low, ..., low + width - 1; the giant steps are multiples of the width.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) low: i64,
    pub(super) width: i64,
}

impl Window {
    pub(super) fn split(self, index: i64, slots: i64) -> Steps {
        let giant = (index - self.low).div_euclid(self.width) * self.width;
        Steps {
            giant: nearest_to_zero(giant, slots),
            baby: nearest_to_zero(index - giant, slots),
        }
    }

    /// Widths of three significant bits, in units of the greatest common divisor of the indices,
    /// with the windows placed such that a first, or a middle, baby step needs no rotation or that
    /// they begin with the lowest index; and one window for all indices.
    pub(super) fn candidates(indices: &[i64], slots: usize) -> impl Iterator<Item = Self> {
        let (low, high) = (indices[0], indices[indices.len() - 1]);
        let span = high - low + 1;
        let stride = indices.iter().fold(slots as i64, |a, &b| gcd(a, b));
        let widths = (0..slots.ilog2()).flat_map(|shift| [4i64, 5, 6, 7].map(|m| m << shift));
        let windows = [1, 2, 3]
            .into_iter()
            .chain(widths)
            .map(move |width| width * stride)
            .take_while(move |&width| width <= span)
            .flat_map(move |width| {
                let first = low.rem_euclid(width);
                let middle = -(width / stride / 2) * stride;
                [0, middle, first, first - width].map(|low| Self { low, width })
            });
        // One window for all: no giant step but that by nothing.
        windows.chain([Self { low, width: span }])
    }
}

/// The distinct indices as a run of representatives modulo the number of slots with the least
/// span, in order, and as near to zero as such a run can be.
pub(super) fn shortest_run(
    diagonals: impl IntoIterator<Item = i64>,
    slots: usize,
) -> Result<Vec<i64>, LinearTransformError> {
    let slots = slots as i64;
    let indices: BTreeSet<i64> = diagonals.into_iter().map(|k| k.rem_euclid(slots)).collect();
    let indices: Vec<i64> = indices.into_iter().collect();
    let &last = indices.last().ok_or(LinearTransformError::Empty)?;
    // The run begins after the widest gap; of equal ones, after the one that ends at slot 0.
    let before = |i: usize| match i {
        0 => last - slots,
        i => indices[i - 1],
    };
    let start = (0..indices.len())
        .rev()
        .max_by_key(|&i| indices[i] - before(i))
        .expect("there is an index");
    let (wrapped, first) = indices.split_at(start);
    let run: Vec<i64> = first
        .iter()
        .copied()
        .chain(wrapped.iter().map(|k| k + slots))
        .collect();
    let (low, high) = (run[0], run[run.len() - 1]);
    let shift = if high <= slots - low { 0 } else { slots };
    Ok(run.into_iter().map(|k| k - shift).collect())
}

pub(super) fn nearest_to_zero(steps: i64, slots: i64) -> i64 {
    let steps = steps.rem_euclid(slots);
    if steps > slots / 2 {
        steps - slots
    } else {
        steps
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a.abs() } else { gcd(b, a % b) }
}

//! Giant steps on giant steps, so that few keys do.
//!
//! A sum that is to be rotated by g = k + h, while another waits for the rotation by h, is rotated by k, added to
//! that one, and rotated with it. Each sum is rotated once, as if each had a key of its own, and gets the same noise;
//! but giant steps that are multiples of one of them need the key of that one only. The idea is Horner's; ARK (Kim,
//! Lee, Kim, Sohn, Rhu, Kim, Ahn, 2022) so needs fewest keys, there for baby steps as well, which here are hoisted and
//! keep their keys.

use std::collections::{BTreeMap, BTreeSet};

use super::window::nearest_to_zero;

/// How the sum of an output that waits for a giant step is rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GiantStep {
    /// By how much: a rotation that has a key.
    pub(super) rotation: i64,
    /// The giant step that is left then; that by nothing is the output itself.
    pub(super) left: i64,
}

/// The giant steps of each output, by output and giant step, that by nothing left out.
pub(super) type GiantSteps = BTreeMap<(usize, i64), GiantStep>;

/// The steps for these sums, by output and giant step. Keys are some of the giant steps: a giant step is
/// one unless each output that has it also has a shorter one from which a key leads there.
pub(super) fn chained(sums: &BTreeSet<(usize, i64)>, slots: i64) -> GiantSteps {
    let mut outputs = BTreeMap::<_, Vec<usize>>::new();
    for &(output, giant) in sums.iter().filter(|(_, giant)| *giant != 0) {
        let order = (giant.abs(), giant);
        outputs.entry(order).or_default().push(output);
    }
    let mut keys = Vec::new();
    let mut steps = GiantSteps::new();
    for ((length, giant), outputs) in outputs {
        let shorter = |output: usize| {
            let reached = keys.iter().filter_map(|&rotation| {
                let left = nearest_to_zero(giant - rotation, slots);
                let waits = left == 0 || sums.contains(&(output, left));
                (left.abs() < length && waits).then_some(GiantStep { rotation, left })
            });
            reached.min_by_key(|step| step.left.abs())
        };
        let found: Option<Vec<_>> = outputs.iter().map(|&output| shorter(output)).collect();
        let found = found.unwrap_or_else(|| {
            keys.push(giant);
            let itself = GiantStep {
                rotation: giant,
                left: 0,
            };
            vec![itself; outputs.len()]
        });
        steps.extend(outputs.iter().map(|&output| (output, giant)).zip(found));
    }
    steps
}

/// Those of the steps that these sums go through.
pub(super) fn restricted(steps: &GiantSteps, sums: &BTreeSet<(usize, i64)>) -> GiantSteps {
    let mut needed = GiantSteps::new();
    for &(output, giant) in sums {
        let mut giant = giant;
        while let Some(&step) = steps.get(&(output, giant)) {
            needed.insert((output, giant), step);
            giant = step.left;
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By how much each sum is rotated in all.
    fn totals(steps: &GiantSteps, slots: i64) -> bool {
        steps.keys().all(|&(output, giant)| {
            let (mut at, mut total) = (giant, 0);
            while at != 0 {
                let step = steps[&(output, at)];
                assert!(step.left.abs() < at.abs());
                total += step.rotation;
                at = step.left;
            }
            nearest_to_zero(total - giant, slots) == 0
        })
    }

    fn keys(steps: &GiantSteps) -> Vec<i64> {
        let rotations: BTreeSet<_> = steps.values().map(|step| step.rotation).collect();
        rotations.into_iter().collect()
    }

    #[test]
    fn multiples_need_the_key_of_one() {
        for (giants, expected) in [
            (vec![0, 4, 8, 12, 16], vec![4]),
            (vec![-8, -4, 0, 4], vec![-4, 4]),
            // 32 is its own opposite, and -28 is 36.
            (vec![8, 16, 24, 32, -24], vec![-24, 8]),
            (vec![3, 10, 17], vec![3, 10, 17]),
            (vec![0], vec![]),
        ] {
            let sums = giants.iter().map(|&giant| (0, giant)).collect();
            let steps = chained(&sums, 64);
            assert_eq!(keys(&steps), expected, "{giants:?}");
            assert_eq!(steps.len(), giants.iter().filter(|g| **g != 0).count());
            assert!(totals(&steps, 64));
        }
    }

    #[test]
    fn an_output_without_the_shorter_one_keeps_the_key() {
        let sums = BTreeSet::from([(0, 4), (0, 8), (0, 12), (1, 8)]);
        let steps = chained(&sums, 64);
        assert_eq!(keys(&steps), [4, 8]);
        assert_eq!(
            steps[&(0, 12)],
            GiantStep {
                rotation: 8,
                left: 4
            }
        );
        assert!(totals(&steps, 64));
    }

    #[test]
    fn a_part_of_the_sums_goes_through_what_it_needs() {
        let sums = (0..8).map(|i| (0, 4 * i)).collect();
        let steps = restricted(&chained(&sums, 64), &BTreeSet::from([(0, 12), (0, 4)]));
        let through: Vec<_> = steps.keys().map(|&(_, giant)| giant).collect();
        assert_eq!((through, keys(&steps)), (vec![4, 8, 12], vec![4]));
    }
}

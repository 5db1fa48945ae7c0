//! One class against the rest, and stratified splits; every choice follows from a seed.

use crate::shuffle::{shuffle, stream};
use crate::{DataSet, Error};

// Purposes of a seed's streams; the per-class ones add the class index.
const OTHERS: u64 = 1 << 32;
const STRATA: u64 = 2 << 32;
const TRAIN_ORDER: u64 = 3 << 32;
const TEST_ORDER: u64 = 4 << 32;
const ORDER: u64 = 5 << 32;

/// A data set in two disjoint parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// To be trained on, in shuffled order.
    pub train: DataSet,
    /// Held out, in shuffled order.
    pub test: DataSet,
}

impl DataSet {
    /// The same samples in an order that follows from `seed`. Mini-batches are cut from it, so that each has samples
    /// of every class.
    pub fn shuffled(&self, seed: u64) -> DataSet {
        let mut order: Vec<usize> = (0..self.len()).collect();
        shuffle(&mut order, &mut stream(seed, ORDER));
        self.select(&order)
    }

    /// The class `positive` (label 1) against all others together (label 0).
    ///
    /// With `balanced`, only as many others as there are positives are kept, chosen by `seed` uniformly from all
    /// other classes together. Of a set with exactly two classes the other keeps its name, otherwise it is called
    /// `not <positive>`.
    pub fn one_vs_rest(&self, positive: &str, balanced: bool, seed: u64) -> Result<DataSet, Error> {
        let class = self.class(positive)?;
        let (mut chosen, mut others): (Vec<usize>, Vec<usize>) =
            (0..self.len()).partition(|&i| self.labels()[i] == class);
        if chosen.is_empty() || others.is_empty() {
            return Err(Error::TooFew(format!(
                "{} of class {positive:?} against {} others; both sides need at least one",
                chosen.len(),
                others.len()
            )));
        }
        if balanced {
            if others.len() < chosen.len() {
                return Err(Error::TooFew(format!(
                    "a balanced set needs {} others, but there are only {}",
                    chosen.len(),
                    others.len()
                )));
            }
            shuffle(&mut others, &mut stream(seed, OTHERS));
            others.truncate(chosen.len());
        }
        chosen.extend(others);
        chosen.sort_unstable();
        let rest = match self.class_names() {
            [a, b] => if class == 0 { b } else { a }.clone(),
            _ => rest_of(positive),
        };
        let names = vec![rest, positive.to_owned()];
        Ok(self
            .select(&chosen)
            .relabel(names, |label| usize::from(label == class)))
    }

    /// The same samples with those of rarer classes repeated, so that each class comes about as often as the most
    /// frequent one: what a class weight of `balanced` is in scikit-learn, for any learner.
    pub fn with_equal_classes(&self) -> DataSet {
        let counts = self.class_counts();
        let most = counts.iter().copied().max().unwrap_or(0);
        let times = |i: usize| (most as f64 / counts[self.labels()[i]] as f64).round() as usize;
        let indices: Vec<usize> = (0..self.len())
            .flat_map(|i| std::iter::repeat_n(i, times(i)))
            .collect();
        self.select(&indices)
    }

    /// The same samples with their labels among these classes, in this order. Some may have no sample. Of two
    /// classes the first may be all that is `not <second>`.
    pub fn among(&self, class_names: &[String]) -> Result<DataSet, Error> {
        let rest = match class_names {
            [rest, positive] if *rest == rest_of(positive) => Some(0),
            _ => None,
        };
        let places = self.class_names().iter().map(|name| {
            let place = class_names.iter().position(|class| class == name);
            place.or(rest).ok_or_else(|| Error::UnknownClass {
                name: name.clone(),
                known: class_names.to_vec(),
            })
        });
        let places = places.collect::<Result<Vec<_>, _>>()?;
        Ok(self
            .clone()
            .relabel(class_names.to_vec(), |label| places[label]))
    }

    /// The samples of two classes alone: `negative` (label 0) and `positive` (label 1).
    pub fn pair(&self, negative: &str, positive: &str) -> Result<DataSet, Error> {
        let classes = [self.class(negative)?, self.class(positive)?];
        let of_pair = |&i: &usize| classes.contains(&self.labels()[i]);
        let chosen: Vec<usize> = (0..self.len()).filter(of_pair).collect();
        let names = vec![negative.to_owned(), positive.to_owned()];
        Ok(self
            .select(&chosen)
            .relabel(names, |label| usize::from(label == classes[1])))
    }

    /// Splits so that `test_fraction` (between 0 and 1, rounded to whole samples) is held out, each class in
    /// proportion.
    pub fn split(&self, test_fraction: f64, seed: u64) -> Result<Split, Error> {
        if !(test_fraction > 0.0 && test_fraction < 1.0) {
            return Err(Error::Option {
                name: "test fraction",
                value: test_fraction.to_string(),
                expected: "must lie strictly between 0 and 1",
            });
        }
        let test = (self.len() as f64 * test_fraction).round() as usize;
        self.split_counts(self.len() - test, test, seed)
    }

    /// Splits into exactly `train` and `test` samples, each class in proportion (a balanced set gives balanced
    /// parts); what is left over is dropped. Every class that has samples must reach both parts.
    pub fn split_counts(&self, train: usize, test: usize, seed: u64) -> Result<Split, Error> {
        if train.checked_add(test).is_none_or(|sum| sum > self.len()) {
            return Err(Error::TooFew(format!(
                "{train} to train and {test} to test were asked of {} samples",
                self.len()
            )));
        }
        let counts = self.class_counts();
        let train_quota = apportion(&counts, train);
        let left: Vec<usize> = counts
            .iter()
            .zip(&train_quota)
            .map(|(n, t)| n - t)
            .collect();
        let test_quota = apportion(&left, test);
        for (class, &count) in counts.iter().enumerate() {
            if count > 0 && (train_quota[class] == 0 || test_quota[class] == 0) {
                return Err(Error::TooFew(format!(
                    "class {:?} ({count} samples) would give {} to train and {} to test; \
                     both parts need every class",
                    self.class_names()[class],
                    train_quota[class],
                    test_quota[class]
                )));
            }
        }
        let mut train_indices = Vec::with_capacity(train);
        let mut test_indices = Vec::with_capacity(test);
        for class in 0..counts.len() {
            let mut members: Vec<usize> = (0..self.len())
                .filter(|&i| self.labels()[i] == class)
                .collect();
            shuffle(&mut members, &mut stream(seed, STRATA + class as u64));
            let (for_train, rest) = members.split_at(train_quota[class]);
            train_indices.extend_from_slice(for_train);
            test_indices.extend_from_slice(&rest[..test_quota[class]]);
        }
        // Mini-batches are cut from this order, so classes must be mixed in it.
        shuffle(&mut train_indices, &mut stream(seed, TRAIN_ORDER));
        shuffle(&mut test_indices, &mut stream(seed, TEST_ORDER));
        Ok(Split {
            train: self.select(&train_indices),
            test: self.select(&test_indices),
        })
    }
}

/// What all other classes than this are called together.
fn rest_of(positive: &str) -> String {
    format!("not {positive}")
}

/// `total` seats in proportion to `counts` (whose sum is at least `total`), by largest remainder, ties to the
/// earlier class. No class gets more than it has: a quota is rounded up only from a fraction.
fn apportion(counts: &[usize], total: usize) -> Vec<usize> {
    let sum: usize = counts.iter().sum();
    if sum == 0 {
        return vec![0; counts.len()];
    }
    let exact = |c: usize| c as u128 * total as u128;
    let mut quota: Vec<usize> = counts
        .iter()
        .map(|&c| (exact(c) / sum as u128) as usize)
        .collect();
    let missing = total - quota.iter().sum::<usize>();
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&c| std::cmp::Reverse(exact(counts[c]) % sum as u128));
    for &class in &order[..missing] {
        quota[class] += 1;
    }
    quota
}

#[cfg(test)]
mod tests {
    use super::apportion;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn seats_add_up_and_stay_near_proportion(
            counts in prop::collection::vec(0usize..500, 1..8),
            share in 0.0f64..=1.0,
        ) {
            let sum: usize = counts.iter().sum();
            let total = (sum as f64 * share) as usize;
            let quota = apportion(&counts, total);
            prop_assert_eq!(quota.iter().sum::<usize>(), total);
            for (q, c) in quota.iter().zip(&counts) {
                prop_assert!(q <= c);
                if sum > 0 {
                    let exact = *c as f64 * total as f64 / sum as f64;
                    prop_assert!((*q as f64 - exact).abs() < 1.0);
                }
            }
        }
    }
}

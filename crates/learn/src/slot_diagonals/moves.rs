//! From a packed vector to its diagonals, and from what is to be summed over the samples to a packed vector.
//!
//! Positions are not cyclic (a rotation by one leads from the last position of a feature to the first of the next), so
//! rotations run in both directions, and masks choose what stays within the feature.

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Plaintext};

use super::{OnDiagonals, Positions};
use crate::error::Result;

impl OnDiagonals<'_> {
    /// The diagonals times `factor`, each the same at all positions, two levels lower.
    ///
    /// First a group of B diagonals is brought to all places, then a diagonal to all positions of its
    /// group: for 16 diagonals 10 + 24 rotations with 16 keys and 96 masks, where one step would take 46 rotations with
    /// as many keys and 512 masks.
    pub fn take_apart(
        &self,
        positions: &Positions,
        packed: &Ciphertext,
        factor: f64,
    ) -> Result<Vec<Ciphertext>> {
        let evaluator = self.evaluator;
        let &Positions { group, places, .. } = positions;
        let turned = evaluator.rotate_hoisted(packed, &positions.group_steps())?;
        let masks = self.place_masks(positions, packed.level(), factor)?;
        let groups = (0..positions.groups())
            .into_par_iter()
            .map(|g| {
                // From place `g` to place `place`.
                let terms =
                    (0..places).map(|place| (&turned[g + places - 1 - place], &masks[place]));
                Ok(evaluator.rescale(&self.masked(terms)?)?)
            })
            .collect::<Result<Vec<_>>>()?;
        drop(turned);

        let masks = self.position_masks(group, packed.level() - 1)?;
        let diagonals = groups
            .into_par_iter()
            .enumerate()
            .map(|(g, vector)| {
                let turned = evaluator.rotate_hoisted(&vector, &positions.inner_steps())?;
                (0..positions.members(g))
                    .into_par_iter()
                    .map(|b| {
                        let terms =
                            (0..group).map(|place| (&turned[b + group - 1 - place], &masks[place]));
                        Ok(evaluator.rescale(&self.masked(terms)?)?)
                    })
                    .collect::<Result<Vec<_>>>()
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(diagonals.into_iter().flatten().collect())
    }

    /// A vector for each diagonal, summed over the positions of all places and put at those of its own, two levels lower; group
    /// number g times `factors(g)`.
    pub fn put_together(
        &self,
        positions: &Positions,
        vectors: &[Ciphertext],
        factors: impl Fn(usize) -> f64,
    ) -> Result<Ciphertext> {
        let evaluator = self.evaluator;
        let &Positions { group, places, .. } = positions;
        let level = vectors[0].level();
        let masks = self.position_masks(group, level)?;
        // Over the positions of a group. A sum that ends `steps` further left comes from that much further right.
        let groups = vectors
            .par_chunks(group)
            .map(|vectors| {
                let sums = positions.inner_steps().into_iter().filter_map(|steps| {
                    let mut terms = vectors
                        .iter()
                        .enumerate()
                        .filter_map(|(b, vector)| {
                            let place = usize::try_from(b as i64 + steps).ok()?;
                            Some((vector, masks.get(place)?))
                        })
                        .peekable();
                    // The last group may have fewer.
                    terms.peek()?;
                    Some(self.masked(terms).map(|sum| (sum, steps)))
                });
                Ok(evaluator.divide_rescale(self.rotated_sum(sums)?)?)
            })
            .collect::<Result<Vec<_>>>()?;
        // Over the places of groups.
        let mut masks: Vec<(f64, Vec<Plaintext>)> = Vec::new();
        let mut of_group = Vec::with_capacity(groups.len());
        for factor in (0..groups.len()).map(factors) {
            let known = masks.iter().position(|(known, _)| *known == factor);
            of_group.push(known.unwrap_or(masks.len()));
            if known.is_none() {
                masks.push((factor, self.place_masks(positions, level - 1, factor)?));
            }
        }
        let sums = (1 - groups.len() as i64..places as i64).map(|shift| {
            let terms = groups.iter().enumerate().filter_map(|(g, vector)| {
                let place = usize::try_from(g as i64 + shift).ok()?;
                Some((vector, masks[of_group[g]].1.get(place)?))
            });
            Ok((self.masked(terms)?, shift * group as i64))
        });
        Ok(evaluator.divide_rescale(self.rotated_sum(sums)?)?)
    }

    /// For each position of a group of B, 1 there.
    fn position_masks(&self, group: usize, level: usize) -> Result<Vec<Plaintext>> {
        (0..group)
            .map(|place| self.inner_mask(level, |i| f64::from(u8::from(i % group == place))))
            .collect()
    }

    /// For each place of a group, `factor` there.
    fn place_masks(
        &self,
        positions: &Positions,
        level: usize,
        factor: f64,
    ) -> Result<Vec<Plaintext>> {
        let &Positions { group, places, .. } = positions;
        (0..places)
            .map(|place| {
                let here = |i| i / group % places == place;
                self.inner_mask(level, |i| if here(i) { factor } else { 0.0 })
            })
            .collect()
    }
}

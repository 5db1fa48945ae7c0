//! All diagonals in one ciphertext, to be bootstrapped together.
//!
//! A packed vector holds two weight matrices v and w: inner position i has diagonal i mod P of v if i / P is even and
//! of w if it is odd. Positions are not cyclic (a rotation by one leads from the last position of a feature to
//! the first of the next), so rotations run in both directions, and masks choose what stays within the feature.

use rayon::prelude::*;
use tapetum_ckks::Ciphertext;

use super::{OnDiagonals, SlotDiagonals};
use crate::error::Result;

impl OnDiagonals<'_> {
    /// The diagonals of v times `factor`, each the same at all positions,
    /// [two levels](SlotDiagonals::UNPACKING) lower.
    ///
    /// First a group of B diagonals is brought to all groups of positions, then a diagonal to all positions of its
    /// group: for 16 diagonals 10 + 24 rotations with 16 keys and 96 masks, where one step would take 46 rotations with
    /// as many keys and 512 masks.
    pub fn unpack(&self, packed: &Ciphertext, factor: f64) -> Result<Vec<Ciphertext>> {
        let (evaluator, &SlotDiagonals { babies, .. }) = (self.evaluator, self.shape);
        let giants = self.shape.giants();
        let places = 2 * giants;
        let turned = evaluator.rotate_hoisted(packed, &self.shape.group_steps())?;
        let masks = (0..places)
            .map(|place| {
                let here = |i| i / babies % places == place;
                self.inner_mask(packed.level(), |i| if here(i) { factor } else { 0.0 })
            })
            .collect::<Result<Vec<_>>>()?;
        let groups = (0..giants)
            .into_par_iter()
            .map(|g| {
                // From place `g` to place `place`.
                let terms =
                    (0..places).map(|place| (&turned[g + places - 1 - place], &masks[place]));
                Ok(evaluator.rescale(&self.masked(terms)?)?)
            })
            .collect::<Result<Vec<_>>>()?;
        drop(turned);

        let masks = self.position_masks(packed.level() - 1)?;
        let diagonals = groups
            .into_par_iter()
            .map(|group| {
                let turned = evaluator.rotate_hoisted(&group, &self.shape.inner_steps())?;
                (0..babies)
                    .into_par_iter()
                    .map(|b| {
                        let terms = (0..babies)
                            .map(|place| (&turned[b + babies - 1 - place], &masks[place]));
                        Ok(evaluator.rescale(&self.masked(terms)?)?)
                    })
                    .collect::<Result<Vec<_>>>()
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(diagonals.into_iter().flatten().collect())
    }

    /// A vector for each diagonal, of which the real parts are summed over the samples: 2 `of_v` and 2 `of_w` times the
    /// sums, packed, [three levels](SlotDiagonals::PACKING) lower.
    pub fn sum_and_pack(&self, vectors: &[Ciphertext], of_v: f64, of_w: f64) -> Result<Ciphertext> {
        let evaluator = self.evaluator;
        let &SlotDiagonals {
            babies,
            outputs,
            samples,
            ..
        } = self.shape;
        let giants = self.shape.giants();
        let level = vectors[0].level();
        let masks = self.position_masks(level)?;
        // Over the positions of a group. A sum that ends `steps` further left comes from that much further right.
        let groups = vectors
            .par_chunks(babies)
            .map(|vectors| {
                let sums = self.shape.inner_steps().into_iter().map(|steps| {
                    let terms = vectors.iter().enumerate().filter_map(|(b, vector)| {
                        let place = usize::try_from(b as i64 + steps).ok()?;
                        Some((vector, masks.get(place)?))
                    });
                    Ok((self.masked(terms)?, steps))
                });
                Ok(evaluator.divide_rescale(self.rotated_sum(sums)?)?)
            })
            .collect::<Result<Vec<_>>>()?;
        // Over the groups of P positions.
        let masks = (0..giants)
            .map(|place| {
                let here = |i| i / babies % giants == place;
                self.inner_mask(level - 1, |i| f64::from(u8::from(here(i))))
            })
            .collect::<Result<Vec<_>>>()?;
        let sums = (1 - giants as i64..giants as i64).map(|shift| {
            let terms = groups.iter().enumerate().filter_map(|(g, group)| {
                let place = usize::try_from(g as i64 + shift).ok()?;
                Some((group, masks.get(place)?))
            });
            Ok((self.masked(terms)?, shift * babies as i64))
        });
        let sums = evaluator.divide_rescale(self.rotated_sum(sums)?)?;
        let real = evaluator.add(&sums, &evaluator.conjugate(&sums)?)?;
        // Over all positions: right in the first P, from where the sums are copied to the others.
        let all = evaluator.sum_slots(&real, samples / outputs, outputs as i64)?;
        let beside = evaluator.rotate(&all, -(outputs as i64))?;
        let half = |number: usize, value: f64| {
            let here = move |i| i / outputs == number;
            self.inner_mask(all.level(), move |i| if here(i) { value } else { 0.0 })
        };
        let (v, w) = (half(0, of_v)?, half(1, of_w)?);
        let both = evaluator.rescale(&self.masked([(&all, &v), (&beside, &w)])?)?;
        let period = 2 * outputs;
        Ok(evaluator.sum_slots(&both, samples / period, -(period as i64))?)
    }

    /// (1 + `momentum`) v - `momentum` w in place of v and v in place of w: what a step adds the gradient to. Packed, one
    /// level lower.
    pub fn advance(&self, packed: &Ciphertext, momentum: f64) -> Result<Ciphertext> {
        let evaluator = self.evaluator;
        let outputs = self.shape.outputs;
        let half = |number: usize, value: f64| {
            let here = move |i| i / outputs % 2 == number;
            self.inner_mask(packed.level(), move |i| if here(i) { value } else { 0.0 })
        };
        let steps = outputs as i64;
        let turned = evaluator.rotate_hoisted(packed, &[steps, -steps])?;
        let [old_w, old_v] = &turned[..] else {
            unreachable!("two rotations were asked for");
        };
        let (v, w, moved) = (half(0, 1.0 + momentum)?, half(0, -momentum)?, half(1, 1.0)?);
        let next = self.masked([(packed, &v), (old_w, &w), (old_v, &moved)])?;
        Ok(evaluator.rescale(&next)?)
    }

    /// w in place of v. What comes in place of w is of no use.
    pub fn w_as_v(&self, packed: &Ciphertext) -> Result<Ciphertext> {
        Ok(self.evaluator.rotate(packed, self.shape.outputs as i64)?)
    }

    /// For each position of a group of B, 1 there.
    fn position_masks(&self, level: usize) -> Result<Vec<tapetum_ckks::Plaintext>> {
        let babies = self.shape.babies;
        (0..babies)
            .map(|place| self.inner_mask(level, |i| f64::from(u8::from(i % babies == place))))
            .collect()
    }
}

//! Diagonals as the rows of weights that a model has.

use tapetum_ckks::Ciphertext;

use super::{OnDiagonals, SlotDiagonals};
use crate::error::Result;

impl OnDiagonals<'_> {
    /// The weights in rows of T slots, feature after feature, row r those of output r mod P:
    /// [two levels](SlotDiagonals::ROWS) lower.
    ///
    /// Scores of unit vectors are weights, and scores have samples inside. So the products with samples that are known,
    /// sample i of which is unit vector i, bring the features inside: T / S products if a row is longer than the samples
    /// of a block. What is left is to choose, in every slot, the right output among P rotations by multiples of S.
    pub fn to_rows(self, weights: &[Ciphertext]) -> Result<Ciphertext> {
        let evaluator = self.evaluator;
        let &SlotDiagonals {
            features,
            samples,
            outputs,
            babies,
        } = self.shape;
        let slots = self.shape.slots();
        let parts = (features / samples).max(1);
        let level = weights[0].level();
        let encode = |value: &dyn Fn(usize) -> bool, level| {
            let slots: Vec<_> = (0..slots)
                .map(|slot| f64::from(u8::from(value(slot))))
                .collect();
            evaluator.encoder().encode(&slots, level)
        };
        let mut scores = Vec::with_capacity(parts);
        for part in 0..parts {
            let unit = |slot: usize| (part * samples + slot % samples) % features;
            let rotated = (0..babies)
                .map(|b| encode(&|slot| (slot / samples + b) % features == unit(slot), level))
                .collect::<Result<Vec<_>, _>>()?;
            let sums = weights.chunks(babies).map(|weights| {
                let products = self.masked(weights.iter().zip(&rotated))?;
                Ok(evaluator.rescale(&products)?)
            });
            let part = self.summed_over_features(sums)?;
            scores.push(self.rotated(&part)?);
        }
        // The slots of row `slot / features` want its output, which is that many rotations by S away.
        let wanted = |slot: usize| {
            let away = (slot / features + slots - slot / samples) % outputs;
            (away, slot / samples % parts)
        };
        let chosen = (self.shape.giant_steps().into_iter().enumerate()).map(|(g, steps)| {
            let mut terms = Vec::with_capacity(parts * babies);
            for (part, rotated) in scores.iter().enumerate() {
                for (b, scores) in rotated.iter().enumerate() {
                    // Before the rotation by the giant step.
                    let mask = encode(
                        &|slot| {
                            wanted((slot + slots - steps as usize) % slots)
                                == (g * babies + b, part)
                        },
                        level - 1,
                    )?;
                    terms.push((scores, mask));
                }
            }
            let chosen = self.masked(terms.iter().map(|(scores, mask)| (*scores, mask)))?;
            Ok((chosen, steps))
        });
        Ok(evaluator.divide_rescale(self.rotated_sum(chosen)?)?)
    }
}

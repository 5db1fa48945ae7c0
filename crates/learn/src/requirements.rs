//! What a computation needs, known before it starts.

use std::collections::BTreeSet;

use tapetum_ckks::{Evaluator, GaloisElement, KeyPlan, Parameters, ParametersLiteral};

use crate::error::{LearnError, MissingKeys, Result};

/// Levels and evaluation keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// How many levels are used up: ciphertexts must be at this level or above.
    pub levels: usize,
    /// The rotations, in slots to the left.
    pub rotations: BTreeSet<i64>,
    /// Whether ciphertexts are multiplied.
    pub relinearization: bool,
    /// Whether slots are conjugated.
    pub conjugation: bool,
}

/// Bits of a level: the error of scores stays near 2^-15.
const LOG_SCALE: u32 = 40;
/// Bits of a level where that makes a smaller ring do, at errors of scores near 2^-11.
const SMALL_LOG_SCALE: u32 = 36;
/// The largest ring for training in mini-batches without bootstrapping.
const MAX_LOG_N_OF_BATCHES: u32 = 16;

/// The parameters of the smallest secure ring with this number of levels, and as precise as they can be in it;
/// none if that is more than any has.
pub fn smallest_parameters(levels: usize) -> Option<ParametersLiteral> {
    let scales = [LOG_SCALE, SMALL_LOG_SCALE];
    let literals = scales.map(|scale| ParametersLiteral::for_levels(levels, scale));
    let literals = literals.into_iter().flatten();
    // The first of equals.
    literals.min_by_key(|literal| literal.log_n)
}

/// The same for training in mini-batches: always as precise, as errors add up over iterations, and none where
/// bootstrapping comes out smaller.
pub(crate) fn smallest_for_batches(levels: usize) -> Option<ParametersLiteral> {
    let literal = ParametersLiteral::for_levels(levels, LOG_SCALE);
    literal.filter(|literal| literal.log_n <= MAX_LOG_N_OF_BATCHES)
}

impl Requirements {
    /// What this computation and another on its result need together.
    pub fn then(mut self, next: Self) -> Self {
        self.levels += next.levels;
        self.rotations.extend(next.rotations);
        self.relinearization |= next.relinearization;
        self.conjugation |= next.conjugation;
        self
    }

    /// The keys to make for them: they serve ciphertexts up to the level that is needed.
    pub fn key_plan(&self, parameters: &Parameters) -> KeyPlan {
        let level = self.levels.min(parameters.max_level());
        let mut plan = KeyPlan::new(parameters)
            .up_to_level(level)
            .rotations(self.rotations.iter().copied());
        if self.relinearization {
            plan = plan.relinearization();
        }
        if self.conjugation {
            plan = plan.conjugation();
        }
        plan
    }

    /// Fails now if the computation would fail later, and says at which level to start: `what`
    /// gets ciphertexts at `available`, and would leave `spare` levels to the next computation if
    /// it could. Keys may serve lower levels than the ciphertexts have.
    pub(crate) fn start_level(
        &self,
        what: &'static str,
        available: usize,
        spare: usize,
        evaluator: &Evaluator,
    ) -> Result<usize> {
        if available < self.levels {
            return Err(LearnError::LevelExhausted {
                what,
                needed: self.levels,
                available,
            });
        }
        let start = available.min(self.levels + spare);
        let keys = evaluator.keys();
        let log_n = evaluator.parameters().log_n();
        let galois_level = |element| keys.galois(element).map(|key| key.level());
        // Whatever is not needed counts as a key for all levels.
        let level_if =
            |needed: bool, level: Option<usize>| if needed { level } else { Some(start) };

        let relinearization = level_if(
            self.relinearization,
            keys.relinearization().map(|key| key.level()),
        );
        let conjugation = level_if(
            self.conjugation,
            galois_level(GaloisElement::conjugation(log_n)),
        );
        let rotation = |steps: i64| {
            let element = GaloisElement::rotation(steps, log_n);
            let moves = element != GaloisElement::rotation(0, log_n);
            level_if(moves, galois_level(element))
        };

        let lacks = |level: Option<usize>| level.is_none_or(|level| level < self.levels);
        let rotations = self.rotations.iter().copied();
        let missing = MissingKeys {
            relinearization: lacks(relinearization),
            conjugation: lacks(conjugation),
            rotations: rotations.clone().filter(|&k| lacks(rotation(k))).collect(),
            level: self.levels,
        };
        if !missing.is_empty() {
            return Err(LearnError::MissingKeys(missing));
        }
        let levels = rotations
            .map(rotation)
            .chain([relinearization, conjugation]);
        Ok(levels.flatten().fold(start, usize::min))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapetum_ckks::Preset;

    #[test]
    fn requirements_add_up_and_become_a_plan() {
        let training = Requirements {
            levels: 2,
            rotations: [1, 2, -3].into(),
            relinearization: true,
            conjugation: true,
        };
        let classification = Requirements {
            levels: 1,
            rotations: [2, 4].into(),
            ..Requirements::default()
        };
        let both = training.then(classification);
        assert_eq!(both.levels, 3);
        assert_eq!(both.rotations, [-3, 1, 2, 4].into());
        assert!(both.relinearization);
        let plan = both.key_plan(&Parameters::preset(Preset::N14));
        assert_eq!((plan.len(), plan.level()), (6, 3));
    }

    #[test]
    fn what_is_missing_is_named() {
        let parameters = Parameters::preset(Preset::N12);
        let needs = Requirements {
            levels: 1,
            rotations: [1, 8].into(),
            relinearization: true,
            conjugation: true,
        };
        let evaluator = Evaluator::new(&parameters);
        let error = needs.start_level("training", 1, 0, &evaluator).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains(
                "the relinearisation key, the conjugation key, keys for rotations by 1, 8"
            )
        );
        assert!(matches!(
            needs.start_level("training", 0, 0, &evaluator),
            Err(LearnError::LevelExhausted {
                needed: 1,
                available: 0,
                ..
            })
        ));
        let nothing = Requirements::default();
        assert_eq!(nothing.start_level("nothing", 1, 3, &evaluator).unwrap(), 1);
    }
}

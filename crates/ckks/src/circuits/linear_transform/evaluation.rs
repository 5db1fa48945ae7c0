//! Linear transforms of encrypted vectors, with double hoisting.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use tapetum_ring::{Evaluation, GaloisElement, Multiplier, Poly, RotationKey, RotationSource};

use super::LinearTransform;
use crate::ciphertext::Ciphertext;
use crate::evaluator::{EvaluationError, Evaluator, KeyName, check_levels, check_scales};
use crate::keys::{GaloisKey, SwitchingKey};

/// The keys of the rotations of a transform; none for the rotation by nothing.
type Keys<'a> = BTreeMap<i64, Option<&'a GaloisKey>>;

/// A sum over Q P that encrypts P times a message.
type Raised = [Poly<Evaluation>; 2];

impl Evaluator {
    /// A matrix times the vector of the slots, with one level less: `transform` in the clear, its
    /// rotations by [`rotations`](LinearTransform::rotations). The case of one input and one output of
    /// [`linear_transforms`](Self::linear_transforms).
    ///
    /// # Errors
    /// As [`linear_transforms`](Self::linear_transforms).
    pub fn linear_transform(
        &self,
        a: &Ciphertext,
        transform: &LinearTransform,
    ) -> Result<Ciphertext, EvaluationError> {
        let outputs = transform.plan().outputs();
        match self.linear_transforms(&[a], transform)?.pop() {
            Some(image) if outputs == 1 => Ok(image),
            _ => Err(EvaluationError::Outputs { found: outputs }),
        }
    }

    /// A matrix of matrices times a vector of vectors of slots, with one level less: output o is the sum over
    /// the inputs i of the block (o, i) times input i.
    ///
    /// Baby-step giant-step with double hoisting (Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux, 2021,
    /// algorithm 6). One decomposition of each input serves all baby steps, and these serve all outputs; their
    /// products with the diagonals and the rotated giant steps are added up over Q P. The division by P is done
    /// once for one half of each giant step of an output, and once at the end for the output, together with the
    /// rescaling. [`operations`](LinearTransform::operations) counts what is done.
    ///
    /// Inputs of the canonical scale of their level give outputs of the canonical scale; any other deviation from
    /// it, which all inputs share, stays the same. The error in a slot is about that of one rotation and one
    /// rescaling, times the square root of the sum of the squares of the matrix entries in the slot's row. An
    /// input of degree 2 is relinearised first.
    ///
    /// # Errors
    /// If there is not one ciphertext for each input, they differ in level or scale, one has another level or
    /// other parameters than the transform, or a key is missing or serves lower levels only.
    pub fn linear_transforms(
        &self,
        inputs: &[&Ciphertext],
        transform: &LinearTransform,
    ) -> Result<Vec<Ciphertext>, EvaluationError> {
        let images = self.linear_transforms_of_each(&[inputs], transform)?;
        Ok(images.into_iter().flatten().collect())
    }

    /// [`linear_transforms`](Self::linear_transforms) of several vectors of vectors, by the same matrix: its diagonals
    /// are transformed once for all of them where they are kept by
    /// [coefficients](super::DiagonalForm::Coefficients).
    ///
    /// # Errors
    /// As [`linear_transforms`](Self::linear_transforms), and if inputs of different vectors differ in scale.
    pub fn linear_transforms_of_each(
        &self,
        vectors: &[&[&Ciphertext]],
        transform: &LinearTransform,
    ) -> Result<Vec<Vec<Ciphertext>>, EvaluationError> {
        let plan = transform.plan();
        self.check_own(plan.parameters())?;
        let level = transform.level();
        let inputs: Vec<_> = vectors.iter().copied().flatten().copied().collect();
        let &first = inputs.first().ok_or(EvaluationError::Empty)?;
        if let Some(other) = vectors.iter().find(|v| v.len() != plan.inputs()) {
            return Err(EvaluationError::Inputs {
                found: other.len(),
                expected: plan.inputs(),
            });
        }
        for a in &inputs {
            self.check_own(a.parameters())?;
            check_levels(a.level(), level)?;
            check_scales(a.scale(), first.scale())?;
        }
        self.checked_scale(first.scale() * plan.scale(), level)?;
        let babies = self.keys_of(plan.babies(), level)?;
        let mut giants = BTreeMap::new();
        for step in plan.giant_steps().values() {
            giants.insert(step.rotation, self.key_of(step.rotation, level)?);
        }
        let relinearized = inputs
            .iter()
            .map(|a| self.relinearize(a))
            .collect::<Result<Vec<_>, _>>()?;

        let sums = self.sums(&relinearized, &babies, transform)?;
        let parameters = self.parameters();
        let Some(divider) = parameters.mod_down_rescaler(level) else {
            unreachable!("transforms have a level to take");
        };
        let scale = parameters.scale(level - 1) * (first.scale() / parameters.scale(level));
        // By vector, output and the giant step that it waits for; a vector's sums after those of the others that
        // have the same diagonals.
        let of_each = transform.sums().iter().flat_map(|sum| {
            let numbers = 0..vectors.len();
            numbers.map(move |vector| (vector, sum.output, sum.giant))
        });
        let mut waiting: BTreeMap<_, _> = of_each.zip(sums).collect();
        let mut steps: Vec<_> = plan.giant_steps().iter().collect();
        // The longest first, and all that have it together, which share its key.
        steps.sort_by_key(|&(&(output, giant), _)| (Reverse(giant.abs()), giant, output));
        for (&(output, giant), step) in steps {
            for vector in 0..vectors.len() {
                // There is none where the matrix has fewer diagonals than the plan.
                let Some(raised) = waiting.remove(&(vector, output, giant)) else {
                    continue;
                };
                let onto = (vector, output, step.left);
                let image = waiting.remove(&onto);
                let key = giants[&step.rotation];
                waiting.insert(onto, self.giant_step(image, raised, key, level)?);
            }
        }
        let mut divided = |vector, output| {
            let image = waiting
                .remove(&(vector, output, 0))
                .ok_or(EvaluationError::Empty)?;
            let parts = divider.divide_pair(image).into();
            Ok(Ciphertext::new(parameters, parts, scale))
        };
        (0..vectors.len())
            .map(|vector| {
                (0..plan.outputs())
                    .map(|output| divided(vector, output))
                    .collect()
            })
            .collect()
    }

    fn keys_of(
        &self,
        rotations: impl IntoIterator<Item = i64>,
        level: usize,
    ) -> Result<Keys<'_>, EvaluationError> {
        rotations
            .into_iter()
            .map(|steps| {
                let key = (steps != 0).then(|| self.key_of(steps, level));
                Ok((steps, key.transpose()?))
            })
            .collect()
    }

    fn key_of(&self, steps: i64, level: usize) -> Result<&GaloisKey, EvaluationError> {
        let element = GaloisElement::rotation(steps, self.parameters().log_n());
        self.galois_key(element, KeyName::Rotation(steps), level)
    }

    /// For each sum of the transform, what its terms add up to for each of the vectors.
    fn sums(
        &self,
        inputs: &[Ciphertext],
        keys: &Keys<'_>,
        transform: &LinearTransform,
    ) -> Result<Vec<Raised>, EvaluationError> {
        let decomposer = self.parameters().decomposer(transform.level());
        let of_vector = transform.plan().inputs();
        let firsts = (0..inputs.len()).step_by(of_vector);
        // By input and baby step.
        let mut places = BTreeMap::new();
        for term in transform.sums().iter().flat_map(|sum| &sum.terms) {
            for first in firsts.clone() {
                places.entry((first + term.input, term.baby)).or_insert(0);
            }
        }
        for (place, found) in places.values_mut().enumerate() {
            *found = place;
        }
        let hoisted: Vec<_> = inputs
            .iter()
            .enumerate()
            .map(|(i, a)| {
                let rotates = places.keys().any(|&(input, baby)| input == i && baby != 0);
                decomposer.hoist([&a.parts()[0], &a.parts()[1]], rotates)
            })
            .collect();

        let used: Vec<_> = places.keys().map(|&(_, baby)| keys[&baby]).collect();
        let together = self.keys().fit_together(keys.values().copied().flatten());
        // Keys that do not fit into their memory at once are used one after the other.
        let one_by_one = |key: &GaloisKey, input: usize| {
            let switching = key.key()?;
            let rotated = decomposer.rotate_hoisted(&hoisted[input], rotation_key(key, &switching));
            Ok::<_, EvaluationError>(rotated)
        };
        let mut rotated = Vec::new();
        let mut held: BTreeMap<i64, Arc<SwitchingKey>> = BTreeMap::new();
        for (&(input, baby), key) in places.keys().zip(&used) {
            match key {
                Some(key) if !together => rotated.push(one_by_one(key, input)?),
                Some(key) if !held.contains_key(&baby) => {
                    held.insert(baby, key.key()?);
                }
                _ => {}
            }
        }
        let mut rotated = rotated.iter();
        let sources: Vec<_> = places
            .keys()
            .zip(&used)
            .map(|(&(input, baby), key)| match key {
                None => RotationSource::Itself(input),
                Some(key) => match held.get(&baby) {
                    Some(switching) => RotationSource::Rotated(input, rotation_key(key, switching)),
                    None => RotationSource::Ready(rotated.next().expect("it has been rotated")),
                },
            })
            .collect();
        let terms: Vec<Vec<(usize, Multiplier<'_>)>> = transform
            .sums()
            .iter()
            .flat_map(|sum| firsts.clone().map(move |first| (first, sum)))
            .map(|(first, sum)| {
                let terms = sum.terms.iter();
                terms
                    .map(|term| {
                        let place = places[&(first + term.input, term.baby)];
                        (place, term.diagonal.multiplier())
                    })
                    .collect()
            })
            .collect();
        Ok(decomposer.sums_of_rotations(&hoisted, &sources, &terms))
    }

    /// Adds what a giant step rotates to what there is.
    fn giant_step(
        &self,
        image: Option<Raised>,
        [c0, c1]: Raised,
        key: &GaloisKey,
        level: usize,
    ) -> Result<Raised, EvaluationError> {
        let parameters = self.parameters();
        let qp = parameters.qp(level);
        let mut image = image.unwrap_or_else(|| [0, 1].map(|_| Poly::zero(qp)));
        // Only c1 leaves Q P: what it is decomposed into must be small.
        let c1 = parameters.mod_down(level).divide(c1);
        let switching = key.key()?;
        let decomposer = parameters.decomposer(level);
        decomposer.add_rotated(&mut image, &c0, &c1, rotation_key(key, &switching));
        Ok(image)
    }
}

fn rotation_key<'a>(key: &'a GaloisKey, switching: &'a SwitchingKey) -> RotationKey<'a> {
    RotationKey {
        weights: switching.weights(),
        automorphism: key.automorphism(),
    }
}

//! Matrices encoded for evaluation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use num_complex::Complex64;
use rayon::prelude::*;
use tapetum_ring::{Evaluation, Poly};

use super::{LinearTransformError, LinearTransformPlan, OperationCounts, SlotMatrix};
use crate::encoder::Encoder;

/// A matrix whose diagonals are encoded over Q P, ready to be applied to ciphertexts of one level
/// by [`Evaluator::linear_transform`](crate::Evaluator::linear_transform).
///
/// It takes 8 N (l + 1 + K) bytes for each diagonal, at level l with K special primes: 1.3 MB at
/// level 8 of the preset n14.
///
/// ```
/// use std::collections::BTreeMap;
/// use tapetum_ckks::*;
///
/// let parameters = Parameters::preset(Preset::N13);
/// let encoder = Encoder::new(&parameters);
/// // Half the difference of each slot and its left neighbour.
/// let slots = parameters.slots();
/// let half = Complex64::new(0.5, 0.0);
/// let diagonals = BTreeMap::from([(0, vec![half; slots]), (-1, vec![-half; slots])]);
/// let matrix = SlotMatrix::from_diagonals(slots, diagonals)?;
/// let transform = LinearTransform::new(&encoder, &matrix, 2)?;
///
/// let secret = SecretKey::generate(&parameters)?;
/// let plan = KeyPlan::new(&parameters)
///     .rotations(transform.rotations())
///     .up_to_level(transform.level());
/// let evaluator = Evaluator::with_keys(KeyGenerator::new(&secret)?.evaluation_keys(&plan)?);
/// let x = encoder.encode(&[1.0, 2.0, 4.0, 8.0], 2)?;
/// let x = Encryptor::with_secret_key(&secret).encrypt(&x)?;
/// let y = evaluator.linear_transform(&x, &transform)?;
/// assert_eq!(y.level(), 1);
/// let y = encoder.decode(&Decryptor::new(&secret).decrypt(&y)?);
/// assert!((y[0] - 0.5).abs() < 1e-4 && (y[3] - 2.0).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LinearTransform {
    plan: LinearTransformPlan,
    giants: Vec<GiantStep>,
}

/// The diagonals of one giant step, each rotated back by it.
#[derive(Clone)]
pub(super) struct GiantStep {
    pub(super) steps: i64,
    pub(super) terms: Vec<Term>,
}

#[derive(Clone)]
pub(super) struct Term {
    pub(super) baby: i64,
    pub(super) diagonal: Poly<Evaluation>,
}

impl LinearTransform {
    /// Encodes a matrix for ciphertexts of this level, split as [`LinearTransformPlan::new`]
    /// finds best.
    ///
    /// # Errors
    /// If the matrix is for another number of slots, the level is 0 or does not exist, or an entry
    /// is not finite or too large.
    pub fn new(
        encoder: &Encoder,
        matrix: &SlotMatrix,
        level: usize,
    ) -> Result<Self, LinearTransformError> {
        let indices = matrix.diagonals().map(|(k, _)| k);
        let plan = LinearTransformPlan::new(encoder.parameters(), indices, level)?;
        Self::with_plan(encoder, matrix, plan)
    }

    /// Encodes a matrix by a given plan, which may be for more diagonals than the matrix has.
    ///
    /// # Errors
    /// If the plan belongs to other parameters or has not all diagonals of the matrix, the matrix
    /// is for another number of slots, or an entry is not finite or too large.
    pub fn with_plan(
        encoder: &Encoder,
        matrix: &SlotMatrix,
        plan: LinearTransformPlan,
    ) -> Result<Self, LinearTransformError> {
        let parameters = encoder.parameters();
        if plan.parameters() != parameters {
            return Err(LinearTransformError::Parameters);
        }
        let (found, slots) = (matrix.slots(), parameters.slots());
        if found != slots {
            return Err(LinearTransformError::Slots { found, slots });
        }
        let encoded: Vec<(i64, Term)> = matrix
            .diagonals()
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|(index, diagonal)| encode(encoder, &plan, index, diagonal))
            .collect::<Result<_, _>>()?;
        let indices = matrix.diagonals().map(|(k, _)| k).collect();
        let plan = plan.restricted(&indices);
        let mut giants = BTreeMap::<i64, Vec<Term>>::new();
        for (giant, term) in encoded {
            giants.entry(giant).or_default().push(term);
        }
        let giants = giants
            .into_iter()
            .map(|(steps, terms)| GiantStep { steps, terms })
            .collect();
        Ok(Self { plan, giants })
    }

    /// The level of the ciphertexts that it applies to; the result is one level lower.
    pub fn level(&self) -> usize {
        self.plan.level()
    }

    /// How it is split into baby steps and giant steps.
    pub fn plan(&self) -> &LinearTransformPlan {
        &self.plan
    }

    /// The rotations whose keys the evaluator must hold, for ciphertexts of [`level`](Self::level).
    pub fn rotations(&self) -> BTreeSet<i64> {
        self.plan.rotations()
    }

    /// What an evaluation does.
    pub fn operations(&self) -> OperationCounts {
        self.plan.operations()
    }

    pub(super) fn giants(&self) -> &[GiantStep] {
        &self.giants
    }
}

/// A diagonal, rotated back by its giant step, which is the first half of the result.
///
/// Its scale takes a ciphertext of the canonical scale to that of the level below.
fn encode(
    encoder: &Encoder,
    plan: &LinearTransformPlan,
    index: i64,
    diagonal: &[Complex64],
) -> Result<(i64, Term), LinearTransformError> {
    let (parameters, level) = (encoder.parameters(), plan.level());
    let steps = plan
        .steps(index)
        .ok_or(LinearTransformError::NotPlanned { index })?;
    let split = (-steps.giant).rem_euclid(diagonal.len() as i64) as usize;
    let (end, start) = diagonal.split_at(split);
    let rotated: Vec<_> = start.iter().chain(end).copied().collect();
    let diagonal = encoder
        .encode_over(
            parameters.qp(level),
            rotated.into_iter(),
            level,
            plan.scale(),
        )
        .map_err(|source| LinearTransformError::Encode { index, source })?;
    let baby = steps.baby;
    Ok((steps.giant, Term { baby, diagonal }))
}

impl fmt::Debug for LinearTransform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinearTransform")
            .field("level", &self.level())
            .field("operations", &self.operations())
            .field("parameters", &self.plan.parameters().digest())
            .finish()
    }
}

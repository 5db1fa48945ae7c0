//! Matrices encoded for evaluation.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rayon::prelude::*;
use tapetum_ring::{Evaluation, Integers, MIN_LOG_N, Multiplier, Poly};

use super::{
    DiagonalEntries, DiagonalSource, LinearTransformError, LinearTransformPlan, OperationCounts,
    SlotMatrix,
};
use crate::encoder::{EncodeError, Encoder, SlotValue};

/// A matrix whose diagonals are encoded over Q P, ready to be applied to ciphertexts of one level
/// by [`Evaluator::linear_transform`](crate::Evaluator::linear_transform).
///
/// It takes 8 N (l + 1 + K) bytes for each diagonal, at level l with K special primes: 1.3 MB at
/// level 8 of the preset n14; or 8 N bytes, see [`DiagonalForm`]. A diagonal that repeats some entries k times takes, and is
/// encoded in, 1 / k of that: it is a polynomial in X^k.
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
    /// By output and giant step, in order.
    sums: Vec<Sum>,
}

/// How the diagonals of a transform are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiagonalForm {
    /// Ready to be multiplied, over Q P: fastest if the transform is used again and again.
    #[default]
    Values,
    /// By coefficients, which are transformed modulo one prime after the other when they are used: at level l
    /// with K special primes, 1 / (l + 1 + K) of the memory, for a transform of a prime of a diagonal at each
    /// use. For matrices that are used once, or that do not fit into memory otherwise.
    Coefficients,
}

/// The diagonals of an output that have one giant step, each rotated back by it.
#[derive(Clone)]
pub(super) struct Sum {
    pub(super) output: usize,
    pub(super) giant: i64,
    pub(super) terms: Vec<Term>,
}

#[derive(Clone)]
pub(super) struct Term {
    pub(super) input: usize,
    pub(super) baby: i64,
    pub(super) diagonal: Diagonal,
}

/// A diagonal in one of the forms.
#[derive(Clone)]
pub(super) enum Diagonal {
    Values(Poly<Evaluation>),
    Coefficients(Integers),
}

impl Diagonal {
    pub(super) fn multiplier(&self) -> Multiplier<'_> {
        match self {
            Self::Values(poly) => Multiplier::Values(poly),
            Self::Coefficients(coefficients) => Multiplier::Coefficients(coefficients),
        }
    }
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
        Self::of_blocks(encoder, matrix, plan, DiagonalForm::Values)
    }

    /// Encodes a matrix of matrices by a given plan, which may be for more diagonals than the matrix has.
    ///
    /// # Errors
    /// As [`with_plan`](Self::with_plan), and if the entries of a diagonal are no power of two up to the number of slots
    /// or the plan has other numbers of inputs and outputs.
    pub fn of_blocks(
        encoder: &Encoder,
        source: &(impl DiagonalSource + ?Sized),
        plan: LinearTransformPlan,
        form: DiagonalForm,
    ) -> Result<Self, LinearTransformError> {
        let parameters = encoder.parameters();
        if plan.parameters() != parameters {
            return Err(LinearTransformError::Parameters);
        }
        let (found, slots) = (source.slots(), parameters.slots());
        if found != slots {
            return Err(LinearTransformError::Slots { found, slots });
        }
        let indices = source.indices();
        let diagonals: Vec<_> = indices
            .iter()
            .flat_map(|(&block, indices)| indices.iter().map(move |&index| (block, index)))
            .collect();
        let planned = (plan.outputs(), plan.inputs());
        let encode = |&(block, index): &((usize, usize), i64)| {
            let encoding = Encoding {
                encoder,
                plan: &plan,
                form,
                index,
            };
            let (giant, baby, diagonal) = match source.entries(block, index) {
                DiagonalEntries::Complex(entries) => encoding.encode(&entries),
                DiagonalEntries::Real(entries) => encoding.encode(&entries),
                DiagonalEntries::Single(entries) => encoding.encode(&entries),
                DiagonalEntries::Small(entries) => encoding.encode(&entries),
            }?;
            let (output, input) = block;
            let term = Term {
                input,
                baby,
                diagonal,
            };
            Ok(((output, giant), term))
        };
        let encoded: Vec<_> = diagonals
            .par_iter()
            .map(encode)
            .collect::<Result<_, LinearTransformError>>()?;
        let plan = plan.restricted(&indices);
        if planned != (plan.outputs(), plan.inputs()) {
            return Err(LinearTransformError::Blocks {
                planned_outputs: planned.0,
                planned_inputs: planned.1,
                outputs: plan.outputs(),
                inputs: plan.inputs(),
            });
        }
        let mut sums = BTreeMap::<_, Vec<Term>>::new();
        for (sum, term) in encoded {
            sums.entry(sum).or_default().push(term);
        }
        let sums = sums
            .into_iter()
            .map(|((output, giant), terms)| Sum {
                output,
                giant,
                terms,
            })
            .collect();
        Ok(Self { plan, sums })
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

    pub(super) fn sums(&self) -> &[Sum] {
        &self.sums
    }
}

/// How a diagonal is encoded.
struct Encoding<'a> {
    encoder: &'a Encoder,
    plan: &'a LinearTransformPlan,
    form: DiagonalForm,
    index: i64,
}

impl Encoding<'_> {
    /// Giant step, baby step, and the diagonal rotated back by its giant step.
    ///
    /// Its scale takes a ciphertext of the canonical scale to that of the level below.
    fn encode(
        &self,
        diagonal: &[impl SlotValue],
    ) -> Result<(i64, i64, Diagonal), LinearTransformError> {
        let (plan, index) = (self.plan, self.index);
        let (parameters, level) = (self.encoder.parameters(), plan.level());
        let (found, slots) = (diagonal.len(), parameters.slots());
        if !(found.is_power_of_two() && found <= slots) {
            return Err(LinearTransformError::DiagonalLength {
                index,
                found,
                slots,
            });
        }
        let steps = plan
            .steps(index.rem_euclid(slots as i64))
            .ok_or(LinearTransformError::NotPlanned { index })?;
        let diagonal = period(diagonal);
        let period = diagonal.len();
        let (end, start) = diagonal.split_at((-steps.giant).rem_euclid(period as i64) as usize);
        let rotated = start.iter().chain(end).copied();
        let failed = |source: EncodeError| LinearTransformError::Encode { index, source };
        let integers = self
            .encoder
            .encode_periodic_integers(rotated, period, level, plan.scale())
            .map_err(failed)?;
        let diagonal = match self.form {
            DiagonalForm::Values => {
                let ring = parameters.qp(level).subring(integers.len().ilog2());
                Diagonal::Values(integers.to_poly(&ring))
            }
            DiagonalForm::Coefficients => Diagonal::Coefficients(integers),
        };
        Ok((steps.giant, steps.baby, diagonal))
    }
}

/// The slots of the smallest ring.
const LEAST_PERIOD: usize = 1 << (MIN_LOG_N - 1);

/// What a diagonal repeats, from the smallest ring's slots on: those of many transforms have a short period, and a
/// polynomial in a power of X takes less time and memory.
fn period<T: SlotValue>(diagonal: &[T]) -> Cow<'_, [T]> {
    let diagonal = without_repetitions(diagonal);
    match LEAST_PERIOD / diagonal.len() {
        0 | 1 => Cow::Borrowed(diagonal),
        times => Cow::Owned(diagonal.repeat(times)),
    }
}

fn without_repetitions<T: PartialEq>(mut diagonal: &[T]) -> &[T] {
    while diagonal.len() > LEAST_PERIOD && diagonal.len().is_multiple_of(2) {
        let (first, second) = diagonal.split_at(diagonal.len() / 2);
        if first != second {
            break;
        }
        diagonal = first;
    }
    diagonal
}

impl SlotMatrix {
    /// How many diagonals without repetitions take as much memory as those of this matrix, encoded.
    pub(crate) fn encoded_diagonals(&self) -> f64 {
        let entries = self.diagonals().map(|(_, d)| without_repetitions(d).len());
        entries.sum::<usize>() as f64 / self.slots() as f64
    }
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

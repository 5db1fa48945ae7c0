//! How a linear transform is split into baby steps and giant steps, chosen by counted work.

use std::collections::{BTreeMap, BTreeSet};

use super::LinearTransformError;
use crate::parameters::Parameters;

/// The split of each diagonal of a linear transform into baby step and giant step, for
/// ciphertexts of one level. It depends on which diagonals there are and not on their entries, so
/// that who makes the keys need not know the matrix.
///
/// The work of a plan is that of its [`operations`](Self::operations), each in multiplications per
/// coefficient; of the splits of the form k = g + b with b in a window and g a multiple of the
/// window's width, [`new`](Self::new) takes one that costs least. With l + 1 primes of Q, K of P,
/// L = l + 1 + K, d digits, and t = (5/8) log N for the transform of one limb:
///
/// | operation | cost |
/// |---|---|
/// | decomposition | t d L + (l + 1) (L - K) |
/// | inner product with a key, both halves | 2 L (d + 1), the automorphism included |
/// | division by P, of one polynomial | t L + K (l + 1) |
/// | product with a diagonal, both halves | 2 L |
///
/// A baby step costs an inner product only, a giant step a decomposition, a division and an inner
/// product; so there are more baby steps than giant steps. All baby steps are held at a time: 2 L N
/// numbers of 8 bytes each, as is a diagonal with half of that.
///
/// ```
/// use tapetum_ckks::{KeyPlan, LinearTransformPlan, Parameters, Preset};
///
/// let parameters = Parameters::preset(Preset::N14);
/// let plan = LinearTransformPlan::new(&parameters, 0..64, 8)?;
/// let operations = plan.operations();
/// assert_eq!((operations.decompositions, operations.inner_products), (4, 18));
/// let keys = KeyPlan::new(&parameters).rotations(plan.rotations());
/// assert_eq!(keys.len(), 18);
/// # Ok::<(), tapetum_ckks::LinearTransformError>(())
/// ```
#[derive(Clone, Debug)]
pub struct LinearTransformPlan {
    parameters: Parameters,
    level: usize,
    /// By index of the diagonal in 0 .. slots.
    steps: BTreeMap<i64, Steps>,
}

/// A diagonal's index as the sum of two rotations, each the representative nearest to zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) giant: i64,
    pub(super) baby: i64,
}

/// The costly operations of a linear transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationCounts {
    /// Polynomials split into digits over Q P.
    pub decompositions: usize,
    /// Key switches without the decomposition and without the division: inner products of digits
    /// with both halves of a key, of which there are as many at most.
    pub inner_products: usize,
    /// Polynomials divided by P. Two of them, the last, are divided by a prime of Q as well: the
    /// rescaling of the result.
    pub divisions: usize,
    /// Products of a diagonal with both halves of a ciphertext over Q P.
    pub plaintext_products: usize,
}

impl LinearTransformPlan {
    /// The plan of least counted work for these diagonals (their indices count modulo the number
    /// of slots) and ciphertexts of this level.
    ///
    /// # Errors
    /// If there is no diagonal, or the level is 0 or does not exist.
    pub fn new(
        parameters: &Parameters,
        diagonals: impl IntoIterator<Item = i64>,
        level: usize,
    ) -> Result<Self, LinearTransformError> {
        check_level(parameters, level)?;
        let indices = shortest_run(diagonals, parameters.slots())?;
        let candidates = Window::candidates(&indices, parameters.slots());
        let work = |plan: &Self| plan.operations().work(parameters, level);
        Ok(candidates
            .map(|window| Self::with_window(parameters, &indices, level, window))
            .min_by(|a, b| work(a).total_cmp(&work(b)))
            .expect("there is a candidate"))
    }

    /// The plan with the baby steps 0, 1, ..., `count` - 1 and giant steps that are multiples of
    /// `count`: for several transforms that share their keys.
    ///
    /// # Errors
    /// As [`new`](Self::new), and if `count` is zero or more than the number of slots.
    pub fn with_baby_steps(
        parameters: &Parameters,
        diagonals: impl IntoIterator<Item = i64>,
        level: usize,
        count: usize,
    ) -> Result<Self, LinearTransformError> {
        check_level(parameters, level)?;
        let slots = parameters.slots();
        let indices = shortest_run(diagonals, slots)?;
        if !(1..=slots).contains(&count) {
            return Err(LinearTransformError::BabySteps {
                found: count,
                slots,
            });
        }
        let window = Window {
            low: 0,
            width: count as i64,
        };
        Ok(Self::with_window(parameters, &indices, level, window))
    }

    /// The caller guarantees that the level exists and that there is an index.
    fn with_window(parameters: &Parameters, indices: &[i64], level: usize, window: Window) -> Self {
        let slots = parameters.slots() as i64;
        let steps = indices
            .iter()
            .map(|&k| (k.rem_euclid(slots), window.split(k, slots)))
            .collect();
        Self {
            parameters: parameters.clone(),
            level,
            steps,
        }
    }

    /// The parameters that it is for.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The level of the ciphertexts that it is for.
    pub fn level(&self) -> usize {
        self.level
    }

    /// The rotations whose keys the evaluator must hold, for ciphertexts of [`level`](Self::level).
    pub fn rotations(&self) -> BTreeSet<i64> {
        let mut rotations = self.babies();
        rotations.extend(self.giants());
        rotations.remove(&0);
        rotations
    }

    /// What an evaluation does.
    pub fn operations(&self) -> OperationCounts {
        let switched = |steps: BTreeSet<i64>| steps.iter().filter(|&&k| k != 0).count();
        let (babies, giants) = (switched(self.babies()), switched(self.giants()));
        OperationCounts {
            decompositions: usize::from(babies > 0) + giants,
            inner_products: babies + giants,
            divisions: giants + 2,
            plaintext_products: self.steps.len(),
        }
    }

    /// What takes a ciphertext of the canonical scale to that of the level below, by a product
    /// and a rescaling.
    pub(super) fn scale(&self) -> f64 {
        let (parameters, level) = (&self.parameters, self.level);
        let prime = parameters.q(level).modulus(level).to_f64();
        parameters.scale(level - 1) * prime / parameters.scale(level)
    }

    /// Without the diagonals that are not among these.
    pub(super) fn restricted(mut self, indices: &BTreeSet<i64>) -> Self {
        self.steps.retain(|index, _| indices.contains(index));
        self
    }

    /// The baby steps, that by nothing included.
    pub(crate) fn babies(&self) -> BTreeSet<i64> {
        self.steps.values().map(|steps| steps.baby).collect()
    }

    pub(super) fn giants(&self) -> BTreeSet<i64> {
        self.steps.values().map(|steps| steps.giant).collect()
    }

    /// The steps of the diagonal with this index in 0 .. slots.
    pub(super) fn steps(&self, index: i64) -> Option<Steps> {
        self.steps.get(&index).copied()
    }
}

impl OperationCounts {
    /// Multiplications per coefficient, as in the table of [`LinearTransformPlan`].
    fn work(&self, parameters: &Parameters, level: usize) -> f64 {
        let q = (level + 1) as f64;
        let p = parameters.special() as f64;
        let digits = parameters.decomposer(level).count() as f64;
        let all = q + p;
        let transform = 0.625 * parameters.log_n() as f64;
        let decomposition = transform * digits * all + q * (all - p);
        let inner_product = 2.0 * all * (digits + 1.0);
        let division = transform * all + p * q;
        self.decompositions as f64 * decomposition
            + self.inner_products as f64 * inner_product
            + self.divisions as f64 * division
            + self.plaintext_products as f64 * 2.0 * all
    }
}

/// The baby steps low, ..., low + width - 1; the giant steps are multiples of the width.
#[derive(Clone, Copy, Debug)]
struct Window {
    low: i64,
    width: i64,
}

impl Window {
    fn split(self, index: i64, slots: i64) -> Steps {
        let giant = (index - self.low).div_euclid(self.width) * self.width;
        Steps {
            giant: nearest_to_zero(giant, slots),
            baby: nearest_to_zero(index - giant, slots),
        }
    }

    /// Widths of three significant bits, in units of the greatest common divisor of the indices,
    /// with the windows placed such that a first, or a middle, baby step needs no rotation or that
    /// they begin with the lowest index; and one window for all indices.
    fn candidates(indices: &[i64], slots: usize) -> impl Iterator<Item = Self> {
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

fn check_level(parameters: &Parameters, level: usize) -> Result<(), LinearTransformError> {
    let max = parameters.max_level();
    if (1..=max).contains(&level) {
        Ok(())
    } else {
        Err(LinearTransformError::Level { level, max })
    }
}

/// The distinct indices as a run of representatives modulo the number of slots with the least
/// span, in order, and as near to zero as such a run can be.
fn shortest_run(
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

fn nearest_to_zero(steps: i64, slots: i64) -> i64 {
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

//! How a linear transform is split into baby steps and giant steps, chosen by counted work.

use std::collections::{BTreeMap, BTreeSet};

use super::LinearTransformError;
use super::giants::{self, GiantSteps};
use super::window::{Steps, Window, nearest_to_zero, shortest_run};
use crate::parameters::Parameters;

/// The split of each diagonal of a linear transform into baby step and giant step, for
/// ciphertexts of one level. It depends on which diagonals there are and not on their entries, so
/// that who makes the keys need not know the matrix.
///
/// Of the splits of the form k = g + b with b in a window and g a multiple of the window's width, [`new`](Self::new)
/// takes one that costs least. Counted are multiplications per coefficient and the bytes per coefficient that come
/// from memory rather than from a cache, of which two take as long as a multiplication (measured on a Zen 3; on
/// others memory is no faster). With l + 1 primes of Q, K of P, L = l + 1 + K, d digits, and t = (5/8) log N for the
/// transform of one limb:
///
/// | operation | multiplications | bytes |
/// |---|---|---|
/// | decomposition | t d L + (l + 1) (L - K) | |
/// | baby step: inner product with a key, both halves | 2 L (d + 1), the automorphism included | 24 d L |
/// | giant step: the same, digits at hand | 2 L (d + 1) | 16 d L |
/// | division by P, of one polynomial | t L + K (l + 1) | |
/// | product with a diagonal, both halves | 2 L | 8 L |
/// | a key, to be made, kept and sent | | 2 d L |
///
/// A giant step costs 1.5 to 2.5 times as much as a baby step, so there are about as many of both. A giant step that is
/// the sum of two others has no key of its own: it is taken as those two, together with what waits for the second. A diagonal takes
/// L N numbers of 8 bytes; of the baby steps a limb each is held at a time.
///
/// ```
/// use tapetum_ckks::{KeyPlan, LinearTransformPlan, Parameters, Preset};
///
/// let parameters = Parameters::preset(Preset::N14);
/// let plan = LinearTransformPlan::new(&parameters, 0..64, 8)?;
/// let operations = plan.operations();
/// assert_eq!((operations.decompositions, operations.inner_products), (8, 14));
/// let keys = KeyPlan::new(&parameters).rotations(plan.rotations());
/// assert_eq!(keys.len(), 7 + 1);
/// # Ok::<(), tapetum_ckks::LinearTransformError>(())
/// ```
#[derive(Clone, Debug)]
pub struct LinearTransformPlan {
    parameters: Parameters,
    level: usize,
    /// By index of the diagonal in 0 .. slots.
    steps: BTreeMap<i64, Steps>,
    /// Indices in 0 .. slots.
    blocks: BlockIndices,
    giant_steps: GiantSteps,
}

/// Which diagonals each block of a matrix of matrices has, by output and input.
pub type BlockIndices = BTreeMap<(usize, usize), BTreeSet<i64>>;

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

/// So many bytes from memory take as long as a multiplication.
const BYTES_AS_LONG: f64 = 2.0;

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
        Self::for_blocks(parameters, &single(diagonals), level)
    }

    /// The plan of least counted work for a matrix of matrices with these diagonals, as
    /// [`BlockMatrix::indices`](super::BlockMatrix::indices) gives them: one split serves all blocks, so that
    /// an input's baby steps are shared by the outputs and an output's giant steps by the inputs.
    ///
    /// # Errors
    /// If an output or an input has no diagonal, or the level is 0 or does not exist.
    pub fn for_blocks(
        parameters: &Parameters,
        blocks: &BlockIndices,
        level: usize,
    ) -> Result<Self, LinearTransformError> {
        check_level(parameters, level)?;
        let run = shortest_run(all(blocks)?, parameters.slots())?;
        let work = Self::work;
        Ok(Window::candidates(&run, parameters.slots())
            .map(|window| Self::with_window(parameters, blocks, level, &run, window))
            .min_by(|a, b| work(a).total_cmp(&work(b)))
            .expect("there is a candidate")
            .chained())
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
        let blocks = single(diagonals);
        let run = shortest_run(all(&blocks)?, slots)?;
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
        Ok(Self::with_window(parameters, &blocks, level, &run, window).chained())
    }

    /// The plan with the baby steps and giant steps of one's choice, of which each diagonal's index must be a
    /// sum: those of a convolution, say, whose taps are baby steps and whose channels are giant steps.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use tapetum_ckks::{LinearTransformPlan, Parameters, Preset};
    ///
    /// let parameters = Parameters::preset(Preset::N14);
    /// // Nine taps of rows of 32 pixels, on 8 channels of 1,024.
    /// let taps: Vec<i64> = [-32, 0, 32].iter().flat_map(|y| [y - 1, *y, y + 1]).collect();
    /// let channels: Vec<i64> = (0..8).map(|c| 1024 * c).collect();
    /// let diagonals = channels.iter().flat_map(|c| taps.iter().map(move |t| c + t)).collect();
    /// let blocks = BTreeMap::from([((0, 0), diagonals)]);
    /// let plan = LinearTransformPlan::with_steps(&parameters, &blocks, 8, &taps, &channels)?;
    /// assert_eq!(plan.operations().inner_products, 8 + 7);
    /// # Ok::<(), tapetum_ckks::LinearTransformError>(())
    /// ```
    ///
    /// # Errors
    /// As [`for_blocks`](Self::for_blocks), and if a diagonal is no sum of a baby step and a giant step.
    pub fn with_steps(
        parameters: &Parameters,
        blocks: &BlockIndices,
        level: usize,
        babies: &[i64],
        giants: &[i64],
    ) -> Result<Self, LinearTransformError> {
        check_level(parameters, level)?;
        let slots = parameters.slots() as i64;
        let babies: BTreeSet<_> = babies.iter().map(|k| nearest_to_zero(*k, slots)).collect();
        let splits = all(blocks)?
            .map(|index| {
                let split = giants.iter().find_map(|&giant| {
                    let baby = nearest_to_zero(index - giant, slots);
                    let giant = nearest_to_zero(giant, slots);
                    babies.contains(&baby).then_some(Steps { giant, baby })
                });
                let steps = split.ok_or(LinearTransformError::NotPlanned { index })?;
                Ok((index.rem_euclid(slots), steps))
            })
            .collect::<Result<BTreeMap<_, _>, _>>()?;
        Ok(Self::split(parameters, blocks, level, |k| splits[&k]).chained())
    }

    /// The caller guarantees that the level exists and that the run is that of all indices.
    fn with_window(
        parameters: &Parameters,
        blocks: &BlockIndices,
        level: usize,
        run: &[i64],
        window: Window,
    ) -> Self {
        let slots = parameters.slots() as i64;
        let splits: BTreeMap<_, _> = run
            .iter()
            .map(|&k| (k.rem_euclid(slots), window.split(k, slots)))
            .collect();
        Self::split(parameters, blocks, level, |k| splits[&k])
    }

    /// By the steps of each index in 0 .. slots, before giant steps are [`chained`](Self::chained). The caller
    /// guarantees that the level exists and that there is an index.
    fn split(
        parameters: &Parameters,
        blocks: &BlockIndices,
        level: usize,
        split: impl Fn(i64) -> Steps,
    ) -> Self {
        let slots = parameters.slots() as i64;
        let blocks: BlockIndices = blocks
            .iter()
            .map(|(&block, indices)| (block, indices.iter().map(|k| k.rem_euclid(slots)).collect()))
            .collect();
        let indices: BTreeSet<i64> = blocks.values().flatten().copied().collect();
        Self {
            parameters: parameters.clone(),
            level,
            steps: indices.into_iter().map(|k| (k, split(k))).collect(),
            blocks,
            giant_steps: GiantSteps::new(),
        }
    }

    fn chained(self) -> Self {
        let slots = self.parameters.slots() as i64;
        Self {
            giant_steps: giants::chained(&self.sums(), slots),
            ..self
        }
    }

    /// The sums over baby steps, by output and giant step.
    fn sums(&self) -> BTreeSet<(usize, i64)> {
        let blocks = self.blocks.iter();
        blocks
            .flat_map(|(&(output, _), indices)| {
                indices.iter().map(move |k| (output, self.steps[k].giant))
            })
            .collect()
    }

    /// How many ciphertexts it takes.
    pub fn inputs(&self) -> usize {
        let last = self.blocks.keys().map(|&(_, input)| input).max();
        last.map_or(0, |last| last + 1)
    }

    /// How many ciphertexts it gives.
    pub fn outputs(&self) -> usize {
        let last = self.blocks.keys().map(|&(output, _)| output).max();
        last.map_or(0, |last| last + 1)
    }

    /// The parameters that it is for.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The level of the ciphertexts that it is for.
    pub fn level(&self) -> usize {
        self.level
    }

    /// The rotations whose keys the evaluator must hold, for ciphertexts of [`level`](Self::level): all baby
    /// steps, and those giant steps that others are made of.
    pub fn rotations(&self) -> BTreeSet<i64> {
        let mut rotations = self.babies();
        rotations.extend(self.giant_steps.values().map(|step| step.rotation));
        rotations.remove(&0);
        rotations
    }

    /// What an evaluation does.
    pub fn operations(&self) -> OperationCounts {
        let babies = self.blocks.iter().flat_map(|(&(_, input), indices)| {
            indices.iter().map(move |k| (input, self.steps[k].baby))
        });
        let babies: BTreeSet<_> = babies.filter(|&(_, baby)| baby != 0).collect();
        let mut giants = self.sums();
        giants.extend(self.giant_steps.keys());
        giants.retain(|&(_, giant)| giant != 0);
        let rotated: BTreeSet<_> = babies.iter().map(|(input, _)| input).collect();
        OperationCounts {
            decompositions: rotated.len() + giants.len(),
            inner_products: babies.len() + giants.len(),
            divisions: giants.len() + 2 * self.outputs(),
            plaintext_products: self.blocks.values().map(BTreeSet::len).sum(),
        }
    }

    /// Multiplications per coefficient, as in the table of [`LinearTransformPlan`].
    fn work(&self) -> f64 {
        let (parameters, level) = (&self.parameters, self.level);
        let (q, p) = ((level + 1) as f64, parameters.special() as f64);
        let digits = parameters.decomposer(level).count() as f64;
        let all = q + p;
        let transform = 0.625 * parameters.log_n() as f64;
        let decomposition = transform * digits * all + q * (all - p);
        let inner_product = 2.0 * all * (digits + 1.0);
        let division = transform * all + p * q;
        let counts = self.operations();
        let switches = counts.inner_products as f64;
        let giants = counts.divisions as f64 - 2.0 * self.outputs() as f64;
        let products = counts.plaintext_products as f64;
        let multiplications = counts.decompositions as f64 * decomposition
            + switches * inner_product
            + counts.divisions as f64 * division
            + products * 2.0 * all;
        // One for each step, as if none were on another: plans, and so the keys that they ask for, stay what they were.
        let keys = self
            .steps
            .values()
            .flat_map(|steps| [steps.baby, steps.giant]);
        let keys = keys
            .filter(|&steps| steps != 0)
            .collect::<BTreeSet<_>>()
            .len() as f64;
        let bytes =
            (24.0 * switches - 8.0 * giants + 2.0 * keys) * digits * all + products * 8.0 * all;
        multiplications + bytes / BYTES_AS_LONG
    }

    /// What takes a ciphertext of the canonical scale to that of the level below, by a product
    /// and a rescaling.
    pub(super) fn scale(&self) -> f64 {
        let (parameters, level) = (&self.parameters, self.level);
        let prime = parameters.q(level).modulus(level).to_f64();
        parameters.scale(level - 1) * prime / parameters.scale(level)
    }

    /// With the diagonals of these blocks, which it knows, and no others.
    pub(super) fn restricted(self, blocks: &BlockIndices) -> Self {
        let split = |k| self.steps[&k];
        let part = Self::split(&self.parameters, blocks, self.level, split);
        Self {
            giant_steps: giants::restricted(&self.giant_steps, &part.sums()),
            ..part
        }
    }

    /// The baby steps, that by nothing included.
    pub(crate) fn babies(&self) -> BTreeSet<i64> {
        self.steps.values().map(|steps| steps.baby).collect()
    }

    pub(super) fn giant_steps(&self) -> &GiantSteps {
        &self.giant_steps
    }

    /// The steps of the diagonal with this index in 0 .. slots.
    pub(super) fn steps(&self, index: i64) -> Option<Steps> {
        self.steps.get(&index).copied()
    }
}

/// The blocks of a matrix of one block.
fn single(diagonals: impl IntoIterator<Item = i64>) -> BlockIndices {
    BTreeMap::from([((0, 0), diagonals.into_iter().collect())])
}

/// All indices, of which each output and each input has one.
fn all(blocks: &BlockIndices) -> Result<impl Iterator<Item = i64> + '_, LinearTransformError> {
    let with_diagonals = || blocks.iter().filter(|(_, indices)| !indices.is_empty());
    let outputs: BTreeSet<_> = with_diagonals().map(|(block, _)| block.0).collect();
    let inputs: BTreeSet<_> = with_diagonals().map(|(block, _)| block.1).collect();
    let gapless = |places: &BTreeSet<usize>| places.iter().copied().eq(0..places.len());
    if outputs.is_empty() {
        return Err(LinearTransformError::Empty);
    }
    if !(gapless(&outputs) && gapless(&inputs)) {
        return Err(LinearTransformError::EmptyBlocks);
    }
    Ok(blocks.values().flatten().copied())
}

fn check_level(parameters: &Parameters, level: usize) -> Result<(), LinearTransformError> {
    let max = parameters.max_level();
    if (1..=max).contains(&level) {
        Ok(())
    } else {
        Err(LinearTransformError::Level { level, max })
    }
}

//! What a step costs, counted.

use tapetum_ckks::kernel::Kernel;
use tapetum_ckks::{BootstrappingPlan, OperationCounts, Parameters, Precision};

use super::step::{Parts, Step, WeightForm};
use crate::error::Result;

/// Seconds for a million multiplications of residues, transforms included, where keys and weights come from memory, by
/// what the arithmetic runs on.
///
/// Measured with `tapetum bench nets --network lola --threads 1` on an Intel Xeon (Emerald Rapids), busy, on 2026-12-01:
/// 0.52, 0.64 and 3.3 for AVX-512, AVX2 and the portable kernel; AVX2 on an AMD EPYC (Zen 3) took 1.0 to 1.1.
fn seconds_per_million() -> f64 {
    match Kernel::selected().name() {
        "avx512" => 0.6e-3,
        "avx2" => 0.8e-3,
        "portable" => 3.3e-3,
        // NEON, and scalars with a fused multiply-add, neither measured: between these.
        _ => 1.6e-3,
    }
}

/// The costs of operations at a level, in multiplications per coefficient; the same as in
/// [`LinearTransformPlan`](tapetum_ckks::LinearTransformPlan).
struct Costs {
    /// Primes of Q, and of Q P.
    q: f64,
    all: f64,
    transform: f64,
    decomposition: f64,
    /// With both halves of a key.
    inner_product: f64,
    /// Of one polynomial by P.
    division: f64,
}

impl Costs {
    fn at(level: usize, parameters: &Parameters) -> Self {
        let q = (level + 1) as f64;
        let special = parameters.literal().p_bits.len();
        let p = special as f64;
        let digits = (level + 1).div_ceil(special) as f64;
        let all = q + p;
        let transform = 0.625 * f64::from(parameters.log_n());
        Self {
            q,
            all,
            transform,
            decomposition: transform * digits * all + q * q,
            inner_product: 2.0 * all * (digits + 1.0),
            division: transform * all + p * q,
        }
    }

    /// A decomposition, and its product with several keys, which one division follows.
    fn switch(&self, keys: usize) -> f64 {
        self.decomposition + keys as f64 * self.inner_product + 2.0 * self.division
    }

    /// A product of ciphertexts, relinearised and rescaled.
    fn product(&self) -> f64 {
        self.switch(1) + 3.0 * self.q
    }
}

/// What a step does, counted once, to be priced at any level.
pub(super) struct Work<'a> {
    step: &'a Step,
    /// Of its matrix.
    counts: Option<OperationCounts>,
    /// Of an image.
    ciphertexts: usize,
}

impl<'a> Work<'a> {
    /// The way in which a matrix is split is that of this level. It differs little at others.
    pub fn of(
        step: &'a Step,
        level: usize,
        ciphertexts: usize,
        parameters: &Parameters,
    ) -> Result<Self> {
        let transform = step.transform(parameters, level)?;
        Ok(Self {
            step,
            counts: transform.map(|plan| plan.operations()),
            ciphertexts,
        })
    }

    /// Multiplications per coefficient.
    pub fn at(&self, level: usize, parameters: &Parameters) -> f64 {
        let here = Costs::at(level, parameters);
        match self.step {
            Step::Square { .. } => here.product(),
            Step::Relu { bits, .. } => {
                let (work, below) = sign(*bits, level, parameters);
                work + Costs::at(below, parameters).product()
            }
            Step::Largest { count, bits, .. } => {
                let rotations = self.step.comparison_rotations().len() as f64;
                let (work, below) = sign(*bits, level.saturating_sub(1), parameters);
                let products = f64::from(count.next_power_of_two().ilog2());
                work + rotations * here.switch(1)
                    + products * Costs::at(below, parameters).product()
            }
            Step::Clean { .. } => 4.0 * here.product(),
            // Each ciphertext and each weight is read from memory, once.
            Step::Windows => {
                let products = 3.0 * 2.0 * here.q * self.ciphertexts as f64;
                products + 2.0 * here.transform * here.q
            }
            Step::Linear { parts, paired, .. } => {
                let Some(counts) = self.counts else {
                    return 0.0;
                };
                let below = Costs::at(level.saturating_sub(1), parameters);
                counts.decompositions as f64 * here.decomposition
                    + counts.inner_products as f64 * here.inner_product
                    + counts.divisions as f64 * here.division
                    + counts.plaintext_products as f64 * 2.0 * here.all
                    + sum(*parts, &below)
                    + f64::from(u8::from(*paired)) * 2.0 * below.switch(1)
            }
        }
    }
}

/// Of a sign that begins at this level, and the level afterwards: each polynomial's relinearisations are spread over its
/// levels.
fn sign(bits: u32, level: usize, parameters: &Parameters) -> (f64, usize) {
    let Ok(precision) = Precision::new(bits) else {
        return (0.0, level);
    };
    let mut level = level;
    let mut work = 0.0;
    for degree in precision.degrees() {
        let depth = (degree + 1).ilog2() as usize;
        // 4, 7 and 10 for the degrees 7, 15 and 31.
        let each = (3 * depth - 5) as f64 / depth as f64;
        for _ in 0..depth {
            work += each * Costs::at(level, parameters).product();
            level = level.saturating_sub(1);
        }
    }
    (work, level)
}

/// Multiplications per coefficient of a bootstrapping.
pub(super) fn bootstrapping(plan: &BootstrappingPlan) -> Result<f64> {
    let estimate = plan.estimate()?;
    let transform = 0.625 * f64::from(plan.parameters().log_n());
    Ok(estimate.transforms * transform + estimate.products)
}

/// Multiplications per coefficient of encoding the diagonals of a step, which repeat after `tile` slots, while it is
/// evaluated: each is made from the weights and brought to coefficients, about three transforms of a prime, unless these
/// are kept, and transformed for each prime, all in the ring of so many slots.
pub(super) fn encoding(
    form: WeightForm,
    step: &Step,
    tile: usize,
    level: usize,
    parameters: &Parameters,
) -> f64 {
    let here = Costs::at(level, parameters);
    let share = tile as f64 / parameters.slots() as f64;
    let transforms = match form {
        WeightForm::Values => 0.0,
        WeightForm::Coefficients => 1.2 * here.all,
        WeightForm::Kernels => 1.2 * here.all + 4.0,
    };
    step.diagonals() as f64 * share * here.transform * transforms
}

/// Adds up parts: two steps share a decomposition and a division.
fn sum(parts: Parts, costs: &Costs) -> f64 {
    let steps = parts.count.ilog2() as usize;
    let (pairs, rest) = (steps / 2, steps % 2);
    pairs as f64 * costs.switch(3) + rest as f64 * costs.switch(1)
}

/// CPU time of so many multiplications per coefficient on this machine.
pub(super) fn seconds(work: f64, parameters: &Parameters) -> f64 {
    work * parameters.degree() as f64 / 1e6 * seconds_per_million()
}

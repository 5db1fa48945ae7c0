//! What a bootstrapping costs, counted before anything is spent.

use super::plan::Factor;
use super::{BootstrappingPlan, SlotKind};
use crate::keys::KeyError;
use crate::parameters::{BootstrappingLiteral, Parameters};

/// Bytes of a residue in memory.
const RESIDUE: u64 = 8;
/// Relinearisations of the polynomial of EvalMod, and of its doublings.
const POLYNOMIAL: usize = 8;
const DOUBLINGS: usize = 3;
/// Powers of the argument that the polynomial holds at a time.
const POWERS: u64 = 12;

/// The cost of a bootstrapping: memory, and work in units that can be timed on any machine.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct BootstrappingEstimate {
    /// The file of the evaluation keys.
    pub key_file_bytes: u64,
    /// The evaluation keys in memory.
    pub key_bytes: u64,
    /// The encoded matrices in memory.
    pub matrix_bytes: u64,
    /// Polynomials that are held at a time, at most, with one thread.
    pub scratch_bytes: u64,
    /// Number-theoretic transforms of one prime.
    pub transforms: f64,
    /// Products of a polynomial modulo one prime, added up: base conversions, inner products with
    /// keys, diagonals and ciphertexts.
    pub products: f64,
    /// What these read from memory at least: keys, digits and diagonals, which no cache holds.
    pub streamed_bytes: f64,
}

impl BootstrappingEstimate {
    /// Keys, matrices and what is held while it runs.
    pub fn peak_bytes(&self) -> u64 {
        self.key_bytes + self.matrix_bytes + self.scratch_bytes
    }

    /// The time in seconds of one thread where a transform takes so many, a product of what is in
    /// the cache so many, and a byte from memory so many.
    pub fn seconds(&self, transform: f64, product: f64, byte: f64) -> f64 {
        self.transforms * transform + self.products * product + self.streamed_bytes * byte
    }
}

impl BootstrappingPlan {
    /// Memory and work of this bootstrapping.
    ///
    /// # Errors
    /// [`KeyError`] if the parameters cannot have the keys.
    pub fn estimate(&self) -> Result<BootstrappingEstimate, KeyError> {
        let parameters = self.parameters();
        let (top, eval_mod) = (parameters.max_level(), self.eval_mod_level());
        let keys = self.keys();
        let limb = RESIDUE * parameters.degree() as u64;
        let limbs = |level: usize| parameters.qp(level).len() as u64;

        let mut work = Work::default();
        let mut matrix_bytes = 0;
        for factor in self.slots_to_coeffs().iter().chain(self.coeffs_to_slots()) {
            work.linear_transform(parameters, factor);
            let residues = factor.diagonals * (limbs(factor.plan.level()) * limb) as f64;
            matrix_bytes += residues.ceil() as u64;
        }
        let repetitions = parameters.slots() / self.slots();
        // Back from the sparse secret, the trace, the conjugation.
        for level in std::iter::repeat_n(top, 1 + repetitions.ilog2() as usize).chain([eval_mod]) {
            work.key_switch(parameters, level);
        }
        let parts = match self.kind() {
            SlotKind::Real => 1,
            SlotKind::Complex => 2,
        };
        let polynomial_end = eval_mod + DOUBLINGS - BootstrappingLiteral::EVAL_MOD_LEVELS;
        for _ in 0..parts {
            let polynomial =
                (0..POLYNOMIAL).map(|i| eval_mod - i * (eval_mod - polynomial_end) / POLYNOMIAL);
            let doublings = (0..DOUBLINGS).map(|i| polynomial_end - i);
            for level in polynomial.chain(doublings) {
                work.product(parameters, level);
            }
        }

        let digits = parameters.decomposer(top).count() as u64;
        let babies = self.coeffs_to_slots().iter().map(|Factor { plan, .. }| {
            let plan_babies = plan.babies().len() as u64;
            2 * (plan_babies + 2) * limbs(plan.level())
        });
        let transforms = babies.max().unwrap_or(0) + digits * limbs(top);
        let powers = parts as u64 * POWERS * 2 * (eval_mod as u64 + 1);
        Ok(BootstrappingEstimate {
            key_file_bytes: keys.file_bytes(parameters)?,
            key_bytes: keys.memory_bytes(parameters)?,
            matrix_bytes,
            scratch_bytes: transforms.max(powers) * limb,
            transforms: work.transforms,
            products: work.products,
            streamed_bytes: work.streamed * limb as f64,
        })
    }
}

/// Counts in units of one prime.
#[derive(Default)]
struct Work {
    transforms: f64,
    products: f64,
    /// Polynomials that come from memory.
    streamed: f64,
}

impl Work {
    fn linear_transform(&mut self, parameters: &Parameters, factor: &Factor) {
        let plan = &factor.plan;
        let (counts, level) = (plan.operations(), plan.level());
        let all = parameters.qp(level).len() as f64;
        self.decomposition(parameters, level, counts.decompositions as f64);
        self.inner_product(parameters, level, counts.inner_products as f64);
        self.division(parameters, level, counts.divisions as f64);
        self.products += 2.0 * all * counts.plaintext_products as f64;
        // The diagonal, and both halves of a baby step.
        self.streamed += all * (2.0 * counts.plaintext_products as f64 + factor.diagonals);
    }

    /// A product of ciphertexts, relinearised and rescaled.
    fn product(&mut self, parameters: &Parameters, level: usize) {
        self.products += 4.0 * (level + 1) as f64;
        // The factors and the three parts of the product, written and read once.
        self.streamed += 10.0 * (level + 1) as f64;
        self.key_switch(parameters, level);
    }

    fn key_switch(&mut self, parameters: &Parameters, level: usize) {
        self.decomposition(parameters, level, 1.0);
        self.inner_product(parameters, level, 1.0);
        self.division(parameters, level, 2.0);
    }

    fn decomposition(&mut self, parameters: &Parameters, level: usize, times: f64) {
        let (q, k) = ((level + 1) as f64, parameters.special() as f64);
        let digits = parameters.decomposer(level).count() as f64;
        self.transforms += times * digits * (q + k);
        self.products += times * q * (q + k - q / digits);
        // The digits are written, and read and written by their transforms.
        self.streamed += times * 2.0 * digits * (q + k);
    }

    fn inner_product(&mut self, parameters: &Parameters, level: usize, times: f64) {
        let digits = parameters.decomposer(level).count() as f64;
        let all = parameters.qp(level).len() as f64;
        self.products += times * 2.0 * digits * all;
        // Both halves of the key, the digits, both sums.
        self.streamed += times * (3.0 * digits + 2.0) * all;
    }

    fn division(&mut self, parameters: &Parameters, level: usize, times: f64) {
        let (q, k) = ((level + 1) as f64, parameters.special() as f64);
        self.transforms += times * (q + k);
        self.products += times * (k + 1.0) * q;
        self.streamed += times * 2.0 * (q + k);
    }
}

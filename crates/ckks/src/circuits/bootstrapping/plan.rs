//! What a bootstrapping needs, before anything is encoded or encrypted.

use super::BootstrappingError;
use crate::circuits::linear_transform::{LinearTransformError, LinearTransformPlan, SlotMatrix};
use crate::keys::KeyPlan;
use crate::parameters::{BootstrappingLiteral, Parameters};

/// Whether the imaginary parts of the slots matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlotKind {
    /// They are forgotten: the results are real. Saves one of the two EvalMod.
    Real,
    /// They are kept.
    Complex,
}

/// The levels, keys and transforms of a bootstrapping: what the owner of the secret key and the
/// server must agree on.
///
/// ```no_run
/// use tapetum_ckks::*;
///
/// let parameters = Parameters::preset(Preset::N16Bootstrapping);
/// let plan = BootstrappingPlan::new(&parameters, 4096, SlotKind::Real)?;
/// assert_eq!((plan.input_level(), plan.output_level()), (3, 18));
///
/// let secret = SecretKey::generate(&parameters)?;
/// let keys = KeyGenerator::new(&secret)?.evaluation_keys(&plan.keys())?;
/// let bootstrapper = Bootstrapper::new(&plan)?;
///
/// let x: Vec<f64> = (0..parameters.slots()).map(|i| (i % 4096) as f64 / 4096.0).collect();
/// let encryptor = Encryptor::with_secret_key(&secret);
/// let x = encryptor.encrypt(&encryptor.encoder().encode(&x, 3)?)?;
/// let x = Evaluator::with_keys(keys).bootstrap(&x, &bootstrapper)?;
/// assert_eq!(x.level(), 18);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct BootstrappingPlan {
    parameters: Parameters,
    slots: usize,
    kind: SlotKind,
    slots_to_coeffs: Vec<Factor>,
    coeffs_to_slots: Vec<Factor>,
}

/// A matrix of a transform between coefficients and slots.
#[derive(Clone, Debug)]
pub(super) struct Factor {
    pub plan: LinearTransformPlan,
    /// How many diagonals without repetitions take as much memory.
    pub diagonals: f64,
}

impl BootstrappingPlan {
    /// For vectors that repeat every `slots` slots; all N/2 of them do not repeat.
    ///
    /// # Errors
    /// If the parameters have no levels for bootstrapping, or the number of slots is not a power
    /// of two up to N/2, or so small that the transforms have fewer layers than levels.
    pub fn new(
        parameters: &Parameters,
        slots: usize,
        kind: SlotKind,
    ) -> Result<Self, BootstrappingError> {
        let mut plan = Self {
            parameters: parameters.clone(),
            slots,
            kind,
            slots_to_coeffs: Vec::new(),
            coeffs_to_slots: Vec::new(),
        };
        let split = |matrices: Vec<SlotMatrix>, top: usize| {
            let plans = matrices.iter().enumerate().map(|(i, matrix)| {
                let indices: Vec<i64> = matrix.diagonals().map(|(index, _)| index).collect();
                Ok(Factor {
                    plan: few_keys(parameters, &indices, top - i)?,
                    diagonals: matrix.encoded_diagonals(),
                })
            });
            plans.collect::<Result<Vec<_>, LinearTransformError>>()
        };
        literal(parameters)?;
        plan.slots_to_coeffs = split(plan.slots_to_coeffs_matrices()?, plan.input_level())?;
        plan.coeffs_to_slots = split(plan.coeffs_to_slots_matrices()?, parameters.max_level())?;
        Ok(plan)
    }

    /// The parameters that it is for.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// After how many slots the vectors repeat.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Whether imaginary parts are kept.
    pub fn kind(&self) -> SlotKind {
        self.kind
    }

    /// The lowest level of a ciphertext that can be bootstrapped.
    pub fn input_level(&self) -> usize {
        self.literal().slots_to_coeffs_levels as usize
    }

    /// The level of a bootstrapped ciphertext.
    pub fn output_level(&self) -> usize {
        self.parameters.message_level()
    }

    /// The keys that the evaluator must hold, each up to the level where it is used.
    pub fn keys(&self) -> KeyPlan {
        let empty = || KeyPlan::new(&self.parameters);
        let transforms = self.slots_to_coeffs.iter().chain(&self.coeffs_to_slots);
        let trace = self.trace_rotations();
        transforms
            .map(|Factor { plan, .. }| {
                empty()
                    .rotations(plan.rotations())
                    .up_to_level(plan.level())
            })
            .chain([
                empty()
                    .rotations(trace)
                    .up_to_level(self.parameters.max_level())
                    .encapsulation(),
                empty()
                    .relinearization()
                    .conjugation()
                    .up_to_level(self.eval_mod_level()),
            ])
            .fold(empty(), |all, keys| all.join(&keys))
    }

    /// The rotations of the trace from all slots to those of the vector.
    fn trace_rotations(&self) -> impl Iterator<Item = i64> {
        let (vector, all) = (self.slots.ilog2(), self.parameters.slots().ilog2());
        (vector..all).map(|k| 1 << k)
    }

    /// The level at which EvalMod begins.
    pub(super) fn eval_mod_level(&self) -> usize {
        self.output_level() + BootstrappingLiteral::EVAL_MOD_LEVELS
    }

    pub(super) fn slots_to_coeffs(&self) -> &[Factor] {
        &self.slots_to_coeffs
    }

    pub(super) fn coeffs_to_slots(&self) -> &[Factor] {
        &self.coeffs_to_slots
    }

    /// From slots of magnitude 1 at the canonical scale to coefficients of magnitude q_0 / R, R
    /// the message ratio.
    pub(super) fn slots_to_coeffs_matrices(&self) -> Result<Vec<SlotMatrix>, LinearTransformError> {
        let ratio = f64::from(self.literal().log_message_ratio).exp2();
        let scale = self.first_prime() / ratio / self.parameters.scale(0);
        let (all, factors) = (self.parameters.slots(), self.input_level());
        SlotMatrix::slots_to_coeffs(all, self.slots, factors, scale)
    }

    /// From coefficients t to the slots u / 2 at the scale of EvalMod, where u, the argument of
    /// [`EvalMod`](super::eval_mod::EvalMod), is t / q_0 over its bound. The half is made up for by
    /// the sum of two conjugates, the number of repetitions by the trace.
    pub(super) fn coeffs_to_slots_matrices(&self) -> Result<Vec<SlotMatrix>, LinearTransformError> {
        let all = self.parameters.slots();
        let unit = self.parameters.scale(self.eval_mod_level()) / self.first_prime();
        let repetitions = (all / self.slots.clamp(1, all)) as f64;
        let scale = unit / (2.0 * repetitions * super::eval_mod::BOUND);
        let factors = self.literal().coeffs_to_slots_bits.len();
        SlotMatrix::coeffs_to_slots(all, self.slots, factors, scale)
    }

    fn first_prime(&self) -> f64 {
        self.parameters.q(0).modulus(0).to_f64()
    }

    fn literal(&self) -> &BootstrappingLiteral {
        literal(&self.parameters).expect("checked by the constructor")
    }
}

/// A plan with about as many giant steps as baby steps. Where keys are as large as here, reading one
/// takes half as long as a giant step does, and who stores them is glad of every one less.
fn few_keys(
    parameters: &Parameters,
    indices: &[i64],
    level: usize,
) -> Result<LinearTransformPlan, LinearTransformError> {
    let slots = parameters.slots() as i64;
    let stride = indices.iter().map(|&k| k & -k).filter(|&k| k != 0).min();
    let stride = stride.unwrap_or(1).min(slots);
    // The diagonals are those from -(2^k - 1) to 2^k - 1 times the stride.
    let half = (indices.len() as u32)
        .next_power_of_two()
        .ilog2()
        .div_ceil(2);
    let babies = ((stride as usize) << half).min(parameters.slots());
    LinearTransformPlan::with_baby_steps(parameters, indices.iter().copied(), level, babies)
}

fn literal(parameters: &Parameters) -> Result<&BootstrappingLiteral, BootstrappingError> {
    let literal = parameters.literal().bootstrapping.as_ref();
    literal.ok_or(BootstrappingError::Parameters)
}

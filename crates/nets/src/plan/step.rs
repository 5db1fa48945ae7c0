//! What is computed for one layer.

use serde::{Deserialize, Serialize};
use tapetum_ckks::{LinearTransformPlan, Parameters};

use crate::error::{NetworkError, Result};
use crate::layers::Packing;

/// One layer of a plan. It takes one level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerPlan {
    /// The node of the file.
    name: String,
    /// Its operator.
    operator: String,
    /// The shape of its output.
    shape: Vec<usize>,
    /// The level of the ciphertexts that it takes.
    pub(crate) level: usize,
    pub(crate) output: Packing,
    pub(crate) step: Step,
    /// Rotations, those of baby steps and giant steps included.
    rotations: usize,
    /// Multiplications of residues per coefficient, which predict the time.
    work: f64,
}

/// How a layer is computed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    /// Each ciphertext of the image times weights, added up.
    Windows,
    /// A matrix by its diagonals, then a sum of parts.
    Linear { diagonals: Vec<i64>, parts: Parts },
    /// The product of the ciphertext with itself.
    Square,
}

/// Slots to be added up: `count` of them, `apart` slots from each other. Both are powers of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parts {
    pub count: usize,
    pub apart: usize,
}

impl Parts {
    /// The rotations whose keys add them up: with that of three times a step, two sums share their work.
    pub fn keys(self) -> impl Iterator<Item = i64> {
        let steps = self.count.ilog2();
        (0..steps).flat_map(move |k| {
            let step = (self.apart << k) as i64;
            let paired = k % 2 == 0 && k + 1 < steps;
            [Some(step), paired.then_some(3 * step)]
                .into_iter()
                .flatten()
        })
    }

    /// The rotations that are done.
    pub fn rotations(self) -> usize {
        self.keys().count()
    }
}

impl LayerPlan {
    pub(crate) fn new(
        names: [String; 2],
        shape: &[usize],
        level: usize,
        output: Packing,
        step: Step,
        work: f64,
        parameters: &Parameters,
    ) -> Result<Self> {
        let rotations = match &step {
            Step::Windows | Step::Square => 0,
            Step::Linear { diagonals, parts } => {
                let plan = LinearTransformPlan::new(parameters, diagonals.iter().copied(), level)?;
                plan.rotations().len() + parts.rotations()
            }
        };
        let [name, operator] = names;
        Ok(Self {
            name,
            operator,
            shape: shape.to_vec(),
            level,
            output,
            step,
            rotations,
            work,
        })
    }

    /// The node of the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The operator.
    pub fn operator(&self) -> &str {
        &self.operator
    }

    /// The shape of the output.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The level of the ciphertexts that it takes.
    pub fn level(&self) -> usize {
        self.level
    }

    /// Multiplications of residues per coefficient.
    pub(super) fn work(&self) -> f64 {
        self.work
    }

    /// The number of rotations.
    pub fn rotations(&self) -> usize {
        self.rotations
    }

    /// The number of diagonals of its matrix.
    pub fn diagonals(&self) -> usize {
        match &self.step {
            Step::Linear { diagonals, .. } => diagonals.len(),
            Step::Windows | Step::Square => 0,
        }
    }

    /// How it is computed and how its output lies in the slots, for people.
    pub fn packing(&self) -> String {
        let Packing { period, copies, .. } = self.output;
        let output = match copies {
            1 => format!("period {period}"),
            _ => format!("period {period}, {copies} rotated copies"),
        };
        match &self.step {
            Step::Windows => format!("client's windows; {output}"),
            Step::Square => output,
            Step::Linear { diagonals, parts } => {
                let count = diagonals.len();
                format!("{count} diagonals, {} parts; {output}", parts.count)
            }
        }
    }

    pub(crate) fn check(&self, slots: usize) -> Result<()> {
        if !self.work.is_finite() {
            return Err(NetworkError::Plan("its work is not a number".to_owned()));
        }
        let Step::Linear { diagonals, parts } = &self.step else {
            return Ok(());
        };
        let powers = parts.count.is_power_of_two() && parts.apart.is_power_of_two();
        let within = |&k: &i64| k.unsigned_abs() < slots as u64;
        if powers
            && parts.count <= slots
            && parts.apart <= slots
            && diagonals.len() <= slots
            && diagonals.iter().all(within)
        {
            Ok(())
        } else {
            Err(NetworkError::Plan(format!(
                "the diagonals of {:?} are not those of a layer",
                self.name
            )))
        }
    }
}

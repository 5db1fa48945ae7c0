//! What is computed for one layer.

use serde::{Deserialize, Serialize};
use tapetum_ckks::{Evaluator, LinearTransformPlan, Parameters, Precision};

use crate::error::{NetworkError, Result};
use crate::labels;
use crate::layers::Packing;

/// Vectors that one layer reads.
const MAX_BLOCKS: usize = 64;

/// One layer of a plan.
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
    /// Whether its output is bootstrapped.
    #[serde(default, skip_serializing_if = "is_false")]
    bootstrapped: bool,
}

/// What plans without bootstrapping do not say.
pub(super) fn is_false(flag: &bool) -> bool {
    !flag
}

/// What plans for one image do not say.
fn is_zero(part: &usize) -> bool {
    *part == 0
}

/// How a layer is computed. Vector 0 is the image, and vector i + 1 what layer i gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    /// Each ciphertext of the image times weights, added up.
    Windows,
    /// The sum of matrices by their diagonals, each times a vector, then a sum of parts.
    Linear {
        blocks: Vec<BlockPlan>,
        parts: Parts,
        /// Whether the imaginary parts hold sums too, those of half a period further.
        paired: bool,
    },
    /// The product of a ciphertext with itself, and with `multiples` a multiple of each value.
    Square { source: usize, multiples: bool },
    /// max(0, x) for values within [-1, 1], by polynomials of this precision.
    Relu { source: usize, bits: u32 },
    /// 1 where the largest of so many values is, 0 elsewhere, by comparisons of this precision.
    Largest {
        source: usize,
        count: usize,
        bits: u32,
    },
    /// Values near 0 and 1 brought nearer.
    Clean { source: usize },
}

/// How the weights of linear layers are kept between classifications. Those of deep networks would take tens of gigabytes,
/// of which the kernels are a thousandth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WeightForm {
    /// Ready to be multiplied.
    Values,
    /// By coefficients: transformed for each prime when they are used.
    Coefficients,
    /// Made from the kernels, layer by layer, when they are used.
    Kernels,
}

/// The matrix that is applied to one vector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlockPlan {
    /// Which vector.
    pub source: usize,
    /// Which of its ciphertexts, if several images take several.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub part: usize,
    pub diagonals: Vec<i64>,
}

impl Step {
    /// How the matrices are split into baby steps and giant steps; nothing if there are none.
    pub fn transform(
        &self,
        parameters: &Parameters,
        level: usize,
    ) -> Result<Option<LinearTransformPlan>> {
        let Self::Linear { blocks, .. } = self else {
            return Ok(None);
        };
        let indices = blocks.iter().enumerate().map(|(input, block)| {
            let diagonals = block.diagonals.iter().copied().collect();
            ((0, input), diagonals)
        });
        let plan = LinearTransformPlan::for_blocks(parameters, &indices.collect(), level)?;
        Ok(Some(plan))
    }

    /// The vectors that it reads.
    pub fn sources(&self) -> Vec<usize> {
        match self {
            Self::Windows => vec![0],
            Self::Linear { blocks, .. } => blocks.iter().map(|block| block.source).collect(),
            Self::Square { source, .. }
            | Self::Relu { source, .. }
            | Self::Largest { source, .. }
            | Self::Clean { source } => vec![*source],
        }
    }

    /// The levels that it takes.
    pub fn depth(&self) -> usize {
        match self {
            Self::Relu { bits, .. } => 1 + Precision::new(*bits).map_or(0, Precision::levels),
            Self::Largest { count, bits, .. } => {
                Precision::new(*bits).map_or(0, |precision| labels::levels(*count, precision))
            }
            Self::Clean { .. } => Evaluator::CLEANING_LEVELS,
            _ => 1,
        }
    }

    /// The rotations of a comparison.
    pub fn comparison_rotations(&self) -> Vec<i64> {
        match self {
            Self::Largest { count, bits, .. } => {
                Precision::new(*bits).map_or_else(|_| Vec::new(), |p| labels::rotations(*count, p))
            }
            _ => Vec::new(),
        }
    }

    /// Diagonals of all matrices.
    pub fn diagonals(&self) -> usize {
        match self {
            Self::Linear { blocks, .. } => blocks.iter().map(|b| b.diagonals.len()).sum(),
            _ => 0,
        }
    }
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
        let transform = step.transform(parameters, level)?;
        let mut rotations = transform.map_or(0, |plan| plan.operations().inner_products);
        if let Step::Linear { parts, paired, .. } = &step {
            rotations += parts.rotations() + usize::from(*paired);
        }
        rotations += step.comparison_rotations().len();
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
            bootstrapped: false,
        })
    }

    /// Slots after which its diagonals repeat, given how all vectors are packed.
    pub(crate) fn tile(&self, packings: &[Packing]) -> usize {
        let sources = self.step.sources().into_iter();
        let tiles = sources.map(|source| packings.get(source).map_or(1, Packing::tile));
        tiles.fold(self.output.period, usize::max)
    }

    /// The same with its output bootstrapped, or not.
    pub(crate) fn bootstrapped(self, bootstrapped: bool) -> Self {
        Self {
            bootstrapped,
            ..self
        }
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

    /// Whether the output is bootstrapped.
    pub fn is_bootstrapped(&self) -> bool {
        self.bootstrapped
    }

    /// The level of the output, before it is bootstrapped.
    pub(crate) fn level_after(&self) -> usize {
        self.level.saturating_sub(self.step.depth())
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
        self.step.diagonals()
    }

    /// How it is computed and how its output lies in the slots, for people.
    pub fn packing(&self) -> String {
        let Packing {
            period,
            copies,
            phases: [rows, columns],
            ..
        } = self.output;
        let mut output = format!("period {period}");
        if copies > 1 {
            output += &format!(", {copies} rotated copies");
        }
        if rows * columns > 1 {
            output += &format!(", {rows} x {columns} channels between pixels");
        }
        if self.bootstrapped {
            output += ", bootstrapped";
        }
        match &self.step {
            Step::Windows => format!("client's windows; {output}"),
            Step::Square { .. } => output,
            Step::Largest { bits, .. } => {
                format!("decides differences of 2^-{bits} within [-1, 1]; {output}")
            }
            Step::Clean { .. } => format!("then noise; {output}"),
            Step::Relu { bits, .. } => {
                let degrees = Precision::new(*bits).map(|p| p.degrees().map(|d| d.to_string()));
                let degrees: Vec<_> = degrees.into_iter().flatten().collect();
                format!(
                    "degrees {} on [-1, 1], error 2^-{bits}; {output}",
                    degrees.join(", ")
                )
            }
            Step::Linear {
                blocks,
                parts,
                paired,
            } => {
                let count = self.diagonals();
                let complex = if *paired { " complex" } else { "" };
                let vectors = match blocks.len() {
                    1 => String::new(),
                    several => format!(" of {several} vectors"),
                };
                format!(
                    "{count}{complex} diagonals{vectors}, {} parts; {output}",
                    parts.count
                )
            }
        }
    }

    /// Refuses a layer that reads others than the vectors before it, or has diagonals that none has.
    pub(crate) fn check(&self, slots: usize, vectors: usize) -> Result<()> {
        let damaged = |reason: &str| {
            Err(NetworkError::Plan(format!(
                "{reason} of {:?} are not those of a layer",
                self.name
            )))
        };
        if !self.work.is_finite() {
            return damaged("the numbers");
        }
        if !self.step.sources().iter().all(|&source| source < vectors) {
            return damaged("the inputs");
        }
        if let Step::Relu { bits, .. } | Step::Largest { bits, .. } = &self.step {
            let Ok(precision) = Precision::new(*bits) else {
                return damaged("the precision");
            };
            if let Step::Largest { count, .. } = &self.step {
                labels::check(*count)?;
                let stride = labels::stride(*count, precision);
                if self.output.values() != *count || self.output.tile() != stride {
                    return damaged("the places");
                }
            }
            return Ok(());
        }
        let Step::Linear { blocks, parts, .. } = &self.step else {
            return Ok(());
        };
        let powers = parts.count.is_power_of_two() && parts.apart.is_power_of_two();
        let within = |&k: &i64| k.unsigned_abs() < slots as u64;
        let block = |block: &BlockPlan| {
            (1..=slots).contains(&block.diagonals.len()) && block.diagonals.iter().all(within)
        };
        if powers
            && parts.count <= slots
            && parts.apart <= slots
            && (1..=MAX_BLOCKS).contains(&blocks.len())
            && blocks.iter().all(block)
        {
            Ok(())
        } else {
            damaged("the diagonals")
        }
    }
}

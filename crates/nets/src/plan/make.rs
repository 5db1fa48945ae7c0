//! Makes the plan of a network.

use tapetum_ckks::{LinearTransformPlan, Parameters, ParametersLiteral};

use super::step::{LayerPlan, Parts, Step};
use super::{InputPacking, InputPlan, NetworkPlan, WindowPlan};
use crate::error::{NetworkError, NodeName, Result};
use crate::graph::{Graph, Operation, Shape};
use crate::layers::{Folded, Linear, Packing};
use crate::passes::{layer_factors, scale_layers, simplified};

/// log2 of the scale of ciphertexts: what the smallest ring with five levels has room for.
const LOG_SCALE: u32 = 28;
/// The largest score on calibration images, while encrypted. At level 0 there is room for 8 times as much.
const SCORES: f64 = 16.0;
/// Ciphertexts of an image beyond which the server computes the first convolution by rotations.
const MAX_WINDOW_CIPHERTEXTS: usize = 32;

/// A plan, and the layers with their weights that it is for.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub plan: NetworkPlan,
    pub layers: Vec<Layer>,
}

/// A layer as it is evaluated.
#[derive(Clone, Debug)]
pub(crate) enum Layer {
    /// The first convolution, on windows that the client has cut out.
    Windows(Linear),
    Linear(Linear, Folded),
    Square,
}

/// An operation of a network without branches.
struct Stage {
    name: NodeName,
    shape: Shape,
    /// Nothing for a square.
    linear: Option<Linear>,
    operator: &'static str,
}

/// What sets the scale of the layers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scaling<'a> {
    /// Images like those to come.
    Calibration(&'a [Vec<f64>]),
    /// The factors of a plan.
    Factors(&'a [f64]),
}

/// Plans a network for images with values in `range`.
pub(crate) fn prepare(graph: &Graph, range: [f64; 2], scaling: Scaling<'_>) -> Result<Prepared> {
    let simple = simplified(graph)?;
    // Refused by name before they are scaled.
    stages(&simple)?;
    let factors = match scaling {
        Scaling::Calibration(images) => layer_factors(&simple, images, SCORES)?,
        Scaling::Factors(factors) => factors.to_vec(),
    };
    let graph = scale_layers(&simple, &factors)?;
    let stages = stages(&graph)?;
    let levels = stages.len();
    let mut literal =
        ParametersLiteral::for_levels(levels, LOG_SCALE).ok_or(NetworkError::Levels { levels })?;
    // A larger ring if a vector does not fit; the security is then higher.
    let longest = stages.iter().map(|s| s.shape.values()).max().unwrap_or(1);
    let input = graph.input_shape().values();
    while (1 << (literal.log_n - 1)) < longest.max(input).next_power_of_two() {
        literal.log_n += 1;
        if literal.log_n > 17 {
            return Err(NetworkError::TooLarge {
                what: "values of a layer".to_owned(),
                found: longest.max(input) as u64,
                limit: 1 << 16,
            });
        }
    }
    let parameters = Parameters::new(literal.clone())?;
    let inputs = input_candidates(&stages, graph.input_shape(), parameters.slots());
    let mut best: Option<(f64, Chosen)> = None;
    for packing in inputs {
        let chosen = choose(&stages, packing, &parameters)?;
        if best.as_ref().is_none_or(|(cost, _)| chosen.cost < *cost) {
            best = Some((chosen.cost, chosen));
        }
    }
    let Some((_, chosen)) = best else {
        return Err(NetworkError::Graph("it has no layer".to_owned()));
    };
    let plan = NetworkPlan {
        parameters: literal,
        weights: digest(&stages),
        input: InputPlan {
            shape: graph.input_shape().dims().to_vec(),
            range,
            packing: chosen.input,
        },
        layers: chosen.plans,
        factors,
    };
    plan.check()?;
    Ok(Prepared {
        plan,
        layers: chosen.layers,
    })
}

/// The operations in their order; a network with branches or other operations is refused by name.
fn stages(graph: &Graph) -> Result<Vec<Stage>> {
    let mut stages = Vec::new();
    for (index, node) in graph.nodes().iter().enumerate().skip(1) {
        let refuse = |reason: String| {
            Err(NetworkError::Encrypted {
                node: node.name.clone(),
                reason,
            })
        };
        if node.inputs.len() != 1 || node.inputs[0].index() != index - 1 {
            return refuse(
                "networks with branches are not supported on encrypted images yet".to_owned(),
            );
        }
        let input = &graph.node(node.inputs[0]).shape;
        let linear = Linear::new(&node.operation, input, &node.shape);
        match &node.operation {
            Operation::Reshape(_) => continue,
            Operation::Square => {}
            _ if linear.is_some() => {}
            other => {
                return refuse(format!(
                    "{} is not supported on encrypted images yet: see docs/networks-operators.md",
                    other.name()
                ));
            }
        }
        stages.push(Stage {
            name: node.name.clone(),
            shape: node.shape.clone(),
            linear,
            operator: node.operation.name(),
        });
    }
    Ok(stages)
}

/// A way to pack the image, the plans and the layers that follow from it, and what they cost.
struct Chosen {
    cost: f64,
    input: InputPacking,
    plans: Vec<LayerPlan>,
    layers: Vec<Layer>,
}

fn input_candidates(stages: &[Stage], shape: &Shape, slots: usize) -> Vec<InputPacking> {
    let with_copies = move |length: usize| {
        let packing = Packing::repeated(length);
        let most = (slots / packing.period).min(packing.period);
        (0..=most.ilog2()).map(move |log| Packing {
            copies: 1 << log,
            ..packing
        })
    };
    let mut candidates: Vec<_> = with_copies(shape.values())
        .map(InputPacking::Vector)
        .collect();
    if let Some(Linear::Convolution {
        layer,
        input,
        output,
    }) = stages.first().and_then(|s| s.linear.as_ref())
    {
        let window = &layer.window;
        let ciphertexts = input[0] * window.kernel[0] * window.kernel[1];
        if ciphertexts <= MAX_WINDOW_CIPHERTEXTS {
            let plan = WindowPlan {
                kernel: window.kernel,
                strides: window.strides,
                dilations: window.dilations,
                pads: window.pads,
                output: [output[1], output[2]],
            };
            candidates.extend(with_copies(output.iter().product()).map(|output| {
                InputPacking::Windows {
                    output,
                    window: plan.clone(),
                }
            }));
        }
    }
    candidates
}

/// The cheapest plan for a way to pack the image.
fn choose(stages: &[Stage], input: InputPacking, parameters: &Parameters) -> Result<Chosen> {
    let mut chosen = Chosen {
        cost: 0.0,
        plans: Vec::new(),
        layers: Vec::new(),
        input,
    };
    let mut packing = match &chosen.input {
        InputPacking::Vector(packing) => *packing,
        InputPacking::Windows { output, .. } => *output,
    };
    for (index, stage) in stages.iter().enumerate() {
        let level = stages.len() - index;
        let windows = index == 0 && matches!(chosen.input, InputPacking::Windows { .. });
        let (layer, step) = match &stage.linear {
            None => (Layer::Square, Step::Square),
            Some(linear) if windows => (Layer::Windows(linear.clone()), Step::Windows),
            Some(linear) => {
                let (folded, diagonals) = fold(linear, packing, level, parameters)?;
                packing = folded.output();
                let (count, apart) = folded.parts();
                let parts = Parts { count, apart };
                let step = Step::Linear { diagonals, parts };
                (Layer::Linear(linear.clone(), folded), step)
            }
        };
        chosen.cost += cost(&step, level, &chosen.input, parameters)?;
        let names = [stage.name.to_string(), stage.operator.to_owned()];
        let dims = stage.shape.dims();
        let plan = LayerPlan::new(names, dims, level, packing, step, parameters)?;
        chosen.plans.push(plan);
        chosen.layers.push(layer);
    }
    Ok(chosen)
}

/// The cheapest folding of a layer, and its rotations.
fn fold(
    linear: &Linear,
    input: Packing,
    level: usize,
    parameters: &Parameters,
) -> Result<(Folded, Vec<i64>)> {
    let mut best: Option<(f64, Folded, Vec<i64>)> = None;
    for folded in Folded::candidates(linear.rows(), input) {
        let diagonals: Vec<i64> = folded.rotations(linear).into_iter().collect();
        let (count, apart) = folded.parts();
        let step = Step::Linear {
            diagonals: diagonals.clone(),
            parts: Parts { count, apart },
        };
        let cost = cost(&step, level, &InputPacking::Vector(input), parameters)?;
        if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
            best = Some((cost, folded, diagonals));
        }
    }
    let (_, folded, diagonals) =
        best.ok_or_else(|| NetworkError::Plan("a layer has no folding".to_owned()))?;
    Ok((folded, diagonals))
}

/// The cost of a step, in transforms of one prime of all its polynomials.
fn cost(step: &Step, level: usize, input: &InputPacking, parameters: &Parameters) -> Result<f64> {
    let primes = |level: usize| (level + 2) as f64;
    // A decomposition raises each digit to all primes; a product with a diagonal is a tenth of a transform.
    let switch = |level: usize| (level + 1) as f64 * primes(level);
    Ok(match step {
        Step::Square => switch(level),
        Step::Windows => match input {
            InputPacking::Windows { window, .. } => {
                let pixels = window.kernel[0] * window.kernel[1];
                pixels as f64 * primes(level) * 0.2
            }
            InputPacking::Vector(_) => 0.0,
        },
        Step::Linear { diagonals, parts } => {
            let plan = LinearTransformPlan::new(parameters, diagonals.iter().copied(), level)?;
            let counts = plan.operations();
            let folds = parts.rotations().count();
            (counts.decompositions + counts.divisions / 2) as f64 * switch(level)
                + counts.inner_products as f64 * switch(level) * 0.2
                + counts.plaintext_products as f64 * primes(level) * 0.2
                + folds as f64 * switch(level - 1) * 1.5
        }
    })
}

/// The digest of the layers and their weights.
fn digest(stages: &[Stage]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"tapetum network v1");
    let mut number = |n: f64| {
        hasher.update(&n.to_le_bytes());
    };
    for stage in stages {
        let shape = stage.shape.dims();
        number(shape.len() as f64);
        shape.iter().for_each(|&d| number(d as f64));
        match &stage.linear {
            None => number(0.0),
            Some(linear) => {
                number(1.0);
                number(linear.rows() as f64);
                number(linear.columns() as f64);
                (0..linear.rows()).for_each(|row| number(linear.bias(row)));
                linear.for_each(|row, column, weight| {
                    number(row as f64);
                    number(column as f64);
                    number(weight);
                });
            }
        }
    }
    *hasher.finalize().as_bytes()
}

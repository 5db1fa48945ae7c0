//! Makes the plan of a network.

use tapetum_ckks::{Parameters, ParametersLiteral};

use super::step::{LayerPlan, Parts, Step};
use super::work::work;
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
    let mut best: Option<Chosen> = None;
    for packing in inputs {
        if let Some(chosen) = choose(&stages, packing, &parameters)?
            && best.as_ref().is_none_or(|best| chosen.work < best.work)
        {
            best = Some(chosen);
        }
    }
    let Some(chosen) = best else {
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

/// A way to pack the image, the plans and the layers that follow from it, and the work that they are.
struct Chosen {
    work: f64,
    input: InputPacking,
    plans: Vec<LayerPlan>,
    layers: Vec<Layer>,
}

/// Windows if there are not too many of them: the convolution then needs no rotation.
fn input_candidates(stages: &[Stage], shape: &Shape, slots: usize) -> Vec<InputPacking> {
    let with_copies = move |length: usize| {
        let packing = Packing::repeated(length);
        let most = (slots / packing.period).min(packing.period);
        (0..=most.ilog2()).map(move |log| Packing {
            copies: 1 << log,
            ..packing
        })
    };
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
            let packings = with_copies(output.iter().product());
            return packings
                .map(|output| InputPacking::Windows {
                    ciphertexts,
                    output,
                    window: plan.clone(),
                })
                .collect();
        }
    }
    with_copies(shape.values())
        .map(InputPacking::Vector)
        .collect()
}

/// The cheapest plan for a way to pack the image; nothing if a layer has no room for that many copies.
fn choose(
    stages: &[Stage],
    input: InputPacking,
    parameters: &Parameters,
) -> Result<Option<Chosen>> {
    let mut chosen = Chosen {
        work: 0.0,
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
                let Some((folded, diagonals)) = fold(linear, packing, level, parameters)? else {
                    return Ok(None);
                };
                packing = folded.output();
                let (count, apart) = folded.parts();
                let parts = Parts { count, apart };
                let step = Step::Linear { diagonals, parts };
                (Layer::Linear(linear.clone(), folded), step)
            }
        };
        let work = work(&step, level, chosen.input.ciphertexts(), parameters)?;
        chosen.work += work;
        let names = [stage.name.to_string(), stage.operator.to_owned()];
        let dims = stage.shape.dims();
        let plan = LayerPlan::new(names, dims, level, packing, step, work, parameters)?;
        chosen.plans.push(plan);
        chosen.layers.push(layer);
    }
    Ok(Some(chosen))
}

/// The cheapest folding of a layer, and its rotations.
fn fold(
    linear: &Linear,
    input: Packing,
    level: usize,
    parameters: &Parameters,
) -> Result<Option<(Folded, Vec<i64>)>> {
    let mut best: Option<(f64, Folded, Vec<i64>)> = None;
    for folded in Folded::candidates(linear.rows(), input) {
        let diagonals: Vec<i64> = folded.rotations(linear).into_iter().collect();
        let (count, apart) = folded.parts();
        let step = Step::Linear {
            diagonals: diagonals.clone(),
            parts: Parts { count, apart },
        };
        let work = work(&step, level, 1, parameters)?;
        if best.as_ref().is_none_or(|(least, ..)| work < *least) {
            best = Some((work, folded, diagonals));
        }
    }
    Ok(best.map(|(_, folded, diagonals)| (folded, diagonals)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{chain, convolution, dense};

    fn plan(input: &[usize], operations: Vec<Operation>) -> NetworkPlan {
        let graph = chain(input, operations);
        let scaling = Scaling::Calibration(&[]);
        prepare(&graph, [0.0, 1.0], scaling).unwrap().plan
    }

    #[test]
    fn layers_wider_than_the_image_leave_no_room_for_copies() {
        let plan = plan(
            &[1, 4],
            vec![dense(100, 4), Operation::Square, dense(3, 100)],
        );
        assert_eq!((plan.levels(), plan.scores()), (3, 3));
        let first = &plan.layers()[0];
        assert_eq!((first.diagonals(), first.output.period), (4, 128));
    }

    #[test]
    fn a_dense_layer_after_windows_has_fewer_diagonals_by_the_copies() {
        let flat = Operation::Reshape(Shape::new(vec![1, 784]).unwrap());
        let operations = vec![convolution(4, 1), flat, dense(64, 784)];
        let plan = plan(&[1, 1, 14, 14], operations);
        assert_eq!(plan.input_ciphertexts(), 9);
        let InputPacking::Windows { output, .. } = plan.input().packing else {
            panic!("no windows");
        };
        // N = 2^12 or 2^13: as many copies of 1024 slots as there is room for.
        let slots = plan.parameters().unwrap().slots();
        assert_eq!(output.copies, slots / 1024);
        assert_eq!(plan.layers()[1].diagonals(), 64 / output.copies);
    }

    #[test]
    fn vectors_that_do_not_fit_take_a_larger_ring() {
        let plan = plan(&[1, 5_000], vec![dense(2, 5_000)]);
        let parameters = plan.parameters().unwrap();
        assert_eq!((parameters.log_n(), plan.levels()), (14, 1));
    }
}

//! Makes the plan of a network.

use std::collections::{BTreeMap, BTreeSet};

use tapetum_ckks::{Parameters, ParametersLiteral};

use super::noise::score_noise;
use super::step::{BlockPlan, LayerPlan, Parts, Step};
use super::work::work;
use super::{InputPacking, InputPlan, NetworkPlan, WindowPlan};
use crate::error::{NetworkError, Result};
use crate::graph::{Convolution, Graph, Shape};
use crate::layers::{Folded, Linear, Packing, Term};
use crate::passes::simplified;
use crate::stages::{Layer, LayerKind, Sum, layer_factors, scaled, stages};

/// log2 of the least scale of ciphertexts, for few levels: what the smallest ring with five levels has room for.
const LOG_SCALE: u32 = 28;
/// For more levels: each adds its noise.
const LOG_SCALE_DEEP: u32 = 33;
/// Levels up to which there are few.
const FEW_LEVELS: usize = 8;
/// log2 of the largest scale: beyond it nothing is gained.
const MOST_LOG_SCALE: u32 = 40;
/// The largest score on calibration images, while encrypted. At level 0 there is room for 8 times as much.
pub(crate) const SCORES: f64 = 16.0;
/// Ciphertexts of an image beyond which the server computes the first convolution by rotations.
const MAX_WINDOW_CIPHERTEXTS: usize = 32;
/// Entries of a convolution's matrix beyond which its output is never packed value after value.
const MAX_ENTRIES: usize = 1 << 20;
/// log2 of the largest ring degree.
const MOST_LOG_N: u32 = 17;

/// A plan, and the layers with their weights that it is for.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub plan: NetworkPlan,
    pub layers: Vec<Layer>,
}

/// What sets the scale of the layers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scaling<'a> {
    /// Images like those to come.
    Calibration(&'a [Vec<f64>]),
    /// That of a plan.
    As(&'a NetworkPlan),
}

/// Plans a network for images with values in `range`.
pub(crate) fn prepare(graph: &Graph, range: [f64; 2], scaling: Scaling<'_>) -> Result<Prepared> {
    let simple = simplified(graph)?;
    let stages = stages(&simple)?;
    let factors = match scaling {
        Scaling::Calibration(images) => layer_factors(&simple, &stages, images, SCORES)?,
        Scaling::As(plan) => plan.factors().to_vec(),
    };
    let values = graph.input_shape().values();
    let layers = scaled(stages, values, &factors)?;
    let levels = levels(&layers);
    let most = levels.iter().copied().max().unwrap_or(0);
    let mut literal = literal(most).ok_or(NetworkError::Levels { levels: most })?;
    // A larger ring if a vector does not fit; the security is then higher.
    let (parameters, chosen) = loop {
        let parameters = Parameters::new(literal.clone())?;
        if let Some(chosen) = cheapest(&layers, &levels, graph.input_shape(), &parameters)? {
            break (parameters, chosen);
        }
        literal.log_n += 1;
        if literal.log_n > MOST_LOG_N {
            let shapes = layers.iter().map(|layer| layer.shape.values());
            return Err(NetworkError::TooLarge {
                what: "values of a layer".to_owned(),
                found: shapes.max().unwrap_or(0).max(values) as u64,
                limit: 1 << (MOST_LOG_N - 1),
            });
        }
    };
    let noise = match scaling {
        Scaling::As(plan) => plan.noise(),
        Scaling::Calibration([]) => {
            let grey = vec![(range[0] + range[1]) / 2.0; values];
            score_noise(&layers, &chosen.plans, &parameters, &[grey])
        }
        Scaling::Calibration(images) => score_noise(&layers, &chosen.plans, &parameters, images),
    };
    let plan = NetworkPlan {
        parameters: parameters.literal().clone(),
        weights: digest(&layers),
        input: InputPlan {
            shape: graph.input_shape().dims().to_vec(),
            range,
            packing: chosen.input,
        },
        layers: chosen.plans,
        factors,
        noise,
    };
    plan.check()?;
    Ok(Prepared { plan, layers })
}

/// The level of the ciphertexts that each layer takes: as low as those that read it allow.
fn levels(layers: &[Layer]) -> Vec<usize> {
    // By vector.
    let mut needed = vec![0; layers.len() + 1];
    let mut levels = vec![0; layers.len()];
    for (index, layer) in layers.iter().enumerate().rev() {
        levels[index] = needed[index + 1] + 1;
        for source in layer.sources() {
            needed[source] = needed[source].max(levels[index]);
        }
    }
    levels
}

/// Parameters with so many levels: the smallest ring that has them, and the largest scale that it has room for at no
/// cost of time.
pub(crate) fn literal(levels: usize) -> Option<ParametersLiteral> {
    let few = levels <= FEW_LEVELS;
    let least = if few { LOG_SCALE } else { LOG_SCALE_DEEP };
    let smallest = ParametersLiteral::for_levels(levels, least)?;
    let larger = (least + 1..=MOST_LOG_SCALE).map_while(|log_scale| {
        let literal = ParametersLiteral::for_levels(levels, log_scale)?;
        let same = literal.log_n == smallest.log_n && literal.p_bits.len() == smallest.p_bits.len();
        same.then_some(literal)
    });
    larger.last().or(Some(smallest))
}

/// A way to pack the image, the plans that follow from it, and the work that they are.
struct Chosen {
    work: f64,
    input: InputPacking,
    plans: Vec<LayerPlan>,
}

/// The cheapest plan; nothing if a vector does not fit.
fn cheapest(
    layers: &[Layer],
    levels: &[usize],
    image: &Shape,
    parameters: &Parameters,
) -> Result<Option<Chosen>> {
    let mut best: Option<Chosen> = None;
    for input in input_candidates(layers, image, parameters.slots()) {
        if let Some(chosen) = choose(layers, levels, input, parameters)?
            && best.as_ref().is_none_or(|best| chosen.work < best.work)
        {
            best = Some(chosen);
        }
    }
    Ok(best)
}

/// Windows if there are not too many of them: the convolution then needs no rotation.
fn input_candidates(layers: &[Layer], image: &Shape, slots: usize) -> Vec<InputPacking> {
    let with_copies = move |length: usize| {
        let packing = Packing::vector(length);
        let most = (slots / packing.period).min(packing.period);
        (0..=most.checked_ilog2().unwrap_or(0)).map(move |log| Packing {
            copies: 1 << log,
            ..packing
        })
    };
    let alone = layers
        .iter()
        .filter(|layer| layer.sources().contains(&0))
        .count()
        == 1;
    let first = layers.first().and_then(windowed);
    if let Some((layer, input, output)) = first
        && alone
        && input[0] * layer.window.kernel[0] * layer.window.kernel[1] <= MAX_WINDOW_CIPHERTEXTS
    {
        let window = &layer.window;
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
                ciphertexts: input[0] * window.kernel[0] * window.kernel[1],
                output,
                window: plan.clone(),
            })
            .collect();
    }
    let mut packings: Vec<_> = with_copies(image.values()).collect();
    if let (Some((layer, ..)), Ok(image)) = (first, image.image()) {
        packings.push(Packing::image(image, [1, 1]));
        packings.push(Packing::image(image, layer.window.strides));
    }
    packings.into_iter().map(InputPacking::Vector).collect()
}

/// The convolution that a layer is, if the client can cut the image into its windows: the image as it is goes in.
fn windowed(layer: &Layer) -> Option<(&Convolution, [usize; 3], [usize; 3])> {
    match &layer.kind {
        LayerKind::Linear(Sum { terms, .. }) => match &terms[..] {
            [
                Term {
                    source: 0,
                    linear:
                        Linear::Convolution {
                            layer,
                            input,
                            output,
                        },
                    ..
                },
            ] => Some((layer, *input, *output)),
            _ => None,
        },
        LayerKind::Square(_) => None,
    }
}

/// The cheapest plan for a way to pack the image; nothing if a vector does not fit or a layer has no room for that many
/// copies.
fn choose(
    layers: &[Layer],
    levels: &[usize],
    input: InputPacking,
    parameters: &Parameters,
) -> Result<Option<Chosen>> {
    let (first, windows) = match &input {
        InputPacking::Vector(packing) => (*packing, false),
        InputPacking::Windows { output, .. } => (*output, true),
    };
    let mut packings = vec![first];
    let mut chosen = Chosen {
        work: 0.0,
        plans: Vec::new(),
        input,
    };
    if first.tile() > parameters.slots() {
        return Ok(None);
    }
    for (index, (layer, &level)) in layers.iter().zip(levels).enumerate() {
        let (step, output) = match &layer.kind {
            LayerKind::Square(square) => {
                let (source, multiples) = (square.source, square.multiples.is_some());
                (Step::Square { source, multiples }, packings[square.source])
            }
            LayerKind::Linear(_) if windows && index == 0 => (Step::Windows, first),
            LayerKind::Linear(sum) => {
                let last = index + 1 == layers.len();
                let found = fold(sum, &packings, level, last, parameters)?;
                let Some(found) = found else { return Ok(None) };
                found
            }
        };
        let work = work(&step, level, chosen.input.ciphertexts(), parameters)?;
        chosen.work += work;
        let names = [layer.name.to_string(), layer.operator.to_owned()];
        let dims = layer.shape.dims();
        let plan = LayerPlan::new(names, dims, level, output, step, work, parameters)?;
        chosen.plans.push(plan);
        packings.push(output);
    }
    Ok(Some(chosen))
}

/// The cheapest way to compute a linear layer, and how its output is then packed.
fn fold(
    sum: &Sum,
    packings: &[Packing],
    level: usize,
    last: bool,
    parameters: &Parameters,
) -> Result<Option<(Step, Packing)>> {
    let tile = sum.tile(packings);
    let mut best: Option<(f64, Step, Packing)> = None;
    // The imaginary parts of scores must show their noise.
    let pairings: &[bool] = if last { &[false] } else { &[false, true] };
    let candidates = outputs(sum, packings, parameters.slots());
    let candidates = candidates
        .into_iter()
        .flat_map(|output| pairings.iter().map(move |p| (output, *p)));
    for (output, paired) in candidates {
        let fits = |term: &Term| {
            let input = &packings[term.source];
            let copies = input.copies > 1;
            let pairs = !paired || (output.period > 1 && !copies);
            Folded::fits(input, &output) && pairs && (!copies || sum.terms.len() == 1)
        };
        if !sum.terms.iter().all(fits) {
            continue;
        }
        let mut blocks: BTreeMap<usize, BTreeSet<i64>> = BTreeMap::new();
        for term in &sum.terms {
            let folded = Folded::new(packings[term.source], output, tile, paired);
            let rotations = folded.rotations(term);
            blocks.entry(term.source).or_default().extend(rotations);
        }
        let blocks = blocks.into_iter().map(|(source, diagonals)| BlockPlan {
            source,
            diagonals: diagonals.into_iter().collect(),
        });
        let step = Step::Linear {
            blocks: blocks.collect(),
            parts: Parts {
                count: (tile / output.period).max(1),
                apart: output.period,
            },
            paired,
        };
        let work = work(&step, level, 1, parameters)?;
        if best.as_ref().is_none_or(|(least, ..)| work < *least) {
            best = Some((work, step, output));
        }
    }
    Ok(best.map(|(_, step, output)| (step, output)))
}

/// How the output of a linear layer can be packed: a convolution leaves pixels where they are, and all else is one
/// value after the other. A longer period has more diagonals and fewer rotations at the end.
fn outputs(sum: &Sum, packings: &[Packing], slots: usize) -> Vec<Packing> {
    let mut bases = Vec::new();
    let mut entries = 0;
    for Term { source, linear, .. } in &sum.terms {
        let packing = &packings[*source];
        match linear {
            Linear::Convolution {
                layer,
                input,
                output,
            } => {
                entries += layer.weights.values().len() * output[1] * output[2];
                bases.extend(packing.convolved(layer, *input, *output));
            }
            Linear::Identity(_) if packing.copies == 1 => bases.push(*packing),
            Linear::Identity(_) | Linear::Dense(_) => {}
        }
    }
    if bases.is_empty() || entries <= MAX_ENTRIES {
        bases.push(Packing::vector(sum.bias.len()));
    }
    bases.dedup();
    let most = sum.tile(packings).min(slots);
    let periods = bases.into_iter().flat_map(|base| {
        let most = most.max(base.period);
        let doubled = (0..).map(move |k| base.period << k);
        let periods = doubled.take_while(move |&period| period <= most);
        periods.map(move |period| Packing { period, ..base })
    });
    periods.filter(|packing| packing.tile() <= slots).collect()
}

/// The digest of the layers and their weights.
pub(crate) fn digest(layers: &[Layer]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"tapetum network v2");
    let mut numbers = |numbers: &[f64]| {
        hasher.update(&(numbers.len() as u64).to_le_bytes());
        let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        hasher.update(&bytes);
    };
    let sizes = |sizes: &[usize]| -> Vec<f64> { sizes.iter().map(|&n| n as f64).collect() };
    for layer in layers {
        numbers(&sizes(layer.shape.dims()));
        match &layer.kind {
            LayerKind::Square(square) => {
                numbers(&[0.0, square.source as f64]);
                numbers(square.multiples.as_deref().unwrap_or_default());
            }
            LayerKind::Linear(sum) => {
                numbers(&[1.0, sum.terms.len() as f64]);
                numbers(&sum.bias);
                for term in &sum.terms {
                    numbers(&[term.source as f64]);
                    numbers(&term.rows);
                    numbers(&term.columns);
                    match &term.linear {
                        Linear::Identity(values) => numbers(&[*values as f64]),
                        Linear::Dense(layer) => numbers(layer.weights.values()),
                        Linear::Convolution {
                            layer,
                            input,
                            output,
                        } => {
                            let window = &layer.window;
                            numbers(&sizes(&[*input, *output].concat()));
                            numbers(&sizes(
                                &[window.kernel, window.strides, window.dilations].concat(),
                            ));
                            numbers(&sizes(&window.pads));
                            numbers(&[layer.groups as f64]);
                            numbers(layer.weights.values());
                        }
                    }
                }
            }
        }
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Operation;
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

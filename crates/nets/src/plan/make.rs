//! How the layers of a network are packed and placed, by counted work.

use std::collections::{BTreeMap, BTreeSet};

use tapetum_ckks::{BootstrappingPlan, Parameters, SlotKind};

use super::levels::{Bootstraps, Place, Placement, shortest, without_bootstraps};
use super::step::{BlockPlan, LayerPlan, Parts, Step, WeightForm};
use super::work::{Work, bootstrapping as bootstrapping_work, encoding};
use super::{InputPacking, WindowPlan};
use crate::error::Result;
use crate::graph::{Convolution, Shape};
use crate::labels;
use crate::layers::{Folded, Linear, Packing, Term};
use crate::stages::{Layer, LayerKind, Sum};

/// Ciphertexts of an image beyond which the server computes the first convolution by rotations.
const MAX_WINDOW_CIPHERTEXTS: usize = 32;
/// Entries of a convolution's matrix beyond which its output is never packed value after value.
const MAX_ENTRIES: usize = 1 << 20;
/// The cheapest plan for these layers under these parameters; nothing if they have too few levels or slots.
///
/// The output of each is so many ciphertexts, one unless it is said.
pub(super) fn plan(
    layers: &[Layer],
    ciphertexts: &[usize],
    image: &Shape,
    parameters: &Parameters,
    left: usize,
) -> Result<Option<Chosen>> {
    let Some(literal) = &parameters.literal().bootstrapping else {
        let placement = without_bootstraps(layers, left);
        if placement.most() > parameters.max_level() {
            return Ok(None);
        }
        return cheapest(layers, &placement, image, (parameters, left));
    };
    // What is packed in which way hardly depends on levels, so that comes first.
    let from = literal.slots_to_coeffs_levels as usize;
    let low = Placement {
        levels: vec![from + 1; layers.len()],
        bootstrapped: vec![true; layers.len()],
    };
    let Some(packed) = cheapest(layers, &low, image, (parameters, left))? else {
        return Ok(None);
    };
    let Some(slots) = packed.bootstrapped_slots else {
        return Ok(None);
    };
    let bootstrapping = BootstrappingPlan::new(parameters, slots, SlotKind::Real)?;
    let of_image = packed.input.ciphertexts();
    let outputs = packed.plans.iter().map(|plan| plan.output);
    let packings: Vec<_> = [packed.input.packing()]
        .into_iter()
        .chain(outputs)
        .collect();
    let place = |(index, (layer, planned)): (usize, (&Layer, &LayerPlan))| -> Result<Place> {
        let step = &planned.step;
        let ciphertexts = ciphertexts.get(index).copied().unwrap_or(1);
        let work = Work::of(step, planned.level, of_image, parameters)?;
        let tile = planned.tile(&packings);
        let levels = 0..=parameters.message_level();
        let cost = |level| {
            let encoding = encoding(WeightForm::Coefficients, step, tile, level, parameters);
            ciphertexts as f64 * work.at(level, parameters) + encoding
        };
        Ok(Place {
            sources: layer.sources(),
            depth: layer.depth(),
            costs: levels.map(cost).collect(),
            ciphertexts,
        })
    };
    let places = layers.iter().zip(&packed.plans).enumerate().map(place);
    let bootstraps = Bootstraps {
        from,
        to: parameters.message_level(),
        cost: bootstrapping_work(&bootstrapping)?,
    };
    match shortest(&places.collect::<Result<Vec<_>>>()?, bootstraps, left) {
        Some(placement) => choose(layers, &placement, packed.input, (parameters, left)),
        None => Ok(None),
    }
}

/// A way to pack the image, the plans that follow from it, and the work that they are.
pub(super) struct Chosen {
    work: f64,
    pub input: InputPacking,
    pub plans: Vec<LayerPlan>,
    /// Slots after which all vectors that are bootstrapped repeat.
    pub bootstrapped_slots: Option<usize>,
}

/// The cheapest plan under these parameters with so many levels left; nothing if a vector does not fit.
fn cheapest(
    layers: &[Layer],
    placement: &Placement,
    image: &Shape,
    under: (&Parameters, usize),
) -> Result<Option<Chosen>> {
    let mut best: Option<Chosen> = None;
    for input in input_candidates(layers, image, under.0.slots()) {
        if let Some(chosen) = choose(layers, placement, input, under)?
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
        && compared(layers, 0).is_none()
        && layers.len() > 1
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
        _ => None,
    }
}

/// The cheapest plan for a way to pack the image, as [`cheapest`]; nothing if a vector does not fit or a layer has no room for that many
/// copies.
fn choose(
    layers: &[Layer],
    placement: &Placement,
    input: InputPacking,
    (parameters, left): (&Parameters, usize),
) -> Result<Option<Chosen>> {
    let (first, windows) = (
        input.packing(),
        matches!(input, InputPacking::Windows { .. }),
    );
    let mut packings = vec![first];
    let mut chosen = Chosen {
        work: 0.0,
        plans: Vec::new(),
        input,
        bootstrapped_slots: None,
    };
    if first.tile() > parameters.slots() {
        return Ok(None);
    }
    for (index, layer) in layers.iter().enumerate() {
        let (level, bootstrapped) = (placement.levels[index], placement.bootstrapped[index]);
        let (step, output) = match &layer.kind {
            LayerKind::Square(square) => {
                let (source, multiples) = (square.source, square.multiples.is_some());
                (Step::Square { source, multiples }, packings[square.source])
            }
            LayerKind::Relu(relu) => {
                let (source, bits) = (relu.source, relu.precision.bits());
                (Step::Relu { source, bits }, packings[relu.source])
            }
            LayerKind::Largest(largest) => {
                let (source, count) = (largest.source, largest.count);
                let bits = largest.precision.bits();
                let step = Step::Largest {
                    source,
                    count,
                    bits,
                };
                (step, packings[source])
            }
            LayerKind::Clean(clean) => {
                let source = clean.source;
                (Step::Clean { source }, packings[source])
            }
            LayerKind::Linear(_) if windows && index == 0 => (Step::Windows, first),
            LayerKind::Linear(sum) => {
                let slots = parameters.slots();
                let last = index + 1 == layers.len();
                let compared = compared(layers, index);
                // Features are alone in their slots, so that those of other images have room beside them.
                let alone = (last && left > 0).then(|| Packing {
                    period: slots,
                    ..Packing::vector(sum.bias.len())
                });
                let outputs = match compared.or(alone) {
                    Some(packing) if packing.tile() > slots => return Ok(None),
                    Some(packing) => vec![packing],
                    None => outputs(sum, &packings, slots),
                };
                let last = last || compared.is_some();
                let found = fold(sum, &packings, outputs, level, last, parameters)?;
                let Some(found) = found else { return Ok(None) };
                found
            }
        };
        let ciphertexts = chosen.input.ciphertexts();
        let work = Work::of(&step, level, ciphertexts, parameters)?.at(level, parameters);
        chosen.work += work;
        let names = [layer.name.to_string(), layer.operator.to_owned()];
        let dims = layer.shape.dims();
        let plan = LayerPlan::new(names, dims, level, output, step, work, parameters)?;
        chosen.plans.push(plan.bootstrapped(bootstrapped));
        if bootstrapped {
            let slots = chosen
                .bootstrapped_slots
                .get_or_insert(least_slots(parameters));
            *slots = output.tile().max(*slots);
        }
        packings.push(output);
    }
    Ok(Some(chosen))
}

/// The transforms of bootstrapping have a factor for each level, of a layer at least.
fn least_slots(parameters: &Parameters) -> usize {
    let literal = parameters.literal().bootstrapping.as_ref();
    let factors = literal.map_or(0, |b| {
        b.coeffs_to_slots_bits
            .len()
            .max(b.slots_to_coeffs_levels as usize)
    });
    1 << factors
}

/// The cheapest way to compute a linear layer, and how its output is then packed.
fn fold(
    sum: &Sum,
    packings: &[Packing],
    outputs: Vec<Packing>,
    level: usize,
    last: bool,
    parameters: &Parameters,
) -> Result<Option<(Step, Packing)>> {
    let tile = sum.tile(packings);
    let mut best: Option<(f64, Step, Packing)> = None;
    // The imaginary parts of scores must show their noise.
    let pairings: &[bool] = if last { &[false] } else { &[false, true] };
    let candidates = outputs
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
        let mut blocks: BTreeMap<(usize, usize), BTreeSet<i64>> = BTreeMap::new();
        for term in &sum.terms {
            let folded = Folded::new(packings[term.source], output, tile, paired);
            let rotations = folded.rotations(term);
            let block = blocks.entry((term.source, term.part)).or_default();
            block.extend(rotations);
        }
        let blocks = blocks.into_iter();
        let blocks = blocks.map(|((source, part), diagonals)| BlockPlan {
            source,
            part,
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
        let work = Work::of(&step, level, 1, parameters)?.at(level, parameters);
        if best.as_ref().is_none_or(|(least, ..)| work < *least) {
            best = Some((work, step, output));
        }
    }
    Ok(best.map(|(_, step, output)| (step, output)))
}

/// How the scores of a layer must be packed if they are compared with each other.
fn compared(layers: &[Layer], index: usize) -> Option<Packing> {
    layers.iter().find_map(|layer| match layer.kind {
        LayerKind::Largest(largest) if largest.source == index + 1 => Some(Packing {
            period: labels::stride(largest.count, largest.precision),
            ..Packing::vector(largest.count)
        }),
        _ => None,
    })
}

/// How the output of a linear layer can be packed: a convolution leaves pixels where they are, and all else is one
/// value after the other. A longer period has more diagonals and fewer rotations at the end.
fn outputs(sum: &Sum, packings: &[Packing], slots: usize) -> Vec<Packing> {
    let mut bases = Vec::new();
    let mut entries = 0;
    for Term { source, linear, .. } in &sum.terms {
        let packing = &packings[*source];
        // Images beside each other are more channels.
        let (linear, before, after) = match linear {
            Linear::Several {
                layer,
                inputs,
                outputs,
            } => (&**layer, inputs.images, outputs.images),
            alone => (alone, 1, 1),
        };
        match linear {
            Linear::Convolution {
                layer,
                input: [inputs, height, width],
                output: [outputs, out_height, out_width],
            } => {
                entries += layer.weights.values().len() * out_height * out_width * before;
                let input = [inputs * before, *height, *width];
                let output = [outputs * after, *out_height, *out_width];
                bases.extend(packing.convolved(layer, input, output));
            }
            Linear::Identity(_) if packing.copies == 1 && before == after => bases.push(*packing),
            Linear::Identity(_) | Linear::Dense(_) | Linear::Several { .. } => {}
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

#[cfg(test)]
mod tests {
    use super::super::{Answer, NetworkPlan, Scaling, prepare};
    use super::*;
    use crate::graph::Operation;
    use crate::passes::testing::{chain, convolution, dense};

    fn plan(input: &[usize], operations: Vec<Operation>) -> NetworkPlan {
        let graph = chain(input, operations);
        let scaling = Scaling::Calibration(&[], Answer::Scores);
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

//! From a graph to its plan: sizes of values, precision of activations, parameters.

use tapetum_ckks::{Parameters, ParametersLiteral, Precision};

use super::digest::digest;
use super::levels::without_bootstraps;
use super::make::{self, plan};
use super::noise::score_noise;
use super::parameters::candidates;
use super::{InputPlan, NetworkPlan};
use crate::error::{NetworkError, Result};
use crate::graph::{Graph, Shape};
use crate::passes::simplified;
use crate::reference;
use crate::stages::{
    self, Largest, Layer, LayerKind, Sizes, Stage, StageKind, beside, layer_factors, scaled,
    set_precision, stages, vectors, widened,
};

/// How large values are on calibration images, without bootstrapping. Noise is about the same for all values, so larger
/// ones are more precise; but the squares of activations grow, and at level 0 there is room for 8 times such scores.
pub(crate) const SIZES: Sizes = Sizes {
    activation: 4.0,
    scores: 16.0,
};
/// What is bootstrapped is to be within [-1, 1].
const BOOTSTRAPPED_SIZES: Sizes = Sizes {
    activation: 1.0,
    ..SIZES
};
/// The bits of the finest ReLU. Finer ones do not fit between two bootstraps.
const MOST_BITS: u32 = 9;
/// Calibration images on which the labels must be those of the network as it is, to choose the precision of ReLU.
const LABELLED: usize = 64;
/// Of a hundred such labels, one may differ.
const LABELS_PER_MISTAKE: usize = 100;
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
    match scaling {
        Scaling::As(plan) => again(graph, plan),
        Scaling::Calibration(images) => calibrated(graph, range, images, candidates),
    }
}

/// As a plan says.
fn again(graph: &Graph, plan: &NetworkPlan) -> Result<Prepared> {
    let network = Trial::new(graph, plan.range())?;
    let stages = network.stages(plan.precision());
    let prepared = network.prepared(stages, plan.factors().to_vec(), &plan.parameters()?)?;
    let other = || NetworkError::Plan("it has other layers than the network".to_owned());
    let mut prepared = prepared.ok_or_else(other)?;
    prepared.plan.noise = plan.noise();
    prepared.plan.check()?;
    Ok(prepared)
}

/// Plans a network for `count` images at once, a power of two, under the parameters that are best for one: what a ciphertext
/// is planned for, and how many images those of each vector hold.
pub(crate) fn several(
    graph: &Graph,
    range: [f64; 2],
    images: &[Vec<f64>],
    count: usize,
) -> Result<(Prepared, Vec<usize>)> {
    let Prepared { plan, layers } = calibrated(graph, range, images, candidates)?;
    if let Some(layer) = layers.iter().find(|l| matches!(l.kind, LayerKind::Relu(_))) {
        return Err(NetworkError::Encrypted {
            node: layer.name.clone(),
            reason: "ReLU is not supported for several images: classify images one by one"
                .to_owned(),
        });
    }
    let parameters = plan.parameters()?;
    let image = Shape::new(plan.input_shape().to_vec()).map_err(NetworkError::Plan)?;
    let mut spare = 1;
    loop {
        let images = beside(&layers, &image, count, parameters.slots(), spare);
        let layers = stages::several(layers.clone(), &image, &images)?;
        let input = widened(&image, images[0])?;
        let ciphertexts: Vec<_> = images[1..].iter().map(|n| count / n).collect();
        let Some(chosen) = make::plan(&layers, &ciphertexts, &input, &parameters)? else {
            if images.iter().all(|&n| n == 1) {
                return Err(NetworkError::Levels {
                    levels: plan.levels(),
                });
            }
            spare *= 2;
            continue;
        };
        let plan = NetworkPlan {
            weights: digest(&layers),
            input: InputPlan {
                shape: input.dims().to_vec(),
                range,
                packing: chosen.input,
            },
            layers: chosen.plans,
            bootstrapped_slots: chosen.bootstrapped_slots,
            ..plan
        };
        return Ok((Prepared { plan, layers }, images));
    }
}

/// The plan that is predicted to take the least time, under one of the parameters for so many levels.
pub(crate) fn calibrated(
    graph: &Graph,
    range: [f64; 2],
    images: &[Vec<f64>],
    candidates: impl Fn(usize) -> Vec<ParametersLiteral>,
) -> Result<Prepared> {
    let network = Trial::new(graph, range)?;
    let largest = Largest::of(&network.simple, &network.stages, images)?;
    let precision = network.sufficient(&largest, images)?;
    let stages = network.stages(precision);
    let factors = layer_factors(&stages, &largest, SIZES);
    let levels = without_bootstraps(&scaled(stages.clone(), network.values(), &factors)?).most();
    let mut best: Option<(f64, Prepared)> = None;
    for literal in candidates(levels) {
        // What is bootstrapped must be known not to be large.
        if literal.bootstrapping.is_some() && images.is_empty() {
            continue;
        }
        let Some(found) = network.under(literal, &stages, &largest)? else {
            continue;
        };
        let seconds = found.plan.predicted_cpu_seconds()?.iter().sum();
        if best.as_ref().is_none_or(|(least, _)| seconds < *least) {
            best = Some((seconds, found));
        }
    }
    let Some((_, mut prepared)) = best else {
        let shapes = stages.iter().map(|stage| stage.shape.values());
        let most = shapes.max().unwrap_or(0).max(network.values());
        NetworkError::check_limit("values of a layer", most, 1 << (MOST_LOG_N - 1))?;
        return Err(NetworkError::Levels { levels });
    };
    let grey = [vec![(range[0] + range[1]) / 2.0; network.values()]];
    let images = if images.is_empty() { &grey } else { images };
    let parameters = prepared.plan.parameters()?;
    let plans = &prepared.plan.layers;
    prepared.plan.noise = score_noise(&prepared.layers, plans, &parameters, images);
    prepared.plan.check()?;
    Ok(prepared)
}

/// A network that is being planned.
struct Trial {
    simple: Graph,
    stages: Vec<Stage>,
    range: [f64; 2],
}

impl Trial {
    fn new(graph: &Graph, range: [f64; 2]) -> Result<Self> {
        let simple = simplified(graph)?;
        Ok(Self {
            stages: stages(&simple)?,
            simple,
            range,
        })
    }

    /// Of an image.
    fn values(&self) -> usize {
        self.simple.input_shape().values()
    }

    fn stages(&self, precision: Option<Precision>) -> Vec<Stage> {
        let mut stages = self.stages.clone();
        if let Some(precision) = precision {
            set_precision(&mut stages, precision);
        }
        stages
    }

    /// The coarsest ReLU, which is the cheapest, with which the images keep their labels; nothing if there is no ReLU.
    fn sufficient(&self, largest: &Largest, images: &[Vec<f64>]) -> Result<Option<Precision>> {
        let relu = |stage: &Stage| matches!(stage.kind, StageKind::Relu { .. });
        if !self.stages.iter().any(relu) {
            return Ok(None);
        }
        if images.is_empty() {
            return Err(NetworkError::Calibration);
        }
        let images = &images[..images.len().min(LABELLED)];
        let labels = images
            .iter()
            .map(|image| Ok(largest_of(&reference::output(&self.simple, image)?)))
            .collect::<Result<Vec<_>>>()?;
        let mut tried = Precision::COARSEST;
        for precision in Precision::all().take_while(|p| p.bits() <= MOST_BITS) {
            tried = precision;
            let stages = self.stages(Some(precision));
            let factors = layer_factors(&stages, largest, BOOTSTRAPPED_SIZES);
            let layers = scaled(stages, self.values(), &factors)?;
            let mut mistakes = 0;
            for (image, &label) in images.iter().zip(&labels) {
                let scores = vectors(&layers, image, |_, _, _| ()).pop();
                mistakes += usize::from(largest_of(&scores.unwrap_or_default()) != label);
                if mistakes * LABELS_PER_MISTAKE > images.len() {
                    break;
                }
            }
            if mistakes * LABELS_PER_MISTAKE <= images.len() {
                break;
            }
        }
        Ok(Some(tried))
    }

    /// Under such parameters, in a larger ring if a vector does not fit: the security is then higher. Nothing if they
    /// have too few levels or slots, or no ring has so many levels.
    fn under(
        &self,
        mut literal: ParametersLiteral,
        stages: &[Stage],
        largest: &Largest,
    ) -> Result<Option<Prepared>> {
        let sizes = match literal.bootstrapping {
            Some(_) => BOOTSTRAPPED_SIZES,
            None => SIZES,
        };
        let factors = layer_factors(stages, largest, sizes);
        loop {
            let Ok(parameters) = Parameters::new(literal.clone()) else {
                return Ok(None);
            };
            let found = self.prepared(stages.to_vec(), factors.clone(), &parameters)?;
            if found.is_some() || literal.bootstrapping.is_some() || literal.log_n == MOST_LOG_N {
                return Ok(found);
            }
            literal.log_n += 1;
        }
    }

    /// Under these parameters, without noise yet; nothing if they have too few levels or slots.
    fn prepared(
        &self,
        stages: Vec<Stage>,
        factors: Vec<Vec<f64>>,
        parameters: &Parameters,
    ) -> Result<Option<Prepared>> {
        let layers = scaled(stages, self.values(), &factors)?;
        let image = self.simple.input_shape();
        let Some(chosen) = plan(&layers, &[], image, parameters)? else {
            return Ok(None);
        };
        let plan = NetworkPlan {
            parameters: parameters.literal().clone(),
            weights: digest(&layers),
            input: InputPlan {
                shape: image.dims().to_vec(),
                range: self.range,
                packing: chosen.input,
            },
            layers: chosen.plans,
            factors,
            noise: 0.0,
            bootstrapped_slots: chosen.bootstrapped_slots,
        };
        Ok(Some(Prepared { plan, layers }))
    }
}

/// The place of the largest.
fn largest_of(scores: &[f64]) -> usize {
    (0..scores.len())
        .max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
        .unwrap_or(0)
}

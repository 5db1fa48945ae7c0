//! From a graph to its plan: sizes of values, precision of activations, parameters.

use tapetum_ckks::{Parameters, ParametersLiteral, Precision};

use super::digest::digest;
use super::levels::without_bootstraps;
use super::make::{self, plan};
use super::noise::score_noise;
use super::parameters::candidates;
use super::{Answer, InputPlan, NetworkPlan};
use crate::error::{NetworkError, Result};
use crate::graph::{Graph, Shape};
use crate::labels;
use crate::passes::simplified;
use crate::reference::{self, largest as largest_score};
use crate::stages::{
    self, COMPARED, Largest, Layer, LayerKind, Sizes, Stage, StageKind, add_labels, beside,
    layer_factors, scaled, set_precision, stages, vectors, widened,
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
/// The largest feature, on calibration images, that something is computed with.
const FEATURE: f64 = 1.0;
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
    Calibration(&'a [Vec<f64>], Answer),
    /// That of a plan.
    As(&'a NetworkPlan),
}

/// What comes after the output of a network.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ending {
    /// How exactly its values are compared, if they are.
    pub compared: Option<Precision>,
    /// The levels that are left to it.
    pub left: usize,
}

impl Ending {
    /// How large values are, in place of those that scores are decrypted from.
    fn sizes(self, sizes: Sizes) -> Sizes {
        match self.left {
            0 => sizes,
            _ => Sizes {
                scores: FEATURE,
                ..sizes
            },
        }
    }
}

/// Plans a network for images with values in `range`.
pub(crate) fn prepare(graph: &Graph, range: [f64; 2], scaling: Scaling<'_>) -> Result<Prepared> {
    match scaling {
        Scaling::As(plan) => again(graph, plan),
        Scaling::Calibration(images, Answer::Labels) => labelled(graph, range, images),
        Scaling::Calibration(images, answer) => {
            let ending = Ending {
                compared: None,
                left: match answer {
                    Answer::Features { levels } => levels,
                    _ => 0,
                },
            };
            calibrated(graph, range, images, ending, candidates)
        }
    }
}

/// With labels in place of scores, compared as exactly as the images need it, or less exactly if no parameters have so many
/// levels.
fn labelled(graph: &Graph, range: [f64; 2], images: &[Vec<f64>]) -> Result<Prepared> {
    labels::check(graph.node(graph.output()).shape.values())?;
    if images.is_empty() {
        return Err(NetworkError::Calibration);
    }
    let scores = spread(images).map(|image| reference::output(graph, image));
    let scores = scores.collect::<Result<Vec<_>>>()?;
    let largest = scores
        .iter()
        .flatten()
        .fold(0.0, |most: f64, s| most.max(s.abs()));
    let factor = if largest > 0.0 {
        COMPARED / largest
    } else {
        1.0
    };
    let compared: Vec<Vec<f64>> = scores
        .iter()
        .map(|scores| scores.iter().map(|s| factor * s).collect())
        .collect();
    let mut tried = Err(NetworkError::Calibration);
    for precision in labels::precisions(&compared) {
        let ending = Ending {
            compared: Some(precision),
            left: 0,
        };
        tried = calibrated(graph, range, images, ending, candidates);
        if !matches!(tried, Err(NetworkError::Levels { .. })) {
            break;
        }
    }
    tried
}

/// Some of the images, as far from each other as possible: they may be sorted by label.
fn spread(images: &[Vec<f64>]) -> impl Iterator<Item = &Vec<f64>> {
    let count = images.len().min(LABELLED);
    (0..count).map(move |i| &images[i * images.len() / count])
}

/// As a plan says.
fn again(graph: &Graph, plan: &NetworkPlan) -> Result<Prepared> {
    let network = Trial::new(graph, plan.range())?;
    let stages = network.stages(plan.precision(), plan.labels());
    let factors = plan.factors().to_vec();
    let prepared = network.prepared(stages, factors, &plan.parameters()?, plan.left)?;
    let other = || NetworkError::Plan("it has other layers than the network".to_owned());
    let mut prepared = prepared.ok_or_else(other)?;
    prepared.plan.noise = plan.noise();
    // Older plans of networks with ReLU have none.
    prepared.plan.range_flag &= plan.has_range_flag();
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
    let Prepared { plan, layers } =
        calibrated(graph, range, images, Ending::default(), candidates)?;
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
        let Some(chosen) = make::plan(&layers, &ciphertexts, &input, &parameters, 0)? else {
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
    ending: Ending,
    candidates: impl Fn(usize) -> Vec<ParametersLiteral>,
) -> Result<Prepared> {
    let network = Trial::new(graph, range)?;
    let precision = network.sufficient(images)?;
    let stages = network.stages(precision, ending.compared);
    let largest = Largest::of(&network.simple, &stages, images)?;
    let factors = layer_factors(&stages, &largest, SIZES);
    let layers = scaled(stages.clone(), network.values(), &factors)?;
    let levels = without_bootstraps(&layers, ending.left).most();
    let mut best: Option<(f64, Prepared)> = None;
    for literal in candidates(levels) {
        // What is bootstrapped must be known not to be large.
        if literal.bootstrapping.is_some() && images.is_empty() {
            continue;
        }
        let Some(found) = network.under(literal, &stages, &largest, ending)? else {
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

    /// With ReLU of a precision and, for labels, comparisons of one.
    fn stages(&self, precision: Option<Precision>, compared: Option<Precision>) -> Vec<Stage> {
        let mut stages = self.stages.clone();
        if let Some(compared) = compared {
            add_labels(&mut stages, compared);
        }
        if let Some(precision) = precision {
            set_precision(&mut stages, precision);
        }
        stages
    }

    /// The coarsest ReLU, which is the cheapest, with which the images keep their labels; nothing if there is no ReLU.
    fn sufficient(&self, images: &[Vec<f64>]) -> Result<Option<Precision>> {
        let relu = |stage: &Stage| matches!(stage.kind, StageKind::Relu { .. });
        if !self.stages.iter().any(relu) {
            return Ok(None);
        }
        if images.is_empty() {
            return Err(NetworkError::Calibration);
        }
        let largest = Largest::of(&self.simple, &self.stages, images)?;
        let images = &images[..images.len().min(LABELLED)];
        let labels = images
            .iter()
            .map(|image| Ok(largest_score(&reference::output(&self.simple, image)?)))
            .collect::<Result<Vec<_>>>()?;
        let mut tried = Precision::COARSEST;
        for precision in Precision::all().take_while(|p| p.bits() <= MOST_BITS) {
            tried = precision;
            let stages = self.stages(Some(precision), None);
            let factors = layer_factors(&stages, &largest, BOOTSTRAPPED_SIZES);
            let layers = scaled(stages, self.values(), &factors)?;
            let mut mistakes = 0;
            for (image, &label) in images.iter().zip(&labels) {
                let scores = vectors(&layers, image, |_, _, _| ()).pop();
                mistakes += usize::from(largest_score(&scores.unwrap_or_default()) != label);
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
        ending: Ending,
    ) -> Result<Option<Prepared>> {
        let sizes = ending.sizes(match literal.bootstrapping {
            Some(_) => BOOTSTRAPPED_SIZES,
            None => SIZES,
        });
        let factors = layer_factors(stages, largest, sizes);
        loop {
            let Ok(parameters) = Parameters::new(literal.clone()) else {
                return Ok(None);
            };
            let found =
                self.prepared(stages.to_vec(), factors.clone(), &parameters, ending.left)?;
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
        left: usize,
    ) -> Result<Option<Prepared>> {
        let layers = scaled(stages, self.values(), &factors)?;
        let image = self.simple.input_shape();
        let Some(chosen) = plan(&layers, &[], image, parameters, left)? else {
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
            left,
            range_flag: layers.iter().any(|l| matches!(l.kind, LayerKind::Relu(_))),
        };
        Ok(Some(Prepared { plan, layers }))
    }
}

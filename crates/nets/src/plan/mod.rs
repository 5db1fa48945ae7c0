//! How a network is evaluated on an encrypted image, decided before anything runs.

mod digest;
mod levels;
mod make;
mod noise;
mod parameters;
mod prepare;
mod range;
mod step;
mod work;

use serde::{Deserialize, Serialize};
use tapetum_ckks::{
    BootstrappingPlan, KeyPlan, Parameters, ParametersLiteral, Precision, SlotKind,
};

use crate::error::{NetworkError, Result};
use crate::layers::Packing;

pub(crate) use digest::digest;
pub(crate) use parameters::literal;
#[cfg(test)]
pub(crate) use prepare::{Ending, calibrated};
pub(crate) use prepare::{Prepared, SIZES, Scaling, prepare, several};
pub(crate) use range::RANGE_LEVEL;
pub use step::LayerPlan;
use step::is_false;
pub(crate) use step::{Parts, Step, WeightForm};

/// Bytes of buffers that a process which classifies images should keep for reuse
/// ([`limit_idle_buffers`](tapetum_ckks::limit_idle_buffers)). A process keeps twice as much otherwise: ResNet-20 then had a peak
/// 0.2 GB higher, and took as long.
pub const IDLE_BUFFERS: u64 = 1 << 30;

/// Slots of the largest ring.
const MAX_SLOTS: usize = 1 << 16;
/// Layers of a plan.
const MAX_LAYERS: usize = 64;
/// Diagonals of all layers: a plan with more would take hours, and minutes to make its keys. ResNet-20 has 5,000.
const MAX_DIAGONALS: usize = 1 << 16;
/// Encoded weights beyond which they are not kept, in whatever form.
const MAX_ENCODED_BYTES: u64 = 1 << 30;
/// Ciphertexts of an image.
const MAX_CIPHERTEXTS: usize = 64;

/// What the owner of the keys, whoever encrypts images, and the server agree on: parameters, how images and layers
/// are packed, at which level each layer is computed. It has no weights, but their digest.
///
/// It says what shape each layer has. Everyone who uses the network learns that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkPlan {
    parameters: ParametersLiteral,
    /// BLAKE3 of the layers that are evaluated, weights included.
    weights: [u8; 32],
    input: InputPlan,
    layers: Vec<LayerPlan>,
    /// What the channels of each linear layer are multiplied by while they are encrypted.
    factors: Vec<Vec<f64>>,
    /// The standard deviation of the scores' noise while they are encrypted.
    noise: f64,
    /// If vectors are bootstrapped, the slots after which all of these repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bootstrapped_slots: Option<usize>,
    /// Whether scores come with a flag that says whether a value left the interval of a ReLU.
    #[serde(default, skip_serializing_if = "is_false")]
    range_flag: bool,
    /// The levels that are left for what is computed with the output.
    #[serde(default, skip_serializing_if = "is_zero")]
    left: usize,
}

/// What plans for scores and labels do not say.
fn is_zero(left: &usize) -> bool {
    *left == 0
}

/// What an image must be, and how it is packed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct InputPlan {
    pub shape: Vec<usize>,
    /// The least and the largest value of an image.
    pub range: [f64; 2],
    pub packing: InputPacking,
}

/// What the ciphertexts of an image hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum InputPacking {
    /// One ciphertext with all values.
    Vector(Packing),
    /// A ciphertext for each pixel of the first convolution's window, with the pixel that each output value reads: the
    /// client cuts the image into windows (im2col), and the server needs no rotation for the convolution.
    Windows {
        /// Channels times pixels of the window.
        ciphertexts: usize,
        /// How the output of the convolution is packed.
        output: Packing,
        window: WindowPlan,
    },
}

/// The window of the first convolution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WindowPlan {
    pub kernel: [usize; 2],
    pub strides: [usize; 2],
    pub dilations: [usize; 2],
    pub pads: [usize; 4],
    /// Height and width of the output.
    pub output: [usize; 2],
}

/// What leaves the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// The scores of all classes.
    #[default]
    Scores,
    /// Which class has the largest score, and nothing else: 1 in its place, 0 elsewhere.
    Labels,
    /// The output as it is, with levels left to compute with it, one value after the other in the first slots and zeros in
    /// all others.
    Features {
        /// How many levels.
        levels: usize,
    },
}

impl InputPacking {
    /// The number of ciphertexts.
    pub fn ciphertexts(&self) -> usize {
        match self {
            Self::Vector(_) => 1,
            Self::Windows { ciphertexts, .. } => *ciphertexts,
        }
    }

    /// How vector 0 is packed: the image, or what the first layer makes of its windows.
    pub fn packing(&self) -> Packing {
        match self {
            Self::Vector(packing) => *packing,
            Self::Windows { output, .. } => *output,
        }
    }
}

impl NetworkPlan {
    /// The parameters of keys and ciphertexts.
    ///
    /// # Errors
    /// If the plan states parameters that cannot be.
    pub fn parameters(&self) -> Result<Parameters> {
        Ok(Parameters::new(self.parameters.clone())?)
    }

    /// A hash of the whole plan. Encrypted images and scores carry it.
    pub fn digest(&self) -> [u8; 32] {
        let bytes = postcard::to_allocvec(self).expect("a plan can be written to memory");
        *blake3::hash(&bytes).as_bytes()
    }

    /// The layers, in the order in which they are evaluated.
    pub fn layers(&self) -> &[LayerPlan] {
        &self.layers
    }

    /// The least and the largest value of an image.
    pub fn range(&self) -> [f64; 2] {
        self.input.range
    }

    /// The shape of an image: `[1, channels, height, width]`, or `[1, length]`.
    pub fn input_shape(&self) -> &[usize] {
        &self.input.shape
    }

    /// The number of values of an image.
    pub fn input_len(&self) -> usize {
        self.input.shape.iter().product()
    }

    /// The number of ciphertexts of an encrypted image.
    pub fn input_ciphertexts(&self) -> usize {
        self.input.packing.ciphertexts()
    }

    /// The number of scores.
    pub fn scores(&self) -> usize {
        self.output().values()
    }

    /// The levels that the evaluation uses at a time, which are all that there are. Those that are used up within a
    /// bootstrapping are not counted.
    pub fn levels(&self) -> usize {
        self.parameters.q_bits.len().saturating_sub(1)
    }

    /// The level of an encrypted image.
    pub(crate) fn input_level(&self) -> usize {
        let readers = self.layers.iter();
        let readers = readers.filter(|layer| layer.step.sources().contains(&0));
        readers.map(LayerPlan::level).max().unwrap_or(0)
    }

    /// How exact its ReLU are, if it has any.
    pub(crate) fn precision(&self) -> Option<Precision> {
        self.layers.iter().find_map(|layer| match layer.step {
            Step::Relu { bits, .. } => Precision::new(bits).ok(),
            _ => None,
        })
    }

    /// What leaves the server.
    pub fn answer(&self) -> Answer {
        match (self.labels(), self.left) {
            (Some(_), _) => Answer::Labels,
            (None, 0) => Answer::Scores,
            (None, levels) => Answer::Features { levels },
        }
    }

    /// How exactly scores are compared, if labels leave the server in their place.
    pub(crate) fn labels(&self) -> Option<Precision> {
        self.layers.iter().find_map(|layer| match layer.step {
            Step::Largest { bits, .. } => Precision::new(bits).ok(),
            _ => None,
        })
    }

    /// Whether scores are compared at the end, and cleaned, or not at all.
    fn labels_fit(&self) -> bool {
        let special =
            |layer: &&LayerPlan| matches!(layer.step, Step::Largest { .. } | Step::Clean { .. });
        let count = self.layers.iter().filter(special).count();
        match &self.layers[..] {
            [.., scores, largest, clean] if count == 2 => {
                let index = self.layers.len() - 2;
                matches!(scores.step, Step::Linear { .. })
                    && matches!(largest.step, Step::Largest { source, .. } if source == index)
                    && matches!(clean.step, Step::Clean { source } if source == index + 1)
                    && largest.output == scores.output
                    && clean.output == scores.output
            }
            _ => count == 0,
        }
    }

    /// How often a vector is bootstrapped.
    pub fn bootstraps(&self) -> usize {
        self.layers.iter().filter(|l| l.is_bootstrapped()).count()
    }

    /// Slots after which all vectors that are bootstrapped repeat.
    #[cfg(test)]
    pub(crate) fn bootstrapped_slots(&self) -> Option<usize> {
        self.bootstrapped_slots
    }

    /// The bootstrapping of the vectors, if there is any.
    pub(crate) fn bootstrapping(
        &self,
        parameters: &Parameters,
    ) -> Result<Option<BootstrappingPlan>> {
        let plan = |slots| Ok(BootstrappingPlan::new(parameters, slots, SlotKind::Real)?);
        self.bootstrapped_slots.map(plan).transpose()
    }

    /// Rotations of all layers.
    pub fn rotations(&self) -> usize {
        self.layers.iter().map(LayerPlan::rotations).sum()
    }

    /// CPU time that the evaluation of each layer is predicted to take, in seconds, from counted work.
    ///
    /// # Errors
    /// If the plan is damaged.
    pub fn predicted_cpu_seconds(&self) -> Result<Vec<f64>> {
        self.predicted_cpu_seconds_of(&[])
    }

    /// The same where the output of each layer is so many ciphertexts, one unless it is said. Weights are encoded once
    /// for all of them.
    pub(crate) fn predicted_cpu_seconds_of(&self, parts: &[usize]) -> Result<Vec<f64>> {
        let parameters = self.parameters()?;
        let form = self.weight_form()?;
        let bootstrapping = match self.bootstrapping(&parameters)? {
            Some(plan) => work::bootstrapping(&plan)?,
            None => 0.0,
        };
        let packings = self.packings();
        let seconds = |(index, layer): (usize, &LayerPlan)| {
            let parts = parts.get(index).copied().unwrap_or(1) as f64;
            let tile = layer.tile(&packings);
            let encoding = work::encoding(form, &layer.step, tile, layer.level, &parameters);
            let bootstrapping = match layer.is_bootstrapped() {
                true => bootstrapping,
                false => 0.0,
            };
            let work = parts * (layer.work() + bootstrapping) + encoding;
            work::seconds(work, &parameters)
        };
        Ok(self.layers.iter().enumerate().map(seconds).collect())
    }

    /// The memory of encoded weights at any one time.
    ///
    /// # Errors
    /// If the plan is damaged.
    pub fn weights_bytes(&self) -> Result<u64> {
        Ok(match self.weight_form()? {
            WeightForm::Values | WeightForm::Coefficients => self.kept_bytes()?,
            WeightForm::Kernels => {
                // A complex number for each slot until they repeat, and the coefficients.
                self.coefficient_bytes().max().unwrap_or(0) * 2
            }
        })
    }

    /// The memory of bootstrapping beside its keys: its matrices, encoded, and what is held while it runs.
    ///
    /// # Errors
    /// If the plan is damaged.
    pub fn bootstrapping_bytes(&self) -> Result<u64> {
        let Some(plan) = self.bootstrapping(&self.parameters()?)? else {
            return Ok(0);
        };
        let estimate = plan.estimate()?;
        Ok(estimate.matrix_bytes + estimate.scratch_bytes)
    }

    /// The memory of encoded weights that stay between classifications; none where they are made when they are used.
    ///
    /// # Errors
    /// If the plan is damaged.
    pub fn kept_bytes(&self) -> Result<u64> {
        Ok(match self.weight_form()? {
            WeightForm::Values => self.value_bytes(&self.parameters()?),
            WeightForm::Coefficients => self.coefficient_bytes().sum(),
            WeightForm::Kernels => 0,
        })
    }

    /// The memory that a classification takes beside the keys, an upper bound: the weights at any one time, the
    /// ciphertexts of the layer that has most, and bootstrapping.
    ///
    /// # Errors
    /// If the plan is damaged.
    pub fn classification_bytes(&self) -> Result<u64> {
        let parameters = self.parameters()?;
        let special = parameters.literal().p_bits.len();
        // Each rotation of a transform may be kept over all primes until its sums are divided, and the digits of an
        // input are as many again.
        let vectors = |layer: &LayerPlan| {
            let limbs = layer.level + 1 + special;
            let count = self.input_ciphertexts() + layer.rotations() + limbs;
            2 * count as u64 * limbs as u64
        };
        let limbs = self.layers.iter().map(vectors).max().unwrap_or(0);
        let vectors = limbs * (8 * parameters.degree()) as u64;
        Ok(self.weights_bytes()? + self.bootstrapping_bytes()? + vectors)
    }

    /// How weights are kept: in the form that takes least time among those that do not take too much memory.
    pub(crate) fn weight_form(&self) -> Result<WeightForm> {
        Ok(
            if self.value_bytes(&self.parameters()?) <= MAX_ENCODED_BYTES {
                WeightForm::Values
            } else if self.coefficient_bytes().sum::<u64>() <= MAX_ENCODED_BYTES {
                WeightForm::Coefficients
            } else {
                WeightForm::Kernels
            },
        )
    }

    /// The memory of the diagonals of each layer by their coefficients: two for each slot until they repeat.
    fn coefficient_bytes(&self) -> impl Iterator<Item = u64> {
        let packings = self.packings();
        let bytes =
            move |layer: &LayerPlan| 16 * (layer.diagonals() * layer.tile(&packings)) as u64;
        self.layers.iter().map(bytes)
    }

    /// The memory of the weights of all layers, encoded ready to be multiplied.
    fn value_bytes(&self, parameters: &Parameters) -> u64 {
        let special = parameters.literal().p_bits.len();
        let limb = (8 * parameters.degree()) as u64;
        let bytes = self.layers.iter().zip(self.coefficient_bytes());
        let bytes = bytes.map(|(layer, coefficients)| {
            let limbs = layer.level as u64 + 1;
            match &layer.step {
                Step::Square { multiples, .. } => u64::from(*multiples) * limbs * limb,
                Step::Relu { .. } | Step::Clean { .. } => 0,
                // Its masks.
                Step::Largest { .. } => 4 * limbs * limb,
                Step::Windows => (self.input_ciphertexts() as u64 + 1) * limbs * limb,
                Step::Linear { .. } => coefficients * (limbs + special as u64) + limbs * limb,
            }
        });
        bytes.sum()
    }

    /// The evaluation keys that the server needs, each for the highest level at which it is used.
    ///
    /// # Errors
    /// If the plan is damaged.
    pub fn key_plan(&self, parameters: &Parameters) -> Result<KeyPlan> {
        let mut keys = match self.bootstrapping(parameters)? {
            Some(plan) => plan.keys(),
            None => KeyPlan::new(parameters),
        };
        for layer in &self.layers {
            let at = |level: usize| KeyPlan::new(parameters).up_to_level(level);
            match &layer.step {
                Step::Windows => {}
                Step::Square { .. } | Step::Relu { .. } | Step::Clean { .. } => {
                    keys = keys.join(&at(layer.level).relinearization());
                }
                Step::Largest { .. } => {
                    let rotations = layer.step.comparison_rotations();
                    keys = keys.join(&at(layer.level).relinearization().rotations(rotations));
                }
                Step::Linear { parts, paired, .. } => {
                    let plan = layer.step.transform(parameters, layer.level)?;
                    let rotations = plan.map(|plan| plan.rotations()).unwrap_or_default();
                    keys = keys.join(&at(layer.level).rotations(rotations));
                    keys = keys.join(&at(layer.level - 1).rotations(parts.keys()));
                    if *paired {
                        let half = (layer.output.period / 2) as i64;
                        keys = keys.join(&at(layer.level - 1).rotations([half]).conjugation());
                    }
                }
            }
        }
        let at = |level: usize| KeyPlan::new(parameters).up_to_level(level);
        Ok(self.range_keys(keys, at, parameters.slots()))
    }

    /// Whether each layer reads ciphertexts that there are, if those of each vector hold so many images: an output those of
    /// its images.
    pub(crate) fn reads_parts(&self, beside: &[usize]) -> bool {
        let mut layers = self.layers.iter().zip(beside.iter().skip(1));
        layers.all(|(layer, &images)| {
            let parts = |source: usize| match beside.get(source) {
                Some(&of_source) if of_source > 0 => images / of_source,
                _ => 0,
            };
            match &layer.step {
                Step::Linear { blocks, .. } => blocks.iter().all(|b| b.part < parts(b.source)),
                step => step.sources().iter().all(|&source| parts(source) == 1),
            }
        })
    }

    /// Refuses a plan that no network has: plans come from others.
    ///
    /// # Errors
    /// If the parts of the plan contradict each other or are too large.
    pub fn check(&self) -> Result<()> {
        let damaged = |reason: &str| Err(NetworkError::Plan(reason.to_owned()));
        let parameters = self.parameters()?;
        let slots = parameters.slots();
        if self.layers.is_empty() || self.layers.len() > MAX_LAYERS {
            return damaged("it has no layer, or too many");
        }
        if self.layers.iter().map(LayerPlan::diagonals).sum::<usize>() > MAX_DIAGONALS {
            return damaged("it has more than 65,536 diagonals");
        }
        let [low, high] = self.input.range;
        let finite = low.is_finite() && high.is_finite();
        let positive = |factor: &f64| factor.is_finite() && *factor > 0.0;
        let channels = self.factors.iter().map(Vec::len).sum::<usize>();
        let factors = self.factors.len() <= MAX_LAYERS
            && channels <= MAX_LAYERS * MAX_SLOTS
            && self.factors.iter().flatten().all(positive)
            && self.factors.last().is_some_and(|last| !last.is_empty());
        let noise = self.noise.is_finite() && self.noise >= 0.0;
        if !finite || low >= high || !factors || !noise {
            return damaged("its range or its factors are not numbers that can be");
        }
        let packings = self.layers.iter().map(|layer| &layer.output);
        let first = match &self.input.packing {
            InputPacking::Vector(packing) => packing,
            InputPacking::Windows { output, .. } => output,
        };
        let fits = |packing: &Packing| packing.is_valid() && packing.tile() <= slots;
        if !packings.chain([first]).all(fits) {
            return damaged("a vector does not fit its slots");
        }
        self.check_input(first)?;
        let input = self.input_level();
        if input > parameters.message_level() {
            return damaged("its image has more levels than there are");
        }
        // The levels of the vectors.
        let mut known = vec![input];
        for layer in &self.layers {
            let vectors = known.len();
            layer.check(slots, vectors)?;
            let sources = layer.step.sources();
            let reach = sources.iter().all(|&source| known[source] >= layer.level);
            let windows = matches!(layer.step, Step::Windows);
            let depth = layer.step.depth();
            if layer.level < depth || !reach || (windows && (vectors > 1 || layer.level != input)) {
                return damaged("its layers do not follow each other");
            }
            known.push(match layer.is_bootstrapped() {
                true => parameters.message_level(),
                false => layer.level - depth,
            });
        }
        let last = self.layers.last();
        let alone = last.is_some_and(|l| l.output.tile() == slots || self.left == 0);
        let left = last.is_some_and(|l| known.last() >= Some(&self.left) && !l.is_bootstrapped());
        if !alone || !left || (self.left > 0 && self.labels().is_some()) {
            return damaged("its features are not alone in their slots, or have too few levels");
        }
        if !self.labels_fit() {
            return damaged("it compares scores that are not those of its last layer");
        }
        if !self.range_flag_fits() {
            return damaged("it has no ReLU that its range flag could be of");
        }
        self.check_bootstraps(&parameters)
    }

    fn check_bootstraps(&self, parameters: &Parameters) -> Result<()> {
        let damaged = |reason: &str| Err(NetworkError::Plan(reason.to_owned()));
        let mut bootstrapped = self.layers.iter().filter(|l| l.is_bootstrapped());
        let literal = parameters.literal().bootstrapping.as_ref();
        let (Some(slots), Some(literal)) = (self.bootstrapped_slots, literal) else {
            return match (bootstrapped.next(), self.bootstrapped_slots) {
                (None, None) => Ok(()),
                _ => damaged("it bootstraps, and its parameters do not, or it does not say how"),
            };
        };
        let from = literal.slots_to_coeffs_levels as usize;
        // Periods are powers of two: they divide each other.
        let possible = |layer: &LayerPlan| {
            let fits = layer.output.tile() <= slots;
            layer.level_after() >= from && fits
        };
        let most = parameters.slots();
        if slots.is_power_of_two() && slots <= most && bootstrapped.all(possible) {
            Ok(())
        } else {
            damaged("a vector that it bootstraps has too low a level or too many slots")
        }
    }

    fn check_input(&self, first: &Packing) -> Result<()> {
        let damaged = |reason: &str| Err(NetworkError::Plan(reason.to_owned()));
        let shape = &self.input.shape;
        let values = shape.iter().try_fold(1_usize, |n, &d| n.checked_mul(d));
        if shape.first() != Some(&1) || !matches!(values, Some(1..=MAX_SLOTS)) {
            return damaged("its image has no size, or more values than there are slots");
        }
        match &self.input.packing {
            InputPacking::Vector(_) if first.values() == self.input_len() => Ok(()),
            InputPacking::Vector(_) => damaged("its image does not fit its packing"),
            InputPacking::Windows {
                ciphertexts: stated,
                output,
                window,
            } => {
                let pixels = window.output[0].checked_mul(window.output[1]);
                let fits = pixels.is_some_and(|n| n > 0 && output.values() % n == 0);
                let kernel = window.kernel[0].checked_mul(window.kernel[1]);
                let ciphertexts = kernel.and_then(|k| k.checked_mul(*shape.get(1)?));
                let small = [&window.strides[..], &window.dilations, &window.pads]
                    .concat()
                    .iter()
                    .all(|&n| n <= MAX_SLOTS);
                if shape.len() == 4
                    && fits
                    && small
                    && ciphertexts == Some(*stated)
                    && (1..=MAX_CIPHERTEXTS).contains(stated)
                {
                    Ok(())
                } else {
                    damaged("its windows do not fit its image")
                }
            }
        }
    }

    pub(crate) fn input(&self) -> &InputPlan {
        &self.input
    }

    /// The standard deviation of the error of the scores, from noise that is tried in the clear.
    pub fn score_noise(&self) -> f64 {
        self.noise / self.score_factor()
    }

    /// The same while they are encrypted.
    pub(crate) fn noise(&self) -> f64 {
        self.noise
    }

    pub(crate) fn factors(&self) -> &[Vec<f64>] {
        &self.factors
    }

    /// What features are multiplied by while they are encrypted, so that those of calibration images are at most 1.
    pub fn feature_factor(&self) -> f64 {
        self.score_factor()
    }

    /// What scores are multiplied by while they are encrypted.
    pub(crate) fn score_factor(&self) -> f64 {
        let last = self.factors.last().and_then(|factors| factors.first());
        last.copied().unwrap_or(1.0)
    }

    /// How all vectors are packed: vector 0 is the image, or what the first layer makes of its windows.
    pub(crate) fn packings(&self) -> Vec<Packing> {
        let outputs = self.layers.iter().map(|layer| layer.output);
        [self.input.packing.packing()]
            .into_iter()
            .chain(outputs)
            .collect()
    }

    /// How the scores are packed.
    pub(crate) fn output(&self) -> Packing {
        self.layers.last().map_or(Packing::vector(1), |l| l.output)
    }
}

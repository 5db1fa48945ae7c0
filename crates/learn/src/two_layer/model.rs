//! The encrypted network that a training gives, and classification with it.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{Ciphertext, Decryptor, Evaluator};

use super::activation::Activation;
use super::config::TwoLayerConfig;
use super::plain::PlainTwoLayer;
use super::shape::{TwoLayerLevels, TwoLayerShape};
use super::step::Network;
use super::weights::Weights;
use crate::bundle;
use crate::error::{LearnError, Result, Setting, check_equal};
use crate::layout::{Layout, SlotOrder};
use crate::matrix::{EncryptedMatrix, check_vectors};
use crate::origin::{Origin, has_origin};
use crate::progress::{Counter, Listener};
use crate::requirements::Requirements;
use crate::scores::EncryptedScores;
use crate::slot_diagonals::OnDiagonals;
use crate::task::{check_classes, outputs};

/// A network with one hidden layer under encryption. A network for two classes has one score, and a sample is positive if its
/// score is; one for more classes has a score for each, and the largest decides.
///
/// All weights are in one ciphertext.
#[derive(Clone, Debug, PartialEq)]
pub struct TwoLayerModel {
    described: NetworkShape,
    shape: TwoLayerShape,
    /// The packed vector: twice the weights over their bound, and four times the factor of the activation for the second layer.
    weights: Ciphertext,
    origin: Origin,
}

has_origin!(TwoLayerModel);

/// What the ciphertext of a network does not say.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct NetworkShape {
    features: u32,
    block_cols: u32,
    hidden_units: u16,
    classes: u16,
    activation: Activation,
    weight_bound: f64,
}

impl TwoLayerModel {
    /// The kind of bundle that holds a network.
    pub const KIND: &'static str = "two-layer-model";

    /// The level at which a network can classify samples.
    pub const LEVEL: usize = TwoLayerLevels::of_scores().weights;

    /// The level at which samples that are only to be classified should be encrypted.
    pub const SAMPLE_LEVEL: usize = TwoLayerLevels::of_scores().samples;

    /// By what a packed vector of twice the weights is multiplied when it is taken apart.
    pub(super) fn unpacking_factor(bound: f64) -> f64 {
        bound / 4.0
    }

    pub(super) fn shape_of(
        config: &TwoLayerConfig,
        layout: &Layout,
        classes: usize,
    ) -> NetworkShape {
        NetworkShape {
            features: layout.cols() as u32,
            block_cols: layout.block_cols() as u32,
            hidden_units: config.hidden_units as u16,
            classes: classes as u16,
            activation: config.activation,
            weight_bound: config.batches.weight_bound,
        }
    }

    /// A network from its ciphertext.
    pub(super) fn from_ciphertext(described: NetworkShape, weights: Ciphertext) -> Result<Self> {
        check_vectors("an encrypted network", std::slice::from_ref(&weights))?;
        let slots = weights.parameters().slots();
        let (cols, width) = (described.features as usize, described.block_cols as usize);
        let layout = Layout::new(1, cols, slots / width.clamp(1, slots), width)?;
        let layout = layout.with_order(SlotOrder::Columns);
        check_equal("slots of the network", slots, layout.slots())?;
        let (units, classes) = (described.hidden_units.into(), described.classes.into());
        check_classes(classes)?;
        let known = [32, 64, 128].contains(&units);
        Setting::HiddenUnits.check(known, units as f64, "32, 64 or 128")?;
        let bound = described.weight_bound;
        let within = (2f64.powi(-10)..=2f64.powi(10)).contains(&bound);
        Setting::WeightBound.check(within, bound, "2^-10 to 2^10")?;
        Ok(Self {
            shape: TwoLayerShape::new(&layout, units, classes)?,
            described,
            weights,
            origin: Origin::default(),
        })
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.described.classes.into()
    }

    /// The number of features of a sample.
    pub fn features(&self) -> usize {
        self.described.features as usize
    }

    /// The number of hidden units.
    pub fn hidden_units(&self) -> usize {
        self.shape.units()
    }

    /// What becomes of the sums of hidden units.
    pub fn activation(&self) -> Activation {
        self.described.activation
    }

    /// The level of the weights.
    pub fn level(&self) -> usize {
        self.weights.level()
    }

    /// The parameters of the weights.
    pub fn parameters(&self) -> &tapetum_ckks::Parameters {
        self.weights.parameters()
    }

    pub(crate) fn requirements_of(shape: &TwoLayerShape) -> Requirements {
        Requirements {
            levels: Self::LEVEL,
            rotations: shape.forward_rotations(),
            relinearization: true,
            conjugation: true,
        }
    }

    /// The encrypted scores of samples, at level 0: of two blocks at a time, from [`SAMPLE_LEVEL`](Self::SAMPLE_LEVEL) on.
    ///
    /// # Errors
    /// [`LearnError`], before any work starts, if the samples do not fit the network, samples or network have too few levels, or
    /// a key is missing.
    pub fn decision_function(
        &self,
        evaluator: &Evaluator,
        samples: &EncryptedMatrix,
        progress: &mut Listener<'_>,
    ) -> Result<EncryptedScores> {
        self.check_samples(evaluator, samples)?;
        let (layout, shape) = (samples.layout(), &self.shape);
        let blocks = layout.grid_rows();
        let pairs = blocks.div_ceil(2);
        let groups = shape.scores.groups(blocks);
        let counter = Counter::new(shape.classification_key_switches(layout), progress);
        let levels = TwoLayerLevels::of_scores();
        let weights = evaluator.lower_to(&self.weights, levels.weights)?;
        let hidden = OnDiagonals {
            evaluator,
            shape: &shape.hidden,
        };
        let factor = Self::unpacking_factor(self.described.weight_bound);
        let network = Network {
            evaluator,
            shape,
            activation: self.described.activation,
            diagonals: hidden.take_apart(&shape.positions, &weights, factor)?,
            counter: &counter,
        };
        counter.add(
            shape.positions.unpacking_key_switches(),
            "unpacking weights",
        );
        let scores = (0..pairs)
            .into_par_iter()
            .map(|pair| {
                let members = 2 * pair..(2 * pair + 2).min(blocks);
                network.scores(samples, members, levels.samples)
            })
            .collect::<Result<Vec<_>>>()?;
        let scorer = OnDiagonals {
            evaluator,
            shape: &shape.scores,
        };
        let gathered = (0..groups)
            .into_par_iter()
            .map(|group| {
                let gathered = scorer.gather(&scores, blocks, group)?;
                counter.add(1, "gathering scores");
                Ok(gathered)
            })
            .collect::<Result<Vec<_>>>()?;
        let scores = EncryptedScores::from_ciphertexts(*layout, self.classes(), gathered)?;
        Ok(scores.with_origin(*samples.origin()))
    }

    fn check_samples(&self, evaluator: &Evaluator, samples: &EncryptedMatrix) -> Result<()> {
        let parameters = evaluator.parameters();
        if self.parameters() != parameters {
            return Err(LearnError::Parameters("the network"));
        }
        if samples.parameters() != parameters {
            return Err(LearnError::Parameters("the encrypted matrix"));
        }
        samples.origin().check(&self.origin, "the network")?;
        let layout = samples.layout();
        layout.check_order("an encrypted matrix", SlotOrder::Columns)?;
        check_equal("features of the samples", self.features(), layout.cols())?;
        check_equal(
            "columns of the samples' blocks",
            self.shape.hidden.features,
            layout.block_cols(),
        )?;
        for (what, needed, available) in [
            ("classifying samples", Self::SAMPLE_LEVEL, samples.level()),
            ("classifying with a network", Self::LEVEL, self.level()),
        ] {
            if available < needed {
                return Err(LearnError::LevelExhausted {
                    what,
                    needed,
                    available,
                });
            }
        }
        let needs = Self::requirements_of(&self.shape);
        needs.start_level("classifying", Self::LEVEL, 0, evaluator)?;
        Ok(())
    }

    /// The network in the clear, rounded as [`PlainTwoLayer::rounded`] does.
    ///
    /// # Errors
    /// [`LearnError::Decryption`] if the key is of other parameters.
    pub fn decrypt(&self, decryptor: &Decryptor) -> Result<PlainTwoLayer> {
        Ok(self.decrypt_exact(decryptor)?.rounded())
    }

    /// The network with all its digits, **for nobody but the owner**: as
    /// [`EncryptedScores::decrypt_exact`].
    ///
    /// # Errors
    /// As [`decrypt`](Self::decrypt).
    pub fn decrypt_exact(&self, decryptor: &Decryptor) -> Result<PlainTwoLayer> {
        let slots = decryptor
            .encoder()
            .decode(&decryptor.decrypt(&self.weights)?);
        let scores = outputs(self.classes());
        let [mut hidden, mut output] =
            Weights::unpack(&self.shape, &slots).to_rows(&self.shape, self.features(), scores);
        let activation = self.described.activation;
        let half = self.described.weight_bound / 2.0;
        hidden.iter_mut().for_each(|w| *w *= half);
        let of_output = half / (2.0 * activation.factor());
        output.iter_mut().for_each(|w| *w *= of_output);
        Ok(PlainTwoLayer {
            activation,
            hidden,
            output,
            units: self.hidden_units(),
        })
    }

    /// The network as a bundle, without a copy.
    ///
    /// # Errors
    /// [`LearnError::Wire`] never in practice: it is one ciphertext.
    pub fn to_bundle(&self) -> Result<Bundle<'_>> {
        let described = (&self.described, self.origin());
        let weights = std::slice::from_ref(&self.weights);
        bundle::write(self.parameters(), Self::KIND, described, weights)
    }

    /// A network from a bundle.
    ///
    /// # Errors
    /// [`LearnError`] if the bundle holds something else, or its parts do not fit together.
    pub fn from_bundle(bundle: Bundle<'_>) -> Result<Self> {
        let (described, origin, weights): (NetworkShape, _, Vec<Ciphertext>) =
            bundle::read(bundle, Self::KIND)?;
        check_equal("ciphertexts of a network", 1, weights.len())?;
        let weights = weights.into_iter().next();
        let weights = weights.ok_or(LearnError::Empty("ciphertexts of a network"))?;
        Ok(Self::from_ciphertext(described, weights)?.with_origin(origin))
    }
}

//! What samples are classified with: an encrypted model, or a plain one.

use serde::{Deserialize, Serialize};
use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{Decryptor, Evaluator, Id, Parameters};

use crate::error::{LearnError, Result};
use crate::layout::MAX_COLS;
use crate::linear_model::LinearModel;
use crate::matrix::EncryptedMatrix;
use crate::origin::Origin;
use crate::plain_model::PlainModel;
use crate::progress::Listener;
use crate::score_threshold::ScoreThreshold;
use crate::scores::EncryptedScores;
use crate::simulation::PlainClassifier;
use crate::task::MAX_CLASSES;
use crate::two_layer::TwoLayerModel;

/// A model that was trained under encryption, which nobody but the owner can read.
#[derive(Clone, Debug, PartialEq)]
pub enum EncryptedModel {
    /// Weights and intercepts.
    Linear(LinearModel),
    /// A network with one hidden layer.
    TwoLayer(Box<TwoLayerModel>),
}

impl From<TwoLayerModel> for EncryptedModel {
    fn from(model: TwoLayerModel) -> Self {
        Self::TwoLayer(Box::new(model))
    }
}

impl From<LinearModel> for EncryptedModel {
    fn from(model: LinearModel) -> Self {
        Self::Linear(model)
    }
}

impl EncryptedModel {
    /// The number of classes.
    pub fn classes(&self) -> usize {
        match self {
            Self::Linear(model) => model.classes(),
            Self::TwoLayer(model) => model.classes(),
        }
    }

    /// The number of features of a sample.
    pub fn features(&self) -> usize {
        match self {
            Self::Linear(model) => model.features(),
            Self::TwoLayer(model) => model.features(),
        }
    }

    /// The level of its ciphertexts.
    pub fn level(&self) -> usize {
        match self {
            Self::Linear(model) => model.level(),
            Self::TwoLayer(model) => model.level(),
        }
    }

    /// The parameters of its ciphertexts.
    pub fn parameters(&self) -> &Parameters {
        match self {
            Self::Linear(model) => model.parameters(),
            Self::TwoLayer(model) => model.parameters(),
        }
    }

    /// Whose keys and features it was made with.
    pub fn origin(&self) -> &Origin {
        match self {
            Self::Linear(model) => model.origin(),
            Self::TwoLayer(model) => model.origin(),
        }
    }

    /// The same, with what is known of where it comes from.
    #[must_use]
    pub fn with_origin(self, origin: Origin) -> Self {
        match self {
            Self::Linear(model) => Self::Linear(model.with_origin(origin)),
            Self::TwoLayer(model) => Self::TwoLayer(Box::new(model.with_origin(origin))),
        }
    }

    /// The linear model.
    ///
    /// # Errors
    /// [`LearnError::NotLinear`] for a network.
    pub fn into_linear(self) -> Result<LinearModel> {
        match self {
            Self::Linear(model) => Ok(model),
            Self::TwoLayer(_) => Err(LearnError::NotLinear),
        }
    }

    /// The encrypted scores of samples.
    ///
    /// # Errors
    /// As [`LinearModel::decision_function`] and [`TwoLayerModel::decision_function`].
    pub fn decision_function(
        &self,
        (evaluator, samples): (&Evaluator, &EncryptedMatrix),
        progress: &mut Listener<'_>,
    ) -> Result<EncryptedScores> {
        match self {
            Self::Linear(model) => model.decision_function(evaluator, samples, progress),
            Self::TwoLayer(model) => model.decision_function(evaluator, samples, progress),
        }
    }

    /// The model in the clear, rounded: as [`LinearModel::decrypt`] and [`TwoLayerModel::decrypt`].
    ///
    /// # Errors
    /// [`LearnError::Decryption`] if the key is of other parameters.
    pub fn decrypt(&self, decryptor: &Decryptor) -> Result<PlainClassifier> {
        Ok(match self {
            Self::Linear(model) => PlainClassifier::Linear(model.decrypt(decryptor)?),
            Self::TwoLayer(model) => PlainClassifier::TwoLayer(model.decrypt(decryptor)?),
        })
    }

    /// The model as a bundle, without a copy.
    ///
    /// # Errors
    /// [`LearnError::Wire`] if it has more ciphertexts than a bundle may hold.
    pub fn to_bundle(&self) -> Result<Bundle<'_>> {
        match self {
            Self::Linear(model) => model.to_bundle(),
            Self::TwoLayer(model) => model.to_bundle(),
        }
    }

    /// Whether a bundle of this kind holds a model.
    pub fn is_kind(kind: &str) -> bool {
        [LinearModel::KIND, TwoLayerModel::KIND].contains(&kind)
    }

    /// A model from a bundle, whichever it holds.
    ///
    /// # Errors
    /// [`LearnError`] if the bundle holds something else, or its parts do not fit together.
    pub fn from_bundle(bundle: Bundle<'_>) -> Result<Self> {
        match bundle.kind() {
            TwoLayerModel::KIND => TwoLayerModel::from_bundle(bundle).map(Into::into),
            _ => LinearModel::from_bundle(bundle).map(Self::Linear),
        }
    }
}

/// What samples are classified with.
#[derive(Clone, Debug)]
pub enum Model {
    /// A model that was trained under encryption, which nobody but the owner can read.
    Encrypted(EncryptedModel),
    /// A model in the clear, of the server or someone who trusts it.
    Plain(PlainModel),
}

impl Model {
    /// The encrypted scores of samples: of two classes one each, positive for the second class; of more,
    /// one for each class.
    ///
    /// # Errors
    /// As [`EncryptedModel::decision_function`] and [`PlainModel::score_encrypted`].
    pub fn decision_function(
        &self,
        (evaluator, samples): (&Evaluator, &EncryptedMatrix),
        progress: &mut Listener<'_>,
    ) -> Result<EncryptedScores> {
        match self {
            Self::Encrypted(model) => model.decision_function((evaluator, samples), progress),
            Self::Plain(model) => model.score_encrypted(evaluator, samples, progress),
        }
    }

    /// Hands what may leave the server to `keep`: scores, or with a threshold predictions.
    ///
    /// # Errors
    /// As [`decision_function`](Self::decision_function) and [`LinearModel::predictions`], those of
    /// `keep`, and [`LearnError::Malformed`] for a plain model with a threshold: it gives scores.
    pub fn classify<T, E: From<LearnError>>(
        &self,
        threshold: Option<&ScoreThreshold>,
        what: (&Evaluator, &EncryptedMatrix),
        progress: &mut Listener<'_>,
        keep: impl FnOnce(Bundle<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        match (self, threshold) {
            (_, None) => {
                let scores = self.decision_function(what, progress)?;
                keep(scores.to_bundle()?)
            }
            (Self::Encrypted(EncryptedModel::Linear(model)), Some(threshold)) => {
                let predictions = model.predictions(threshold, what.0, what.1, progress)?;
                keep(predictions.to_bundle()?)
            }
            (Self::Encrypted(EncryptedModel::TwoLayer(_)), Some(_)) => Err(LearnError::NotLinear)?,
            (Self::Plain(_), Some(_)) => Err(LearnError::Malformed {
                what: "a plain model",
                reason: "it gives scores, but the plan is that only predictions leave the server",
            })?,
        }
    }
}

/// A plain model with the names of its classes, as it is written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlainModelFile {
    version: u32,
    /// The names of the classes; of two the second is the positive one.
    pub classes: Vec<String>,
    /// Features of a sample, with the intercept if there is one.
    features: usize,
    /// For each score the weight of each feature: one score for two classes, one a class for more.
    weights: Vec<Vec<f64>>,
    /// What is added to each score.
    offsets: Vec<f64>,
    /// The id of the features that it was trained on, if they have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features_id: Option<Id>,
}

impl PlainModelFile {
    const VERSION: u32 = 1;

    /// Of this model.
    pub fn new(model: &PlainModel, classes: &[String]) -> Self {
        let features = model.features();
        let rows = model.weights.chunks(features.max(1));
        Self {
            version: Self::VERSION,
            classes: classes.to_vec(),
            features,
            weights: rows.map(<[f64]>::to_vec).collect(),
            offsets: model.intercepts.clone(),
            features_id: None,
        }
    }

    /// The model, checked.
    ///
    /// # Errors
    /// [`LearnError::Malformed`] if its parts do not fit together, or a number is infinite.
    pub fn into_model(self) -> Result<PlainModel> {
        let malformed = |reason| LearnError::Malformed {
            what: "a plain model",
            reason,
        };
        if self.version != Self::VERSION {
            return Err(malformed("this program reads version 1"));
        }
        let scores = match self.classes.len() {
            2 => 1,
            many => many,
        };
        let fits = (2..=MAX_CLASSES).contains(&self.classes.len())
            && (1..=MAX_COLS).contains(&self.features)
            && (self.weights.len(), self.offsets.len()) == (scores, scores)
            && self.weights.iter().all(|row| row.len() == self.features);
        if !fits {
            let reason = "its classes, features, weights and offsets do not match";
            return Err(malformed(reason));
        }
        let weights = self.weights.concat();
        if weights.iter().chain(&self.offsets).any(|x| !x.is_finite()) {
            return Err(malformed("a number is infinite"));
        }
        Ok(PlainModel {
            weights,
            intercepts: self.offsets,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_model_comes_back_and_what_is_none_is_refused() {
        let model = PlainModel {
            weights: vec![0.1, -2.5e-7, 3.0, 4.0, 5.0, 6.0],
            intercepts: vec![0.5, 0.0, -0.25],
        };
        let file = PlainModelFile::new(&model, &["a", "b", "c"].map(str::to_owned));
        assert_eq!(file.clone().into_model().unwrap(), model);
        let text = serde_json::to_string(&file).unwrap();
        let read = |text: &str| -> Option<PlainModel> {
            let file: PlainModelFile = serde_json::from_str(text).ok()?;
            file.into_model().ok()
        };
        assert_eq!(read(&text), Some(model));
        for (from, to) in [
            ("\"version\":1", "\"version\":2"),
            ("\"features\":2", "\"features\":3"),
            ("[\"a\",\"b\",\"c\"]", "[\"a\",\"b\"]"),
            ("[0.5,", "["),
            ("5.0", "1e999"),
            ("3.0,", ""),
            ("{", "{\"more\":1,"),
        ] {
            assert!(text.contains(from), "{from}");
            assert!(read(&text.replacen(from, to, 1)).is_none(), "{to}");
        }
    }
}

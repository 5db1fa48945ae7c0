//! What a server does, whether it is a value in memory or far away.

use tapetum_learn::EncryptedScores;

use crate::encrypted::{EncryptedDataSet, EncryptedSamples};
use crate::error::Result;
use crate::progress::Progress;
use crate::server::{Model, Server};

/// Trains and classifies what it cannot see: a [`Server`] in memory, or with the feature `remote` one over
/// HTTPS. A program that takes either is written once:
///
/// ```
/// use tapetum::vision::Split;
/// use tapetum::{Owner, Result, ServerSide, Silent};
///
/// fn accuracy(owner: &mut Owner, server: &impl ServerSide, split: &Split) -> Result<f64> {
///     let model = server.fit(&owner.encrypt(&split.train, &Silent)?, &Silent)?;
///     let samples = owner.encrypt_samples(split.test.samples(), &Silent)?;
///     let scores = server.decision_function(&model, &samples, &Silent)?;
///     owner.accuracy(&scores, &split.test)
/// }
/// ```
pub trait ServerSide {
    /// A model that was trained: itself, or how the server calls it.
    type Model;

    /// Trains a model on encrypted samples.
    ///
    /// # Errors
    /// [`Error`](crate::Error) if they do not fit the plan, keys are missing, or a server cannot be
    /// reached.
    fn fit(&self, data: &EncryptedDataSet, progress: &dyn Progress) -> Result<Self::Model>;

    /// The encrypted scores of samples: of two classes one each, positive for the second class; of more,
    /// one for each class.
    ///
    /// # Errors
    /// [`Error`](crate::Error) if samples and model do not fit, keys are missing, or a server cannot be
    /// reached.
    fn decision_function(
        &self,
        model: &Self::Model,
        samples: &EncryptedSamples,
        progress: &dyn Progress,
    ) -> Result<EncryptedScores>;
}

impl ServerSide for Server {
    type Model = Model;

    fn fit(&self, data: &EncryptedDataSet, progress: &dyn Progress) -> Result<Model> {
        Self::fit(self, data, progress)
    }

    fn decision_function(
        &self,
        model: &Model,
        samples: &EncryptedSamples,
        progress: &dyn Progress,
    ) -> Result<EncryptedScores> {
        Self::decision_function(self, model, samples, progress)
    }
}

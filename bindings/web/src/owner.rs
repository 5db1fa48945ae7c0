//! The owner of the secret key.

use serde::Serialize;
use tapetum::ckks::SecretKey;
use tapetum::owner::{Digits, Passphrase, key_from_file};
use tapetum::vision::{Features, Pipeline, Samples};
use tapetum::{Error, Plan, Silent};
use zeroize::Zeroizing;

use crate::{Model, PageError, Picture};

/// A secret key, and how features are made of pictures: both are private.
pub struct Owner {
    secret: SecretKey,
    pipeline: Pipeline,
}

/// What may be shown of a key.
#[derive(Clone, Debug, Serialize)]
pub struct Description {
    /// The names of the classes; of two the second is the positive one.
    pub classes: Vec<String>,
    /// Which features are taken.
    pub features: String,
    /// Features of a picture, with the intercept if there is one.
    pub columns: usize,
    /// Pixels along each side before that.
    pub side: usize,
    /// log2 of the ring degree.
    pub log_n: u32,
    /// By the table.
    pub security_bits: u32,
    /// The digest of the parameters, which the server's parameter set must have.
    pub digest: String,
}

/// What the owner learns of a picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// The class that it is found to be in.
    pub class: String,
    /// Positive for the positive class; absent if the server sends predictions only.
    pub score: Option<f64>,
}

/// The key of the file `secret.key`, and the passphrase if it is kept under one.
pub(crate) fn opened(file: &[u8], passphrase: Zeroizing<String>) -> Result<SecretKey, PageError> {
    let secret = key_from_file(file, || match passphrase.is_empty() {
        true => Err(Error::role("it is kept under a passphrase: type it first")),
        false => Passphrase::new(passphrase),
    });
    secret.map_err(PageError::SecretKey)
}

impl Owner {
    /// From the files `secret.key` and `features.json` of the owner's directory, and the passphrase if the key
    /// is kept under one.
    ///
    /// # Errors
    /// [`PageError`] that names the file to choose.
    pub fn open(
        secret_key: &[u8],
        pipeline: &str,
        passphrase: Zeroizing<String>,
    ) -> Result<Self, PageError> {
        let secret = opened(secret_key, passphrase)?;
        let pipeline = Pipeline::from_json(pipeline).map_err(PageError::Pipeline)?;
        Self::new(secret, pipeline)
    }

    /// From a key and a pipeline.
    ///
    /// # Errors
    /// [`PageError::Features`] if the features are not those of pictures, or those of a network.
    pub fn new(secret: SecretKey, pipeline: Pipeline) -> Result<Self, PageError> {
        let spec = pipeline.spec();
        if spec.is_table() || spec.wants_colour() {
            return Err(PageError::Features(spec.to_string()));
        }
        Ok(Self { secret, pipeline })
    }

    /// What may be shown.
    pub fn description(&self) -> Description {
        let parameters = self.secret.parameters();
        Description {
            classes: self.pipeline.class_names().to_vec(),
            features: self.pipeline.spec().to_string(),
            columns: self.pipeline.columns(),
            side: self.pipeline.side(),
            log_n: parameters.log_n(),
            security_bits: parameters.security().bits(),
            digest: parameters.digest().to_string(),
        }
    }

    /// Pixels along each side of what features see.
    pub fn side(&self) -> usize {
        self.pipeline.side()
    }

    /// The features of a picture, standardised.
    ///
    /// # Errors
    /// [`PageError::Picture`].
    pub fn features(&self, picture: &Picture) -> Result<Features, PageError> {
        let samples = Samples::Images(vec![picture.image().clone()]);
        self.pipeline.apply(&samples).map_err(PageError::Picture)
    }

    /// The file that is sent to the server: the features of a picture under encryption, half of them a seed.
    ///
    /// # Errors
    /// [`PageError::Unfit`] if the model is not for this key.
    pub fn encrypt(&self, model: &Model, picture: &Picture) -> Result<Vec<u8>, PageError> {
        let samples = Samples::Images(vec![picture.image().clone()]);
        let encrypted = self.of(model)?.encrypt_samples(&samples, &Silent);
        let file = encrypted.and_then(|samples| samples.to_bytes());
        file.map_err(PageError::Encryption)
    }

    /// The predictions in the server's answer, one for each picture.
    ///
    /// # Errors
    /// [`PageError::Answer`] if it is not one, or is under another key.
    pub fn decrypt(&self, model: &Model, answer: &[u8]) -> Result<Vec<Prediction>, PageError> {
        let answer = self.of(model)?.read_answer(answer);
        let found = answer.and_then(|answer| {
            answer.predictions(self.pipeline.class_names(), None, Digits::Rounded)
        });
        let found = found.map_err(PageError::Answer)?.predictions;
        Ok(found
            .into_iter()
            .map(|found| Prediction {
                class: found.class,
                score: found.score,
            })
            .collect())
    }

    /// This key's owner for a model, if it can be this key's.
    fn of(&self, model: &Model) -> Result<tapetum::Owner, PageError> {
        let plan = Plan::for_model(model.recipe(), &self.pipeline, self.secret.parameters());
        let owner = plan.and_then(|plan| {
            tapetum::Owner::with_key(&plan, self.secret.clone(), self.pipeline.clone())
        });
        owner.map_err(PageError::Unfit)
    }
}

//! Whoever has the secret key.

use serde::Serialize;
use tapetum_ckks::wire::{Bundle, WireError};
use tapetum_ckks::{Decryptor, Encryptor, SecretKey};
use tapetum_learn::{
    EncryptedMatrix, EncryptedPredictions, EncryptedScores, Features, LearnError, TrainingSpec,
    classes_of,
};
use tapetum_vision::{Features as Table, Pipeline, Samples};

use crate::{Model, PageError, Picture};

/// A secret key, and how features are made of pictures: both are private.
pub struct Owner {
    secret: SecretKey,
    encryptor: Encryptor,
    decryptor: Decryptor,
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

impl Owner {
    /// From the files `secret.key` and `features.json` of the owner's directory.
    ///
    /// # Errors
    /// [`PageError`] that names the file to choose.
    pub fn open(secret_key: &[u8], pipeline: &str) -> Result<Self, PageError> {
        let secret = SecretKey::from_bytes(secret_key).map_err(PageError::SecretKey)?;
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
        Ok(Self {
            encryptor: Encryptor::with_secret_key(&secret),
            decryptor: Decryptor::new(&secret),
            secret,
            pipeline,
        })
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
    pub fn features(&self, picture: &Picture) -> Result<Table, PageError> {
        let samples = Samples::Images(vec![picture.image().clone()]);
        self.pipeline.apply(&samples).map_err(PageError::Picture)
    }

    /// The file that is sent to the server: the features under encryption, half of them a seed.
    ///
    /// # Errors
    /// [`PageError::Unfit`] if the model is not for this key.
    pub fn encrypt(&self, model: &Model, features: &Table) -> Result<Vec<u8>, PageError> {
        let recipe = model.recipe();
        self.check(recipe)?;
        let parameters = self.secret.parameters();
        let shape = recipe.sample_shape(features.rows(), parameters);
        let (layout, level) = shape.map_err(PageError::Unfit)?;
        let encrypt = || {
            let features = Features::new(features.values(), features.cols())?;
            let encryptor = &self.encryptor;
            EncryptedMatrix::encrypt(&features, layout, level, encryptor, &mut |_| ())
        };
        let matrix = encrypt().map_err(PageError::Encryption)?;
        let bundle = matrix.to_bundle().map_err(PageError::Encryption)?;
        let mut bytes = Vec::new();
        let written = bundle.write(&mut bytes).map_err(WireError::from);
        written.map_err(|e| PageError::Encryption(e.into()))?;
        Ok(bytes)
    }

    /// Whether a model can be this key's.
    fn check(&self, recipe: &TrainingSpec) -> Result<(), PageError> {
        recipe
            .check(self.secret.parameters())
            .map_err(PageError::Unfit)?;
        let classes = self.pipeline.class_names().len();
        for (what, expected, found) in [
            (
                "features of a picture",
                recipe.columns,
                self.pipeline.columns(),
            ),
            ("classes", recipe.classes, classes),
        ] {
            if expected != found {
                return Err(PageError::Unfit(LearnError::Shape {
                    what,
                    expected,
                    found,
                }));
            }
        }
        Ok(())
    }

    /// The predictions in the server's answer, one for each picture.
    ///
    /// # Errors
    /// [`PageError::Answer`] if it is not one, [`PageError::Decryption`] if it is under another key.
    pub fn decrypt(&self, model: &Model, answer: &[u8]) -> Result<Vec<Prediction>, PageError> {
        let mut rest = answer;
        let bundle = Bundle::read(self.secret.parameters(), &mut rest);
        let bundle = bundle.map_err(PageError::Answer)?;
        if !rest.is_empty() {
            let more = WireError::TrailingBytes(rest.len() as u64);
            return Err(PageError::Answer(more));
        }
        let hides_scores = model.recipe().threshold.is_some();
        let opened = || {
            let scores = match hides_scores {
                false => EncryptedScores::from_bundle(bundle)?,
                true => EncryptedPredictions::from_bundle(bundle)?.slots().clone(),
            };
            let slots = scores.open(&self.decryptor)?;
            Ok((scores.outputs(), scores.decode(&slots)?))
        };
        let (outputs, mut scores) = opened().map_err(PageError::Decryption)?;
        if hides_scores {
            // 1 or 0, in place of positive or negative.
            scores.iter_mut().for_each(|score| *score -= 0.5);
        }
        let classes = self.pipeline.class_names();
        let predictions = classes_of(&scores, outputs).into_iter();
        let predictions = predictions.zip(scores.chunks_exact(outputs.max(1)));
        Ok(predictions
            .map(|(class, scores)| {
                let class = usize::from(class);
                let score = if outputs == 1 {
                    scores[0]
                } else {
                    scores[class]
                };
                Prediction {
                    class: classes
                        .get(class)
                        .cloned()
                        .unwrap_or_else(|| class.to_string()),
                    score: (!hides_scores).then_some(score),
                }
            })
            .collect())
    }
}

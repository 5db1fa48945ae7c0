//! A new key, and all that a server needs to train a model under it.

use tapetum_ckks::{Encryptor, KeyGenerator, Parameters, SecretKey};
use tapetum_learn::{
    ClassLabels, Contribution, EncryptedLabels, EncryptedMatrix, EstimatorConfig, Features, Labels,
    LearnError, TrainingSpec,
};
use tapetum_vision::{DataSet, FeatureSpec, Pipeline, PipelineOptions};

use crate::{Owner, PageError, Silhouettes};

/// What the command takes of images unless told otherwise.
const FEATURES: &str = "hog:7+dct:10";
/// Whose images these are.
const CONTRIBUTOR: &str = "the page";

/// A key that was just made, with images to train on under it. Linear means is the training: it needs the smallest keys.
pub struct Training {
    secret: SecretKey,
    pipeline: Pipeline,
    recipe: TrainingSpec,
    images: DataSet,
    held_out: Vec<usize>,
}

impl Training {
    /// A new key, to tell an animal from the others by `train` silhouettes; `test` more are held out.
    ///
    /// # Errors
    /// [`PageError::Images`] if there are not so many, [`PageError::Key`] if there is no randomness.
    pub fn begin(
        silhouettes: &Silhouettes,
        animal: &str,
        train: usize,
        test: usize,
    ) -> Result<Self, PageError> {
        let split = silhouettes.split(animal, train, test)?;
        let fit = || {
            let options = PipelineOptions {
                intercept: false,
                ..PipelineOptions::default()
            };
            Pipeline::fit(FEATURES.parse::<FeatureSpec>()?, &split.train, options)
        };
        let pipeline = fit().map_err(PageError::Images)?;
        let planned =
            TrainingSpec::planned(EstimatorConfig::LinearMeans, pipeline.columns(), 2, train);
        let (recipe, parameters) = planned.map_err(PageError::Training)?;
        Ok(Self {
            secret: SecretKey::generate(&parameters)?,
            pipeline,
            recipe,
            held_out: silhouettes.numbers(&split.test),
            images: split.train,
        })
    }

    fn parameters(&self) -> &Parameters {
        self.secret.parameters()
    }

    /// The file of the parameters, for the server.
    pub fn parameters_file(&self) -> Vec<u8> {
        self.parameters().to_bytes()
    }

    /// How it is to be trained, for the server.
    pub fn recipe(&self) -> &TrainingSpec {
        &self.recipe
    }

    /// The file of the evaluation keys, for the server: it computes with them and decrypts nothing.
    ///
    /// # Errors
    /// [`PageError::Key`] if there is no randomness.
    pub fn evaluation_keys_file(&self) -> Result<Vec<u8>, PageError> {
        let plan = self.recipe.keys(self.parameters());
        let plan = plan.map_err(PageError::Training)?;
        let keys = KeyGenerator::new(&self.secret)?.evaluation_keys(&plan)?;
        Ok(keys.to_bytes())
    }

    /// The file of the encrypted images and labels, for the server.
    ///
    /// # Errors
    /// [`PageError::Encryption`] if there is no randomness.
    pub fn images_file(&self) -> Result<Vec<u8>, PageError> {
        let table = self.pipeline.apply(self.images.samples());
        let table = table.map_err(PageError::Images)?;
        self.encrypted(table.values(), table.cols())
            .map_err(PageError::Encryption)
    }

    fn encrypted(&self, values: &[f64], columns: usize) -> Result<Vec<u8>, LearnError> {
        let encryptor = Encryptor::with_secret_key(&self.secret);
        let features = Features::new(values, columns)?;
        let labels = self.images.labels().iter().map(|&label| label == 1);
        let labels = ClassLabels::new(labels.collect())?;
        let (layout, level) = self
            .recipe
            .training_shape(features.rows(), self.parameters())?;
        let matrix = EncryptedMatrix::encrypt(&features, layout, level, &encryptor, &mut |_| ())?;
        let labels = EncryptedLabels::encrypt(&labels, layout, level, &encryptor, &mut |_| ())?;
        let contribution = Contribution::new(CONTRIBUTOR)?;
        let labels = Labels::Encrypted(labels);
        let mut file = Vec::new();
        for bundle in [
            contribution.to_bundle(self.parameters())?,
            matrix.to_bundle()?,
            labels.to_bundle(self.parameters())?,
        ] {
            bundle
                .write(&mut file)
                .map_err(|e| LearnError::Wire(e.into()))?;
        }
        Ok(file)
    }

    /// The numbers of the silhouettes that are held out.
    pub fn held_out(&self) -> &[usize] {
        &self.held_out
    }

    /// Whoever classifies with the model, and the two files to begin there another time: `secret.key` and
    /// `features.json`.
    ///
    /// # Errors
    /// [`PageError::Pipeline`] if the statistics cannot be written down.
    pub fn finish(self) -> Result<(Owner, zeroize::Zeroizing<Vec<u8>>, String), PageError> {
        let secret = self.secret.to_bytes();
        let pipeline = self.pipeline.to_json().map_err(PageError::Pipeline)?;
        Ok((Owner::new(self.secret, self.pipeline)?, secret, pipeline))
    }
}

#[cfg(test)]
mod tests {
    use tapetum_ckks::wire::Bundle;
    use tapetum_ckks::{EvaluationKeys, Evaluator};
    use tapetum_learn::LinearModel;

    use super::*;
    use crate::{Model, Picture};

    /// What a server does with the three files, and with what is to be classified.
    struct Server {
        parameters: Parameters,
        evaluator: Evaluator,
        model: LinearModel,
    }

    impl Server {
        fn train(training: &Training) -> Self {
            let parameters = Parameters::from_bytes(&training.parameters_file()).unwrap();
            let keys = training.evaluation_keys_file().unwrap();
            let keys = EvaluationKeys::from_bytes(&keys).unwrap();
            let file = training.images_file().unwrap();
            let mut file = file.as_slice();
            let mut next = || Bundle::read(&parameters, &mut file).unwrap();
            let contribution = Contribution::from_bundle(next()).unwrap();
            assert_eq!(contribution.name(), CONTRIBUTOR);
            let matrix = EncryptedMatrix::from_bundle(next()).unwrap();
            let labels = Labels::from_bundle(next()).unwrap();
            assert!(file.is_empty());
            training.recipe().check_samples(&matrix, &labels).unwrap();
            let evaluator = Evaluator::with_keys(keys);
            let estimator = training.recipe().learner.estimator().unwrap();
            let model = estimator.fit(&evaluator, &matrix, &labels, &mut |_| ());
            Self {
                parameters,
                evaluator,
                model: model.unwrap(),
            }
        }

        fn classify(&self, file: &[u8]) -> Vec<u8> {
            let bundle = Bundle::read(&self.parameters, file).unwrap();
            let matrix = EncryptedMatrix::from_bundle(bundle).unwrap();
            let evaluator = &self.evaluator;
            let scores = self
                .model
                .decision_function(evaluator, &matrix, &mut |_| ());
            let mut answer = Vec::new();
            let scores = scores.unwrap();
            scores.to_bundle().unwrap().write(&mut answer).unwrap();
            answer
        }
    }

    fn described(recipe: &TrainingSpec) -> Model {
        let recipe = serde_json::to_string(recipe).unwrap();
        let text =
            format!(r#"{{"id":"mod_1","name":"","details":{{"recipe":{recipe},"samples":1}}}}"#);
        Model::from_json(&text).unwrap()
    }

    #[test]
    fn a_new_key_trains_a_model_whose_predictions_are_those_of_its_clear_reference() {
        let silhouettes = Silhouettes::unpack().unwrap();
        let training = Training::begin(&silhouettes, "zebra", 120, 20).unwrap();
        let server = Server::train(&training);
        let model = described(training.recipe());

        // The reference, from the same images.
        let labels = training.images.labels().iter().map(|&label| label == 1);
        let labels = ClassLabels::new(labels.collect()).unwrap();
        let table = training.pipeline.apply(training.images.samples()).unwrap();
        let features = Features::new(table.values(), table.cols()).unwrap();
        let estimator = training.recipe().learner.estimator().unwrap();
        let reference = estimator.simulate(&features, &labels).unwrap().model;

        let held_out = training.held_out().to_vec();
        assert_eq!(held_out.len(), 20);
        let other = Training::begin(&silhouettes, "zebra", 120, 20).unwrap();
        let (owner, secret, statistics) = training.finish().unwrap();
        let owner_again = Owner::open(&secret, &statistics).unwrap();
        let (other, ..) = other.finish().unwrap();
        let mut right = 0;
        for number in held_out {
            let picture = silhouettes.picture(number).unwrap();
            let features = owner.features(&picture).unwrap();
            let answer = server.classify(&owner.encrypt(&model, &features).unwrap());
            let features = Features::new(features.values(), features.cols()).unwrap();
            let clear = reference.decision_function(&features).unwrap()[0];
            for owner in [&owner, &owner_again] {
                let prediction = &owner.decrypt(&model, &answer).unwrap()[0];
                assert!((prediction.score.unwrap() - clear).abs() < 1e-3);
                assert_eq!(prediction.class == "zebra", clear > 0.0);
            }
            right += usize::from((clear > 0.0) == (silhouettes.label(number).unwrap() == "zebra"));
            // Another key of the same parameters opens nothing, and says so.
            let refused = other.decrypt(&model, &answer).unwrap_err();
            assert!(refused.to_string().contains("other keys"), "{refused}");
        }
        assert!(right > 12, "{right} of 20");
    }

    #[test]
    fn what_does_not_fit_is_refused_in_words_for_people() {
        let silhouettes = Silhouettes::unpack().unwrap();
        assert_eq!(silhouettes.len(), 10_000);
        for (animal, train) in [("unicorn", 100), ("cat", 100_000)] {
            let refused = Training::begin(&silhouettes, animal, train, 10)
                .err()
                .unwrap();
            assert!(refused.to_string().contains("another animal or number"));
        }
        let training = Training::begin(&silhouettes, "cat", 60, 10).unwrap();
        let recipe = training.recipe().clone();
        let (owner, mut secret, statistics) = training.finish().unwrap();
        let picture = silhouettes.picture(0).unwrap();
        let features = owner.features(&picture).unwrap();
        let narrow = TrainingSpec {
            columns: recipe.columns - 1,
            ..recipe.clone()
        };
        let high = TrainingSpec {
            levels: 40,
            ..recipe.clone()
        };
        for unfit in [narrow, high] {
            let refused = owner.encrypt(&described(&unfit), &features).unwrap_err();
            assert!(matches!(refused, PageError::Unfit(_)), "{refused}");
        }
        for answer in [b"".as_slice(), b"TAPETUM", &[0; 1000]] {
            let refused = owner.decrypt(&described(&recipe), answer).unwrap_err();
            assert!(matches!(refused, PageError::Answer(_)), "{refused}");
        }
        let middle = secret.len() / 2;
        secret[middle] ^= 1;
        let refused = Owner::open(&secret, &statistics).err().unwrap();
        assert!(matches!(refused, PageError::SecretKey(_)), "{refused}");
        secret[middle] ^= 1;
        let refused = Owner::open(&secret, "{}").err().unwrap();
        assert!(matches!(refused, PageError::Pipeline(_)), "{refused}");
        assert!(silhouettes.picture(10_000).is_err() && silhouettes.label(10_000).is_err());
        let refused = Picture::from_file(b"GIF89a").unwrap_err();
        assert!(
            refused.to_string().contains("PNG, JPEG or WebP"),
            "{refused}"
        );
    }
}

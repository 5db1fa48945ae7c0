//! A new key, and all that a server needs to train a model under it.

use tapetum::learn::{EstimatorConfig, TrainingSpec};
use tapetum::owner::{Passphrase, key_file};
use tapetum::plan::DEFAULT_FEATURES;
use tapetum::vision::DataSet;
use tapetum::{Context, Plan, Silent};
use zeroize::Zeroizing;

use crate::{Owner, PageError, Silhouettes};

/// Whose images these are.
const CONTRIBUTOR: &str = "the page";

/// A key that was just made, with images to train on under it. Linear means is the training: it needs the smallest keys.
pub struct Training {
    owner: tapetum::Owner,
    spec: TrainingSpec,
    images: DataSet,
    held_out: Vec<usize>,
}

impl Training {
    /// A new key, to tell an animal from the others by `train` silhouettes; `test` more are held out.
    ///
    /// # Errors
    /// [`PageError::Images`] if there are not so many, [`PageError::Training`] if there is no randomness.
    pub fn begin(
        silhouettes: &Silhouettes,
        animal: &str,
        train: usize,
        test: usize,
    ) -> Result<Self, PageError> {
        let split = silhouettes.split(animal, train, test)?;
        let begun = || {
            let plan = Plan::for_images(EstimatorConfig::LinearMeans, DEFAULT_FEATURES, train)?;
            let owner = tapetum::Owner::generate(&plan)?.named(CONTRIBUTOR);
            Ok((owner, plan.training_spec()?))
        };
        let (owner, spec) = begun().map_err(PageError::Training)?;
        Ok(Self {
            owner,
            spec,
            held_out: silhouettes.numbers(&split.test),
            images: split.train,
        })
    }

    /// The file of the parameters, for the server.
    pub fn parameters_file(&self) -> Vec<u8> {
        self.owner.secret_key().parameters().to_bytes()
    }

    /// How it is to be trained, for the server.
    pub fn recipe(&self) -> &TrainingSpec {
        &self.spec
    }

    /// The file of the evaluation keys, for the server: it computes with them and decrypts nothing.
    ///
    /// # Errors
    /// [`PageError::Training`] if there is no randomness.
    pub fn evaluation_keys_file(&self) -> Result<Vec<u8>, PageError> {
        let keys = self.owner.evaluation_keys(&Silent);
        Ok(keys.map_err(PageError::Training)?.to_bytes())
    }

    /// The file of the encrypted images and labels, for the server.
    ///
    /// # Errors
    /// [`PageError::Encryption`] if there is no randomness.
    pub fn images_file(&mut self) -> Result<Vec<u8>, PageError> {
        let data = self.owner.encrypt(&self.images, &Silent);
        let file = data.and_then(|data| data.to_bytes());
        file.map_err(PageError::Encryption)
    }

    /// The numbers of the silhouettes that are held out.
    pub fn held_out(&self) -> &[usize] {
        &self.held_out
    }

    /// The owner, who classifies with the model, and the two files to begin there another time: `secret.key` and
    /// `features.json`. The first is kept under the passphrase, unless that is empty.
    ///
    /// # Errors
    /// [`PageError::Training`] if no images were encrypted yet, or the passphrase is too short.
    pub fn finish(
        self,
        passphrase: Zeroizing<String>,
    ) -> Result<(Owner, Zeroizing<Vec<u8>>, String), PageError> {
        let pipeline = self.owner.pipeline();
        let pipeline = pipeline.and_then(|found| found.context("no images were encrypted yet"));
        let pipeline = pipeline.map_err(PageError::Training)?;
        let statistics = pipeline.to_json().map_err(PageError::Pipeline)?;
        let secret = self.owner.secret_key();
        let owner = Owner::new(secret.clone(), pipeline)?;
        let passphrase = match passphrase.is_empty() {
            true => Ok(None),
            false => Passphrase::new(passphrase).map(Some),
        };
        let file = passphrase.and_then(|passphrase| key_file(secret, passphrase.as_ref()));
        Ok((owner, file.map_err(PageError::Training)?, statistics))
    }
}

#[cfg(test)]
mod tests {
    use tapetum::ckks::wire::Bundle;
    use tapetum::ckks::{EvaluationKeys, Evaluator, Parameters};
    use tapetum::learn::{
        ClassLabels, Contribution, EncryptedMatrix, Features, Labels, LinearModel, Samples,
    };

    use super::*;
    use crate::{Model, Picture};

    /// No passphrase.
    fn none() -> Zeroizing<String> {
        Zeroizing::default()
    }

    /// What a server does with the three files, and with what is to be classified.
    struct Server {
        parameters: Parameters,
        evaluator: Evaluator,
        model: LinearModel,
    }

    impl Server {
        fn train(training: &mut Training) -> Self {
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
            let samples = Samples::new(&evaluator, &matrix, &labels);
            let model = estimator.fit(&samples, &mut |_| ());
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
        let mut training = Training::begin(&silhouettes, "zebra", 120, 20).unwrap();
        let server = Server::train(&mut training);
        let model = described(training.recipe());

        // The reference, from the same images.
        let labels = training.images.labels().iter().map(|&label| label == 1);
        let labels = ClassLabels::new(labels.collect()).unwrap();
        let pipeline = training.owner.pipeline().unwrap().unwrap();
        let table = pipeline.apply(training.images.samples()).unwrap();
        let features = Features::new(table.values(), table.cols()).unwrap();
        let estimator = training.recipe().learner.estimator().unwrap();
        let reference = estimator.simulate(&features, &labels).unwrap().model;

        let held_out = training.held_out().to_vec();
        assert_eq!(held_out.len(), 20);
        let mut other = Training::begin(&silhouettes, "zebra", 120, 20).unwrap();
        other.images_file().unwrap();
        let (owner, secret, statistics) = training.finish(none()).unwrap();
        let owner_again = Owner::open(&secret, &statistics, none()).unwrap();
        let (other, ..) = other.finish(none()).unwrap();
        let mut right = 0;
        for number in held_out {
            let picture = silhouettes.picture(number).unwrap();
            let features = owner.features(&picture).unwrap();
            let answer = server.classify(&owner.encrypt(&model, &picture).unwrap());
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
        let mut training = Training::begin(&silhouettes, "cat", 60, 10).unwrap();
        training.images_file().unwrap();
        let recipe = training.recipe().clone();
        let (owner, mut secret, statistics) = training.finish(none()).unwrap();
        let picture = silhouettes.picture(0).unwrap();
        let narrow = TrainingSpec {
            columns: recipe.columns - 1,
            ..recipe.clone()
        };
        let high = TrainingSpec {
            levels: 40,
            ..recipe.clone()
        };
        for unfit in [narrow, high] {
            let refused = owner.encrypt(&described(&unfit), &picture).unwrap_err();
            assert!(matches!(refused, PageError::Unfit(_)), "{refused}");
        }
        for answer in [b"".as_slice(), b"TAPETUM", &[0; 1000]] {
            let refused = owner.decrypt(&described(&recipe), answer).unwrap_err();
            assert!(matches!(refused, PageError::Answer(_)), "{refused}");
        }
        let middle = secret.len() / 2;
        secret[middle] ^= 1;
        let refused = Owner::open(&secret, &statistics, none()).err().unwrap();
        assert!(matches!(refused, PageError::SecretKey(_)), "{refused}");
        secret[middle] ^= 1;
        let refused = Owner::open(&secret, "{}", none()).err().unwrap();
        assert!(matches!(refused, PageError::Pipeline(_)), "{refused}");
        assert!(silhouettes.picture(10_000).is_err() && silhouettes.label(10_000).is_err());
        let refused = Picture::from_file(b"GIF89a").unwrap_err();
        assert!(
            refused.to_string().contains("PNG, JPEG or WebP"),
            "{refused}"
        );
    }
}

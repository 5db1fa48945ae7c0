//! A server in a temporary folder, and the people around it.

pub mod raw;

use std::net::SocketAddr;
use std::path::Path;

use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{
    Decryptor, Encryptor, KeyGenerator, Parameters, ParametersLiteral, PublicKey,
    SecretDistribution, SecretKey,
};
use tapetum_client::{Client, JobKind, JobView, Object, Trust};
use tapetum_learn::*;
use tapetum_service::{Config, Server};
use tempfile::TempDir;

/// A server that ends with the test.
pub struct Place {
    pub folder: TempDir,
    pub server: Server,
    pub tokens: Vec<String>,
}

/// Names a PostgreSQL server, as `postgres://USER@HOST/postgres`, on which each test makes a database of its own.
const DATABASE: &str = "TAPETUM_TEST_DATABASE";
/// Names a bucket, as `s3://BUCKET?endpoint=URL`, in which each test has a prefix of its own.
const STORE: &str = "TAPETUM_TEST_STORE";

/// The settings of tests: SQLite and the folder, or what the environment names.
pub fn config(folder: &Path) -> Config {
    let mut config = Config::new(folder, SocketAddr::from(([127, 0, 0, 1], 0)));
    config.work.lease = std::time::Duration::from_secs(2);
    config.metrics = Some(([127, 0, 0, 1], 0).into());
    let path = folder.as_os_str().as_encoded_bytes();
    let own = blake3::hash(path).to_hex()[..16].to_owned();
    if let Ok(url) = std::env::var(DATABASE) {
        let (server, _) = url.rsplit_once('/').unwrap();
        config.database = Some(format!("{server}/tapetum_{own}"));
    }
    if let Ok(url) = std::env::var(STORE) {
        let (bucket, options) = url.split_once('?').unwrap();
        config.store = Some(format!("{bucket}/{own}?{options}"));
    }
    config
}

/// Makes the database of these settings, where that is not done by opening it.
pub async fn make_database(config: &Config) {
    let Some(url) = &config.database else {
        return;
    };
    sqlx::any::install_default_drivers();
    let name = url.rsplit('/').next().unwrap();
    let server = std::env::var(DATABASE).unwrap();
    let server = sqlx::AnyPool::connect(&server).await.unwrap();
    let make = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(make).execute(&server).await.unwrap();
}

impl Place {
    /// A server with two tenants.
    pub async fn new(set: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path());
        make_database(&config).await;
        set(&mut config);
        let server = Server::start(config).await.unwrap();
        let mut tokens = Vec::new();
        for name in ["first", "second"] {
            let token = server.operator().add_tenant(name, None).await.unwrap();
            tokens.push(token.token);
        }
        Self {
            folder,
            server,
            tokens,
        }
    }

    /// A server, the owner of its first tenant, and the ids of the owner's key set and data set, for linear
    /// means.
    pub async fn settled(set: impl FnOnce(&mut Config)) -> (Self, Client, Owner, String, String) {
        let place = Self::new(set).await;
        let client = place.owner();
        let owner = made(Owner::linear_means).await;
        let (_, keys, data_set) = owner.settle(&client).await;
        (place, client, owner, keys, data_set)
    }

    /// A client with this token.
    pub fn client(&self, token: &str) -> Client {
        let trust = Trust::Fingerprint(self.server.fingerprint().to_owned());
        let url = format!("https://{}", self.server.address());
        Client::new(&url, &trust, token).unwrap()
    }

    /// The database, to look into it, and to do to it what only a crash would do.
    pub async fn database(&self) -> sqlx::AnyPool {
        let url = config(self.folder.path()).database_url();
        sqlx::AnyPool::connect(&url).await.unwrap()
    }

    /// The owner of the first tenant.
    pub fn owner(&self) -> Client {
        self.client(&self.tokens[0])
    }
}

/// Samples of two or more classes, all of them different, with a constant feature at the end.
pub struct Data {
    pub values: Vec<f64>,
    pub labels: Vec<u8>,
    pub cols: usize,
    pub classes: usize,
}

impl Data {
    /// Of two classes, every third sample of the positive one.
    pub fn new(rows: usize, cols: usize) -> Self {
        let labels = (0..rows).map(|row| u8::from(row % 3 == 0)).collect();
        Self::labelled(labels, cols, 2, |label| if label == 1 { 0.6 } else { -0.4 })
    }

    /// Of several classes in turn.
    pub fn of_classes(classes: usize, rows: usize, cols: usize) -> Self {
        let labels = (0..rows).map(|row| (row % classes) as u8).collect();
        Self::labelled(labels, cols, classes, |label| {
            (f64::from(label) * 2.4).sin()
        })
    }

    fn labelled(labels: Vec<u8>, cols: usize, classes: usize, shift: impl Fn(u8) -> f64) -> Self {
        let mut values = Vec::new();
        for (row, &label) in labels.iter().enumerate() {
            for col in 0..cols - 1 {
                let mean = shift(label) * (col as f64 + 1.0).sin();
                values.push(mean + 0.7 * ((row * 37 + col * 101 + 13) as f64).sin());
            }
            values.push(1.0);
        }
        Self {
            values,
            labels,
            cols,
            classes,
        }
    }

    pub fn features(&self) -> Features<'_> {
        Features::new(&self.values, self.cols).unwrap()
    }

    pub fn class_labels(&self) -> ClassLabels {
        ClassLabels::of_classes(self.labels.clone(), self.classes).unwrap()
    }

    /// Some of the samples.
    /// Several one after the other.
    pub fn concat<'a>(parts: impl Iterator<Item = &'a Self>) -> Self {
        let parts: Vec<_> = parts.collect();
        Self {
            values: parts.iter().flat_map(|part| part.values.clone()).collect(),
            labels: parts.iter().flat_map(|part| part.labels.clone()).collect(),
            cols: parts[0].cols,
            classes: parts[0].classes,
        }
    }

    pub fn part(&self, rows: std::ops::Range<usize>) -> Self {
        Self {
            values: self.values[rows.start * self.cols..rows.end * self.cols].to_vec(),
            labels: self.labels[rows].to_vec(),
            cols: self.cols,
            classes: self.classes,
        }
    }
}

/// Where a part stands among others of unnamed contributors when a model is trained: servers sort by checksum.
pub fn training_order(part: &[u8]) -> [u8; 32] {
    let matrix = tapetum_ckks::wire::inspect(part).unwrap().file_len as usize;
    let checksums = [&part[matrix - 32..matrix], &part[part.len() - 32..]].concat();
    *blake3::hash(&checksums).as_bytes()
}

/// Who has the secret key.
pub struct Owner {
    pub parameters: Parameters,
    pub recipe: TrainingSpec,
    pub secret: SecretKey,
    pub public: PublicKey,
    pub evaluation_keys: Vec<u8>,
}

impl Owner {
    /// For linear means on five features, in a small ring.
    pub fn linear_means() -> Self {
        let recipe = |levels| TrainingSpec {
            learner: EstimatorConfig::LinearMeans,
            columns: 5,
            classes: 2,
            block_cols: 8,
            slot_order: SlotOrder::Rows,
            threshold: None,
            levels,
        };
        Self::new(13, 27, 5, recipe)
    }

    /// For logistic regression in mini-batches.
    pub fn mini_batches(rows: usize) -> Self {
        let config = LogisticRegressionConfig {
            iterations: 2,
            interval: 8.0,
            learning_rate: LearningRate::Constant(2.0),
            batches: Some(MiniBatches {
                rows,
                ..MiniBatches::default()
            }),
            ..LogisticRegressionConfig::default()
        };
        let recipe = |levels| TrainingSpec {
            learner: EstimatorConfig::Logistic(config),
            columns: 5,
            classes: 2,
            block_cols: 8,
            slot_order: SlotOrder::Rows,
            threshold: None,
            levels,
        };
        Self::new(14, 30, 10, recipe)
    }

    /// For several classes, by a learner that tells them apart.
    pub fn of_classes(learner: EstimatorConfig, classes: usize) -> Self {
        let (recipe, parameters) = TrainingSpec::planned(learner, 5, classes, 200).unwrap();
        Self::with(recipe, parameters)
    }

    fn new(
        log_n: u32,
        log_scale: u32,
        levels: usize,
        recipe: impl FnOnce(usize) -> TrainingSpec,
    ) -> Self {
        let mut q_bits = vec![log_scale + 8];
        q_bits.resize(levels + 1, log_scale);
        let parameters = Parameters::new(ParametersLiteral {
            log_n,
            q_bits,
            p_bits: vec![log_scale + 9],
            log_scale,
            secret: SecretDistribution::UniformTernary,
            bootstrapping: None,
        })
        .unwrap();
        Self::with(recipe(levels), parameters)
    }

    fn with(recipe: TrainingSpec, parameters: Parameters) -> Self {
        recipe.check(&parameters).unwrap();
        let secret = SecretKey::generate(&parameters).unwrap();
        let mut generator = KeyGenerator::new(&secret).unwrap();
        let keys = generator
            .evaluation_keys(&recipe.keys(&parameters).unwrap())
            .unwrap();
        Self {
            public: generator.public_key().unwrap(),
            evaluation_keys: keys.to_bytes(),
            parameters,
            recipe,
            secret,
        }
    }

    /// For data of any width, so that what does not fit can be made too.
    fn recipe_for(&self, data: &Data) -> TrainingSpec {
        TrainingSpec {
            columns: data.cols,
            ..self.recipe.clone()
        }
    }

    /// A part of a data set that says whose samples these are.
    pub fn part_of(&self, contributor: &str, encryptor: &Encryptor, data: &Data) -> Vec<u8> {
        let mut bytes = Vec::new();
        files::write_contributor(&mut bytes, &self.parameters, contributor).unwrap();
        bytes.extend(self.part(encryptor, data));
        bytes
    }

    /// Samples with encrypted labels, as a part of a data set.
    pub fn part(&self, encryptor: &Encryptor, data: &Data) -> Vec<u8> {
        let rows = data.labels.len();
        let shape = self.recipe_for(data).training_shape(rows, &self.parameters);
        let (layout, level) = shape.unwrap();
        let matrix =
            EncryptedMatrix::encrypt(&data.features(), layout, level, encryptor, &mut |_| ());
        let labels =
            EncryptedLabels::encrypt(&data.class_labels(), layout, level, encryptor, &mut |_| ());
        let mut bytes = matrix.unwrap().to_bundle().unwrap().to_bytes();
        bytes.extend(labels.unwrap().to_bundle().unwrap().to_bytes());
        bytes
    }

    /// Samples to be classified.
    pub fn samples(&self, encryptor: &Encryptor, data: &Data) -> Vec<u8> {
        let rows = data.labels.len();
        let shape = self.recipe_for(data).sample_shape(rows, &self.parameters);
        let (layout, level) = shape.unwrap();
        EncryptedMatrix::encrypt(&data.features(), layout, level, encryptor, &mut |_| ())
            .unwrap()
            .to_bundle()
            .unwrap()
            .to_bytes()
    }

    /// Scores from their file.
    pub fn decrypt(&self, bytes: &[u8]) -> Vec<f64> {
        let bundle = Bundle::from_bytes(&self.parameters, bytes).unwrap();
        let scores = EncryptedScores::from_bundle(bundle).unwrap();
        scores.decrypt_exact(&Decryptor::new(&self.secret)).unwrap()
    }

    /// The scores that training and classification in the clear give.
    pub fn reference(&self, train: &Data, test: &Data) -> Vec<f64> {
        let estimator = self.recipe.learner.estimator().unwrap();
        let simulation = estimator
            .simulate(&train.features(), &train.class_labels())
            .unwrap();
        simulation
            .model
            .decision_function(&test.features())
            .unwrap()
    }

    /// Sends parameters and keys. Returns the ids of parameter set, key set and an empty data set.
    pub async fn settle(&self, client: &Client) -> (String, String, String) {
        let upload = client
            .upload_bytes(self.parameters.to_bytes())
            .await
            .unwrap();
        let parameters = client
            .create_parameter_set("small", &upload)
            .await
            .unwrap()
            .id;
        let evaluation = client
            .upload_bytes(self.evaluation_keys.clone())
            .await
            .unwrap();
        let public = client.upload_bytes(self.public.to_bytes()).await.unwrap();
        let keys = client
            .create_key_set("keys", &parameters, &evaluation, Some(&public))
            .await;
        let set = client
            .create_data_set("animals", &parameters, &self.recipe)
            .await
            .unwrap();
        (parameters, keys.unwrap().id, set.id)
    }

    /// Sends a part.
    pub async fn append(&self, client: &Client, set: &str, data: &Data) -> Object {
        let part = self.part(&Encryptor::with_secret_key(&self.secret), data);
        let upload = client.upload_bytes(part).await.unwrap();
        client.append(set, "", &upload).await.unwrap()
    }

    /// Has samples classified, and decrypts their scores.
    pub async fn classify(&self, client: &Client, model: &str, data: &Data) -> Vec<f64> {
        let samples = self.samples(&Encryptor::with_public_key(&self.public), data);
        let upload = client.upload_bytes(samples).await.unwrap();
        let job = client.classify("", model, &upload).await.unwrap();
        finish(client, JobKind::Classification, &job.id).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores");
        client.scores(&job.id, &path).await.unwrap();
        self.decrypt(&std::fs::read(path).unwrap())
    }
}

/// Makes keys, beside whatever else there is to do.
pub async fn made<T: Send + 'static>(make: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(make).await.unwrap()
}

/// Waits until a job has succeeded.
pub async fn finish(client: &Client, kind: JobKind, id: &str) -> JobView {
    client.finish(kind, id, &mut |_| ()).await.unwrap()
}

/// The scores are those of the reference, up to what encryption adds.
#[track_caller]
pub fn assert_close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    let worst = differences.fold(0.0, f64::max);
    let largest = expected.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
    assert!(worst < 1e-2 && largest > 0.1, "{worst} of {largest}");
}

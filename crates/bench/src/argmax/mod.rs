//! `tapetum bench argmax`: the label of each held-out image and nothing else.
//!
//! A provider has a plain linear model for several classes. A client encrypts images with a key of its own,
//! one ciphertext for each feature and an image in each slot. The server computes one score for each class
//! and turns them into a one-hot vector for each image; the client decrypts which score is the largest, and
//! learns no score.

mod data;
mod report;
mod ridge;

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use cpu_time::ProcessTime;
use rayon::prelude::*;
use tapetum::Result;
use tapetum_ckks::{
    Ciphertext, Decryptor, Encryptor, Evaluator, KeyGenerator, KeyPlan, Parameters,
    ParametersLiteral, Precision, SecretKey,
};
use tapetum_vision::{Features, Pipeline, PipelineOptions, Samples};

use super::greater_than::precision_bits;
use super::options::Threads;
use super::report::{Report, Rows};
use report::{Row, Seconds};
use ridge::Model;
use tapetum::Error;
use tapetum::plan::{DEFAULT_FEATURES, TABLE_FEATURES};
use tapetum::progress::Progress;

/// Bits of a level.
const LOG_SCALE: u32 = 40;
/// What encryption adds to the error of a one-hot vector, at most.
const NOISE: f64 = 1.0 / 16384.0;
/// New images may have scores that lie somewhat further apart than those trained on.
const MARGIN: f64 = 1.25;

/// Arguments of `bench argmax`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum bench argmax
  tapetum bench argmax --data mnist/ --json
  tapetum bench argmax --data digits.csv --precision 9

Without --data the built-in images are used, a fifth of which is held out. The model is trained in the
clear: it is its provider's. The images are encrypted, and so are scores and labels.")]
pub struct Argmax {
    /// A folder with the four files of MNIST, or a CSV file of label,feature,... rows.
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// What is taken from an image [default: hog:7+dct:10; a table is taken as it is].
    #[arg(long)]
    pub features: Option<String>,
    /// Scores are compared to 2^-BITS of their range.
    #[arg(long, value_name = "BITS", default_value_t = 8, value_parser = precision_bits())]
    pub precision: u32,
    /// Classify only so many of the held-out images.
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub count: Option<usize>,
    #[command(flatten)]
    pub threads: Threads,
}

/// Measures.
pub fn measure(args: &Argmax, steps: &dyn Progress) -> Result<Report<Rows<Row>>> {
    Report::measure(|| {
        let row = args.threads.run(|| row(args, steps))?;
        Ok(Rows { rows: vec![row] })
    })
}

fn row(args: &Argmax, steps: &dyn Progress) -> Result<Row> {
    let step = steps.begin("training a plain model");
    let split = data::read(args.data.as_deref())?;
    let spec = match (split.train.samples(), &args.features) {
        (Samples::Images(_), features) => features.as_deref().unwrap_or(DEFAULT_FEATURES),
        (Samples::Table(_), None) => TABLE_FEATURES,
        (Samples::Table(_), Some(features)) => features,
    };
    let options = PipelineOptions {
        intercept: false,
        ..PipelineOptions::default()
    };
    let pipeline = Pipeline::fit(spec.parse()?, &split.train, options)?;
    let train = pipeline.apply(split.train.samples())?;
    let test = pipeline.apply(split.test.samples())?;
    let classes = split.train.class_names().len();
    if classes < 2 {
        let message = "the data have one class only: there is nothing to tell apart";
        return Err(Error::input(message));
    }
    let model = Model::fit(&train, split.train.labels(), classes);
    // What is public: by how much scores differ, known from the images trained on.
    let range = MARGIN * spreads(&model, &train).fold(0.0, f64::max);
    let model = model.divided(range);
    step.finish();

    let count = args.count.unwrap_or(test.rows()).min(test.rows());
    let precision = Precision::new(args.precision)?;
    let client = Client::new(1 + precision.one_hot_levels(classes), steps)?;
    let mut run = Run {
        client: &client,
        model: &model,
        precision,
        seconds: Seconds {
            keygen: client.seconds,
            ..Seconds::default()
        },
        cpu: 0.0,
    };
    let mut found = Vec::with_capacity(count);
    let slots = client.encryptor.parameters().slots();
    for start in (0..count).step_by(slots) {
        let images = start..count.min(start + slots);
        found.extend(run.labels(&test, images, steps)?);
    }

    let clear: Vec<Vec<f64>> = (0..count)
        .map(|i| model.scores(sample(&test, i)).collect())
        .collect();
    let parameters = client.encryptor.parameters();
    Ok(Row {
        op: "argmax",
        data: match &args.data {
            Some(path) => path.display().to_string(),
            None => "animal-shapes".to_owned(),
        },
        features: spec.to_owned(),
        columns: test.cols(),
        classes,
        train_images: train.rows(),
        log_n: parameters.log_n(),
        log_qp: (10.0 * parameters.log_qp()).round() / 10.0,
        security_bits: parameters.security().bits(),
        levels: parameters.max_level(),
        threads: args.threads.threads,
        precision_bits: args.precision,
        seconds: run.seconds,
        server_cpu_ms_per_image: 1e3 * run.cpu / count as f64,
        judged: report::judge(
            &found,
            &clear,
            &split.test.labels()[..count],
            precision.threshold() + NOISE,
            precision.one_hot_error(classes) + NOISE,
        ),
    })
}

fn sample(features: &Features, i: usize) -> &[f64] {
    features.row(i).expect("an image of the set")
}

/// The distance of the largest from the smallest score of each image.
fn spreads<'a>(model: &'a Model, features: &'a Features) -> impl Iterator<Item = f64> + 'a {
    (0..features.rows()).map(|i| {
        let scores: Vec<f64> = model.scores(sample(features, i)).collect();
        let end = |sign: f64| scores.iter().map(|s| sign * s).fold(f64::MIN, f64::max);
        end(1.0) + end(-1.0)
    })
}

/// Who has the images and the secret key; the keys for the server are made from it.
struct Client {
    encryptor: Encryptor,
    decryptor: Decryptor,
    server: Evaluator,
    seconds: f64,
}

impl Client {
    fn new(levels: usize, steps: &dyn Progress) -> Result<Self> {
        let started = Instant::now();
        let step = steps.begin("making keys");
        let literal = ParametersLiteral::for_levels(levels, LOG_SCALE).ok_or_else(|| {
            Error::computation(format!("no secure parameters have {levels} levels"))
        })?;
        let parameters = Parameters::new(literal)?;
        let secret = SecretKey::generate(&parameters)?;
        let plan = KeyPlan::new(&parameters).relinearization();
        let keys = KeyGenerator::new(&secret)?.evaluation_keys(&plan)?;
        step.finish();
        Ok(Self {
            encryptor: Encryptor::with_secret_key(&secret),
            decryptor: Decryptor::new(&secret),
            server: Evaluator::with_keys(keys),
            seconds: started.elapsed().as_secs_f64(),
        })
    }
}

/// A classification, and the time it takes.
struct Run<'a> {
    client: &'a Client,
    model: &'a Model,
    precision: Precision,
    seconds: Seconds,
    /// Seconds of the server's CPU time.
    cpu: f64,
}

impl Run<'_> {
    /// The decrypted one-hot vectors of as many images as there are slots, or less.
    fn labels(
        &mut self,
        features: &Features,
        images: std::ops::Range<usize>,
        steps: &dyn Progress,
    ) -> Result<Vec<Vec<f64>>> {
        let step = steps.begin(&format!("scoring {} encrypted images", images.len()));
        let mut scores: Option<Vec<Ciphertext>> = None;
        for column in 0..features.cols() {
            let x = self.encrypt(features, images.clone(), column)?;
            let (started, cpu) = (Instant::now(), ProcessTime::now());
            self.add_feature(&mut scores, &x, column)?;
            self.seconds.score += started.elapsed().as_secs_f64();
            self.cpu += cpu.elapsed().as_secs_f64();
            step.advance(column + 1, features.cols());
        }
        step.finish();

        let step = steps.begin("finding the largest scores");
        let (started, cpu) = (Instant::now(), ProcessTime::now());
        let scores = self.finish_scores(scores.unwrap_or_default(), images.len())?;
        let labels = self.client.server.one_hot(&scores, self.precision)?;
        self.seconds.argmax += started.elapsed().as_secs_f64();
        self.cpu += cpu.elapsed().as_secs_f64();
        step.finish();
        self.decrypt(&labels, images.len())
    }

    /// One feature of all images. It is computed with and dropped: a client would send file by file.
    fn encrypt(
        &mut self,
        features: &Features,
        images: std::ops::Range<usize>,
        column: usize,
    ) -> Result<Ciphertext> {
        let started = Instant::now();
        let values: Vec<f64> = images.map(|i| sample(features, i)[column]).collect();
        let encryptor = &self.client.encryptor;
        let level = encryptor.parameters().max_level();
        let x = encryptor.encrypt(&encryptor.encoder().encode(&values, level)?)?;
        self.seconds.encrypt += started.elapsed().as_secs_f64();
        Ok(x)
    }

    /// Adds a feature, times its weight for each class, to the scores.
    fn add_feature(
        &self,
        scores: &mut Option<Vec<Ciphertext>>,
        x: &Ciphertext,
        column: usize,
    ) -> Result<()> {
        let server = &self.client.server;
        let products = self
            .model
            .weights
            .par_iter()
            .map(|weights| server.mul_scalar(x, weights[column]))
            .collect::<Result<Vec<_>, _>>()?;
        match scores {
            None => *scores = Some(products),
            Some(scores) => scores
                .par_iter_mut()
                .zip(&products)
                .try_for_each(|(score, product)| server.add_assign(score, product))?,
        }
        Ok(())
    }

    /// Adds the intercepts, for slots with an image: in others all scores remain 0.
    fn finish_scores(&self, scores: Vec<Ciphertext>, images: usize) -> Result<Vec<Ciphertext>> {
        let server = &self.client.server;
        scores
            .iter()
            .zip(&self.model.intercepts)
            .map(|(score, &intercept)| {
                let intercept = vec![intercept; images];
                let intercept =
                    server
                        .encoder()
                        .encode_at(&intercept, score.level(), score.scale())?;
                Ok(server.rescale(&server.add_plain(score, &intercept)?)?)
            })
            .collect()
    }

    /// For each image what stands in its slot, for each class.
    fn decrypt(&mut self, labels: &[Ciphertext], images: usize) -> Result<Vec<Vec<f64>>> {
        let started = Instant::now();
        let decryptor = &self.client.decryptor;
        let slots = labels
            .iter()
            .map(|label| Ok(decryptor.encoder().decode(&decryptor.decrypt(label)?)))
            .collect::<Result<Vec<_>>>()?;
        self.seconds.decrypt += started.elapsed().as_secs_f64();
        Ok((0..images)
            .map(|i| slots.iter().map(|slots| slots[i]).collect())
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten kinds of animals, as coarsely as their scores can be compared.
    #[test]
    fn every_decided_animal_gets_its_label() {
        let args = Argmax {
            data: None,
            features: Some("dct:6".to_owned()),
            precision: 4,
            count: None,
            threads: Threads { threads: 2 },
        };
        let row = row(&args, &tapetum::Silent).unwrap();
        assert_eq!((row.classes, row.levels, row.columns), (10, 10, 36));
        let judged = &row.judged;
        assert!(judged.test_images > 1900);
        assert_eq!((judged.wrong_decided, judged.out_of_range), (0, 0));
        assert!(judged.decided > 1000 && judged.decided < judged.test_images);
        assert!(judged.largest_error < judged.stated_error);
        assert!(judged.accuracy_clear > 0.5);
        assert!((judged.accuracy_encrypted - judged.accuracy_clear).abs() < 0.01);
    }
}

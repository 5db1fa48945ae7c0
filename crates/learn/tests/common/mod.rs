//! An owner, a contributor and a server in one, and synthetic data.

#![allow(dead_code)]

pub mod diagonals;

use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{
    Decryptor, Encryptor, Evaluator, KeyGenerator, KeyPlan, Parameters, ParametersLiteral, Preset,
    SecretDistribution, SecretKey,
};
use tapetum_learn::*;

/// Two classes, their labels in the clear.
pub const CLEAR: Task = Task {
    classes: 2,
    labels: LabelKind::Clear,
};
/// Two classes, their labels encrypted.
pub const ENCRYPTED: Task = Task {
    classes: 2,
    labels: LabelKind::Encrypted,
};

/// Ten levels in a small ring.
pub fn ten_levels() -> Parameters {
    let mut q_bits = vec![42];
    q_bits.resize(11, 34);
    Parameters::new(ParametersLiteral {
        log_n: 14,
        q_bits,
        p_bits: vec![46],
        log_scale: 34,
        secret: SecretDistribution::UniformTernary,
        bootstrapping: None,
    })
    .unwrap()
}

/// What is required to train in one layout and to classify in another.
pub fn needs(estimator: &dyn Estimator, task: Task, train: &Layout, test: &Layout) -> Requirements {
    let scoring = LinearModel::requirements(test, train.block_cols(), task.classes);
    estimator.requirements(train, task).then(scoring.unwrap())
}

/// All keys that some requirements call for.
pub struct World {
    pub parameters: Parameters,
    pub secret: SecretKey,
    pub encryptor: Encryptor,
    pub decryptor: Decryptor,
    pub evaluator: Evaluator,
}

impl World {
    pub fn new(preset: Preset, needs: &Requirements) -> Self {
        let parameters = Parameters::preset(preset);
        Self::with_plan(&parameters, &needs.key_plan(&parameters))
    }

    pub fn with_parameters(parameters: Parameters, needs: &Requirements) -> Self {
        Self::with_plan(&parameters, &needs.key_plan(&parameters))
    }

    pub fn with_plan(parameters: &Parameters, plan: &KeyPlan) -> Self {
        let secret = SecretKey::generate(parameters).unwrap();
        let mut generator = KeyGenerator::new(&secret).unwrap();
        let keys = generator.evaluation_keys(plan);
        Self {
            encryptor: Encryptor::with_secret_key(&secret),
            decryptor: Decryptor::new(&secret),
            evaluator: Evaluator::with_keys(keys.unwrap()),
            parameters: parameters.clone(),
            secret,
        }
    }

    pub fn encrypt(&self, data: &Data, layout: Layout, level: usize) -> EncryptedMatrix {
        let encryptor = &self.encryptor;
        let features = &data.features();
        EncryptedMatrix::encrypt(features, layout, level, encryptor, &mut |_| ()).unwrap()
    }

    pub fn encrypt_labels(&self, data: &Data, layout: Layout, level: usize) -> Labels {
        let encryptor = &self.encryptor;
        let labels = &data.labels;
        let encrypted = EncryptedLabels::encrypt(labels, layout, level, encryptor, &mut |_| ());
        Labels::Encrypted(encrypted.unwrap())
    }

    /// Labels as the server gets them.
    pub fn labels(&self, data: &Data, kind: LabelKind, layout: Layout, level: usize) -> Labels {
        match kind {
            LabelKind::Clear => Labels::Clear(data.labels.clone()),
            LabelKind::Encrypted => self.encrypt_labels(data, layout, level),
        }
    }

    /// Trains, and checks that progress arrives where it should.
    pub fn fit(
        &self,
        estimator: &dyn Estimator,
        matrix: &EncryptedMatrix,
        labels: &Labels,
    ) -> LinearModel {
        let mut seen = Vec::new();
        let mut listener = |progress: Progress| seen.push(progress);
        let samples = Samples::new(&self.evaluator, matrix, labels);
        let model = estimator.fit(&samples, &mut listener).unwrap();
        assert!(seen.windows(2).all(|p| p[0].done < p[1].done));
        let last = seen.last().unwrap();
        assert_eq!(last.done, last.total);
        let work = estimator.operation_counts(matrix.layout(), labels.task());
        assert_eq!(last.total, work.key_switches);
        model
    }

    /// Compares a model, and its scores and predictions, with a reference.
    #[track_caller]
    pub fn assert_like(
        &self,
        model: &LinearModel,
        reference: &PlainModel,
        (samples, data): (&EncryptedMatrix, &Data),
        bound: f64,
    ) -> Vec<f64> {
        let found = self.decrypt_model(model);
        assert_close("weights", &found.weights, &reference.weights, bound);
        let intercepts = &reference.intercepts;
        assert_close("intercepts", &found.intercepts, intercepts, bound);
        let expected = reference.decision_function(&data.features()).unwrap();
        let found = self.decrypt(&self.score(model, samples));
        assert_close("scores", &found, &expected, bound);
        if model.classes() == 2 {
            assert_same_predictions(&found, &expected, bound);
        }
        found
    }

    pub fn decrypt_model(&self, model: &LinearModel) -> PlainModel {
        model.decrypt_exact(&self.decryptor).unwrap()
    }

    pub fn score(&self, model: &LinearModel, samples: &EncryptedMatrix) -> EncryptedScores {
        let evaluator = &self.evaluator;
        model
            .decision_function(evaluator, samples, &mut |_| ())
            .unwrap()
    }

    pub fn decrypt(&self, scores: &EncryptedScores) -> Vec<f64> {
        scores.decrypt_exact(&self.decryptor).unwrap()
    }
}

/// Trains in passes with each batch in up to `count` shares, from the last to the first, all through bytes.
pub fn in_passes(
    world: &World,
    (mut passes, worker): (Passes<'_>, &PassWorker<'_>),
    batches: &[Batch],
    count: usize,
) -> LinearModel {
    let parameters = &world.parameters;
    let read = |bytes: &[u8]| Bundle::from_bytes(parameters, bytes).unwrap();
    let totals: Vec<_> = batches.iter().map(|b| Totals::of(b).unwrap()).collect();
    while let Some(batch) = passes.upcoming(batches.len()) {
        let start = passes.start(&totals[batch]).unwrap();
        let start = start.to_bundle(parameters).unwrap().to_bytes();
        let start = PassStart::from_bundle(read(&start)).unwrap();
        let mut all: Option<PartialSums> = None;
        for share in shares(&batches[batch], passes.unit(), count)
            .unwrap()
            .iter()
            .rev()
        {
            let sums = worker.add_up(&start, share).unwrap();
            let sums = sums.to_bundle().unwrap().to_bytes();
            let sums = PartialSums::from_bundle(read(&sums)).unwrap();
            match &mut all {
                Some(all) => all.add(&sums, &world.evaluator).unwrap(),
                None => all = Some(sums),
            }
        }
        passes.advance(all.unwrap()).unwrap();
    }
    assert_eq!(passes.done(), passes.total());
    passes.finish().unwrap()
}

/// Samples of two classes.
pub struct Data {
    pub values: Vec<f64>,
    pub cols: usize,
    pub labels: ClassLabels,
}

impl Data {
    /// Two overlapping Gaussian clouds with a constant feature at the end; about a third of the
    /// samples are positive.
    pub fn gaussians(rows: usize, cols: usize, seed: u64) -> Self {
        let label = |row, random: &mut Random| match row {
            // The first two make sure that there are both classes.
            0 | 1 => u8::from(row == 0),
            _ => u8::from(random.uniform() < 0.35),
        };
        Self::of(rows, cols, 2, seed, label, |label, col| {
            ([-0.4, 0.5][label] * (col as f64 + 1.0).sin(), 1.0)
        })
    }

    /// A Gaussian cloud for each class, with a constant feature at the end.
    pub fn clouds(rows: usize, cols: usize, classes: usize, seed: u64) -> Self {
        let label = |row, _: &mut Random| (row % classes) as u8;
        Self::of(rows, cols, classes, seed, label, |label, col| {
            let angle = std::f64::consts::TAU * label as f64 / classes as f64;
            ([angle.cos(), angle.sin(), 0.0][col % 3], 0.3)
        })
    }

    pub fn features(&self) -> Features<'_> {
        Features::new(&self.values, self.cols).unwrap()
    }

    /// Gaussian clouds around as many centres as there are classes.
    pub fn classes(rows: usize, cols: usize, classes: usize, seed: u64) -> Self {
        let label = |_, random: &mut Random| (random.uniform() * classes as f64) as u8;
        Self::of(rows, cols, classes, seed, label, |label, col| {
            let mean = (0.7 * ((label + 1) * (col + 1).pow(2)) as f64).sin();
            (mean, 0.4)
        })
    }

    /// Samples with labels by row, and features of a mean and a deviation by label and column.
    fn of(
        rows: usize,
        cols: usize,
        classes: usize,
        seed: u64,
        label_of: impl Fn(usize, &mut Random) -> u8,
        cloud: impl Fn(usize, usize) -> (f64, f64),
    ) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let (mut values, mut labels) = (Vec::with_capacity(rows * cols), Vec::new());
        for row in 0..rows {
            let label = label_of(row, &mut random);
            labels.push(label);
            for col in 0..cols - 1 {
                let (mean, deviation) = cloud(label.into(), col);
                values.push(mean + deviation * random.gaussian());
            }
            values.push(1.0);
        }
        Self {
            values,
            cols,
            labels: ClassLabels::of_classes(labels, classes).unwrap(),
        }
    }

    /// Up to `rows` samples from `first` on.
    pub fn part(&self, first: usize, rows: usize) -> Self {
        let end = (first + rows).min(self.labels.len());
        let labels = self.labels.as_slice()[first..end].to_vec();
        Self {
            values: self.values[first * self.cols..end * self.cols].to_vec(),
            cols: self.cols,
            labels: ClassLabels::of_classes(labels, self.labels.classes()).unwrap(),
        }
    }

    /// The first samples.
    pub fn head(&self, rows: usize) -> Self {
        Self {
            values: self.values[..rows * self.cols].to_vec(),
            cols: self.cols,
            labels: ClassLabels::new(vec![true, false]).unwrap(),
        }
    }
}

struct Random(u64);

impl Random {
    /// In [0, 1), by xorshift64*.
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
        bits as f64 / (1u64 << 53) as f64
    }

    /// By Box and Muller.
    fn gaussian(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// Compares vectors; the bound is on the largest difference.
#[track_caller]
pub fn assert_close(what: &str, found: &[f64], expected: &[f64], bound: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let differences = found.iter().zip(expected).map(|(x, y)| (x - y).abs());
    let error = differences.fold(0.0, |max, d| if max >= d { max } else { d });
    println!("{what}: error 2^{:.1}", error.log2());
    assert!(error <= bound, "{what}: error 2^{:.1}", error.log2());
}

/// The same classes wherever the score is not within the bound of zero.
#[track_caller]
pub fn assert_same_predictions(found: &[f64], expected: &[f64], bound: f64) {
    let mut clear_cut = 0;
    for (x, y) in found.iter().zip(expected) {
        if y.abs() > bound {
            clear_cut += 1;
            assert_eq!(*x > 0.0, *y > 0.0);
        }
    }
    assert!(clear_cut > expected.len() / 2, "the bound says nothing");
}

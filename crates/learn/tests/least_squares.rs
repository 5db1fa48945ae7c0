//! Encrypted Fisher's discriminant and linear regression against their plaintext reference.

mod common;

use common::{Data, World, assert_close, needs};
use tapetum_ckks::{Ciphertext, Decryptor, Encryptor, Evaluator, Parameters, Preset};
use tapetum_learn::*;

/// With scales of 40 bits at N = 2^14 (rounding errors of slots about 2^-27) and what the inverse
/// of a matrix of condition 10 and its steps make of them.
const BOUND: f64 = 1.0 / (1 << 14) as f64;

fn config(steps: usize) -> LeastSquaresConfig {
    LeastSquaresConfig {
        iterations: steps,
        largest_eigenvalue: 5.0,
        ..LeastSquaresConfig::default()
    }
}

fn penalised(steps: usize, alpha: f64) -> Ridge {
    let config = LeastSquaresConfig {
        alpha,
        ..config(steps)
    };
    Ridge::new(config).unwrap()
}

/// Trains on samples in this layout at N = 2^14, and compares with the reference.
fn check(estimator: &dyn Estimator, data: &Data, layout: Layout, labels: LabelKind) {
    let classes = data.labels.classes();
    let needs = needs(estimator, Task { classes, labels }, &layout, &layout);
    let world = World::new(Preset::N14, &needs);
    let matrix = world.encrypt(data, layout, needs.levels);
    let labels = world.labels(data, labels, layout, needs.levels);
    let model = world.fit(estimator, &matrix, &labels);

    let reference = estimator
        .simulate(&data.features(), &data.labels)
        .unwrap()
        .model
        .into_linear()
        .unwrap();
    let found = world.assert_like(&model, &reference, (&matrix, data), BOUND);
    // The bounds say something: the model is better than none.
    let right = classes_of(&found, reference.outputs());
    let right = right
        .iter()
        .zip(data.labels.as_slice())
        .filter(|(a, b)| a == b);
    assert!(right.count() * 10 > 7 * data.labels.len());
}

#[test]
fn fisher_with_clear_and_with_encrypted_labels() {
    let data = Data::gaussians(900, 11, 1);
    let layout = Layout::for_least_squares(900, 11, 2, 8192).unwrap();
    assert_eq!((layout.block_cols(), layout.grid_rows()), (16, 2));
    for (steps, labels) in [(3, LabelKind::Clear), (2, LabelKind::Encrypted)] {
        let fisher = FisherDiscriminant::new(config(steps)).unwrap();
        check(&fisher, &data, layout, labels);
    }
}

#[test]
fn regression_of_two_classes() {
    let data = Data::gaussians(700, 9, 2);
    let layout = Layout::for_least_squares(700, 9, 2, 8192).unwrap();
    // A single step is a multiple of the moment.
    for steps in [4, 1] {
        let ridge = Ridge::new(config(steps)).unwrap();
        check(&ridge, &data, layout, LabelKind::Encrypted);
    }
}

/// With a penalty of the size of the eigenvalues, times the number of samples.
#[test]
fn a_penalty_costs_no_level() {
    let data = Data::clouds(700, 6, 3, 3);
    let layout = Layout::for_least_squares(700, 6, 3, 8192).unwrap();
    check(&penalised(3, 1400.0), &data, layout, LabelKind::Encrypted);
    let task = Task {
        classes: 3,
        labels: LabelKind::Encrypted,
    };
    let levels = |alpha| penalised(3, alpha).requirements(&layout, task).levels;
    assert_eq!(levels(1400.0), levels(0.0));
}

/// (X^T X + alpha I) w = X^T y, without alpha for the last feature, which is the constant one.
#[test]
fn the_penalty_is_that_of_the_closed_form() {
    let data = Data::gaussians(400, 4, 2);
    let mut values = data.values.clone();
    values.chunks_exact_mut(4).for_each(|row| row[3] = 1.0);
    let features = Features::new(&values, 4).unwrap();
    let y: Vec<f64> = data
        .labels
        .as_slice()
        .iter()
        .map(|&y| f64::from(y) - 0.5)
        .collect();
    let mut norms = Vec::new();
    for alpha in [0.0, 100.0, 2000.0, 50_000.0] {
        let model = penalised(64, alpha).simulate(&features, &data.labels);
        let found = model.unwrap().model.into_linear().unwrap().weights;
        let mut system: Vec<Vec<f64>> = (0..4)
            .map(|i| {
                let column = |j: usize| values.iter().skip(j).step_by(4);
                let dot = |j| column(i).zip(column(j)).map(|(a, b)| a * b).sum::<f64>();
                let mut row: Vec<_> = (0..4).map(dot).collect();
                row[i] += if i < 3 { alpha } else { 0.0 };
                row.push(column(i).zip(&y).map(|(a, b)| a * b).sum());
                row
            })
            .collect();
        // Gauss and Jordan; the matrix is positive definite.
        for pivot in 0..4 {
            let scaled: Vec<_> = system[pivot]
                .iter()
                .map(|x| x / system[pivot][pivot])
                .collect();
            for (i, row) in system.iter_mut().enumerate() {
                let factor = row[pivot];
                for (x, p) in row.iter_mut().zip(&scaled) {
                    *x = if i == pivot { *p } else { *x - factor * p };
                }
            }
        }
        let expected: Vec<_> = system.iter().map(|row| row[4]).collect();
        let largest = expected.iter().fold(0.0, |m, x| f64::max(m, x.abs()));
        // After k iterations, what lies along an eigenvalue x is off by 1 / ((2k + 1) sqrt(x / bound)): alpha
        // grows the bound, and the constant feature is not penalised.
        let off = f64::max(0.05, (1.1 + alpha / 400.0).sqrt() / 129.0);
        assert_close("weights", &found, &expected, off * largest);
        norms.push(found[..3].iter().map(|w| w * w).sum::<f64>());
    }
    assert!(norms.windows(2).all(|pair| pair[1] < pair[0]), "{norms:?}");
}

#[test]
fn regression_of_many_classes() {
    let ridge = Ridge::new(config(2)).unwrap();
    // Fewer features than baby steps, and as many as there is room for, where labels wrap around.
    for (features, classes) in [(3, 5), (8, 3)] {
        let data = Data::clouds(1500, features, classes, 3);
        let layout = Layout::for_least_squares(1500, features, classes, 8192).unwrap();
        check(&ridge, &data, layout, LabelKind::Encrypted);
    }
    let data = Data::clouds(800, 6, 3, 3);
    let layout = Layout::for_least_squares(800, 6, 3, 8192).unwrap();
    check(&ridge, &data, layout, LabelKind::Clear);
}

/// Stands in for bootstrapping, which takes a large ring: the owner decrypts and encrypts anew.
struct Owner {
    encryptor: Encryptor,
    decryptor: Decryptor,
    levels: BootstrapLevels,
}

impl Bootstrap for Owner {
    fn levels(&self) -> BootstrapLevels {
        self.levels
    }

    fn bootstrap(&self, _: &Evaluator, ciphertext: &Ciphertext) -> Result<Ciphertext, LearnError> {
        assert!(ciphertext.level() >= self.levels.input);
        let slots = self
            .decryptor
            .encoder()
            .decode(&self.decryptor.decrypt(ciphertext)?);
        assert!(slots.iter().all(|x| x.abs() <= 1.0));
        let plaintext = self
            .encryptor
            .encoder()
            .encode(&slots, self.levels.output)?;
        Ok(self.encryptor.encrypt(&plaintext)?)
    }
}

/// Adds a part, and checks that progress arrives where it should.
fn add(training: &mut dyn Session, part: Batch) {
    let mut last = None;
    training.add(&part, &mut |p| last = Some(p)).unwrap();
    assert!(last.is_some_and(|p: Progress| p.done == p.total));
}

/// Solves, and checks that progress arrives where it should.
fn finish(training: Box<dyn Session + '_>) -> LinearModel {
    let mut last = None;
    let model = training.finish(&mut |p| last = Some(p)).unwrap();
    let model = model.into_linear().unwrap();
    assert!(last.is_some_and(|p: Progress| p.done == p.total));
    model
}

#[test]
fn refreshed_statistics_leave_the_samples_few_levels() {
    let steps = 4;
    let levels = BootstrapLevels {
        input: 0,
        output: 8,
    };
    for (features, classes, alpha) in [(11, 2, 0.0), (8, 3, 3000.0)] {
        let ridge = penalised(steps, alpha);
        let data = Data::clouds(1500, features, classes, 7);
        let layout = Layout::for_least_squares(1500, features, classes, 8192).unwrap();
        let task = Task {
            classes,
            labels: LabelKind::Encrypted,
        };
        let scoring = LinearModel::requirements(&layout, layout.block_cols(), classes).unwrap();
        let parameters = Parameters::preset(Preset::N14);
        let plan = ridge
            .bootstrapped_key_plan(&layout, task, levels, &parameters)
            .unwrap()
            .join(&scoring.key_plan(&parameters));
        let world = World::with_plan(&parameters, &plan);
        let level = Ridge::sample_level(levels);
        assert_eq!(level, 3);
        let matrix = world.encrypt(&data, layout, level);
        let labels = world.encrypt_labels(&data, layout, level);
        let owner = Owner {
            encryptor: Encryptor::with_secret_key(&world.secret),
            decryptor: Decryptor::new(&world.secret),
            levels,
        };
        let start = SessionStart::new(&world.evaluator, &layout, task, Some(&owner));
        let mut training = ridge.begin(start).unwrap();
        add(&mut *training, (matrix.clone(), labels));
        let model = finish(training);

        let reference = ridge
            .simulate(&data.features(), &data.labels)
            .unwrap()
            .model
            .into_linear()
            .unwrap();
        world.assert_like(&model, &reference, (&matrix, &data), BOUND);
    }
}

/// The model of samples that come in parts is that of all of them.
#[test]
fn samples_can_come_in_parts() {
    let ridge = Ridge::new(config(2)).unwrap();
    let data = Data::clouds(1500, 6, 3, 9);
    let slots = Parameters::preset(Preset::N14).slots();
    let layout = Layout::for_least_squares(1500, 6, 3, slots).unwrap();
    for kind in [LabelKind::Encrypted, LabelKind::Clear] {
        let task = Task {
            classes: 3,
            labels: kind,
        };
        let needs = ridge
            .requirements(&layout, task)
            .then(LinearModel::requirements(&layout, layout.block_cols(), 3).unwrap());
        let world = World::new(Preset::N14, &needs);
        let evaluator = &world.evaluator;
        let part = |first, rows, kind| {
            let data = data.part(first, rows);
            let (height, width) = (layout.block_rows(), layout.block_cols());
            let layout = Layout::new(rows, 6, height, width).unwrap();
            let matrix = world.encrypt(&data, layout, needs.levels);
            let labels = world.labels(&data, kind, layout, needs.levels);
            (matrix, labels)
        };
        let start = || SessionStart::new(evaluator, &layout, task, None);
        let new = || ridge.begin(start()).unwrap();
        let mut training = new();
        // One of them is a single sample, so of a single class.
        for (first, rows) in [(900, 600), (0, 899), (899, 1)] {
            add(&mut *training, part(first, rows, kind));
        }
        let model = finish(training);
        let reference = ridge
            .simulate(&data.features(), &data.labels)
            .unwrap()
            .model
            .into_linear()
            .unwrap();
        let found = world.decrypt_model(&model);
        assert_close("weights", &found.weights, &reference.weights, BOUND);

        assert!(matches!(
            new().finish(&mut |_| ()),
            Err(LearnError::Empty(_))
        ));
        let other = match kind {
            LabelKind::Clear => LabelKind::Encrypted,
            LabelKind::Encrypted => LabelKind::Clear,
        };
        let error = new().add(&part(0, 1, other), &mut |_| ()).unwrap_err();
        assert!(matches!(error, LearnError::Malformed { .. }));
        if kind == LabelKind::Clear {
            let mut training = new();
            add(&mut *training, part(0, 1, kind));
            assert!(matches!(
                training.finish(&mut |_| ()),
                Err(LearnError::OneClass(0))
            ));
        }
    }
}

/// Three contributors; then one of them leaves.
#[test]
fn contributors_add_up_and_can_be_removed() {
    let regression = Ridge::new(config(4)).unwrap();
    let (cols, classes) = (7, 3);
    let parts = [11, 12, 13].map(|seed| Data::clouds(200, cols, classes, seed));
    let parameters = Parameters::preset(Preset::N14);
    let slots = parameters.slots();
    let task = Task {
        classes,
        labels: LabelKind::Encrypted,
    };
    let samples = Layout::new(200, cols, slots / 8, 8).unwrap();
    let needs = regression
        .statistics_requirements(cols, task, slots)
        .unwrap()
        .then(LinearModel::requirements(&samples, 8, classes).unwrap());
    assert_eq!(needs.levels, 7);
    let world = World::new(Preset::N14, &needs);
    let encrypted: Vec<_> = parts
        .iter()
        .map(|part| {
            let (features, labels) = (part.features(), &part.labels);
            let encryptor = &world.encryptor;
            let level = needs.levels;
            SufficientStatistics::encrypt(&features, labels, 500, level, encryptor).unwrap()
        })
        .collect();
    for (chosen, alpha) in [(vec![0, 1, 2], 0.0), (vec![2, 0], 800.0)] {
        let regression = penalised(4, alpha);
        let those: Vec<_> = chosen.iter().map(|&i| &encrypted[i]).collect();
        let total = SufficientStatistics::total(&those, &world.evaluator).unwrap();
        assert_eq!(total.samples(), 200 * chosen.len());
        let mut last = None;
        let model = regression
            .fit_statistics(&world.evaluator, &total, &mut |p| last = Some(p))
            .unwrap();
        assert!(last.is_some_and(|p: Progress| p.done == p.total));

        // The reference has the samples of all in one.
        let values: Vec<_> = chosen
            .iter()
            .flat_map(|&i| parts[i].values.clone())
            .collect();
        let labels = chosen
            .iter()
            .flat_map(|&i| parts[i].labels.as_slice().to_vec());
        let labels = ClassLabels::of_classes(labels.collect(), classes).unwrap();
        let features = Features::new(&values, cols).unwrap();
        let reference = regression
            .simulate(&features, &labels)
            .unwrap()
            .model
            .into_linear()
            .unwrap();
        let found = world.decrypt_model(&model);
        assert_close("weights", &found.weights, &reference.weights, BOUND);
        let samples = world.encrypt(&parts[1], samples, LinearModel::SAMPLE_LEVEL);
        let found = world.decrypt(&world.score(&model, &samples));
        let expected = reference.decision_function(&parts[1].features()).unwrap();
        assert_close("scores", &found, &expected, BOUND);
    }
}

#[test]
fn the_reference_comes_close_to_the_solution() {
    let data = Data::gaussians(300, 6, 4);
    let features = data.features();
    let gradient = |steps| {
        let ridge = Ridge::new(config(steps)).unwrap();
        let model = ridge
            .simulate(&features, &data.labels)
            .unwrap()
            .model
            .into_linear()
            .unwrap();
        let scores = model.decision_function(&features).unwrap();
        // X^T (X w - y) / m.
        let component = |j: usize| {
            let rows = features.samples().zip(&scores).zip(data.labels.as_slice());
            let terms = rows.map(|((x, z), &label)| x[j] * (z - f64::from(label) + 0.5) / 300.0);
            terms.sum::<f64>()
        };
        (0..6).map(|j| component(j).powi(2)).sum::<f64>().sqrt()
    };
    // The residual is at most 1 / ((2 K + 1) sin(phi)), here of eigenvalues above a fifth.
    let moment = 1.0;
    for steps in [2, 8, 64] {
        let bound = moment / ((2 * steps + 1) as f64 * (0.2f64 / 5.0).sqrt());
        assert!(
            gradient(steps) < bound,
            "{steps} steps: {}",
            gradient(steps)
        );
    }
    assert!(gradient(64) < 0.2 * gradient(2));
}

#[test]
fn what_does_not_fit_is_refused() {
    use LearnError as E;
    let refused = |change: fn(&mut LeastSquaresConfig)| {
        let mut config = LeastSquaresConfig::default();
        change(&mut config);
        matches!(Ridge::new(config), Err(E::Config { .. }))
            && matches!(FisherDiscriminant::new(config), Err(E::Config { .. }))
    };
    assert!(!refused(|_| ()));
    assert!(refused(|c| c.iterations = 0));
    assert!(refused(|c| c.iterations = 65));
    assert!(refused(|c| c.largest_eigenvalue = 0.0));
    assert!(refused(|c| c.largest_eigenvalue = f64::INFINITY));
    assert!(refused(|c| c.alpha = -1.0));
    assert!(refused(|c| c.alpha = f64::NAN));
    assert!(refused(|c| c.alpha = f64::INFINITY));
    let with_penalty = LeastSquaresConfig {
        alpha: 1.0,
        ..LeastSquaresConfig::default()
    };
    assert!(Ridge::new(with_penalty).is_ok());
    assert!(matches!(
        FisherDiscriminant::new(with_penalty),
        Err(E::Config {
            setting: Setting::Alpha,
            ..
        })
    ));

    // The reference sees what the encrypted run cannot.
    let data = Data::gaussians(300, 6, 5);
    let narrow = LeastSquaresConfig {
        largest_eigenvalue: 0.7,
        ..LeastSquaresConfig::default()
    };
    let fisher = FisherDiscriminant::new(narrow).unwrap();
    assert!(matches!(
        fisher.simulate(&data.features(), &data.labels),
        Err(E::Eigenvalue { .. })
    ));
    let three = Data::clouds(30, 4, 3, 6);
    let wide = FisherDiscriminant::new(config(3)).unwrap();
    assert!(matches!(
        wide.simulate(&three.features(), &three.labels),
        Err(E::Classes { found: 3, .. })
    ));

    // A sample must lie in one row of a block.
    let layout = Layout::new(300, 6, 2048, 2).unwrap();
    let world = World::new(Preset::N13, &Requirements::default());
    let matrix = world.encrypt(&data, layout, 3);
    let labels = Labels::Clear(data.labels.clone());
    let samples = Samples::new(&world.evaluator, &matrix, &labels);
    let error = wide.fit(&samples, &mut |_| ());
    assert!(matches!(error, Err(E::Layout { .. })));
}

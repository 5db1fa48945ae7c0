//! Training in steps, with bootstraps, against its plaintext reference.

mod common;

use common::{Data, World, assert_close, ten_levels as parameters};
use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{Ciphertext, Evaluator};
use tapetum_learn::*;

/// Scales of 34 bits, and the sums over samples.
const BOUND: f64 = 1.0 / (1 << 10) as f64;

/// The owner bootstraps what a bootstrapping would: the same contract, at once and in small rings.
struct OwnerRefresh<'a> {
    world: &'a World,
    slots: usize,
}

impl Bootstrap for OwnerRefresh<'_> {
    fn levels(&self) -> BootstrapLevels {
        BootstrapLevels {
            input: 2,
            output: self.world.parameters.max_level(),
        }
    }

    fn bootstrap(&self, _: &Evaluator, ciphertext: &Ciphertext) -> Result<Ciphertext, LearnError> {
        let world = self.world;
        assert!(ciphertext.level() >= self.levels().input);
        let slots = world
            .evaluator
            .encoder()
            .decode(&world.decryptor.decrypt(ciphertext)?);
        assert!(slots.iter().all(|x| x.abs() <= 1.0));
        for (i, x) in slots.iter().enumerate() {
            assert!((x - slots[i % self.slots]).abs() < 1e-3);
        }
        Ok(world.encryptor.encrypt(
            &world
                .evaluator
                .encoder()
                .encode(&slots, self.levels().output)?,
        )?)
    }
}

fn config(iterations: usize, rows: usize) -> LogisticRegressionConfig {
    LogisticRegressionConfig {
        iterations,
        learning_rate: LearningRate::InverseTime(3.0),
        batches: Some(MiniBatches {
            rows,
            weight_bound: 2.0,
        }),
        ..LogisticRegressionConfig::default()
    }
}

/// Batches of a matrix, encrypted.
struct Batches {
    layout: Layout,
    batches: Vec<Batch>,
}

impl Batches {
    fn encrypt(world: &World, data: &Data, rows: usize, width: usize, kind: LabelKind) -> Self {
        let (slots, level) = (world.parameters.slots(), world.parameters.max_level() - 1);
        let batches = (0..data.labels.len().div_ceil(rows))
            .map(|i| {
                let part = data.part(i * rows, rows);
                let rows = part.labels.len();
                let layout = Layout::new(rows, data.cols, slots / width, width).unwrap();
                let labels = world.labels(&part, kind, layout, level);
                (world.encrypt(&part, layout, level), labels)
            })
            .collect();
        Self {
            layout: Layout::new(rows, data.cols, slots / width, width).unwrap(),
            batches,
        }
    }

    fn step(&self, training: &mut Training<'_>) {
        let batch = training.next_batch(self.batches.len()).unwrap();
        let mut last = None;
        let mut progress = |p: Progress| last = Some(p);
        training.add(&self.batches[batch], &mut progress).unwrap();
        assert!(last.is_some_and(|p| p.done == p.total));
    }
}

fn world(descent: &GradientDescent, layout: &Layout, task: Task) -> World {
    let parameters = parameters();
    let levels = BootstrapLevels {
        input: 2,
        output: parameters.max_level(),
    };
    let needs = descent.requirements(layout, task, Some(levels)).unwrap();
    assert_eq!(needs.levels, parameters.max_level());
    let level = descent.batch_level(layout, task, Some(levels)).unwrap();
    assert_eq!(level, parameters.max_level() - 1);
    World::with_parameters(parameters, &needs)
}

/// Seven iterations on three batches, the last of which is small, with five bootstraps; a snapshot on the way; clear and encrypted labels.
#[test]
fn mini_batches_with_refreshes() {
    let data = Data::gaussians(1300, 11, 7);
    let estimator = LogisticRegression::new(config(7, 512)).unwrap();
    let descent = estimator.gradient_descent();
    let reference = estimator.simulate(&data.features(), &data.labels).unwrap();
    reference.ranges.check().unwrap();
    assert_eq!(reference.ranges.largest.len(), 6);
    let snapshot = LogisticRegression::new(config(4, 512)).unwrap();
    let early = snapshot.simulate(&data.features(), &data.labels).unwrap();
    let whole = LogisticRegression::new(LogisticRegressionConfig {
        batches: None,
        ..config(7, 512)
    });
    let whole = whole.unwrap().simulate(&data.features(), &data.labels);
    // Mini-batches make a difference that is larger than the bound.
    let difference = (whole.unwrap().model.linear().unwrap().weights[0]
        - reference.model.linear().unwrap().weights[0])
        .abs();
    assert!(difference > 4.0 * BOUND, "{difference}");

    let slots = parameters().slots();
    let layout = Layout::new(512, 11, slots / 8, 8).unwrap();
    let world = world(&descent, &layout, Task::two_classes(LabelKind::Encrypted));
    let bootstrap = OwnerRefresh {
        world: &world,
        slots: descent.packed_slots(&layout, 2).unwrap(),
    };
    assert_eq!(bootstrap.slots, 64);
    assert_eq!(descent.iterations_between(bootstrap.levels(), 2), 1);
    assert_eq!(descent.bootstraps(bootstrap.levels(), 2), 5);
    for kind in [LabelKind::Clear, LabelKind::Encrypted] {
        let batches = Batches::encrypt(&world, &data, 512, 8, kind);
        assert_eq!(batches.batches.len(), 3);
        let task = Task::two_classes(kind);
        let evaluator = &world.evaluator;
        let start = SessionStart::new(evaluator, &batches.layout, task, Some(&bootstrap));
        let mut training = Training::begin(descent.clone(), start).unwrap();
        assert!(training.model().is_err());
        while training.iteration() < 4 {
            batches.step(&mut training);
        }
        let found = world.decrypt_model(&training.model().unwrap());
        assert_close(
            "snapshot",
            &found.weights,
            &early.model.linear().unwrap().weights,
            BOUND,
        );
        while training.next_batch(3).is_some() {
            batches.step(&mut training);
        }
        let model = training.model().unwrap();
        assert_eq!(model.level(), LinearModel::LEVEL);
        let found = world.decrypt_model(&model);
        assert_close(
            "weights",
            &found.weights,
            &reference.model.linear().unwrap().weights,
            BOUND,
        );
        assert!(training.add(&batches.batches[0], &mut |_| ()).is_err());
    }
}

/// Wherever a training is interrupted, it comes to the same ciphertexts.
#[test]
fn a_checkpoint_leads_to_the_same_bits() {
    let data = Data::gaussians(300, 5, 8);
    let estimator = LogisticRegression::new(config(4, 128)).unwrap();
    let descent = estimator.gradient_descent();
    let slots = parameters().slots();
    let layout = Layout::new(128, 5, slots / 4, 4).unwrap();
    let task = Task::two_classes(LabelKind::Clear);
    let world = world(&descent, &layout, task);
    let batches = Batches::encrypt(&world, &data, 128, 4, LabelKind::Clear);
    // Bootstrapping is not random either.
    struct Same<'a>(
        OwnerRefresh<'a>,
        std::sync::Mutex<Vec<(Ciphertext, Ciphertext)>>,
    );
    impl Bootstrap for Same<'_> {
        fn levels(&self) -> BootstrapLevels {
            self.0.levels()
        }
        fn bootstrap(&self, e: &Evaluator, c: &Ciphertext) -> Result<Ciphertext, LearnError> {
            let mut known = self.1.lock().unwrap();
            if let Some((_, fresh)) = known.iter().find(|(old, _)| old == c) {
                return Ok(fresh.clone());
            }
            let fresh = self.0.bootstrap(e, c)?;
            known.push((c.clone(), fresh.clone()));
            Ok(fresh)
        }
    }
    let slots = descent.packed_slots(&layout, 2).unwrap();
    let bootstrap = Same(
        OwnerRefresh {
            world: &world,
            slots,
        },
        Default::default(),
    );
    let start = || {
        let start = SessionStart::new(&world.evaluator, &layout, task, Some(&bootstrap));
        Training::begin(descent.clone(), start).unwrap()
    };
    let resume = |inputs, bytes: &[u8]| {
        let mut training = start();
        training.restore(inputs, Bundle::from_bytes(&world.parameters, bytes)?)?;
        Ok(training)
    };
    let mut through = start();
    let mut checkpoints = Vec::new();
    loop {
        checkpoints.push(through.checkpoint([3; 32]).unwrap().to_bytes());
        if through.next_batch(3).is_none() {
            break;
        }
        batches.step(&mut through);
    }
    let expected = through.model().unwrap();
    assert_eq!(checkpoints.len(), 5);
    for (i, bytes) in checkpoints.iter().enumerate() {
        let mut resumed = resume([3; 32], bytes).unwrap();
        assert_eq!(resumed.iteration(), i);
        while resumed.next_batch(3).is_some() {
            batches.step(&mut resumed);
        }
        assert!(resumed.model().unwrap() == expected, "from {i}");
    }
    assert!(matches!(
        resume([4; 32], &checkpoints[2]),
        Err(LearnError::OtherInputs)
    ));
    let mut damaged = checkpoints[2].clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    assert!(resume([3; 32], &damaged).is_err());
    let other = batches.batches[0].0.to_bundle().unwrap().to_bytes();
    assert!(matches!(resume([3; 32], &other), Err(LearnError::Wire(_))));

    // Gradients from which nothing could be bootstrapped any longer.
    let state = Bundle::from_bytes(&world.parameters, &checkpoints[1]).unwrap();
    let (coefficients, gradients) = state.into_contents(Training::KIND).unwrap();
    for (level, fits) in [(3, true), (2, false)] {
        let lower = |gradient| world.evaluator.lower_to(gradient, level).unwrap();
        let lower = gradients.iter().map(lower).collect::<Vec<_>>();
        let state = Bundle::new(
            &world.parameters,
            Training::KIND,
            coefficients.clone(),
            lower,
        );
        let resumed = resume([3; 32], &state.unwrap().to_bytes());
        match fits {
            true => assert!(resumed.is_ok()),
            false => assert!(matches!(resumed, Err(LearnError::Malformed { .. }))),
        }
    }
}

/// Five classes with bootstraps, and all at once without.
#[test]
fn softmax_regression_of_five_classes() {
    let data = Data::classes(500, 9, 5, 9);
    let config = LogisticRegressionConfig {
        batches: Some(MiniBatches {
            rows: 256,
            weight_bound: 8.0,
        }),
        learning_rate: LearningRate::Constant(2.0),
        ..config(3, 256)
    };
    let estimator = OneVsRestLogistic::new(config).unwrap();
    let descent = estimator.gradient_descent();
    let reference = estimator.simulate(&data.features(), &data.labels).unwrap();
    reference.ranges.check().unwrap();
    let right = reference.model.predict(&data.features()).unwrap();
    let right = right.iter().zip(data.labels.as_slice());
    let right = right.filter(|(x, y)| x == y).count();
    assert!(right > 420, "{right}");

    let slots = parameters().slots();
    let layout = Layout::new(256, 9, slots / 8, 8).unwrap();
    let task = Task {
        classes: 5,
        labels: LabelKind::Encrypted,
    };
    let world = self::world(&descent, &layout, task);
    let bootstrap = OwnerRefresh {
        world: &world,
        slots: descent.packed_slots(&layout, 5).unwrap(),
    };
    assert_eq!(bootstrap.slots, 2 * 16 * 8);
    for labels in [LabelKind::Clear, LabelKind::Encrypted] {
        let batches = Batches::encrypt(&world, &data, 256, 8, labels);
        let evaluator = &world.evaluator;
        let task = Task { classes: 5, labels };
        let start = SessionStart::new(evaluator, &layout, task, Some(&bootstrap));
        let mut training = Training::begin(descent.clone(), start).unwrap();
        while training.next_batch(2).is_some() {
            batches.step(&mut training);
        }
        let model = training.model().unwrap();
        let found = world.decrypt_model(&model);
        assert_close(
            "weights",
            &found.weights,
            &reference.model.linear().unwrap().weights,
            BOUND,
        );
    }
}

#[test]
fn softmax_regression_all_at_once() {
    let data = Data::classes(300, 6, 3, 10);
    let estimator = OneVsRestLogistic::new(LogisticRegressionConfig {
        iterations: 2,
        learning_rate: LearningRate::Constant(1.0),
        ..LogisticRegressionConfig::default()
    });
    let estimator = estimator.unwrap();
    let reference = estimator.simulate(&data.features(), &data.labels).unwrap();
    let layout = Layout::new(300, 6, parameters().slots() / 8, 8).unwrap();
    let task = Task {
        classes: 3,
        labels: LabelKind::Encrypted,
    };
    let needs = estimator.requirements(&layout, task);
    assert_eq!(needs.levels, 1 + 1 + 5 + 1);
    let world = World::with_parameters(parameters(), &needs);
    let matrix = world.encrypt(&data, layout, needs.levels);
    for labels in [
        Labels::Clear(data.labels.clone()),
        world.encrypt_labels(&data, layout, needs.levels),
    ] {
        let model = world.fit(&estimator, &matrix, &labels);
        let found = world.decrypt_model(&model);
        assert_close(
            "weights",
            &found.weights,
            &reference.model.linear().unwrap().weights,
            BOUND,
        );
    }
}

#[test]
fn two_iterations_do_not_fit_between_low_refreshes() {
    let descent = LogisticRegression::new(config(3, 64))
        .unwrap()
        .gradient_descent();
    let layout = Layout::new(64, 5, 1024, 8).unwrap();
    let levels = BootstrapLevels {
        input: 3,
        output: 8,
    };
    let task = Task::two_classes(LabelKind::Clear);
    assert!(matches!(
        descent.requirements(&layout, task, Some(levels)),
        Err(LearnError::LevelExhausted { .. })
    ));
    let wide = Layout::new(64, 8192, 1, 8192).unwrap();
    assert!(matches!(
        descent.packed_slots(&wide, 2),
        Err(LearnError::Layout { .. })
    ));
}

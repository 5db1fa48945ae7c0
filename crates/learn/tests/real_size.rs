//! Trials at real size, on images that are not ours: slow.
//!
//! `TAPETUM_DATA=DIR cargo test -p tapetum-learn --test real_size -- --ignored --nocapture`, where
//! DIR/mnist and DIR/fashion-mnist have the four files `train-images-idx3-ubyte.gz` and so on.

mod common;

use std::path::PathBuf;
use std::time::Instant;

use common::World;
use tapetum_ckks::{
    Bootstrapper, BootstrappingPlan, Parameters, ParametersLiteral, Preset, SecretDistribution,
    SlotKind,
};
use tapetum_learn::*;
use tapetum_vision::{DataSet, Limits, Pipeline, PipelineOptions, Samples, load};

/// Rows of blocks that are encrypted and added up at a time.
const PART_BLOCKS: usize = 16;

/// The images of some classes, in this order.
fn images(set: &str, part: &str, classes: &[usize]) -> DataSet {
    let dir = std::env::var_os("TAPETUM_DATA").expect("TAPETUM_DATA says where the images are");
    let path = |kind| PathBuf::from(&dir).join(format!("{set}/{part}-{kind}-ubyte.gz"));
    let (pictures, labels) = (path("images-idx3"), path("labels-idx1"));
    let all = load::idx(&pictures, &labels, None, &Limits::default()).unwrap();
    let pictures = all.samples().images().unwrap();
    let class = |i: usize| classes.iter().position(|&class| class == all.labels()[i]);
    let chosen: Vec<_> = (0..all.len())
        .filter_map(|i| Some((i, class(i)?)))
        .collect();
    DataSet::new(
        Samples::Images(chosen.iter().map(|&(i, _)| pictures[i].clone()).collect()),
        chosen.iter().map(|&(_, class)| class).collect(),
        classes.iter().map(usize::to_string).collect(),
        chosen.iter().map(|(i, _)| i.to_string()).collect(),
    )
    .unwrap()
}

/// Features of the training and of the test images.
fn data(set: &str, features: &str, classes: &[usize]) -> [common::Data; 2] {
    let [train, test] = ["train", "t10k"].map(|part| images(set, part, classes));
    let options = PipelineOptions::default();
    let pipeline = Pipeline::fit(features.parse().unwrap(), &train, options).unwrap();
    [train, test].map(|images| {
        let table = pipeline.apply(images.samples()).unwrap();
        let labels = images.labels().iter().map(|&label| label as u8).collect();
        common::Data {
            cols: table.cols(),
            values: table.into_values(),
            labels: ClassLabels::of_classes(labels, classes.len()).unwrap(),
        }
    })
}

fn accuracy(classes: &[u8], data: &common::Data) -> f64 {
    let right = classes.iter().zip(data.labels.as_slice());
    100.0 * right.filter(|(x, y)| x == y).count() as f64 / classes.len() as f64
}

/// Runs something and says how long it took, and how much memory the process has used at most.
fn timed<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM"));
    println!("{what}: {:.1?}; {}", start.elapsed(), peak.unwrap_or(""));
    result
}

/// Trains on encrypted images with encrypted labels, classifies, and compares with the reference.
fn trial(
    world: &World,
    regression: &Ridge,
    [train, test]: &[common::Data; 2],
    level: usize,
    bootstrap: Option<&dyn Bootstrap>,
) -> f64 {
    let classes = train.labels.classes();
    let slots = world.parameters.slots();
    let layout = Layout::for_least_squares(train.labels.len(), train.cols, classes, slots).unwrap();
    let (height, width) = (layout.block_rows(), layout.block_cols());
    let task = Task {
        classes,
        labels: LabelKind::Encrypted,
    };
    let evaluator = &world.evaluator;
    let start = SessionStart::new(evaluator, &layout, task, bootstrap);
    let mut training = regression.begin(start).unwrap();
    // One part at a time is in memory.
    timed("encrypt and add up", || {
        let rows = PART_BLOCKS * height;
        for first in (0..train.labels.len()).step_by(rows) {
            let part = train.part(first, rows);
            let layout = Layout::new(part.labels.len(), part.cols, height, width).unwrap();
            let matrix = world.encrypt(&part, layout, level);
            let labels = world.encrypt_labels(&part, layout, level);
            training.add(&(matrix, labels), &mut |_| ()).unwrap();
        }
    });
    let mut last = "";
    let start = Instant::now();
    let mut progress = |p: Progress| {
        if p.what != last {
            println!("  {} at {:.1?}", p.what, start.elapsed());
            last = p.what;
        }
    };
    let model = timed("solve", || training.finish(&mut progress)).unwrap();
    let model = model.into_linear().unwrap();
    let rows = test.labels.len();
    let layout = Layout::new(rows, test.cols, height, width).unwrap();
    let samples = world.encrypt(test, layout, LinearModel::SAMPLE_LEVEL);
    let scores = timed("classify", || world.score(&model, &samples));
    let found = accuracy(&classes_of(&world.decrypt(&scores), scores.outputs()), test);
    let reference = regression
        .simulate(&train.features(), &train.labels)
        .unwrap()
        .model
        .into_linear()
        .unwrap();
    let clear = accuracy(&reference.predict(&test.features()).unwrap(), test);
    println!("held out: {found:.2} % encrypted, {clear:.2} % in the clear");
    assert!((found - clear).abs() < 0.5);
    found
}

#[test]
#[ignore = "needs MNIST, 4 GB of memory and a minute"]
fn three_against_eight() {
    let data = data("mnist", "dct:14", &[3, 8]);
    assert_eq!((data[0].labels.len(), data[0].cols), (11_982, 197));
    let regression = Ridge::new(LeastSquaresConfig {
        iterations: 3,
        ..LeastSquaresConfig::default()
    })
    .unwrap();
    let levels = 7;
    let parameters = Parameters::new(ParametersLiteral {
        log_n: 15,
        q_bits: [vec![48], vec![40; levels]].concat(),
        p_bits: vec![49; 4],
        log_scale: 40,
        secret: SecretDistribution::UniformTernary,
        bootstrapping: None,
    })
    .unwrap();
    let layout = Layout::for_least_squares(11_982, 197, 2, parameters.slots()).unwrap();
    let task = Task::two_classes(LabelKind::Encrypted);
    let training = regression.requirements(&layout, task);
    let needs = training.then(LinearModel::requirements(&layout, 256, 2).unwrap());
    assert_eq!(needs.levels, levels);
    let samples = regression.sample_rotations(&layout, task).unwrap();
    let plan = needs.key_plan(&parameters).rotations(samples);
    let world = timed("keys", || World::with_plan(&parameters, &plan));
    assert!(trial(&world, &regression, &data, levels, None) >= 95.5);
}

#[test]
#[ignore = "needs Fashion-MNIST, the memory of bootstrapping and some minutes"]
fn ten_classes_of_fashion() {
    let data = data("fashion-mnist", "dct:14", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let regression = Ridge::new(LeastSquaresConfig {
        iterations: 9,
        ..LeastSquaresConfig::default()
    })
    .unwrap();
    let parameters = Parameters::preset(Preset::N16Bootstrapping);
    let slots = parameters.slots();
    let plan = BootstrappingPlan::new(&parameters, slots, SlotKind::Real).unwrap();
    let levels = BootstrapLevels {
        input: plan.input_level(),
        output: plan.output_level(),
    };
    let layout = Layout::for_least_squares(60_000, data[0].cols, 10, slots).unwrap();
    let task = Task {
        classes: 10,
        labels: LabelKind::Encrypted,
    };
    let scoring = LinearModel::requirements(&layout, layout.block_cols(), 10).unwrap();
    let keys = regression
        .bootstrapped_key_plan(&layout, task, levels, &parameters)
        .unwrap()
        .join(&scoring.key_plan(&parameters))
        .join(&plan.keys());
    let world = timed("keys", || World::with_plan(&parameters, &keys));
    let bootstrapper = timed("bootstrapper", || Bootstrapper::new(&plan)).unwrap();
    let level = Ridge::sample_level(levels);
    assert!(trial(&world, &regression, &data, level, Some(&bootstrapper)) >= 78.7);
}

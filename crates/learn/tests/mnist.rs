//! MNIST, 3 against 8, in mini-batches with bootstrapping: slow, and the images are not ours.
//!
//! `TAPETUM_DATA=DIR cargo test -p tapetum-learn --test mnist --release -- --ignored --nocapture`,
//! where DIR/mnist has the four files `train-images-idx3-ubyte.gz` and so on.

mod common;

use std::path::PathBuf;
use std::time::Instant;

use common::{Data, World};
use tapetum_ckks::{Bootstrapper, BootstrappingPlan, Parameters, Preset, SlotKind};
use tapetum_learn::*;
use tapetum_vision::{DataSet, Limits, Pipeline, PipelineOptions, Samples, load};

const ROWS: usize = 1024;

fn digits(part: &str) -> DataSet {
    let dir = std::env::var_os("TAPETUM_DATA").expect("TAPETUM_DATA says where mnist/ is");
    let path = |kind| PathBuf::from(&dir).join(format!("mnist/{part}-{kind}-ubyte.gz"));
    let (images, labels) = (path("images-idx3"), path("labels-idx1"));
    let all = load::idx(&images, &labels, None, &Limits::default()).unwrap();
    let chosen: Vec<usize> = (0..all.len())
        .filter(|&i| [3, 8].contains(&all.labels()[i]))
        .collect();
    let images = all.samples().images().unwrap();
    DataSet::new(
        Samples::Images(chosen.iter().map(|&i| images[i].clone()).collect()),
        chosen
            .iter()
            .map(|&i| usize::from(all.labels()[i] == 8))
            .collect(),
        vec!["3".to_owned(), "8".to_owned()],
        chosen.iter().map(|i| i.to_string()).collect(),
    )
    .unwrap()
}

fn features(pipeline: &Pipeline, digits: &DataSet) -> Data {
    let table = pipeline.apply(digits.samples()).unwrap();
    let labels = digits.labels().iter().map(|&label| label == 1).collect();
    Data {
        cols: table.cols(),
        values: table.into_values(),
        labels: ClassLabels::new(labels).unwrap(),
    }
}

fn accuracy(model: &PlainModel, data: &Data) -> f64 {
    let found = model.predict(&data.features()).unwrap();
    let right = found.iter().zip(data.labels.as_slice());
    right.filter(|(x, y)| x == y).count() as f64 / found.len() as f64
}

#[test]
#[ignore = "needs MNIST, 12 GB of memory and some minutes"]
fn three_against_eight() {
    let train = digits("train");
    let spec = "pixels:14".parse().unwrap();
    let pipeline = Pipeline::fit(spec, &train, PipelineOptions::default()).unwrap();
    let (train, test) = (
        features(&pipeline, &train),
        features(&pipeline, &digits("t10k")),
    );
    assert_eq!((train.labels.len(), test.labels.len()), (11_982, 1_984));
    let estimator = LogisticRegression::new(LogisticRegressionConfig {
        iterations: 32,
        degree: SigmoidDegree::Five,
        interval: 16.0,
        learning_rate: LearningRate::InverseTime(12.0),
        batches: Some(MiniBatches {
            rows: ROWS,
            weight_bound: 4.0,
        }),
    })
    .unwrap();
    let reference = estimator
        .simulate(&train.features(), &train.labels)
        .unwrap();
    let largest = reference.ranges.largest.iter().copied().fold(0.0, f64::max);
    println!(
        "clear: {:.4} held out, |z| <= {largest:.1}, |w| <= {:.2}",
        accuracy(reference.model.linear().unwrap(), &test),
        reference.ranges.weight
    );
    reference.ranges.check().unwrap();

    let descent = estimator.gradient_descent();
    let parameters = Parameters::preset(Preset::N16Bootstrapping);
    let layout = Layout::for_training(ROWS, train.cols, parameters.slots()).unwrap();
    let slots = descent.packed_slots(&layout, 2).unwrap();
    let plan = BootstrappingPlan::new(&parameters, slots, SlotKind::Real).unwrap();
    let levels = BootstrapLevels {
        input: plan.input_level(),
        output: plan.output_level(),
    };
    let task = Task::two_classes(LabelKind::Clear);
    let needs = descent.requirements(&layout, task, Some(levels)).unwrap();
    let level = descent.batch_level(&layout, task, Some(levels)).unwrap();
    println!(
        "blocks of {} x {}, {} x {} a batch, at level {level}; {} bootstraps of {slots} slots",
        layout.block_rows(),
        layout.block_cols(),
        layout.grid_rows(),
        layout.grid_cols(),
        descent.bootstraps(levels, 2)
    );
    let start = Instant::now();
    let keys = needs.key_plan(&parameters).join(&plan.keys());
    let world = World::with_plan(&parameters, &keys);
    let bootstrapper = Bootstrapper::new(&plan).unwrap();
    println!("keys: {:.1} s", start.elapsed().as_secs_f64());

    let start = Instant::now();
    let batches: Vec<_> = (0..train.labels.len().div_ceil(ROWS))
        .map(|i| {
            let part = train.part(i * ROWS, ROWS);
            let rows = part.labels.len();
            let (height, width) = (layout.block_rows(), layout.block_cols());
            let layout = Layout::new(rows, part.cols, height, width).unwrap();
            (
                world.encrypt(&part, layout, level),
                Labels::Clear(part.labels),
            )
        })
        .collect();
    println!("encrypt: {:.1} s", start.elapsed().as_secs_f64());

    let start = Instant::now();
    let evaluator = &world.evaluator;
    let begin = SessionStart::new(evaluator, &layout, task, Some(&bootstrapper));
    let mut training = Training::begin(descent, begin).unwrap();
    while let Some(batch) = training.next_batch(batches.len()) {
        training.add(&batches[batch], &mut |_| ()).unwrap();
        println!(
            "{:3}: {:.1} s",
            training.iteration(),
            start.elapsed().as_secs_f64()
        );
    }
    let model = world.decrypt_model(&training.model().unwrap());
    println!("train: {:.1} s", start.elapsed().as_secs_f64());
    let (found, clear) = (
        accuracy(&model, &test),
        accuracy(reference.model.linear().unwrap(), &test),
    );
    let errors = model
        .weights
        .iter()
        .zip(&reference.model.linear().unwrap().weights);
    let error = errors.map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
    println!(
        "encrypted: {found:.4} held out; weights differ by up to 2^{:.1}",
        error.log2()
    );
    assert!(found >= 0.964 && (found - clear).abs() < 0.002);
    assert!(error < 0.01);
}

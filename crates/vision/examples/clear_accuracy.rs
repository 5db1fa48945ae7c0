//! What linear models reach in the clear on public data sets, on the features that encrypted training uses.
//!
//! `cargo run --release -p tapetum-vision --example clear_accuracy -- DIR [SET...]` reads the sets below DIR (see
//! `Collection::load`) and prints held-out accuracy of ridge regression (one-hot targets, the largest output wins).
//! With `--features onnx`, photographs also go through the backbone that `tapetum bench training` takes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tapetum_vision::cholesky::{factorize, solve, triangle};
use tapetum_vision::{Collection, DataSet, Features, Limits, Pipeline, PipelineOptions, Split};

/// What is added to the correlation matrix of the features.
const SHRINKAGE: f64 = 0.01;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let Some(dir) = args.next().map(PathBuf::from) else {
        eprintln!("usage: clear_accuracy DIR [SET...]");
        return ExitCode::from(2);
    };
    let wanted: Vec<String> = args.collect();
    for set in Collection::ALL {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == set.name()) {
            continue;
        }
        let limits = Limits {
            colour: set == Collection::Pets,
            ..Limits::default()
        };
        match set.load(&dir, &limits) {
            Ok(split) => table(set, &split, &dir),
            Err(error) => println!("{set}: skipped: {error}"),
        }
    }
    ExitCode::SUCCESS
}

fn table(set: Collection, split: &Split, dir: &Path) {
    let mut specs: Vec<String> = match set {
        Collection::Wdbc => vec!["table".to_owned()],
        _ => ["pixels:14", "dct:14", "hog:7", "hog-blocks:7+dct:14"]
            .map(str::to_owned)
            .to_vec(),
    };
    let backbone = dir.join("models/mobilenet_v1_0.25_128_quant.tflite");
    if set == Collection::Pets && tapetum_vision::HAS_BACKBONES && backbone.exists() {
        specs.push(format!("tflite:{}?signed", backbone.display()));
    }
    for spec in &specs {
        let options = PipelineOptions::default();
        let fitted = spec
            .parse()
            .and_then(|spec| Pipeline::fit(spec, &split.train, options));
        let found = fitted.and_then(|pipeline| {
            let train = pipeline.apply(split.train.samples())?;
            let test = pipeline.apply(split.test.samples())?;
            Ok((
                train.cols(),
                accuracy(&train, &split.train, &test, &split.test),
            ))
        });
        match found {
            Ok((columns, share)) => println!(
                "{:14} {spec:20} {columns:4} columns, {:6} + {:5} samples: {:.2} %",
                set.name(),
                split.train.len(),
                split.test.len(),
                100.0 * share
            ),
            Err(error) => println!("{:14} {spec:20} {error}", set.name()),
        }
    }
}

/// Ridge regression by Cholesky factors of X^T X / m + lambda I, lambda in units of the mean diagonal entry.
fn accuracy(x: &Features, train: &DataSet, test: &Features, held_out: &DataSet) -> f64 {
    let (d, classes) = (x.cols(), train.class_names().len());
    let mut gram = vec![0.0; triangle(d)];
    let mut moments = vec![vec![-0.0; d]; classes];
    for (row, &label) in x.values().chunks_exact(d).zip(train.labels()) {
        for i in 0..d {
            for (g, v) in gram[triangle(i)..=triangle(i) + i].iter_mut().zip(row) {
                *g += row[i] * v;
            }
        }
        moments[label]
            .iter_mut()
            .zip(row)
            .for_each(|(m, v)| *m += v);
    }
    let trace: f64 = (0..d).map(|i| gram[triangle(i) + i]).sum();
    (0..d).for_each(|i| gram[triangle(i) + i] += SHRINKAGE * trace / d as f64);
    factorize(&mut gram, d);
    let mut weights = moments;
    weights.iter_mut().for_each(|m| solve(&gram, m));
    let right = test.values().chunks_exact(d).zip(held_out.labels());
    let right = right.filter(|(row, label)| {
        let score = |w: &Vec<f64>| w.iter().zip(*row).map(|(a, b)| a * b).sum::<f64>();
        let scores: Vec<f64> = weights.iter().map(score).collect();
        (0..classes).all(|c| c == **label || scores[c] < scores[**label])
    });
    right.count() as f64 / test.rows() as f64
}

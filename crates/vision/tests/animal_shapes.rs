//! The embedded set through the whole crate: a classifier trained on its features in the clear must be good.

use tapetum_vision::{
    FeatureSpec, Features, Pipeline, PipelineOptions, StandardizerOptions, embedded,
};

#[test]
fn the_set_is_what_its_description_says() {
    let animals = embedded::animal_shapes().unwrap();
    assert_eq!(animals.len(), 10_000);
    assert_eq!(animals.class_counts(), [1_000; 10]);
    assert_eq!(animals.class_names(), embedded::ANIMAL_SHAPES_CLASSES);
    let images = animals.samples().images().unwrap();
    assert!(images.iter().all(|i| (i.width(), i.height()) == (28, 28)));
    let (unique, repeats) = animals.without_repeats();
    assert_eq!((unique.len(), repeats.removed), (9_716, 284));
    assert_eq!(unique.class_counts()[animals.class("cat").unwrap()], 992);
    assert!(embedded::ANIMAL_SHAPES_LICENSE.starts_with("MIT License"));
}

/// Nesterov from zero with the degree-3 least-squares sigmoid on [-8, 8], as it runs under encryption.
/// Returns the weights and the largest |z| met.
fn train(x: &Features, signs: &[f64], steps: &[f64], momentum: bool) -> (Vec<f64>, f64) {
    let sigmoid = |z: f64| 0.5 + 0.150_094 * z - 0.001_592 * z * z * z;
    let l = x.largest_eigenvalue() / 4.0;
    let (mut w, mut v) = (vec![0.0; x.cols()], vec![0.0; x.cols()]);
    let (mut t, mut largest) = (1.0f64, 0.0f64);
    for step in steps {
        let mut gradient = vec![0.0; x.cols()];
        for (row, sign) in x.values().chunks_exact(x.cols()).zip(signs) {
            let z = sign * dot(row, &v);
            largest = largest.max(z.abs());
            let g = sign * (1.0 - sigmoid(z)) / x.rows() as f64;
            gradient.iter_mut().zip(row).for_each(|(s, r)| *s += g * r);
        }
        let next_t = f64::midpoint(1.0, (1.0 + 4.0 * t * t).sqrt());
        let weight = if momentum { (t - 1.0) / next_t } else { 0.0 };
        t = next_t;
        for j in 0..x.cols() {
            let next = v[j] + step / l * gradient[j];
            v[j] = next + weight * (next - w[j]);
            w[j] = next;
        }
    }
    (w, largest)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Mean held-out accuracy over seeds, and the largest |z| in training.
fn accuracy(
    spec: &str,
    whitening: Option<f64>,
    steps: &[f64],
    momentum: bool,
    seeds: std::ops::Range<u64>,
) -> (f64, f64) {
    let (animals, _) = embedded::animal_shapes().unwrap().without_repeats();
    let spec: FeatureSpec = spec.parse().unwrap();
    let count = (seeds.end - seeds.start) as f64;
    let (mut sum, mut largest) = (0.0, 0.0f64);
    for seed in seeds {
        let cats = animals.one_vs_rest("cat", true, seed).unwrap();
        let split = cats.split_counts(1536, 448, seed).unwrap();
        let options = PipelineOptions {
            standardizer: StandardizerOptions {
                whitening,
                ..Default::default()
            },
            ..Default::default()
        };
        let pipeline = Pipeline::fit(spec.clone(), &split.train, options).unwrap();
        let x = pipeline.apply(split.train.samples()).unwrap();
        let (w, z) = train(&x, &split.train.signs().unwrap(), steps, momentum);
        let test = pipeline.apply(split.test.samples()).unwrap();
        let right = test
            .values()
            .chunks_exact(test.cols())
            .zip(split.test.signs().unwrap())
            .filter(|(row, sign)| dot(row, &w) * sign > 0.0)
            .count();
        sum += right as f64 / test.rows() as f64;
        largest = largest.max(z);
    }
    (sum / count, largest)
}

#[test]
fn few_steps_reach_the_accuracy_that_the_features_promise() {
    for (spec, whitening, steps, momentum, least) in [
        ("dct:14", None, &[2.0; 3][..], true, 0.87),
        ("hog:7+dct:10", None, &[3.0; 4][..], true, 0.91),
        ("hog:7+dct:10", None, &[3.0, 2.0, 8.0][..], false, 0.91),
        ("hog:7+dct:7", Some(0.1), &[1.0; 2][..], true, 0.93),
    ] {
        let (mean, largest) = accuracy(spec, whitening, steps, momentum, 0..3);
        assert!(mean >= least, "{spec} {steps:?}: {mean}");
        assert!(
            largest < 8.0,
            "{spec} {steps:?}: |z| = {largest} leaves the interval"
        );
    }
}

/// `cargo test -p tapetum-vision --test animal_shapes -- --ignored --nocapture` prints the table.
#[test]
#[ignore = "prints a table for choosing features, checks nothing"]
fn table_of_features() {
    for spec in ["dct:14", "hog:7", "hog:7+dct:7", "hog:7+dct:10"] {
        for (steps, momentum) in [
            (&[2.0; 3][..], true),
            (&[3.0; 3][..], true),
            (&[3.0, 2.0, 8.0][..], false),
            (&[3.0; 4][..], true),
            (&[3.0; 5][..], true),
        ] {
            let (mean, z) = accuracy(spec, None, steps, momentum, 100..120);
            println!(
                "{spec:14} {steps:?} momentum {momentum}: {:.2} % |z| {z:.1}",
                100.0 * mean
            );
        }
    }
    for (a, steps) in [
        (0.1, &[1.0; 1][..]),
        (0.1, &[1.0; 2]),
        (0.1, &[1.0; 3]),
        (0.3, &[2.0; 2]),
    ] {
        let (mean, z) = accuracy("hog:7+dct:7", Some(a), steps, true, 100..120);
        println!(
            "hog:7+dct:7 whitened {a} {steps:?}: {:.2} % |z| {z:.1}",
            100.0 * mean
        );
    }
}

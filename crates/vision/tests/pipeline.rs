//! Standardising, whitening and pipelines.

use proptest::prelude::*;
use tapetum_vision::{
    DataSet, Error, FeatureSpec, Features, GreyImage, Pipeline, PipelineOptions, Samples,
    Standardizer, StandardizerOptions, Table,
};

fn options(clip: f64, scale: f64, whitening: Option<f64>) -> StandardizerOptions {
    StandardizerOptions {
        clip,
        scale,
        whitening,
        ..StandardizerOptions::default()
    }
}

fn column(features: &Features, j: usize) -> Vec<f64> {
    features
        .values()
        .chunks_exact(features.cols())
        .map(|row| row[j])
        .collect()
}

fn mean(v: &[f64]) -> f64 {
    v.iter().sum::<f64>() / v.len() as f64
}

/// Correlated columns out of a linear congruence: x1 follows x0, x2 is constant.
fn correlated(rows: usize) -> Vec<f64> {
    let mut state = 1u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    (0..rows)
        .flat_map(|_| {
            let a = next();
            [1e3 + 5.0 * a, 2.0 * a + 0.2 * next(), 0.1 + 0.2, next()]
        })
        .collect()
}

#[test]
fn mean_zero_variance_one_and_constants_vanish() {
    let values = correlated(500);
    let s = Standardizer::fit(4, &values, &StandardizerOptions::default()).unwrap();
    let z = s.apply(&values, true).unwrap();
    assert_eq!((z.rows(), z.cols()), (500, 5));
    for j in [0, 1, 3] {
        let c = column(&z, j);
        assert!(mean(&c).abs() < 1e-9);
        assert!((mean(&c.iter().map(|v| v * v).collect::<Vec<_>>()) - 1.0).abs() < 1e-9);
    }
    assert!(column(&z, 2).iter().all(|&v| v == 0.0));
    assert!(column(&z, 4).iter().all(|&v| v == 1.0));
}

/// Their squares are no numbers.
#[test]
fn the_largest_and_the_smallest_numbers_are_standardised_as_others() {
    let values = correlated(500);
    let z = |values: &[f64]| {
        let s = Standardizer::fit(4, values, &StandardizerOptions::default()).unwrap();
        s.apply(values, true).unwrap()
    };
    let expected = z(&values);
    for factor in [2f64.powi(1000), 2f64.powi(-1000)] {
        let scaled: Vec<f64> = values.iter().map(|v| v * factor).collect();
        let pairs = z(&scaled).values().to_vec();
        for (found, expected) in pairs.iter().zip(expected.values()) {
            assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        }
    }
}

#[test]
fn whitening_removes_correlation_up_to_the_shrinkage() {
    let values = correlated(500);
    let a = 0.01;
    let s = Standardizer::fit(4, &values, &options(50.0, 1.0, Some(a))).unwrap();
    let z = s.apply(&values, false).unwrap();
    // The covariance of u = L^-1 z is L^-1 C L^-T = I - a L^-1 L^-T, near I where a is small.
    let cov = |i: usize, j: usize| {
        let (x, y) = (column(&z, i), column(&z, j));
        mean(&x.iter().zip(&y).map(|(x, y)| x * y).collect::<Vec<_>>())
    };
    let plain = Standardizer::fit(4, &values, &options(50.0, 1.0, None)).unwrap();
    let p = plain.apply(&values, false).unwrap();
    let before = mean(
        &column(&p, 0)
            .iter()
            .zip(column(&p, 1))
            .map(|(x, y)| x * y)
            .collect::<Vec<_>>(),
    );
    assert!(before > 0.95, "{before}");
    assert!(cov(0, 1).abs() < 0.1, "{}", cov(0, 1));
    assert!((cov(0, 0) - 1.0 / (1.0 + a)).abs() < 1e-9);
    assert!(cov(0, 3).abs() < 0.02 && cov(1, 3).abs() < 0.02);
    // Exactly: L u = z, so that u rebuilt through the factor of the JSON form gives z back.
    let json: serde_json::Value = serde_json::from_str(&s.to_json().unwrap()).unwrap();
    let factor: Vec<f64> = json["whitening"]["factor"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect();
    for (u, z) in z.values().chunks_exact(4).zip(p.values().chunks_exact(4)) {
        for i in 0..4 {
            let start = i * (i + 1) / 2;
            let back: f64 = factor[start..=start + i]
                .iter()
                .zip(u)
                .map(|(l, u)| l * u)
                .sum();
            assert!((back - z[i]).abs() < 1e-9);
        }
    }
}

#[test]
fn principal_directions_are_uncorrelated_and_ordered() {
    let (values, a) = (correlated(500), 0.1);
    let with = |directions| StandardizerOptions {
        directions: Some(directions),
        ..options(50.0, 1.0, Some(a))
    };
    let s = Standardizer::fit(4, &values, &with(255)).unwrap();
    assert_eq!((s.outputs(), s.directions()), (4, Some(4)));
    let z = s.apply(&values, true).unwrap();
    assert_eq!(z.cols(), 5);
    let cov = |i: usize, j: usize| {
        let (x, y) = (column(&z, i), column(&z, j));
        mean(&x.iter().zip(&y).map(|(x, y)| x * y).collect::<Vec<_>>())
    };
    // Variances are l / (l + a), in falling order; the last direction is that of the constant.
    for i in 0..4 {
        for j in 0..i {
            assert!(cov(i, j).abs() < 1e-5, "{i} {j}: {}", cov(i, j));
        }
    }
    let shares: Vec<f64> = (0..4).map(|i| cov(i, i) / (1.0 - cov(i, i)) * a).collect();
    assert!(shares.is_sorted_by(|x, y| x >= y));
    assert!(
        (shares.iter().sum::<f64>() - 3.0).abs() < 1e-4,
        "{shares:?}"
    );
    assert!(column(&z, 3).iter().all(|&v| v == 0.0));
    // The first directions are the same if there are fewer.
    let fewer = Standardizer::fit(4, &values, &with(2)).unwrap();
    assert_eq!(fewer.outputs(), 2);
    let (few, all) = (fewer.apply(&values, false).unwrap(), z);
    for j in 0..2 {
        assert_eq!(column(&few, j), column(&all, j));
    }
    let json = s.to_json().unwrap();
    assert!(json.contains("\"projection\"") && !json.contains("\"whitening\""));
    assert_eq!(Standardizer::from_json(&json).unwrap(), s);
    assert_eq!(format!("{s:?}").matches("directions: Some(4)").count(), 1);
}

#[test]
fn directions_are_fitted_to_a_thousand_rows_evenly_spread() {
    let options = StandardizerOptions {
        directions: Some(2),
        ..options(4.0, 1.0, Some(0.1))
    };
    // Twice a thousand rows, of which every other one is looked at.
    let values = correlated(2000);
    let fitted = |values: &[f64]| Standardizer::fit(4, values, &options).unwrap();
    let matrix = |s: &Standardizer| {
        let json: serde_json::Value = serde_json::from_str(&s.to_json().unwrap()).unwrap();
        json["projection"]["matrix"].to_string()
    };
    let mut swapped = values.clone();
    let unseen: Vec<Vec<f64>> = swapped
        .chunks(4)
        .skip(1)
        .step_by(2)
        .map(<[f64]>::to_vec)
        .collect();
    for (row, other) in swapped
        .chunks_mut(4)
        .skip(1)
        .step_by(2)
        .zip(unseen.iter().rev())
    {
        row.copy_from_slice(other);
    }
    assert_eq!(matrix(&fitted(&values)), matrix(&fitted(&swapped)));
}

#[test]
fn extreme_values_are_clipped_never_infinite() {
    let s = Standardizer::from_statistics(vec![1e308, 0.0], vec![1e-300, 0.0], 3.0, 0.5).unwrap();
    let z = s.apply(&[-1e308, 1e308, 1.1e308, 5.0], false).unwrap();
    assert_eq!(z.values(), [-1.5, 0.0, 1.5, 0.0]);
    assert_eq!(s.bound(), 1.5);
    // An intercept is not clipped.
    let narrow = Standardizer::from_statistics(vec![0.0], vec![1.0], 0.125, 0.5).unwrap();
    let z = narrow.apply(&[7.0], true).unwrap();
    assert_eq!(
        (z.values(), narrow.bound()),
        ([0.0625, 0.5].as_slice(), 0.5)
    );
    let options = StandardizerOptions::default();
    let huge = [f64::MAX, -f64::MAX];
    let z = Standardizer::fit(1, &huge, &options).unwrap();
    assert_eq!(z.apply(&huge, false).unwrap().values(), [1.0, -1.0]);
    // So far from the mean that no number says it.
    let huge = [f64::MAX, f64::MAX, -f64::MAX];
    assert!(matches!(
        Standardizer::fit(1, &huge, &options),
        Err(Error::NonFinite { .. })
    ));
}

#[test]
fn bad_input_is_refused() {
    let d = StandardizerOptions::default();
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let fit = Standardizer::fit(2, &[1.0, 2.0, 3.0, bad], &d);
        assert!(matches!(
            fit,
            Err(Error::NonFinite {
                row: 1,
                column: 1,
                ..
            })
        ));
        let s = Standardizer::fit(2, &[1.0, 2.0, 3.0, 5.0], &d).unwrap();
        let apply = s.apply(&[bad, 1.0], true);
        assert!(matches!(
            apply,
            Err(Error::NonFinite {
                row: 0,
                column: 0,
                ..
            })
        ));
        assert!(Features::new(1, 2, vec![0.0, bad]).is_err());
        assert!(Standardizer::from_statistics(vec![bad], vec![1.0], 3.0, 1.0).is_err());
        assert!(Standardizer::from_statistics(vec![0.0], vec![bad], 3.0, 1.0).is_err());
        for o in [
            options(bad, 1.0, None),
            options(3.0, bad, None),
            options(3.0, 1.0, Some(bad)),
        ] {
            assert!(matches!(
                Standardizer::fit(1, &[1.0, 2.0], &o),
                Err(Error::Option { .. })
            ));
        }
    }
    for o in [
        options(0.0, 1.0, None),
        options(3.0, -1.0, None),
        options(3.0, 1.0, Some(0.0)),
    ] {
        assert!(matches!(
            Standardizer::fit(1, &[1.0, 2.0], &o),
            Err(Error::Option { .. })
        ));
    }
    assert!(matches!(
        Standardizer::fit(2, &[1.0, 2.0], &d),
        Err(Error::TooFew(_))
    ));
    assert!(matches!(
        Standardizer::fit(2, &[1.0; 3], &d),
        Err(Error::Inconsistent(_))
    ));
    assert!(matches!(
        Standardizer::fit(0, &[], &d),
        Err(Error::Inconsistent(_))
    ));
}

#[test]
fn hostile_statistics_files_are_refused() {
    let public = Standardizer::from_json(r#"{"mean": [1, 2], "std": [1, 0.5]}"#).unwrap();
    assert_eq!(
        public.apply(&[2.0, 1.0], false).unwrap().values(),
        [1.0, -2.0]
    );
    for text in [
        "",
        "[]",
        r#"{"mean": [], "std": []}"#,
        r#"{"mean": [1], "std": [1, 2]}"#,
        r#"{"mean": [1], "std": [-1]}"#,
        r#"{"mean": [1e999], "std": [1]}"#,
        r#"{"mean": [NaN], "std": [1]}"#,
        r#"{"mean": [1], "std": [1], "clip": 0}"#,
        r#"{"mean": [1], "std": [1], "clipp": 4}"#,
        r#"{"mean": [1], "std": [1], "whitening": {"shrinkage": 0.1, "factor": []}}"#,
        r#"{"mean": [1], "std": [1], "whitening": {"shrinkage": 0.1, "factor": [0.0]}}"#,
        r#"{"mean": [1], "std": [1], "whitening": {"shrinkage": 0.1, "factor": [1e300]}}"#,
        r#"{"mean": [1], "std": [1], "whitening": {"shrinkage": 0, "factor": [1]}}"#,
        r#"{"mean": [1], "std": [1], "projection": {"shrinkage": 0.1, "directions": 1, "matrix": []}}"#,
        r#"{"mean": [1], "std": [1], "projection": {"shrinkage": 0.1, "directions": 2, "matrix": [1, 1]}}"#,
        r#"{"mean": [1], "std": [1], "projection": {"shrinkage": 0.1, "directions": 0, "matrix": []}}"#,
        r#"{"mean": [1], "std": [1], "projection": {"shrinkage": 0.1, "directions": 1, "matrix": [1e3]}}"#,
        r#"{"mean": [1], "std": [1], "projection": {"shrinkage": 0, "directions": 1, "matrix": [1]}}"#,
        r#"{"mean": [1], "std": [1], "whitening": {"shrinkage": 0.1, "factor": [1]}, "projection": {"shrinkage": 0.1, "directions": 1, "matrix": [1]}}"#,
    ] {
        assert!(
            matches!(Standardizer::from_json(text), Err(Error::Json { .. })),
            "{text}"
        );
    }
}

fn noise(n: usize) -> DataSet {
    let images = (0..n)
        .map(|i| {
            let pixels = (0..30 * 20)
                .map(|p| ((p * 7919 + i * 104_729) % 251) as u8)
                .collect();
            GreyImage::new(30, 20, pixels).unwrap()
        })
        .collect();
    let names = vec!["a".to_owned(), "b".to_owned()];
    let labels = (0..n).map(|i| i % 2).collect();
    DataSet::new(
        Samples::Images(images),
        labels,
        names,
        vec![String::new(); n],
    )
    .unwrap()
}

#[test]
fn a_pipeline_survives_its_json_form_bit_for_bit() {
    let data = noise(12);
    for whitening in [None, Some(0.2)] {
        let options = PipelineOptions {
            side: 16,
            intercept: false,
            standardizer: options(3.0, 0.25, whitening),
            unit_spectrum: false,
        };
        let spec: FeatureSpec = "hog:4+pixels:3+dct:5".parse().unwrap();
        let pipeline = Pipeline::fit(spec, &data, options).unwrap();
        assert_eq!(pipeline.columns(), 16 * 9 + 9 + 25);
        let json = pipeline.to_json().unwrap();
        let back = Pipeline::from_json(&json).unwrap();
        assert_eq!(back, pipeline);
        let x = pipeline.apply(data.samples()).unwrap();
        assert_eq!(x, back.apply(data.samples()).unwrap());
        assert!(x.values().iter().all(|v| v.abs() <= 0.75));
        for (from, to) in [
            ("\"version\":1", "\"version\":2"),
            ("hog:4", "hog:8"),
            ("\"side\":16", "\"side\":20"),
            ("\"side\":16", "\"side\":99999999"),
            ("\"intercept\":false", "\"intercept\":1"),
        ] {
            let bad = json.replacen(from, to, 1);
            assert!(
                matches!(Pipeline::from_json(&bad), Err(Error::Json { .. })),
                "{to}"
            );
        }
    }
}

#[test]
fn more_features_than_memory_are_refused() {
    let data = noise(300);
    let options = PipelineOptions {
        side: 1024,
        ..Default::default()
    };
    let fit = Pipeline::fit("pixels:1024".parse().unwrap(), &data, options);
    assert!(matches!(
        fit,
        Err(Error::Option {
            name: "features",
            ..
        })
    ));
}

#[test]
fn debug_output_shows_no_private_value() {
    let rows = Table::new(1, vec![123.25, 7.5]).unwrap();
    let s = Standardizer::fit(1, rows.values(), &options(4.0, 1.0, Some(0.1))).unwrap();
    let x = s.apply(rows.values(), true).unwrap();
    let names = vec!["a".to_owned()];
    let data = DataSet::new(
        Samples::Table(rows),
        vec![0, 0],
        names,
        vec![String::new(); 2],
    );
    let text = format!(
        "{s:?} {x:?} {:?} {:?}",
        data.as_ref().unwrap().samples(),
        data
    );
    for private in ["123.25", "7.5", "65.375", "57.875"] {
        assert!(!text.contains(private), "{text}");
    }
}

#[test]
fn parts_of_a_specification_stand_side_by_side() {
    let data = noise(6);
    let apply = |spec: &str| {
        let options = PipelineOptions {
            side: 12,
            unit_spectrum: false,
            ..Default::default()
        };
        let pipeline = Pipeline::fit(spec.parse().unwrap(), &data, options).unwrap();
        pipeline.apply(data.samples()).unwrap()
    };
    let (both, hog, pixels) = (apply("hog:6+pixels:4"), apply("hog:6"), apply("pixels:4"));
    for i in 0..6 {
        let (h, p) = (hog.row(i).unwrap(), pixels.row(i).unwrap());
        let joined = [&h[..36], p].concat();
        assert_eq!(both.row(i).unwrap(), joined);
    }
    assert_eq!(both.row(6), None);
}

#[test]
fn tables_and_images_are_not_mixed_up() {
    let rows = Table::new(2, vec![1.0, 2.0, 3.0, 5.0, 0.0, 1.0]).unwrap();
    let data = DataSet::new(
        Samples::Table(rows),
        vec![0, 1, 0],
        vec!["a".to_owned(), "b".to_owned()],
        vec![String::new(); 3],
    )
    .unwrap();
    let table: FeatureSpec = "table".parse().unwrap();
    let pipeline = Pipeline::fit(table.clone(), &data, PipelineOptions::default()).unwrap();
    assert_eq!(pipeline.apply(data.samples()).unwrap().cols(), 3);
    let wide = Samples::Table(Table::new(3, vec![0.0; 3]).unwrap());
    assert!(matches!(pipeline.apply(&wide), Err(Error::Mismatch { .. })));
    let wider = Samples::Table(Table::new(4, vec![0.0; 4]).unwrap());
    assert!(matches!(
        pipeline.apply(&wider),
        Err(Error::Mismatch { .. })
    ));
    let images = noise(2);
    assert!(matches!(
        pipeline.apply(images.samples()),
        Err(Error::Mismatch { .. })
    ));
    let dct: FeatureSpec = "dct:2".parse().unwrap();
    let fit = Pipeline::fit(dct.clone(), &data, PipelineOptions::default());
    assert!(matches!(fit, Err(Error::Mismatch { .. })));
    let narrow = Standardizer::from_statistics(vec![0.0], vec![1.0], 3.0, 1.0).unwrap();
    assert!(matches!(
        Pipeline::new(dct, 8, true, vec![], narrow),
        Err(Error::Mismatch { .. })
    ));
}

proptest! {
    #[test]
    fn every_value_stays_in_its_bound(
        rows in 2usize..20, cols in 1usize..6, clip in 0.5f64..5.0, scale in 0.01f64..3.0,
        whiten in any::<bool>(), seed in prop::collection::vec(-1e6f64..1e6, 120),
    ) {
        let values = &seed[..rows * cols];
        let o = options(clip, scale, whiten.then_some(0.1));
        let s = Standardizer::fit(cols, values, &o).unwrap();
        let z = s.apply(values, false).unwrap();
        prop_assert!(z.values().iter().all(|v| v.abs() <= s.bound() * (1.0 + 1e-12)));
        prop_assert_eq!(&Standardizer::from_json(&s.to_json().unwrap()).unwrap(), &s);
    }
}

#[test]
fn the_largest_eigenvalue_is_that_of_the_second_moments() {
    // Columns (a, a, 0) and a small independent one: eigenvalues 2 E[a^2], E[b^2] and 0.
    let rows: Vec<f64> = (0..64)
        .flat_map(|i| {
            let a = if i % 2 == 0 { 1.5 } else { -1.5 };
            let b = if i % 4 < 2 { 0.1 } else { -0.1 };
            [a, a, 0.0, b]
        })
        .collect();
    let features = Features::new(64, 4, rows).unwrap();
    assert!((features.largest_eigenvalue() - 4.5).abs() < 1e-9);
    let zero = Features::new(2, 2, vec![0.0; 4]).unwrap();
    assert_eq!(zero.largest_eigenvalue(), 0.0);
}

#[test]
fn a_unit_spectrum_has_one_as_its_largest_eigenvalue() {
    let data = noise(40);
    for intercept in [true, false] {
        let options = PipelineOptions {
            intercept,
            ..Default::default()
        };
        let spec: FeatureSpec = "pixels:5".parse().unwrap();
        let pipeline = Pipeline::fit(spec, &data, options).unwrap();
        let x = pipeline.apply(data.samples()).unwrap();
        assert!((x.largest_eigenvalue() - 1.0).abs() < 1e-6);
        if intercept {
            let last: Vec<f64> = x.values().chunks_exact(26).map(|row| row[25]).collect();
            assert!(last.iter().all(|&v| v == last[0] && v > 0.0 && v < 1.0));
        }
    }
}

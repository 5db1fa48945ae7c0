//! Statistics from sums are those of the samples behind them.

use tapetum_vision::{
    Error, FeatureSpec, Features, Moments, Pipeline, PipelineOptions, Samples, Standardizer,
    StandardizerOptions, Table,
};

/// Columns of different sizes and offsets, correlated, and a constant one.
fn values(rows: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    (0..rows)
        .flat_map(|_| {
            let (a, b) = (next(), next());
            [50.0 + 10.0 * a, 1e3 * a + 300.0 * b, 0.01 * b, 7.0]
        })
        .collect()
}

fn moments(values: &[f64], squares: bool) -> Moments {
    let rows = values.len() / 4;
    Moments::of(&Features::new(rows, 4, values.to_vec()).unwrap(), squares).unwrap()
}

/// Of two sites together.
fn pooled(squares: bool) -> (Vec<f64>, Moments) {
    let (a, b) = (values(200, 1), values(300, 2));
    let (of_a, of_b) = (moments(&a, squares), moments(&b, squares));
    let sums = of_a.sums().iter().zip(of_b.sums()).map(|(x, y)| x + y);
    let pool = Moments::from_sums(4, squares, sums.collect()).unwrap();
    assert_eq!(pool.samples(), 500.0);
    ([a, b].concat(), pool)
}

#[test]
fn features_are_those_of_a_fit_to_all_samples() {
    for (squares, whitening, directions) in [
        (false, None, None),
        (true, None, None),
        (false, Some(0.2), None),
        (true, Some(0.2), None),
        (false, Some(0.1), Some(2)),
        (true, Some(0.1), Some(255)),
    ] {
        let options = StandardizerOptions {
            squares,
            whitening,
            directions,
            ..StandardizerOptions::default()
        };
        let (all, pool) = pooled(squares);
        let (from_sums, largest) = Standardizer::from_moments(&pool, &options, true).unwrap();
        let fitted = Standardizer::fit(4, &all, &options).unwrap();
        assert_eq!(from_sums.outputs(), fitted.outputs());
        let (found, exact) = (
            from_sums.apply(&all, true).unwrap(),
            fitted.apply(&all, true).unwrap(),
        );
        // The same up to rounding, and up to the signs of directions.
        let (cols, tolerance) = (found.cols(), 0.1);
        for j in 0..cols {
            let column = |f: &Features| -> Vec<f64> {
                f.values().iter().skip(j).step_by(cols).copied().collect()
            };
            let (x, y) = (column(&found), column(&exact));
            let dot: f64 = x.iter().zip(&y).map(|(x, y)| x * y).sum();
            let sign = if directions.is_some() && dot < 0.0 {
                -1.0
            } else {
                1.0
            };
            // Beyond the first few directions little varies, and rounding turns them.
            if directions.is_none() || j < 2 {
                for (x, y) in x.iter().zip(&y) {
                    assert!(
                        (sign * x - y).abs() < tolerance,
                        "{options:?}, {j}: {x} and {y}"
                    );
                }
            }
        }
        assert!(
            (largest / found.largest_eigenvalue() - 1.0).abs() < 0.02,
            "{options:?}"
        );
        let again = Standardizer::from_json(&from_sums.to_json().unwrap()).unwrap();
        assert_eq!(again, from_sums);
    }
}

#[test]
fn a_pipeline_says_that_it_was_pooled() {
    let (all, pool) = pooled(false);
    let spec: FeatureSpec = "table".parse().unwrap();
    let classes = vec!["well".to_owned(), "ill".to_owned()];
    let options = PipelineOptions::default();
    let pipeline = Pipeline::from_moments(spec, &pool, classes, options).unwrap();
    assert_eq!(pipeline.pooled(), Some(500));
    let table = Samples::Table(Table::new(4, all).unwrap());
    let largest = pipeline.apply(&table).unwrap().largest_eigenvalue();
    assert!((largest - 1.0).abs() < 0.01, "{largest}");
    let json = pipeline.to_json().unwrap();
    assert_eq!(Pipeline::from_json(&json).unwrap(), pipeline);
    // Means are written with few digits.
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    for mean in json["standardizer"]["mean"].as_array().unwrap() {
        assert!(mean.to_string().len() <= 9, "{mean}");
    }
}

#[test]
fn sums_that_are_none_are_refused() {
    let (_, pool) = pooled(false);
    let sums = pool.sums().to_vec();
    let with_count = |count: f64| {
        let mut sums = sums.clone();
        sums[0] = count;
        Moments::from_sums(4, false, sums)
    };
    assert!(with_count(500.0).is_ok());
    for count in [0.0, 1.0, 2.5, -3.0, 1e300, f64::NAN] {
        assert!(with_count(count).is_err(), "{count}");
    }
    assert!(Moments::from_sums(5, false, sums.clone()).is_err());
    assert!(Moments::from_sums(4, true, sums).is_err());
    let wide = Features::new(1, 1024, vec![0.0; 1024]).unwrap();
    assert!(matches!(
        Moments::of(&wide, false),
        Err(Error::Option { .. })
    ));
    let options = StandardizerOptions {
        squares: true,
        ..StandardizerOptions::default()
    };
    assert!(Standardizer::from_moments(&pool, &options, true).is_err());
}

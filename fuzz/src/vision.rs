//! Pictures, data sets and what is taken from them.

use tapetum_vision::load::{
    csv_table, csv_unlabeled, idx as load_idx, npy_pair, npz, unlabeled_images,
};
use tapetum_vision::{FeatureSpec, Limits, Pipeline, Standardizer, TableOptions};

use crate::draft::with_file;

/// So small that they are reached, and no input takes long.
fn limits(colour: bool) -> Limits {
    Limits {
        image_bytes: 1 << 18,
        image_side: 512,
        image_alloc: 8 << 20,
        kept_side: 32,
        colour,
        samples: 1_000,
        data_bytes: 1 << 18,
        columns: 1_000,
    }
}

/// A PNG, JPEG or WebP file.
pub fn image(data: &[u8]) -> bool {
    let colour = data.last().is_some_and(|byte| byte % 2 == 1);
    with_file(data, |path| shown(unlabeled_images(path, &limits(colour))))
}

/// An archive of arrays, and two arrays: the first two bytes are the length of the first.
pub fn array(data: &[u8]) -> bool {
    let archive = with_file(data, |path| {
        let parts = [None, Some("train")];
        parts
            .map(|part| shown(npz(path, part, &limits(false))))
            .contains(&true)
    });
    let pair = pair(data).is_some_and(|(samples, labels)| {
        with_file(samples, |samples| {
            with_file(labels, |labels| {
                shown(npy_pair(samples, labels, &limits(false)))
            })
        })
    });
    archive || pair
}

/// Images and labels as MNIST has them: the first two bytes are the length of the images.
pub fn idx(data: &[u8]) -> bool {
    pair(data).is_some_and(|(images, labels)| {
        with_file(images, |images| {
            with_file(labels, |labels| {
                let names: Option<&[&str]> = Some(&["zero", "one"]);
                let named = shown(load_idx(images, labels, names, &limits(false)));
                shown(load_idx(images, labels, None, &limits(false))) || named
            })
        })
    })
}

/// A table with labels and without.
pub fn table(data: &[u8]) -> bool {
    with_file(data, |path| {
        let options = TableOptions::default();
        let unlabelled = shown(csv_unlabeled(path, &options, &limits(false)));
        shown(csv_table(path, &options, &limits(false))) || unlabelled
    })
}

/// A list of features, statistics and a pipeline, as text.
pub fn features(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let spec = text.parse::<FeatureSpec>();
    if let Ok(spec) = &spec {
        assert_eq!(
            spec.to_string().parse::<FeatureSpec>().expect("as written"),
            *spec
        );
        for side in [0, 1, 28, 1024, usize::MAX] {
            let _ = spec.columns(side);
        }
    }
    let pipeline = Pipeline::from_json(text);
    if let Ok(pipeline) = &pipeline {
        let again = Pipeline::from_json(&pipeline.to_json().expect("as read"));
        assert_eq!(again.expect("as written"), *pipeline);
    }
    let statistics = Standardizer::from_json(text);
    if let Ok(statistics) = &statistics {
        let again = Standardizer::from_json(&statistics.to_json().expect("as read"));
        assert!(again.expect("as written") == *statistics);
        let row = vec![0.5; statistics.columns()];
        if let Ok(features) = statistics.apply(&row, true) {
            let inside = |x: &f64| x.abs() <= statistics.bound();
            assert!(features.values().iter().all(inside));
        }
    }
    shown(spec) | shown(pipeline) | shown(statistics)
}

fn pair(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = data.split_at_checked(2)?;
    rest.split_at_checked(u16::from_le_bytes([len[0], len[1]]).into())
}

/// Whether it was accepted; if not, the error can be shown.
fn shown<T>(found: Result<T, tapetum_vision::Error>) -> bool {
    found.map_err(|error| error.to_string()).is_ok()
}

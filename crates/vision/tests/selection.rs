//! Repeats, one against the rest, and splits.

use proptest::prelude::*;
use std::collections::HashSet;
use tapetum_vision::{DataSet, Error, GreyImage, Samples, Table};

/// Classes of the given sizes; sample i is the one-column row [i].
fn numbered(sizes: &[usize]) -> DataSet {
    let labels: Vec<usize> = sizes
        .iter()
        .enumerate()
        .flat_map(|(c, &n)| std::iter::repeat_n(c, n))
        .collect();
    let values = (0..labels.len()).map(|i| i as f64).collect();
    let sources = (0..labels.len()).map(|i| i.to_string()).collect();
    let names = (0..sizes.len()).map(|c| format!("class{c}")).collect();
    DataSet::new(
        Samples::Table(Table::new(1, values).unwrap()),
        labels,
        names,
        sources,
    )
    .unwrap()
}

fn ids(data: &DataSet) -> Vec<usize> {
    let Samples::Table(table) = data.samples() else {
        panic!("a table is expected")
    };
    let ids: Vec<usize> = table.values().iter().map(|&v| v as usize).collect();
    // A sample must keep its own source wherever it goes.
    assert!(
        ids.iter()
            .zip(data.sources())
            .all(|(id, source)| id.to_string() == *source)
    );
    ids
}

#[test]
fn labels_take_their_places_among_all_classes() {
    let some = numbered(&[2, 1]);
    let names = ["class1", "class7", "class0"].map(str::to_owned);
    let all = some.among(&names).unwrap();
    assert_eq!(
        (all.labels(), all.class_names()),
        ([2, 2, 0].as_slice(), names.as_slice())
    );
    assert_eq!(ids(&all), [0, 1, 2]);
    assert!(
        matches!(some.among(&names[..2]), Err(Error::UnknownClass { name, .. }) if name == "class0")
    );
}

#[test]
fn repeats_go_and_the_first_stays() {
    let image = |w, h, p: &[u8]| GreyImage::new(w, h, p.to_vec()).unwrap();
    let images = vec![
        image(2, 1, &[1, 2]),
        image(1, 2, &[1, 2]),
        image(2, 1, &[1, 2]),
        image(2, 1, &[1, 3]),
        image(2, 1, &[1, 2]),
    ];
    let sources = ["a", "b", "c", "d", "e"].map(String::from).to_vec();
    let names = vec!["x".to_owned(), "y".to_owned()];
    let data = DataSet::new(Samples::Images(images), vec![0, 0, 0, 1, 1], names, sources).unwrap();
    let (unique, repeats) = data.without_repeats();
    assert_eq!(unique.sources(), ["a", "b", "d"]);
    assert_eq!(unique.labels(), [0, 0, 1]);
    assert_eq!((repeats.removed, repeats.conflicting), (2, 1));

    let table = Table::new(2, vec![0.0, 1.0, -0.0, 1.0, 1.0, 0.0]).unwrap();
    let sources = vec![String::new(); 3];
    let data = DataSet::new(
        Samples::Table(table),
        vec![0; 3],
        vec!["x".to_owned()],
        sources,
    )
    .unwrap();
    assert_eq!(data.without_repeats().1.removed, 1);
}

#[test]
fn parts_that_disagree_are_refused() {
    let table = || Samples::Table(Table::new(1, vec![1.0, 2.0]).unwrap());
    let names = |n: &[&str]| n.iter().map(|s| s.to_string()).collect::<Vec<_>>();
    let sources = || vec!["s".to_owned(); 2];
    let inconsistent = |r| matches!(r, Err(Error::Inconsistent(_)));
    assert!(inconsistent(DataSet::new(
        table(),
        vec![0],
        names(&["a"]),
        sources()
    )));
    assert!(inconsistent(DataSet::new(
        table(),
        vec![0, 1],
        names(&["a"]),
        sources()
    )));
    assert!(inconsistent(DataSet::new(
        table(),
        vec![0, 1],
        names(&["a", "a"]),
        sources()
    )));
    assert!(inconsistent(DataSet::new(
        table(),
        vec![0, 1],
        names(&["a", ""]),
        sources()
    )));
    assert!(inconsistent(DataSet::new(
        table(),
        vec![0, 0],
        names(&["a"]),
        vec![]
    )));
    assert!(matches!(
        Table::new(2, vec![1.0]),
        Err(Error::Inconsistent(_))
    ));
    assert!(matches!(
        Table::new(2, vec![1.0, 2.0, 3.0, f64::NAN]),
        Err(Error::NonFinite {
            row: 1,
            column: 1,
            ..
        })
    ));
    assert!(GreyImage::new(2, 2, vec![0; 3]).is_err() && GreyImage::new(0, 2, vec![]).is_err());
}

#[test]
fn one_against_the_rest_is_balanced_named_and_seeded() {
    let data = numbered(&[5, 20, 30]);
    let task = data.one_vs_rest("class1", true, 1).unwrap();
    assert_eq!(task.class_names(), ["not class1", "class1"]);
    assert_eq!(task.class_counts(), [20, 20]);
    for (id, &label) in ids(&task).iter().zip(task.labels()) {
        assert_eq!(label == 1, (5..25).contains(id));
    }
    assert_eq!(task, data.one_vs_rest("class1", true, 1).unwrap());
    assert_ne!(
        ids(&task),
        ids(&data.one_vs_rest("class1", true, 2).unwrap())
    );
    assert_eq!(
        data.one_vs_rest("class1", false, 1).unwrap().class_counts(),
        [35, 20]
    );
    assert_eq!(task.signs().unwrap().iter().sum::<f64>(), 0.0);

    assert!(matches!(
        data.one_vs_rest("dog", true, 1),
        Err(Error::UnknownClass { .. })
    ));
    assert!(matches!(
        data.one_vs_rest("class2", true, 1),
        Err(Error::TooFew(_))
    ));
    let two = numbered(&[3, 4]);
    assert_eq!(
        two.one_vs_rest("class0", true, 1).unwrap().class_names(),
        ["class1", "class0"]
    );
    assert_eq!(two.default_positive().unwrap(), "class0");
    assert!(matches!(
        numbered(&[3]).one_vs_rest("class0", true, 1),
        Err(Error::TooFew(_))
    ));
    assert!(matches!(data.signs(), Err(Error::TooFew(_))));
}

#[test]
fn a_split_never_changes_with_the_platform_or_the_version() {
    let split = numbered(&[6, 6]).split_counts(6, 4, 7).unwrap();
    // Written down once; another order would silently change every published figure.
    assert_eq!(ids(&split.train), [6, 10, 11, 5, 1, 2]);
    assert_eq!(ids(&split.test), [0, 3, 9, 8]);
}

#[test]
fn a_balanced_set_splits_into_balanced_parts() {
    let split = numbered(&[992, 992]).split_counts(1536, 384, 3).unwrap();
    assert_eq!(split.train.class_counts(), [768, 768]);
    assert_eq!(split.test.class_counts(), [192, 192]);
    // Classes are mixed in the training order: a batch of 256 is far from one-sided.
    let first: usize = split.train.labels()[..256].iter().sum();
    assert!((90..166).contains(&first), "{first}");
}

#[test]
fn impossible_splits_are_refused() {
    let data = numbered(&[10, 2]);
    assert!(matches!(data.split_counts(10, 3, 1), Err(Error::TooFew(_))));
    assert!(matches!(
        data.split_counts(usize::MAX, 2, 1),
        Err(Error::TooFew(_))
    ));
    assert!(matches!(data.split_counts(11, 1, 1), Err(Error::TooFew(_))));
    for fraction in [0.0, 1.0, -0.5, 2.0, f64::NAN, f64::INFINITY] {
        assert!(
            matches!(data.split(fraction, 1), Err(Error::Option { .. })),
            "{fraction}"
        );
    }
}

proptest! {
    #[test]
    fn parts_are_disjoint_exact_and_in_proportion(
        sizes in prop::collection::vec(10usize..60, 2..5),
        fraction in 0.2f64..0.8,
        seed in any::<u64>(),
    ) {
        let data = numbered(&sizes);
        let split = data.split(fraction, seed).unwrap();
        let (train, test) = (ids(&split.train), ids(&split.test));
        let all: HashSet<usize> = train.iter().chain(&test).copied().collect();
        prop_assert_eq!(all.len(), data.len());
        prop_assert_eq!(train.len() + test.len(), data.len());
        prop_assert_eq!(test.len(), (data.len() as f64 * fraction).round() as usize);
        for (class, &n) in sizes.iter().enumerate() {
            let found = split.test.class_counts()[class] as f64;
            prop_assert!((found - n as f64 * fraction).abs() <= 1.6);
        }
        for (id, &label) in test.iter().zip(split.test.labels()) {
            prop_assert_eq!(label, data.labels()[*id]);
        }
        prop_assert_eq!(&split, &data.split(fraction, seed).unwrap());
        prop_assert_ne!(ids(&data.split(fraction, seed.wrapping_add(1)).unwrap().train), train);
    }
}

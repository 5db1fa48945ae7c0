//! IDX files, as MNIST comes in.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tapetum_vision::load::{self, idx};
use tapetum_vision::{Error, Limits};

use crate::{dir, limits, write};

fn images(n: u32, h: u32, w: u32, bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, 3];
    for d in [n, h, w] {
        file.extend(d.to_be_bytes());
    }
    file.extend(bytes);
    file
}

fn labels(values: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, 1];
    file.extend((values.len() as u32).to_be_bytes());
    file.extend(values);
    file
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn load(images: &[u8], labels: &[u8]) -> Result<tapetum_vision::DataSet, Error> {
    let dir = dir();
    let (i, l) = (write(&dir, "images", images), write(&dir, "labels", labels));
    idx(&i, &l, None, &Limits::default())
}

#[test]
fn plain_and_gzipped_alike() {
    let (i, l) = (
        images(2, 2, 3, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
        labels(&[2, 0]),
    );
    let plain = load(&i, &l).unwrap();
    assert_eq!(plain, load(&gz(&i), &gz(&l)).unwrap());
    let image = &plain.samples().images().unwrap()[1];
    assert_eq!((image.width(), image.height()), (3, 2));
    assert_eq!(image.pixels(), [7, 8, 9, 10, 11, 12]);
    assert_eq!(plain.labels(), [1, 0]);
    assert_eq!(plain.class_names(), ["0", "2"]);
    assert_eq!(plain.sources(), ["images[0]", "images[1]"]);
}

#[test]
fn labels_that_occur_are_the_classes() {
    let letters: Vec<u8> = (1..=26).collect();
    let data = load(&images(26, 1, 1, &letters), &labels(&letters)).unwrap();
    assert_eq!(data.class_names().len(), 26);
    assert_eq!((data.labels()[0], data.class_names()[0].as_str()), (0, "1"));
    let dir = dir();
    let alone = write(&dir, "images", gz(&images(26, 1, 1, &letters)));
    let new = load::idx_unlabeled(&alone, &Limits::default()).unwrap();
    assert_eq!(
        (new.samples().len(), new.sources()[25].as_str()),
        (26, "images[25]")
    );
}

#[test]
fn bad_headers_and_lengths() {
    let (i, l) = (images(2, 1, 2, &[1, 2, 3, 4]), labels(&[0, 1]));
    let fails = |i: &[u8], l: &[u8]| {
        let error = load(i, l).unwrap_err();
        assert!(
            matches!(
                error,
                Error::Format { .. } | Error::TooLarge { .. } | Error::Io { .. }
            ),
            "{error}"
        );
    };
    for cut in 0..i.len() {
        fails(&i[..cut], &l);
    }
    let packed = gz(&i);
    for cut in 1..packed.len() {
        fails(&packed[..cut], &l);
    }
    fails(&[&i[..], &[0]].concat(), &l);
    fails(&l, &i);
    fails(&i, &labels(&[0, 1, 1]));
    fails(&images(0, 1, 2, &[]), &labels(&[]));
    fails(&images(u32::MAX, u32::MAX, u32::MAX, &[1]), &l);
    fails(&images(2, 20_000, 1, &[0; 40_000]), &l);
    fails(&images(1_000_001, 1, 1, &[0; 1_000_001]), &l);
}

#[test]
fn an_archive_that_unpacks_without_end_is_stopped() {
    let dir = dir();
    let bomb = write(&dir, "images", gz(&images(1, 1000, 1000, &[0; 1_000_000])));
    let l = write(&dir, "labels", labels(&[0]));
    let limits = limits(|limits| limits.data_bytes = 10_000);
    assert!(fs::metadata(&bomb).unwrap().len() < 10_000);
    assert!(matches!(
        idx(&bomb, &l, None, &limits),
        Err(Error::TooLarge { .. })
    ));
    assert!(idx(&bomb, &l, Some(&["zero"]), &Limits::default()).is_ok());
    let other = write(&dir, "other", labels(&[1]));
    let error = idx(&bomb, &other, Some(&["zero"]), &Limits::default());
    assert!(matches!(error, Err(Error::Inconsistent(_))));
}

//! NPY and NPZ files, as MedMNIST comes in.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use tapetum_vision::load::{self, npy_pair, npz};
use tapetum_vision::{Error, Limits};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::{assert_says, dir, limits, table, write};

fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    while !(header.len() + 11).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

fn archive(dir: &TempDir, members: &[(&str, Vec<u8>)]) -> PathBuf {
    let path = dir.path().join("t.npz");
    let mut writer = ZipWriter::new(fs::File::create(&path).unwrap());
    for (i, (name, bytes)) in members.iter().enumerate() {
        let method = [CompressionMethod::Deflated, CompressionMethod::Stored][i % 2];
        let options = SimpleFileOptions::default().compression_method(method);
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap();
    path
}

fn f64s(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

#[test]
fn images_by_part_as_in_medmnist() {
    let dir = dir();
    let path = archive(
        &dir,
        &[
            (
                "train_images.npy",
                npy("|u1", "False", "(2, 1, 3)", &[1, 2, 3, 4, 5, 6]),
            ),
            ("train_labels.npy", npy("|u1", "False", "(2, 1)", &[1, 0])),
            (
                "val_images.npy",
                npy("|u1", "False", "(1, 1, 1, 3)", &[255, 0, 0]),
            ),
            (
                "val_labels.npy",
                npy("<i8", "False", "(1,)", &(-7i64).to_le_bytes()),
            ),
        ],
    );
    let train = npz(&path, Some("train"), &Limits::default()).unwrap();
    assert_eq!(train.samples().images().unwrap()[1].pixels(), [4, 5, 6]);
    assert_eq!(train.labels(), [1, 0]);
    assert_eq!(train.default_positive().unwrap(), "1");
    let val = npz(&path, Some("val"), &Limits::default()).unwrap();
    assert!((53..=55).contains(&val.samples().images().unwrap()[0].pixels()[0]));
    assert_eq!(val.class_names(), ["-7"]);
    assert_says(npz(&path, None, &Limits::default()), &["train_images.npy"]);
}

#[test]
fn element_types_and_orders() {
    let dir = dir();
    let labels = write(&dir, "y.npy", npy("|b1", "False", "(2,)", &[1, 0]));
    let big: Vec<u8> = [-1i16, 2, 3, -4]
        .iter()
        .flat_map(|v| v.to_be_bytes())
        .collect();
    let single: Vec<u8> = [-1f32, 2.0, 3.0, -4.0]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    for file in [
        npy("<f8", "False", "(2, 2)", &f64s(&[-1.0, 2.0, 3.0, -4.0])),
        npy("<f8", "True", "(2, 2)", &f64s(&[-1.0, 3.0, 2.0, -4.0])),
        npy("<f4", "False", "(2, 2)", &single),
        npy(">i2", "False", "(2, 2)", &big),
        npy("|i1", "False", "(2, 2)", &[255, 2, 3, 252]),
    ] {
        let samples = write(&dir, "x.npy", file);
        let data = npy_pair(&samples, &labels, &Limits::default()).unwrap();
        assert_eq!(table(data.samples()).values(), [-1.0, 2.0, 3.0, -4.0]);
        assert_eq!(data.labels(), [1, 0]);
    }
}

#[test]
fn a_fortran_image_stack() {
    let dir = dir();
    // images[i][y][x] = 100 i + 10 y + x, first index fastest.
    let mut bytes = vec![];
    for x in 0..3 {
        for y in 0..2 {
            for i in 0..2 {
                bytes.push(100 * i + 10 * y + x);
            }
        }
    }
    let x = write(&dir, "x.npy", npy("|u1", "True", "(2, 2, 3)", &bytes));
    let y = write(&dir, "y.npy", npy("|u1", "False", "(2,)", &[0, 1]));
    let data = npy_pair(&x, &y, &Limits::default()).unwrap();
    assert_eq!(
        data.samples().images().unwrap()[1].pixels(),
        [100, 101, 102, 110, 111, 112]
    );
}

#[test]
fn foreign_and_damaged_files() {
    let dir = dir();
    let good = npy("<f8", "False", "(2, 2)", &f64s(&[1.0, 2.0, 3.0, 4.0]));
    let y = write(&dir, "y.npy", npy("|u1", "False", "(2,)", &[0, 1]));
    let load =
        |bytes: &[u8], y: &Path| npy_pair(&write(&dir, "x.npy", bytes), y, &Limits::default());
    assert!(load(&good, &y).is_ok());
    for cut in 0..good.len() {
        assert!(load(&good[..cut], &y).is_err(), "{cut}");
    }
    let shape = |s: &str| npy("<f8", "False", s, &f64s(&[1.0, 2.0, 3.0, 4.0]));
    for bytes in [
        [&good[..], &[0]].concat(),
        shape("(2, 3)"),
        shape("(-2, 2)"),
        shape("(18446744073709551615, 4)"),
        shape("(4294967296, 4294967296)"),
        shape("(0, 4)"),
        shape("(4,)"),
        shape("(1, 1, 1, 2, 2)"),
        shape("()"),
        shape("(2, 2"),
        npy("|O", "False", "(2, 2)", &[0; 32]),
        npy("<c8", "False", "(2, 2)", &[0; 32]),
        npy("<f8", "Maybe", "(2, 2)", &[0; 32]),
        npy("<f8", "False", "(2, 2)", &f64s(&[1.0, f64::NAN, 3.0, 4.0])),
        b"not numpy at all".to_vec(),
    ] {
        assert!(load(&bytes, &y).is_err());
    }
    for labels in [
        npy("|u1", "False", "(3,)", &[0, 1, 2]),
        npy("<f8", "False", "(2,)", &f64s(&[0.5, 1.0])),
        npy("<f8", "False", "(2,)", &f64s(&[f64::NAN, 1.0])),
        npy("|u1", "False", "(2, 2)", &[0, 1, 2, 3]),
    ] {
        let y = write(&dir, "bad.npy", labels);
        assert!(load(&good, &y).is_err());
    }
    let fake = write(&dir, "fake.npz", "PK but no archive");
    assert_says(npz(&fake, None, &Limits::default()), &["fake.npz", "zip"]);
}

#[test]
fn arrays_without_labels() {
    let dir = dir();
    let x = npy("<f8", "False", "(2, 2)", &f64s(&[1.0, 2.0, 3.0, 4.0]));
    let y = npy("|u1", "False", "(2,)", &[0, 1]);
    let limits = Limits::default();
    for members in [
        vec![("x.npy", x.clone())],
        vec![("arr_0.npy", x.clone()), ("arr_1.npy", y.clone())],
        vec![("data.npy", x.clone()), ("target.npy", y.clone())],
    ] {
        let path = archive(&dir, &members);
        let new = load::npz_unlabeled(&path, None, &limits).unwrap();
        assert_eq!(table(new.samples()).values(), [1.0, 2.0, 3.0, 4.0]);
        match npz(&path, None, &limits) {
            Ok(data) => assert_eq!(data.class_names(), ["0", "1"]),
            Err(error) => assert!(error.to_string().contains("--unlabelled"), "{error}"),
        }
    }
    // As keras names its parts.
    let path = archive(&dir, &[("x_train.npy", x.clone()), ("y_train.npy", y)]);
    assert_eq!(npz(&path, Some("train"), &limits).unwrap().len(), 2);
    assert_says(npz(&path, None, &limits), &["--part"]);
    let alone = write(&dir, "x.npy", x);
    let new = load::npy_unlabeled(&alone, &limits).unwrap();
    assert_eq!(
        (new.samples().len(), new.sources()[1].as_str()),
        (2, "x.npy[1]")
    );
    // Transparent parts are blended as those of picture files are.
    let rgba = npy("|u1", "False", "(1, 1, 2, 4)", &[0, 0, 0, 0, 9, 9, 9, 255]);
    let path = archive(&dir, &[("images.npy", rgba)]);
    let new = load::npz_unlabeled(&path, None, &limits).unwrap();
    assert_eq!(new.samples().images().unwrap()[0].pixels(), [255, 9]);
    assert!(new.notes()[0].contains("transparent"));
}

#[test]
fn pixels_that_are_not_bytes() {
    let dir = dir();
    let wide = |values: [u16; 3]| {
        values
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect::<Vec<_>>()
    };
    let load = |descr: &str, data: &[u8]| {
        let path = archive(&dir, &[("x.npy", npy(descr, "False", "(1, 1, 3)", data))]);
        load::npz_unlabeled(&path, None, &Limits::default())
    };
    for (descr, data, pixels) in [
        ("<f8", f64s(&[0.0, 0.5, 1.0]), [0, 128, 255]),
        ("<f8", f64s(&[0.0, 100.4, 255.0]), [0, 100, 255]),
        ("<u2", wide([0, 0x8000, 0xffff]), [0, 128, 255]),
        ("<u2", wide([0, 7, 255]), [0, 7, 255]),
    ] {
        let new = load(descr, &data).unwrap();
        assert_eq!(new.samples().images().unwrap()[0].pixels(), pixels);
        assert!(new.notes()[0].contains("black to white"));
    }
    for bad in [[-1.0, 0.0, 1.0], [0.0, 300.0, 1.0], [f64::NAN, 0.0, 1.0]] {
        assert!(matches!(
            load("<f8", &f64s(&bad)),
            Err(Error::Format { .. })
        ));
    }
}

#[test]
fn an_archive_that_unpacks_without_end_is_stopped() {
    let dir = dir();
    let x = npy("|u1", "False", "(2, 1000000)", &[0; 2_000_000]);
    let y = npy("|u1", "False", "(2,)", &[0, 1]);
    let path = archive(&dir, &[("x.npy", x), ("y.npy", y)]);
    let limits = limits(|limits| limits.data_bytes = 100_000);
    assert!(fs::metadata(&path).unwrap().len() < 100_000);
    assert!(matches!(
        npz(&path, None, &limits),
        Err(Error::TooLarge { .. })
    ));
}

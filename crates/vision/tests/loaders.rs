//! Each loader on good files and on hostile ones.

use flate2::{Compression, write::GzEncoder};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use tapetum_vision::load::{
    self, csv_table, csv_unlabeled, idx, labeled_folders, npy_pair, npz, unlabeled_images,
};
use tapetum_vision::{Error, Limits, Samples, Table, TableOptions};
use tempfile::TempDir;

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn write(dir: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    path
}

fn table(samples: &Samples) -> &Table {
    match samples {
        Samples::Table(table) => table,
        Samples::Images(_) => panic!("a table is expected"),
    }
}

/// An image file of one colour, its format told by the name.
fn picture(dir: &TempDir, name: &str, w: u32, h: u32, rgb: [u8; 3]) {
    let path = dir.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::RgbImage::from_pixel(w, h, image::Rgb(rgb))
        .save(path)
        .unwrap();
}

mod folders {
    use super::*;

    fn cats(dir: &TempDir) {
        picture(dir, "cats/b.jpg", 20, 10, [200, 200, 200]);
        picture(dir, "cats/a.png", 8, 8, [255, 0, 0]);
        picture(dir, "not-cats/c.webp", 5, 7, [0, 255, 0]);
    }

    #[test]
    fn three_formats_in_alphabetical_order() {
        let dir = dir();
        cats(&dir);
        write(&dir, "LICENSE", "beside the labels");
        write(&dir, "cats/.DS_Store", "hidden");
        write(&dir, ".hidden/x", "hidden");
        let data = labeled_folders(dir.path(), &Limits::default()).unwrap();
        assert_eq!(data.class_names(), ["cats", "not-cats"]);
        assert_eq!(data.default_positive().unwrap(), "cats");
        assert_eq!(
            data.sources(),
            ["cats/a.png", "cats/b.jpg", "not-cats/c.webp"]
        );
        assert_eq!(data.labels(), [0, 0, 1]);
        let images = data.samples().images().unwrap();
        // BT.709 luma of pure red and pure green.
        assert!(images[0].pixels().iter().all(|&p| (53..=55).contains(&p)));
        assert_eq!((images[1].width(), images[1].height()), (20, 10));
        assert!(images[1].pixels().iter().all(|&p| p.abs_diff(200) <= 2));
        assert!(images[2].pixels().iter().all(|&p| (181..=184).contains(&p)));

        let task = data.one_vs_rest("not-cats", false, 0).unwrap();
        assert_eq!(task.class_names(), ["cats", "not-cats"]);
        assert_eq!(task.labels(), [0, 0, 1]);
    }

    #[test]
    fn what_is_no_image_is_named() {
        for (content, word) in [
            (&b"hello"[..], "first bytes"),
            (b"", "first bytes"),
            (b"\x89PNG\r\n\x1a\n\0\0", "PNG"),
            (b"GIF89a\x01\0\x01\0", "Gif"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", ""),
        ] {
            let dir = dir();
            cats(&dir);
            write(&dir, "cats/bad.png", content);
            let error = labeled_folders(dir.path(), &Limits::default()).unwrap_err();
            assert!(matches!(error, Error::NotAnImage { .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains("bad.png") && text.contains(word), "{text}");
        }
    }

    #[test]
    fn a_truncated_image_is_an_error() {
        let dir = dir();
        for name in ["whole.png", "whole.jpg", "whole.webp"] {
            let path = dir.path().join(name);
            let noise = image::RgbImage::from_fn(40, 40, |x, y| {
                image::Rgb([x * y, x * 7 + y * y * 3, x * x].map(|v| (v * 37 % 251) as u8))
            });
            noise.save(&path).unwrap();
            assert!(unlabeled_images(&path, &Limits::default()).is_ok());
            let whole = fs::read(&path).unwrap();
            // The last twelve bytes of a PNG file are its end chunk and hold nothing of the picture.
            let least = if name.ends_with("png") { 13 } else { 1 };
            for cut in [least, 20, whole.len() / 2, whole.len() - 13] {
                let cut = write(&dir, "cut", &whole[..whole.len() - cut]);
                let error = unlabeled_images(&cut, &Limits::default());
                assert!(
                    matches!(error, Err(Error::NotAnImage { .. })),
                    "{name}: {error:?}"
                );
            }
            // Data after the end, as some cameras write it, do no harm.
            let longer = write(&dir, "longer", [&whole[..], &[0xff; 9]].concat());
            assert!(
                unlabeled_images(&longer, &Limits::default()).is_ok(),
                "{name}"
            );
        }
    }

    #[test]
    fn layouts_that_are_none() {
        let limits = Limits::default();
        let one = dir();
        let error = labeled_folders(one.path(), &limits)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("not-cats") && error.contains("--unlabelled"),
            "{error}"
        );
        // Whoever contributes may have one class only.
        picture(&one, "cats/a.png", 2, 2, [0; 3]);
        let cats = labeled_folders(one.path(), &limits).unwrap();
        assert_eq!(cats.class_names(), ["cats"]);
        fs::create_dir(one.path().join("dogs")).unwrap();
        write(&one, "dogs/.hidden", "");
        let error = labeled_folders(one.path(), &limits)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("dogs") && error.contains("no image"),
            "{error}"
        );
        picture(&one, "dogs/deeper/a.png", 2, 2, [0; 3]);
        let error = labeled_folders(one.path(), &limits)
            .unwrap_err()
            .to_string();
        assert!(error.contains("deeper"), "{error}");
        let missing = one.path().join("missing");
        assert!(matches!(
            labeled_folders(&missing, &limits),
            Err(Error::Io { .. })
        ));
        assert!(matches!(
            unlabeled_images(&missing, &limits),
            Err(Error::Io { .. })
        ));
    }

    #[test]
    fn limits_hold() {
        let dir = dir();
        cats(&dir);
        picture(&dir, "cats/wide.png", 300, 30, [9; 3]);
        let load = |limits: Limits| labeled_folders(dir.path(), &limits);
        let too_large = |limits| matches!(load(limits), Err(Error::TooLarge { .. }));
        assert!(too_large(Limits {
            image_bytes: 40,
            ..Limits::default()
        }));
        assert!(too_large(Limits {
            samples: 3,
            ..Limits::default()
        }));
        assert!(too_large(Limits {
            data_bytes: 4_000,
            ..Limits::default()
        }));
        let wide = load(Limits {
            image_side: 299,
            ..Limits::default()
        })
        .unwrap_err();
        assert!(matches!(&wide, Error::NotAnImage { path, .. } if path.ends_with("wide.png")));
        assert!(
            load(Limits {
                image_alloc: 1_000,
                ..Limits::default()
            })
            .is_err()
        );
        // A larger picture is kept small, in proportion.
        let data = load(Limits {
            kept_side: 100,
            ..Limits::default()
        })
        .unwrap();
        let wide = &data.samples().images().unwrap()[2];
        assert_eq!((wide.width(), wide.height()), (100, 10));
        assert!(wide.pixels().iter().all(|&p| p == 9));
    }

    #[test]
    fn images_without_labels() {
        let dir = dir();
        picture(&dir, "b.png", 3, 4, [7; 3]);
        picture(&dir, "a.webp", 5, 6, [8; 3]);
        let limits = Limits::default();
        let all = unlabeled_images(dir.path(), &limits).unwrap();
        assert_eq!(all.sources(), ["a.webp", "b.png"]);
        let one = unlabeled_images(&dir.path().join("b.png"), &limits).unwrap();
        assert_eq!(one.samples().images().unwrap()[0].pixels(), [7; 12]);
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(
            unlabeled_images(empty.path(), &limits),
            Err(Error::Folder { .. })
        ));
    }
}

mod idx_files {
    use super::*;

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
        let limits = Limits {
            data_bytes: 10_000,
            ..Limits::default()
        };
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
}

mod csv_files {
    use super::*;

    fn load(text: &str) -> Result<tapetum_vision::DataSet, Error> {
        let dir = dir();
        let options = TableOptions::default();
        csv_table(&write(&dir, "t.csv", text), &options, &Limits::default())
    }

    #[test]
    fn with_and_without_a_header() {
        let rows = "benign,1,-2.5e1\n malignant , 3 ,4\nbenign,0,0\n";
        let data = load(&format!("label,radius,\"area, mean\"\n{rows}")).unwrap();
        let bare = load(rows).unwrap();
        assert_eq!(
            bare,
            load(&format!("\u{feff}{}", rows.replace('\n', "\r\n"))).unwrap()
        );
        assert_eq!(bare.labels(), data.labels());
        let [named, unnamed] = [&data, &bare].map(|data| table(data.samples()));
        assert_eq!(named.values(), unnamed.values());
        assert_eq!(named.names().unwrap(), ["radius", "area, mean"]);
        assert_eq!(unnamed.names(), None);
        assert_eq!(data.class_names(), ["benign", "malignant"]);
        assert_eq!(data.labels(), [0, 1, 0]);
        assert_eq!(
            table(data.samples()).values(),
            [1.0, -25.0, 3.0, 4.0, 0.0, 0.0]
        );
        assert_eq!(data.sources()[2], "t.csv[2]");
    }

    #[test]
    fn numeric_labels_are_ordered_by_value() {
        let data = load("10,1\n9,2\n-1,3\n").unwrap();
        assert_eq!(data.class_names(), ["-1", "9", "10"]);
        assert_eq!(data.labels(), [2, 1, 0]);
        assert_eq!(load("0,1\n1,2\n").unwrap().default_positive().unwrap(), "1");
    }

    #[test]
    fn faults_come_with_line_and_column() {
        for (text, line, column) in [
            ("l,x,y\na,1,2\nb,nan,2\n", 3, 2),
            ("l,x,y\na,1,2\nb,1,inf\n", 3, 3),
            ("a,1,-Infinity\n", 1, 3),
            ("a,1e999,1\n", 1, 2),
            ("l,x,y\na,1,two\n", 2, 3),
            ("l,x,y\na,1,\n", 2, 3),
            ("l,x,y\na,1,2\nb,1\n", 3, 3),
            ("l,x,y\na,1,2\nb,1,2,3\n", 3, 4),
            ("a\n", 1, 2),
        ] {
            match load(text).unwrap_err() {
                Error::Csv {
                    line: l, column: c, ..
                } => {
                    assert_eq!((l, c), (line, column), "{text:?}");
                }
                other => panic!("{text:?}: {other}"),
            }
        }
        assert!(matches!(load(""), Err(Error::Format { .. })));
        assert!(matches!(load("l,x\n"), Err(Error::Format { .. })));
        assert!(matches!(load("l,x,y\n,1,2\n"), Err(Error::Format { .. })));
        let dir = dir();
        let bytes = write(&dir, "t.csv", b"a,1\n\xff\xfe,2\n");
        let options = TableOptions::default();
        let error = csv_table(&bytes, &options, &Limits::default()).unwrap_err();
        assert!(
            matches!(
                error,
                Error::Csv {
                    line: 2,
                    column: 1,
                    ..
                }
            ),
            "{error}"
        );
        let folder = csv_table(dir.path(), &options, &Limits::default());
        assert!(matches!(
            folder,
            Err(Error::Format { .. } | Error::Io { .. })
        ));
    }

    #[test]
    fn limits_hold() {
        let dir = dir();
        let path = write(&dir, "t.csv", "a,1,2,3\nb,4,5,6\n");
        for limits in [
            Limits {
                columns: 2,
                ..Limits::default()
            },
            Limits {
                samples: 1,
                ..Limits::default()
            },
            Limits {
                data_bytes: 10,
                ..Limits::default()
            },
            Limits {
                data_bytes: 40,
                ..Limits::default()
            },
        ] {
            let error = csv_table(&path, &TableOptions::default(), &limits).unwrap_err();
            assert!(
                matches!(error, Error::TooLarge { .. }),
                "{limits:?}: {error}"
            );
        }
    }

    #[test]
    fn rows_without_labels() {
        let dir = dir();
        let path = write(&dir, "t.csv", "x,y\n1,2\n3,4\n");
        let options = TableOptions::default();
        let rows = csv_unlabeled(&path, &options, &Limits::default()).unwrap();
        assert_eq!(table(rows.samples()).values(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(rows.sources(), ["t.csv[0]", "t.csv[1]"]);
    }
}

mod numpy {
    use super::*;
    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

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
        let error = npz(&path, None, &Limits::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains("train_images.npy"), "{error}");
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
        let error = npz(&fake, None, &Limits::default())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("fake.npz") && error.contains("zip"),
            "{error}"
        );
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
        assert!(
            npz(&path, None, &limits)
                .unwrap_err()
                .to_string()
                .contains("--part")
        );
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
        let path = archive(
            &dir,
            &[
                (
                    "x.npy",
                    npy("|u1", "False", "(2, 1000000)", &[0; 2_000_000]),
                ),
                ("y.npy", npy("|u1", "False", "(2,)", &[0, 1])),
            ],
        );
        let limits = Limits {
            data_bytes: 100_000,
            ..Limits::default()
        };
        assert!(fs::metadata(&path).unwrap().len() < 100_000);
        assert!(matches!(
            npz(&path, None, &limits),
            Err(Error::TooLarge { .. })
        ));
    }
}

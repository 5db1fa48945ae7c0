//! Public data sets by name, each with the split that its figures are quoted for.

use crate::{DataSet, Error, Limits, Samples, Split, Table, embedded, load};
use std::fmt;
use std::path::{Path, PathBuf};

/// Where Debian's package `dataset-fashion-mnist` puts its files.
const DEBIAN_FASHION_MNIST: &str = "/usr/share/datasets/fashion-mnist";
/// What is held out of a set without a split of its own.
const HELD_OUT: f64 = 0.2;
/// Photographs of cats and dogs from this number on are held out.
const FIRST_TEST_PHOTOGRAPH: u64 = 9000;
/// The seed of that split: always the same samples are held out.
const SEED: u64 = 1;

/// The classes of Fashion-MNIST, in the order of their numbers.
const FASHION_CLASSES: [&str; 10] = [
    "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot",
];

/// A public data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Collection {
    /// Wisconsin diagnostic breast cancer: 569 rows of 30 features of cell nuclei, `malignant` or `benign`.
    Wdbc,
    /// MNIST: handwritten digits, 60,000 and 10,000 of 28 x 28.
    Mnist,
    /// Fashion-MNIST: clothes, 60,000 and 10,000 of 28 x 28.
    FashionMnist,
    /// The silhouettes of animals that this crate carries: 10,000 of 28 x 28, without the 284 repeats.
    AnimalShapes,
    /// Oxford-IIIT Pet: photographs, `cat` or `dog`.
    Pets,
    /// PneumoniaMNIST: chest X-rays of 28 x 28, `normal` or `pneumonia`.
    Pneumonia,
    /// CIFAR-10: photographs of ten kinds of things, 50,000 and 10,000 of 32 x 32.
    Cifar10,
    /// Photographs of cats and dogs, 64 x 64.
    CatsAndDogs,
}

impl Collection {
    /// All of them.
    pub const ALL: [Collection; 8] = [
        Collection::Wdbc,
        Collection::Mnist,
        Collection::FashionMnist,
        Collection::AnimalShapes,
        Collection::Pets,
        Collection::Pneumonia,
        Collection::Cifar10,
        Collection::CatsAndDogs,
    ];

    /// Its name, which is also that of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Collection::Wdbc => "wdbc",
            Collection::Mnist => "mnist",
            Collection::FashionMnist => "fashion-mnist",
            Collection::AnimalShapes => "animal-shapes",
            Collection::Pets => "pets",
            Collection::Pneumonia => "pneumonia",
            Collection::Cifar10 => "cifar10",
            Collection::CatsAndDogs => "cats-and-dogs",
        }
    }

    /// The set from its folder `dir/<name>`, in two parts.
    ///
    /// | set | files | parts |
    /// |---|---|---|
    /// | `wdbc` | `breast_cancer.csv` of scikit-learn, or `wdbc.data` of the UCI repository | 455, 114 |
    /// | `mnist`, `fashion-mnist` | the four IDX files, gzipped or not | 60,000, 10,000 |
    /// | `animal-shapes` | none: it is built in | 7,773, 1,943 |
    /// | `pets` | `images/<Breed>_<number>.jpg`; breeds of cats have a capital letter | four fifths, one fifth |
    /// | `pneumonia` | an `.npz` file of MedMNIST | its training and its test part |
    /// | `cifar10` | folders `train/<class>` and `test/<class>` of pictures, or `train.tar` and `test.tar` of them | 50,000, 10,000 |
    /// | `cats-and-dogs` | folders `photographs/cat` and `photographs/dog` of `<number>.jpg`, or `photographs.tar` of them | numbers below 9,000, and the others |
    ///
    /// Sets without parts of their own are split by class and by a fixed seed. Fashion-MNIST is also looked for where
    /// Debian's package puts it.
    ///
    /// # Errors
    /// [`Error::NoCollection`] says where the files were looked for and where they can be had.
    pub fn load(self, dir: &Path, limits: &Limits) -> Result<Split, Error> {
        let dir = dir.join(self.name());
        match self {
            Collection::Wdbc => {
                let path = self.find(&[dir.join("breast_cancer.csv"), dir.join("wdbc.data")])?;
                wdbc(&path, limits)?.split(HELD_OUT, SEED)
            }
            Collection::Mnist => self.idx(&[dir], None, limits),
            Collection::FashionMnist => {
                let places = [dir, DEBIAN_FASHION_MNIST.into()];
                self.idx(&places, Some(&FASHION_CLASSES), limits)
            }
            Collection::AnimalShapes => embedded::animal_shapes()?
                .without_repeats()
                .0
                .split(HELD_OUT, SEED),
            Collection::Pets => {
                let folder = self.find(&[dir.join("images")])?;
                load::images_by_name(&folder, pet, limits)?.split(HELD_OUT, SEED)
            }
            Collection::Pneumonia => {
                let names = ["pneumoniamnist.npz", "pneumoniamnist_recombined.npz"];
                let path = self.find(&names.map(|name| dir.join(name)))?;
                let part = |name| load::npz(&path, Some(name), limits);
                let named = |data: DataSet| data.renamed(&["normal", "pneumonia"]);
                Ok(Split {
                    train: named(part("train")?)?,
                    test: named(part("test")?)?,
                })
            }
            Collection::Cifar10 => {
                let part = |name: &str| {
                    let archive = format!("{name}.tar");
                    let path = self.find(&[dir.join(name), dir.join(archive)])?;
                    match path.is_dir() {
                        true => load::labeled_folders(&path, limits),
                        false => load::pictures_in_tar(&path, folder_of, limits),
                    }
                };
                Ok(Split {
                    train: part("train")?,
                    test: part("test")?,
                })
            }
            Collection::CatsAndDogs => {
                let path = self.find(&[dir.join("photographs"), dir.join("photographs.tar")])?;
                let all = match path.is_dir() {
                    true => load::labeled_folders(&path, limits)?,
                    false => load::pictures_in_tar(&path, folder_of, limits)?,
                };
                let is_test = |source: &String| number_of(source) >= FIRST_TEST_PHOTOGRAPH;
                let (test, train): (Vec<usize>, Vec<usize>) =
                    (0..all.len()).partition(|&i| is_test(&all.sources()[i]));
                Ok(Split {
                    train: all.select(&train),
                    test: all.select(&test),
                })
            }
        }
    }

    /// Where it can be had.
    fn origin(self) -> &'static str {
        match self {
            Collection::Wdbc => {
                "it is sklearn/datasets/data/breast_cancer.csv of the scikit-learn package, or wdbc.data of the UCI \
                 Machine Learning Repository"
            }
            Collection::Mnist => "get its four .gz files from one of its mirrors",
            Collection::FashionMnist => {
                "install Debian's package dataset-fashion-mnist, or get its four .gz files from its authors"
            }
            Collection::AnimalShapes => "it is built in",
            Collection::Pets => {
                "get images.tar.gz of the Oxford-IIIT Pet data set from its authors"
            }
            Collection::Pneumonia => "get pneumoniamnist.npz of MedMNIST from its authors",
            Collection::Cifar10 => "write the pictures of CIFAR-10 into a folder per class",
            Collection::CatsAndDogs => {
                "write the pictures of Asirra (Dogs vs. Cats), in squares of 64 x 64, into a folder per class"
            }
        }
    }

    /// The first path that is there.
    fn find(self, paths: &[PathBuf]) -> Result<PathBuf, Error> {
        let found = paths.iter().find(|path| path.exists());
        found.cloned().ok_or_else(|| Error::NoCollection {
            name: self.name(),
            looked: paths.to_vec(),
            origin: self.origin(),
        })
    }

    /// The four files of MNIST and its likes, in the first folder that is there.
    fn idx(
        self,
        folders: &[PathBuf],
        class_names: Option<&[&str]>,
        limits: &Limits,
    ) -> Result<Split, Error> {
        let folder = self.find(folders)?;
        let file = |name: String| {
            let plain = folder.join(&name);
            self.find(&[plain.with_file_name(name + ".gz"), plain])
        };
        let part = |name: &str| {
            let images = file(format!("{name}-images-idx3-ubyte"))?;
            let labels = file(format!("{name}-labels-idx1-ubyte"))?;
            load::idx(&images, &labels, class_names, limits)
        };
        Ok(Split {
            train: part("train")?,
            test: part("t10k")?,
        })
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The folder of a picture in an archive.
fn folder_of(name: &str) -> Option<String> {
    let (folders, file) = name.rsplit_once('/')?;
    let is_picture = !file.starts_with('.') && file.contains('.');
    let folder = folders
        .rsplit('/')
        .next()
        .filter(|folder| !folder.is_empty());
    folder.filter(|_| is_picture).map(str::to_owned)
}

/// The number that a picture has for a name, or 0.
fn number_of(source: &str) -> u64 {
    let file = source.rsplit('/').next().unwrap_or_default();
    let (number, _) = file.split_once('.').unwrap_or((file, ""));
    number.parse().unwrap_or(0)
}

/// The class of a photograph by the data set's rule for names: breeds of cats are written with a capital letter.
fn pet(file: &str) -> Option<String> {
    let (breed, _) = file.strip_suffix(".jpg")?.rsplit_once('_')?;
    let cat = breed.chars().next()?.is_uppercase();
    Some(if cat { "cat" } else { "dog" }.to_owned())
}

/// Either scikit-learn's file, whose first line is `569,30,malignant,benign` and whose last column is the label (0 for
/// malignant), or UCI's without a header, `id,M,...` or `id,B,...`.
fn wdbc(path: &Path, limits: &Limits) -> Result<DataSet, Error> {
    let wrong = |line: usize, reason: &str| Error::format(path, format!("line {line}: {reason}"));
    let text = load::text(path, limits)?;
    let (mut labels, mut values, mut columns) = (Vec::new(), Vec::new(), None);
    for (i, line) in text.lines().enumerate() {
        let line_number = i + 1;
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let (label, features) = match cells.as_slice() {
            [""] => continue,
            [_, _, "malignant", "benign"] if i == 0 => continue,
            [_, label @ ("M" | "B"), features @ ..] => (usize::from(*label == "M"), features),
            [features @ .., label @ ("0" | "1")] => (usize::from(*label == "0"), features),
            _ => return Err(wrong(line_number, "the label is not M, B, 0 or 1")),
        };
        if *columns.get_or_insert(features.len()) != features.len() {
            return Err(wrong(
                line_number,
                "the row has another length than the first",
            ));
        }
        for cell in features {
            let value: f64 =
                (cell.parse()).map_err(|_| wrong(line_number, "a feature is not a number"))?;
            values.push(value);
        }
        labels.push(label);
    }
    let sources = (0..labels.len()).map(|i| format!("wdbc[{i}]")).collect();
    let samples = Samples::Table(Table::new(columns.unwrap_or(0), values)?);
    let names = ["benign", "malignant"].map(str::to_owned).to_vec();
    DataSet::new(samples, labels, names, sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_sets_say_where_they_were_looked_for() {
        let dir = tempfile::tempdir().unwrap();
        for set in [
            Collection::Wdbc,
            Collection::Mnist,
            Collection::Pets,
            Collection::Pneumonia,
            Collection::Cifar10,
            Collection::CatsAndDogs,
        ] {
            let error = set.load(dir.path(), &Limits::default()).unwrap_err();
            let message = error.to_string();
            assert!(matches!(error, Error::NoCollection { .. }), "{message}");
            assert!(message.contains(set.name()), "{message}");
        }
        let shapes = Collection::AnimalShapes
            .load(dir.path(), &Limits::default())
            .unwrap();
        assert_eq!((shapes.train.len(), shapes.test.len()), (7773, 1943));
    }

    #[test]
    fn names_of_photographs_tell_cats_from_dogs() {
        assert_eq!(pet("Abyssinian_12.jpg").as_deref(), Some("cat"));
        assert_eq!(pet("american_bulldog_3.jpg").as_deref(), Some("dog"));
        assert_eq!(pet("Abyssinian_12.mat"), None);
        assert_eq!(pet("list.jpg"), None);
    }

    #[test]
    fn names_in_archives_tell_class_and_number() {
        assert_eq!(folder_of("train/cat/0001.jpg").as_deref(), Some("cat"));
        assert_eq!(folder_of("dog/2.jpg").as_deref(), Some("dog"));
        for other in [
            "train/cat/",
            "3.jpg",
            "/4.jpg",
            "cat/.hidden.jpg",
            "cat/README",
        ] {
            assert_eq!(folder_of(other), None, "{other}");
        }
        assert_eq!(
            (number_of("cat/09000.jpg"), number_of("cat/a.jpg")),
            (9000, 0)
        );
    }

    #[test]
    fn both_files_of_wdbc_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            wdbc(&path, &Limits::default())
        };
        let sklearn = read("3,2,malignant,benign\n1.5,2,0\n2,3.25,1\n0,1,1\n").unwrap();
        let uci = read("842302,M,1.5,2\n84,B,2,3.25\n\n85,B,0,1\n").unwrap();
        assert_eq!(sklearn, uci);
        assert_eq!(sklearn.labels(), [1, 0, 0]);
        assert_eq!(sklearn.class_names(), ["benign", "malignant"]);
        for bad in ["1,2,3\n", "1,2,0\n1,0\n", "1,M,x\n", "1,M,inf\n", ""] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}

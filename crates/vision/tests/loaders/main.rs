//! Each loader on good files and on hostile ones.

mod csv;
mod folders;
mod idx;
mod numpy;

use std::fs;
use std::path::PathBuf;

use tapetum_vision::{Error, Limits, Samples, Table};
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

/// The usual limits but for one.
fn limits(set: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    set(&mut limits);
    limits
}

/// Checks that something failed with a message that has all these words.
#[track_caller]
fn assert_says<T>(result: Result<T, Error>, words: &[&str]) {
    let Err(error) = result else {
        panic!("nothing is wrong, but expected: {words:?}");
    };
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "no {word} in: {text}");
    }
}

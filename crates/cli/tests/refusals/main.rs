//! Everything that is refused: exit code, a message that says what to do, and no file touched.

#[path = "../common/mod.rs"]
mod common;

mod command_lines;
mod data;
mod files;
mod keys;
mod places;

use std::fs;
use std::path::Path;

use common::{Temporary, fails, run, table, temporary};

const KEYGEN: &str = "keygen --learner linear-means --like cells.csv";
const TRAIN: &str = "train --server server --data train.enc --out model.enc";
const CLASSIFY: &str = "classify --server server --model model.enc --data new.enc --out scores.enc";
const DECRYPT: &str = "decrypt --owner owner scores.enc --out verdicts.csv";
const ENCRYPT_NEW: &str = "encrypt --contributor contributor --images cells.csv --positive M \
                           --labels withheld --out new.enc";

const USAGE: i32 = 2;
const INPUT: i32 = 3;
const ROLE: i32 = 4;
const FILES: i32 = 5;
const COMPUTATION: i32 = 6;

/// Three directories and every file that passes between them.
fn world() -> Temporary {
    let temporary = temporary();
    let dir = &temporary;
    fs::write(dir.join("cells.csv"), table()).unwrap();
    run(
        dir,
        &format!("{KEYGEN} --owner owner --contributor contributor --server server"),
    );
    let data = "--images cells.csv --positive M";
    run(
        dir,
        &format!("encrypt --contributor contributor {data} --out train.enc"),
    );
    run(dir, ENCRYPT_NEW);
    run(dir, TRAIN);
    run(dir, CLASSIFY);
    run(dir, DECRYPT);
    temporary
}

/// Replaces a file while a command must fail.
fn with(dir: &Path, file: &str, content: &[u8], line: &str, code: i32, says: &[&str]) {
    let path = dir.join(file);
    let good = fs::read(&path).unwrap();
    fs::write(&path, content).unwrap();
    fails(dir, line, code, says);
    fs::write(&path, good).unwrap();
}

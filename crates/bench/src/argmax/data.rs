//! Images or rows of several classes, split into what the provider trains on and what is held out.

use std::path::{Path, PathBuf};

use tapetum::Result;
use tapetum_vision::{DataSet, Limits, Split, TableOptions, embedded, load};

use tapetum::Error;

/// The held-out part, where there is none from the start.
const HELD_OUT: f64 = 0.2;
const SEED: u64 = 1;

/// Reads a folder of IDX files with the customary names, a labelled CSV file, or the built-in images.
pub fn read(path: Option<&Path>) -> Result<Split> {
    let limits = Limits::default();
    let all = match path {
        None => embedded::animal_shapes()?,
        Some(dir) if dir.is_dir() => {
            let part = |prefix: &str| -> Result<DataSet> {
                let file = |kind: &str| existing(dir, &format!("{prefix}-{kind}-ubyte"));
                let (images, labels) = (file("images-idx3")?, file("labels-idx1")?);
                Ok(load::idx(&images, &labels, None, &limits)?)
            };
            return Ok(Split {
                train: part("train")?,
                test: part("t10k")?,
            });
        }
        Some(file) => load::csv_table(file, &TableOptions::default(), &limits)?,
    };
    Ok(all.without_repeats().0.split(HELD_OUT, SEED)?)
}

/// With or without `.gz`.
fn existing(dir: &Path, name: &str) -> Result<PathBuf> {
    let found = [format!("{name}.gz"), name.to_owned()]
        .into_iter()
        .map(|name| dir.join(name))
        .find(|path| path.exists());
    found.ok_or_else(|| {
        let message = format!("there is neither {name}.gz nor {name} in {}", dir.display());
        Error::input(message)
    })
}

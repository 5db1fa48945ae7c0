//! The images that come with the page.

use std::collections::HashMap;

use tapetum::vision::{DataSet, Samples, Split, embedded};

use crate::{PageError, Picture};

/// Which images are taken is the same every time.
const SEED: u64 = 1;

/// The ten thousand silhouettes of `animal-shapes`, under the numbers that the command gives them.
pub struct Silhouettes(DataSet);

impl Silhouettes {
    /// All of them, unpacked.
    ///
    /// # Errors
    /// [`PageError::Picture`] if the page is damaged.
    pub fn unpack() -> Result<Self, PageError> {
        let all = embedded::animal_shapes().map_err(PageError::Picture)?;
        Ok(Self(all))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Some of an animal and as many of others, without repeats, in two parts: `train` to be trained on, and `test`
    /// that are held out.
    ///
    /// # Errors
    /// [`PageError::Images`] if there is no such animal, or there are not so many.
    pub fn split(&self, animal: &str, train: usize, test: usize) -> Result<Split, PageError> {
        let split = || {
            let (data, _) = self.0.without_repeats();
            data.one_vs_rest(animal, true, SEED)?
                .split_counts(train, test, SEED)
        };
        split().map_err(PageError::Images)
    }

    /// The numbers of images of such a part.
    pub fn numbers(&self, part: &DataSet) -> Vec<usize> {
        let sources = self.0.sources().iter().enumerate();
        let numbers: HashMap<_, _> = sources.map(|(number, source)| (source, number)).collect();
        let sources = part.sources().iter();
        sources
            .filter_map(|source| numbers.get(source).copied())
            .collect()
    }

    /// One, by its number from 0.
    ///
    /// # Errors
    /// [`PageError::Silhouette`] if there is none.
    pub fn picture(&self, number: usize) -> Result<Picture, PageError> {
        let found = match self.0.samples() {
            Samples::Images(images) => images.get(number),
            Samples::Table(_) => None,
        };
        let image = found.ok_or(PageError::Silhouette(self.len()))?;
        Ok(Picture::of(image.clone()))
    }

    /// What it shows.
    ///
    /// # Errors
    /// As [`picture`](Self::picture).
    pub fn label(&self, number: usize) -> Result<&str, PageError> {
        let label = self.0.labels().get(number);
        let name = label.and_then(|&label| self.0.class_names().get(label));
        name.map(String::as_str)
            .ok_or(PageError::Silhouette(self.len()))
    }
}

//! The images that come with the page.

use tapetum_vision::{DataSet, Samples, embedded};

use crate::{PageError, Picture};

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

//! Scores for everybody: decrypted with noise, and counted.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use tapetum_ckks::Decryptor;
use tapetum_learn::{EncryptedScores, Id, LearnError, PublishedScores};

use super::Owner;
use crate::error::{Context, Error, Result};
use crate::folders::{Index, PUBLISHED};
use crate::predictions::Predictions;

/// The version of the file.
const VERSION: u32 = 1;
/// Noise is smaller than this many of its standard deviations, but for one in 370 scores.
const SIGMAS: f64 = 3.0;

/// How many results have been given out with noise, in the owner's directory.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Count {
    version: u32,
    /// The keys that they were given out under.
    key_set: Option<Id>,
    results: u64,
}

/// Scores with noise, and what is left.
#[derive(Debug)]
pub struct Published {
    /// What the scores mean, with them.
    pub predictions: Predictions,
    /// The standard deviation of the noise in each score.
    pub deviation: f64,
    /// The bits that it leaves of a score of [`Publishing::SCORE`](tapetum_learn::Publishing::SCORE).
    pub bits_left: f64,
    /// Results that have been given out under this key, these among them; each ciphertext of scores is one.
    pub given: u64,
    /// Results that may be given out under this key.
    pub planned: u64,
}

impl Owner {
    /// Decrypts a file of scores with noise that hides their error, to be given to everybody, and says what they mean.
    /// What is given out is counted in the owner's directory before it is.
    ///
    /// # Errors
    /// [`Error`] if the keys were not made for it, as many results as were planned have been given out, and as
    /// [`predictions`](Self::predictions).
    pub fn publish(&self, path: &Path, index: Option<&Index>) -> Result<Published> {
        let planned = self.planned()?;
        let answer = self.answer(path)?;
        let classes = self.classes_of_answer(&answer, path, index)?;
        // What it notes is of scores without noise, and for the owner alone.
        let contributor = index.map_or("these samples", |index| &index.contributor);
        self.check_sizes(&answer, contributor)?;
        let mut entries = index.map(|index| index.entries.clone());
        if index.is_some_and(|index| index.labels.is_some()) {
            // By other names than the classes.
            for entry in entries.iter_mut().flatten() {
                entry.label = None;
            }
        }
        let (found, given) = self.count(answer.encrypted(), planned)?;
        let noise = SIGMAS * found.deviation;
        let (names, entries) = (&classes.names, entries.as_deref());
        let predictions = Predictions::above(noise, &found.scores, names, entries)?;
        let mut predictions = predictions.rounded(answer.rounding());
        predictions.notes = classes.notes;
        Ok(Published {
            predictions,
            deviation: found.deviation,
            bits_left: found.bits_left,
            given,
            planned,
        })
    }

    /// Scores in memory with noise that hides their error, to be given to everybody; see [`publish`](Self::publish).
    ///
    /// # Errors
    /// As there.
    pub fn publish_scores(&self, scores: &EncryptedScores) -> Result<PublishedScores> {
        let planned = self.planned()?;
        // Scores of other keys are not worth a result.
        self.open_scores(scores)?;
        self.count(scores, planned).map(|(found, _)| found)
    }

    /// How many results may be given out.
    fn planned(&self) -> Result<u64> {
        Ok(self.plan().publish.ok_or(LearnError::NotForPublishing)?)
    }

    /// Scores with noise, and how many results have been given out.
    fn count(&self, scores: &EncryptedScores, planned: u64) -> Result<(PublishedScores, u64)> {
        let Some(dir) = &self.contributor.dir else {
            let found = scores.publish(&self.decryptor, planned)?;
            return Ok((found, self.decryptor.flooded()));
        };
        let path = dir.join(PUBLISHED);
        let unusable = || format!("cannot use {}", path.display());
        let mut file = open_private(&path).with_context(unusable)?;
        // Of another command that publishes.
        file.lock().with_context(unusable)?;
        let before = self.read_count(&mut file).with_context(unusable)?;
        let given = before.saturating_add(scores.ciphertexts().len() as u64);
        if given > planned {
            return Err(Error::role(format!(
                "{before} results have been published under these keys, which were made for {planned}: each more takes \
                 from the security of all; make new keys (`tapetum keygen --classify-only --publish`), or pass on \
                 labels (--labels-only)"
            )));
        }
        // Counted before they exist: if this is interrupted, there is one fewer.
        self.write_count(&mut file, given).with_context(unusable)?;
        let decryptor = Decryptor::new(&self.secret).with_flooded(before);
        Ok((scores.publish(&decryptor, planned)?, given))
    }

    /// Counts in another directory as well what was given out so far.
    pub(super) fn write_published(&self, to: &Path) -> Result<()> {
        if self.plan().publish.is_none() {
            return Ok(());
        }
        let given = match &self.contributor.dir {
            None => self.decryptor.flooded(),
            Some(dir) => {
                let path = dir.join(PUBLISHED);
                let unusable = || format!("cannot use {}", path.display());
                let mut file = open_private(&path).with_context(unusable)?;
                file.lock().with_context(unusable)?;
                self.read_count(&mut file).with_context(unusable)?
            }
        };
        let path = to.join(PUBLISHED);
        let unusable = || format!("cannot use {}", path.display());
        let mut file = open_private(&path).with_context(unusable)?;
        self.write_count(&mut file, given).with_context(unusable)
    }

    fn read_count(&self, file: &mut File) -> Result<u64> {
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        if text.is_empty() {
            return Ok(0);
        }
        let count: Count = serde_json::from_str(&text).map_err(|e| {
            Error::input(format!(
                "it does not say how many results have been published under these keys ({e}): put it back from a \
                 copy, or make new keys"
            ))
        })?;
        if count.version != VERSION {
            let message = format!(
                "it has version {}, this program reads version {VERSION}",
                count.version
            );
            return Err(Error::input(message));
        }
        if count.key_set != self.secret.key_set() {
            return Err(Error::role(
                "it counts the results of other keys than these: put the one of these keys back, or make new keys",
            ));
        }
        Ok(count.results)
    }

    fn write_count(&self, file: &mut File, results: u64) -> Result<()> {
        let count = Count {
            version: VERSION,
            key_set: self.secret.key_set(),
            results,
        };
        let text = serde_json::to_string(&count)? + "\n";
        file.rewind()?;
        // It only grows.
        file.write_all(text.as_bytes())?;
        Ok(file.sync_all()?)
    }
}

fn open_private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

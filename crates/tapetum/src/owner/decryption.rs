//! Scores to predictions, and models to weights.

use std::path::Path;

use tapetum_ckks::Decryptor;
use tapetum_ckks::wire::{Bundle, Header, WireError, inspect};
use tapetum_learn::{
    EncryptedPredictions, EncryptedScores, LearnError, LinearModel, PlainModel, ScoreRounding,
};

use super::Owner;
use crate::error::{Context, Error, Result};
use crate::folders::{Entry, Index, files};
use crate::predictions::Predictions;

impl Owner {
    /// Whether a file is an encrypted model, and not scores.
    ///
    /// # Errors
    /// [`Error`] if it cannot be opened.
    pub fn is_model(path: &Path) -> Result<bool> {
        let is_model = |header| matches!(header, Header::Bundle(b) if b.kind == LinearModel::KIND);
        Ok(inspect(files::open(path)?).is_ok_and(|summary| is_model(summary.header)))
    }

    /// Decrypts a model. Returns it with the names of its classes.
    ///
    /// # Errors
    /// [`Error`] if the file is not a model, or of another key.
    pub fn decrypt_model(&self, path: &Path, digits: Digits) -> Result<(PlainModel, Vec<String>)> {
        let unusable = || format!("cannot use {}", path.display());
        let model = LinearModel::from_bundle(self.bundle(path)?).with_context(unusable)?;
        let classes = self.class_names(model.classes());
        let plain = model.decrypt_exact(&Decryptor::new(&self.secret))?;
        let plain = match digits {
            Digits::Rounded => plain.rounded(),
            Digits::All => plain,
        };
        Ok((plain, classes))
    }

    /// Decrypts a file of scores, and says what they mean.
    ///
    /// # Errors
    /// [`Error`] if the file does not hold scores, was made with other keys, or does not belong to the index.
    pub fn predictions(&self, path: &Path, index: Option<&Index>) -> Result<Predictions> {
        self.predictions_with(path, index, Digits::Rounded)
    }

    /// The same with as many digits as are asked for.
    ///
    /// # Errors
    /// As [`predictions`](Self::predictions).
    pub fn predictions_with(
        &self,
        path: &Path,
        index: Option<&Index>,
        digits: Digits,
    ) -> Result<Predictions> {
        let answer = self.answer(path)?;
        if let Some(index) = index
            && (index.entries.len(), index.classes.len()) != (answer.samples(), answer.classes())
        {
            return Err(Error::input(format!(
                "the index has {} samples of {} classes, but there are {} scores of {}: it \
                 belongs to another file",
                index.entries.len(),
                index.classes.len(),
                answer.samples(),
                answer.classes()
            )));
        }
        let classes = match index {
            Some(index) => index.classes.clone(),
            None => self.class_names(answer.classes()),
        };
        answer.predictions(&classes, index.map(|index| &*index.entries), digits)
    }

    /// Decrypts a file of scores or, if that was agreed, of predictions.
    ///
    /// # Errors
    /// [`Error`] if the file holds neither, or was made with other keys.
    pub fn answer(&self, path: &Path) -> Result<Answer> {
        self.decode(self.bundle(path)?)
            .with_context(|| format!("cannot use {}", path.display()))
    }

    /// The same for an answer in memory.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub fn read_answer(&self, mut bytes: &[u8]) -> Result<Answer> {
        let bundle = Bundle::read(self.secret.parameters(), &mut bytes)?;
        if !bytes.is_empty() {
            return Err(WireError::TrailingBytes(bytes.len() as u64).into());
        }
        self.decode(bundle)
    }

    fn decode(&self, bundle: Bundle<'_>) -> Result<Answer> {
        let is_predictions = self.plan().threshold.is_some();
        let scores = match is_predictions {
            false => EncryptedScores::from_bundle(bundle),
            true => EncryptedPredictions::from_bundle(bundle).map(|found| found.slots().clone()),
        };
        let scores = scores?;
        let decryptor = Decryptor::new(&self.secret);
        let slots = scores.open(&decryptor).map_err(|error| match error {
            LearnError::OtherKey => Error::role(
                "it does not decrypt to scores: it was made with other keys than this secret key's, by \
                 another `tapetum keygen`, or values left their range in training, which `tapetum \
                 simulate` would show",
            ),
            error => error.into(),
        })?;
        Ok(Answer {
            encrypted: scores,
            slots,
            is_predictions,
            rounding: ScoreRounding::of(self.secret.parameters()),
        })
    }

    /// The only object of a file.
    fn bundle(&self, path: &Path) -> Result<Bundle<'static>> {
        let unusable = || format!("cannot use {}", path.display());
        let mut file = files::open(path)?;
        let bundle = Bundle::read(self.secret.parameters(), &mut file).with_context(unusable)?;
        files::check_end(file, path)?;
        Ok(bundle)
    }

    /// The classes that training data had, if they were fitted here.
    fn class_names(&self, count: usize) -> Vec<String> {
        let pipeline = self.pipeline().ok().flatten();
        match pipeline.as_ref().map(tapetum_vision::Pipeline::class_names) {
            Some(names) if names.len() == count => names.to_vec(),
            _ if count == 2 => ["negative", "positive"].map(str::to_owned).to_vec(),
            _ => (0..count).map(|class| format!("class {class}")).collect(),
        }
    }
}

/// What the server answered, decrypted.
pub struct Answer {
    encrypted: EncryptedScores,
    /// The slots of each ciphertext.
    slots: Vec<Vec<f64>>,
    /// Whether it holds predictions, 1 or 0, in place of scores.
    pub is_predictions: bool,
    rounding: ScoreRounding,
}

/// How many digits of a decrypted number are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Digits {
    /// Those that mean something: [`ScoreRounding`].
    #[default]
    Rounded,
    /// All, which tell about the secret key: for nobody but the owner.
    All,
}

impl Answer {
    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.encrypted.classes()
    }

    /// One number for each sample, in their order: positive for the positive class. Of predictions, 1/2 or
    /// -1/2 is left. Of more than two classes there is one for each. All digits are there: they are for the
    /// owner alone.
    ///
    /// # Errors
    /// [`Error`] if the slots are not those of scores.
    pub fn exact_scores(&self) -> Result<Vec<f64>> {
        let middle = if self.is_predictions { 0.5 } else { 0.0 };
        let scores = self.encrypted.decode(&self.slots)?;
        Ok(scores.into_iter().map(|score| score - middle).collect())
    }

    /// The number of samples.
    pub fn samples(&self) -> usize {
        self.encrypted.layout().rows()
    }

    /// What the scores mean, without them if the agreement is that none leave the server. Rounding concerns
    /// what is told of a score, not which class it decides for.
    ///
    /// # Errors
    /// [`Error`] if there are not as many classes or entries.
    pub fn predictions(
        &self,
        classes: &[String],
        entries: Option<&[Entry]>,
        digits: Digits,
    ) -> Result<Predictions> {
        let found = Predictions::new(&self.exact_scores()?, classes, entries)?;
        Ok(match (self.is_predictions, digits) {
            (true, _) => found.without_scores(),
            (false, Digits::Rounded) => found.rounded(self.rounding),
            (false, Digits::All) => found,
        })
    }

    /// The largest magnitude in a slot that belongs to no sample.
    pub fn largest_elsewhere(&self) -> f64 {
        let unused_slots = self.encrypted.unused_slots();
        let slots = self
            .slots
            .iter()
            .flatten()
            .zip(unused_slots.iter().flatten());
        slots
            .filter(|(_, unused)| **unused)
            .fold(0.0, |largest, (slot, _)| largest.max(slot.abs()))
    }
}

//! Scores to predictions, and models to weights.

use std::path::Path;

use tapetum_ckks::Rounding;
use tapetum_ckks::wire::{Bundle, Header, WireError, inspect};
use tapetum_learn::{
    Contribution, EncryptedLabels, EncryptedMatrix, EncryptedModel, EncryptedPredictions,
    EncryptedScores, EstimatorConfig, Id, Labels, LearnError, LinearModel, Origin, PlainModel,
    classes_of, score_error, score_rounding,
};

use super::Owner;
use crate::error::{Context, Error, Result};
use crate::folders::{Entry, Index, files};
use crate::predictions::Predictions;

/// The magnitude that scores of a regression on labels hardly reach.
const LARGEST_RIDGE_SCORE: f64 = 8.0;
/// Scores this many times as large as any should be are not scores.
const FAR_OUT: f64 = 4.0;
/// What is given to a server, and is not what it returns.
const SAMPLES: [&str; 4] = [
    Contribution::KIND,
    EncryptedMatrix::KIND,
    EncryptedLabels::KIND,
    Labels::CLEAR_KIND,
];
/// What to know of files of before there were ids.
const NO_IDS: &str = "the index or the scores are of an earlier version and have no id: make sure that they belong \
                      together";

impl Owner {
    /// Whether a file is an encrypted model, and not scores.
    ///
    /// # Errors
    /// [`Error`] if it cannot be opened.
    pub fn is_model(path: &Path) -> Result<bool> {
        let is_model =
            |header| matches!(header, Header::Bundle(b) if EncryptedModel::is_kind(&b.kind));
        Ok(inspect(files::open(path)?).is_ok_and(|summary| is_model(summary.header)))
    }

    /// Decrypts a model.
    ///
    /// # Errors
    /// [`Error`] if the file is not a model, or of another key.
    pub fn decrypt_model(&self, path: &Path, digits: Digits) -> Result<DecryptedModel> {
        let unusable = || format!("cannot use {}", path.display());
        let model = EncryptedModel::from_bundle(self.bundle(path)?).with_context(unusable)?;
        self.open_model(&model, digits).with_context(unusable)
    }

    /// The same for a model in memory.
    ///
    /// # Errors
    /// [`Error`] if the model is of another key, or a network, which has no file in the clear.
    pub fn open_model(&self, model: &EncryptedModel, digits: Digits) -> Result<DecryptedModel> {
        let origin = model.origin();
        self.plan().check_origin(origin)?;
        let classes = self.class_names(model.classes(), origin);
        let model = model.clone().into_linear()?;
        let plain = model.decrypt_exact(&self.decryptor)?;
        let plain = match digits {
            Digits::Rounded => plain.rounded(),
            Digits::All => plain,
        };
        Ok(DecryptedModel {
            model: plain,
            classes,
            features: origin.features,
        })
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
        let ClassesOf {
            names: classes,
            mut notes,
        } = self.classes_of_answer(&answer, path, index)?;
        let contributor = index.map_or("these samples", |index| &index.contributor);
        notes.extend(self.check_sizes(&answer, contributor)?);
        let mut entries = index.map(|index| index.entries.clone());
        if let (Some(names), Some(entries)) =
            (index.and_then(|index| index.labels.as_ref()), &mut entries)
        {
            notes.push(answer.match_labels(names, &classes, entries)?);
        }
        let mut found = answer.predictions(&classes, entries.as_deref(), digits)?;
        found.notes.extend(notes);
        Ok(found)
    }

    /// The classes of an answer, which must belong to the index if there is one, and what there is to note.
    pub(super) fn classes_of_answer(
        &self,
        answer: &Answer,
        path: &Path,
        index: Option<&Index>,
    ) -> Result<ClassesOf> {
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
        let origin = answer.encrypted.origin();
        let mut notes: Vec<_> = self.contributor.note.iter().cloned().collect();
        let names = match index {
            Some(index) => {
                match (index.origin.samples, origin.samples) {
                    (Some(a), Some(b)) if a != b => {
                        return Err(Error::input(format!(
                            "the index is of other samples than the scores in {}: take the one that \
                             `tapetum encrypt` named when it wrote the samples",
                            path.display()
                        )));
                    }
                    (Some(_), Some(_)) => {}
                    _ => notes.push(NO_IDS.to_owned()),
                }
                index.classes.clone()
            }
            None => self.class_names(answer.classes(), origin),
        };
        Ok(ClassesOf { names, notes })
    }

    /// Whether scores are as large as those of the training may be.
    pub(super) fn check_sizes(&self, answer: &Answer, contributor: &str) -> Result<Option<String>> {
        if answer.is_predictions {
            return Ok(None);
        }
        let scores = answer.exact_scores()?;
        let largest = scores.iter().fold(0.0, |max, s| f64::max(max, s.abs()));
        let of_parameters = LinearModel::largest_score(self.secret.parameters());
        let of_learner = match self.plan().learner() {
            // Targets are 1/2 in magnitude, or 1.
            Some(EstimatorConfig::Ridge(_)) => LARGEST_RIDGE_SCORE,
            learner => learner
                .and_then(EstimatorConfig::interval)
                .unwrap_or(of_parameters),
        };
        let message = || {
            format!(
                "scores of {contributor} reach {largest:.1}, but those of {} stay within {of_learner:.1}",
                self.plan().purpose.describe()
            )
        };
        if largest >= of_parameters || largest > FAR_OUT * of_learner {
            return Err(Error::computation(format!(
                "{}: values left their range in training, or these samples are unlike those trained on, and \
                 the predictions would mean nothing; compare with `tapetum simulate`",
                message()
            )));
        }
        Ok((largest > of_learner).then(|| message() + ": be careful with the largest"))
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
        Ok(Answer {
            slots: self.slots(&scores)?,
            encrypted: scores,
            is_predictions,
            rounding: score_rounding(self.secret.parameters()),
            error: score_error(self.secret.parameters()),
        })
    }

    /// The scores themselves, with all their digits.
    pub(super) fn open_scores(&self, scores: &EncryptedScores) -> Result<Vec<f64>> {
        Ok(scores.decode(&self.slots(scores)?)?)
    }

    /// The decrypted slots of scores, unless they are of other keys.
    fn slots(&self, scores: &EncryptedScores) -> Result<Vec<Vec<f64>>> {
        self.plan().check_origin(scores.origin())?;
        let opened = scores.open(&self.decryptor);
        opened.map_err(|error| match error {
            LearnError::OtherKey => Error::role(
                "it does not decrypt to scores: it was made with other keys than this secret key's, by \
                 another `tapetum keygen`, or values left their range in training, which `tapetum \
                 simulate` would show",
            ),
            error => error.into(),
        })
    }

    /// The only object of a file.
    fn bundle(&self, path: &Path) -> Result<Bundle<'static>> {
        let unusable = || format!("cannot use {}", path.display());
        let mut file = files::open(path)?;
        let bundle = Bundle::read(self.secret.parameters(), &mut file).with_context(unusable)?;
        if SAMPLES.contains(&bundle.kind()) {
            return Err(Error::role(format!(
                "{} holds encrypted samples, as `tapetum encrypt` writes them, and not a result: have the server \
                 train on them (`tapetum train`) or classify them (`tapetum classify`), and decrypt what it \
                 returns",
                path.display()
            )));
        }
        files::check_end(file, path)?;
        Ok(bundle)
    }

    /// The classes that training data had, if the features of the model were fitted here.
    fn class_names(&self, count: usize, origin: &Origin) -> Vec<String> {
        let pipeline = self.pipeline().ok().flatten().filter(|pipeline| {
            let own = pipeline.id().and_then(|id| id.parse().ok());
            own.is_none() || origin.features.is_none() || own == origin.features
        });
        match pipeline.as_ref().map(tapetum_vision::Pipeline::class_names) {
            Some(names) if names.len() == count => names.to_vec(),
            _ if count == 2 => ["negative", "positive"].map(str::to_owned).to_vec(),
            _ => (0..count).map(|class| format!("class {class}")).collect(),
        }
    }
}

/// The names of classes, and what there is to note of them.
pub(super) struct ClassesOf {
    pub names: Vec<String>,
    pub notes: Vec<String>,
}

/// A model in the clear.
#[derive(Clone, Debug, PartialEq)]
pub struct DecryptedModel {
    /// Its weights.
    pub model: PlainModel,
    /// The names of its classes.
    pub classes: Vec<String>,
    /// The id of the features that it was trained on, if they have one.
    pub features: Option<Id>,
}

/// What the server answered, decrypted.
pub struct Answer {
    encrypted: EncryptedScores,
    /// The slots of each ciphertext.
    slots: Vec<Vec<f64>>,
    /// Whether it holds predictions, 1 or 0, in place of scores.
    pub is_predictions: bool,
    rounding: Rounding,
    /// How far scores may be from those of the reference.
    error: f64,
}

/// How many digits of a decrypted number are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Digits {
    /// Those that mean something: [`score_rounding`].
    #[default]
    Rounded,
    /// All, which tell about the secret key: for nobody but the owner.
    All,
}

impl Answer {
    pub(super) fn encrypted(&self) -> &EncryptedScores {
        &self.encrypted
    }

    /// How far scores are rounded.
    pub(super) fn rounding(&self) -> Rounding {
        self.rounding
    }

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
        let noise = match self.is_predictions {
            true => 0.0,
            false => self.error,
        };
        let found = Predictions::above(noise, &self.exact_scores()?, classes, entries)?;
        Ok(match (self.is_predictions, digits) {
            (true, _) => found.without_scores(),
            (false, Digits::Rounded) => found.rounded(self.rounding),
            (false, Digits::All) => found,
        })
    }

    /// Takes labels of other names than the classes for those that they agree with best, and says so.
    fn match_labels(
        &self,
        names: &[String],
        classes: &[String],
        entries: &mut [Entry],
    ) -> Result<String> {
        let outputs = self.encrypted.outputs();
        let found = classes_of(&self.exact_scores()?, outputs);
        let mut counts = vec![vec![0u32; classes.len()]; names.len()];
        for (entry, &class) in entries.iter().zip(&found) {
            if let Some(label) = entry.label {
                counts[label][usize::from(class)] += 1;
            }
        }
        // The most frequent pair first, each label and class once. Of two labels that is the better assignment but
        // for ties of the rest.
        let mut pairs: Vec<_> = (0..names.len())
            .flat_map(|label| (0..classes.len()).map(move |class| (label, class)))
            .collect();
        let margin = |&(label, class): &(usize, usize)| {
            let others: u32 = counts.iter().map(|row| row[class]).sum();
            std::cmp::Reverse(2 * i64::from(counts[label][class]) - i64::from(others))
        };
        pairs.sort_by_key(margin);
        let mut taken: Vec<Option<usize>> = vec![None; names.len()];
        for (label, class) in pairs {
            if taken[label].is_none() && !taken.contains(&Some(class)) {
                taken[label] = Some(class);
            }
        }
        for entry in entries {
            entry.label = entry.label.and_then(|label| taken[label]);
        }
        let matched = names.iter().zip(&taken).map(|(name, class)| match class {
            Some(class) => format!("{name} for {}", classes[*class]),
            None => format!("{name} for nothing"),
        });
        Ok(format!(
            "the labels of these samples are not the classes of the model and are taken as they agree best, {}, \
             which flatters the accuracy; `encrypt --positive` says it for certain",
            matched.collect::<Vec<_>>().join(", ")
        ))
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

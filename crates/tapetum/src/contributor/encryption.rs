//! Samples to features to ciphertexts.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tapetum_learn::files::{origin_of, write_batch, write_contributor};
use tapetum_learn::{
    ClassLabels, EncryptedLabels, EncryptedMatrix, Features, Id, Labels, Layout, Origin,
    Progress as Units,
};
use tapetum_vision::{DataSet, Features as Table, Pipeline, Samples as Pixels};

use super::Contributor;
use super::ranges::Judged;
use crate::encrypted::{EncryptedDataSet, EncryptedSamples};
use crate::error::{Context, Error, Result};
use crate::folders::files::{self, Pending, Readers};
use crate::folders::{FEATURES, Index};
use crate::plan::{Plan, Purpose};
use crate::progress::{Progress, Step};
use crate::samples::{Samples, class_labels};

/// In which order samples in memory are trained on in mini-batches is the same every time.
const SEED: u64 = 1;

/// How labels are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelsAre {
    /// The server does not see them.
    Encrypted,
    /// The server sees them.
    Clear,
    /// They are not sent: for classification.
    Withheld,
}

impl LabelsAre {
    /// Encrypted if there are any, unless told otherwise.
    ///
    /// # Errors
    /// [`Error`] if there are none to send, or none are wanted.
    pub fn of(wanted: Option<Self>, samples: &Samples, plan: &Plan) -> Result<Self> {
        if plan.purpose == Purpose::ClassifyOnly {
            return match wanted {
                None | Some(Self::Withheld) => Ok(Self::Withheld),
                Some(_) => Err(Error::input(
                    "these keys are for classification only, so labels stay here: leave out \
                     --labels",
                )),
            };
        }
        match (wanted, samples) {
            (Some(wanted), Samples::Labelled(_)) => Ok(wanted),
            (None, Samples::Labelled(_)) => Ok(Self::Encrypted),
            (None | Some(Self::Withheld), Samples::Unlabelled(_)) => Ok(Self::Withheld),
            (Some(_), Samples::Unlabelled(_)) => Err(Error::input(
                "these samples have no labels to send: leave out --labels, or give labelled data",
            )),
        }
    }
}

/// What was encrypted.
#[derive(Debug, Serialize)]
pub struct Encrypted {
    /// The number of samples.
    pub samples: usize,
    /// Features of a sample.
    pub columns: usize,
    /// The number of ciphertexts, those of labels among them.
    pub ciphertexts: usize,
    /// Bytes of the file.
    pub bytes: u64,
    /// The same, per sample.
    pub bytes_per_sample: u64,
    /// Whether labels are in the file, and how.
    pub labels: &'static str,
    /// The names of the classes, if the samples have labels.
    pub classes: Vec<String>,
    /// How many samples each class has.
    pub class_counts: Vec<usize>,
    /// What was guessed, left out or changed on the way from the files to the features.
    pub notes: Vec<String>,
    /// Where the index of the samples is.
    pub index: PathBuf,
}

impl Contributor {
    /// Encrypts samples into the file `out`, and writes an index of them into the contributor's directory.
    /// Labels go along unless they are withheld. With `refit` these data decide how features are
    /// standardised, whatever did before.
    ///
    /// # Errors
    /// [`Error`] if the samples do not suit the plan, or a file cannot be written: then none is.
    pub fn encrypt_file(
        &self,
        samples: &Samples,
        labels_are: LabelsAre,
        refit: bool,
        out: &Path,
        progress: &dyn Progress,
    ) -> Result<Encrypted> {
        let training = match samples {
            Samples::Labelled(data) if labels_are != LabelsAre::Withheld => Some(data),
            _ => None,
        };
        let (pipeline, is_new) = self.fit(training, refit)?;
        let (pixels, arranged) = pipeline.arrange(samples.pixels())?;
        let constant = is_new.then(|| pipeline.constant_columns()).flatten();
        let prepared = Prepared::new(
            self,
            &pipeline,
            &pixels,
            training.map(|data| (data, labels_are)),
            is_new,
            progress,
        )?;
        let notes = self.note.iter().chain(samples.notes()).cloned();
        let notes = notes.chain(arranged).chain(constant);
        let notes = notes.chain(prepared.notes.iter().cloned()).collect();
        let step = progress.begin(&format!("encrypting {} samples", prepared.rows()));
        // All files are written before the first takes its name: they belong together.
        let path = self.index_path(out)?;
        let mut index = Index::new(samples, pipeline.class_names(), &self.name);
        index.origin = prepared.origin;
        let written = index.write(&path)?;
        let pending_pipeline = is_new.then(|| self.write_pipeline(&pipeline)).transpose()?;
        let pending_out = Pending::write_while(out, Readers::Default, |file| {
            let unwritable = || files::cannot_write(out);
            if training.is_some() {
                let parameters = self.encryptor.parameters();
                write_contributor(file, parameters, &self.name).with_context(unwritable)?;
            }
            prepared.encrypt(self, &*step, |matrix, labels| {
                write_batch(file, &matrix, labels.as_ref()).with_context(unwritable)
            })
        })?;
        pending_pipeline.map(Pending::commit).transpose()?;
        written.commit()?;
        let bytes = pending_out.commit()?;
        step.finish();
        let (mut classes, mut class_counts) = samples.class_counts();
        // Of labels by other names it is not known which is positive.
        if classes != pipeline.class_names() {
            (classes, class_counts) = Default::default();
        }
        Ok(Encrypted {
            samples: prepared.rows(),
            columns: prepared.table.cols(),
            ciphertexts: prepared.ciphertexts(),
            bytes,
            bytes_per_sample: bytes / prepared.rows() as u64,
            labels: match (training, labels_are) {
                (None, _) => "withheld",
                (Some(_), LabelsAre::Clear) => "clear",
                (Some(_), _) => "encrypted",
            },
            classes,
            class_counts,
            notes,
            index: path,
        })
    }

    pub(super) fn encrypt_in_memory(
        &mut self,
        data: &DataSet,
        progress: &dyn Progress,
    ) -> Result<EncryptedDataSet> {
        let (pipeline, is_new) = self.fit(Some(data), false)?;
        // Every mini-batch gets its share of each class.
        let shuffled = self.plan.batch_rows()?.map(|_| data.shuffled(SEED));
        let data = shuffled.as_ref().unwrap_or(data);
        let labels = Some((data, LabelsAre::Encrypted));
        let prepared = Prepared::new(self, &pipeline, data.samples(), labels, is_new, progress)?;
        let step = progress.begin(&format!("encrypting {} samples", prepared.rows()));
        let mut parts = Vec::new();
        prepared.encrypt(self, &*step, |matrix, labels| {
            parts.push((matrix, labels.context("labels were given")?));
            Ok(())
        })?;
        step.finish();
        if is_new {
            self.adopt(pipeline)?;
        }
        Ok(EncryptedDataSet {
            contributor: self.name.clone(),
            parts,
            notes: prepared.notes,
        })
    }

    pub(super) fn encrypt_samples_in_memory(
        &self,
        samples: &Pixels,
        progress: &dyn Progress,
    ) -> Result<EncryptedSamples> {
        let (pipeline, _) = self.fit(None, false)?;
        let prepared = Prepared::new(self, &pipeline, samples, None, false, progress)?;
        let step = progress.begin(&format!("encrypting {} samples", prepared.rows()));
        let mut found = None;
        prepared.encrypt(self, &*step, |matrix, _| {
            found = Some(matrix);
            Ok(())
        })?;
        step.finish();
        Ok(EncryptedSamples(found.context("samples are one part")?))
    }

    fn encrypt_labels(
        &self,
        labels: ClassLabels,
        labels_are: LabelsAre,
        (layout, level): (Layout, usize),
        listener: &mut (dyn FnMut(Units) + Send),
    ) -> Result<Labels> {
        Ok(match labels_are {
            LabelsAre::Clear => Labels::Clear(labels),
            _ => Labels::Encrypted(EncryptedLabels::encrypt(
                &labels,
                layout,
                level,
                &self.encryptor,
                listener,
            )?),
        })
    }

    /// The pipeline that was fitted before, or one that is fitted to training data now.
    fn fit(&self, training: Option<&DataSet>, refit: bool) -> Result<(Pipeline, bool)> {
        let fitted = if refit { None } else { self.pipeline()? };
        let name = match self.features_path() {
            Some(path) => path.display().to_string(),
            None => FEATURES.to_owned(),
        };
        match (fitted, training) {
            (Some(pipeline), None) => Ok((pipeline, false)),
            (Some(pipeline), Some(data)) if pipeline.class_names() == data.class_names() => {
                Ok((pipeline, false))
            }
            (Some(pipeline), Some(data)) => Err(Error::input(format!(
                "{name} was made for the classes {}, but these data have {}: name the positive one \
                 with --positive, withhold labels that are not for training with --labels \
                 withheld, or start over with --refit",
                listed(pipeline.class_names()),
                listed(data.class_names()),
            ))),
            (None, Some(data)) => Ok((self.plan.fit(data)?, true)),
            (None, None) if refit => Err(Error::input(
                "--refit takes labels that are sent, because the classes are those of the features: leave \
                 out --labels withheld, or --refit",
            )),
            (None, None) => Err(Error::role(format!(
                "{name} is missing, which says how features are standardised: encrypt labelled \
                 training data first, or copy the file from a contributor who did",
            ))),
        }
    }

    /// In the contributor's directory, named after the file that is given away. An index is replaced with
    /// its file and never else: another file of the same name elsewhere gets a number.
    fn index_path(&self, out: &Path) -> Result<PathBuf> {
        let dir = self.dir.as_ref().context("there is no directory")?;
        let stem = out.file_stem().unwrap_or_default().to_string_lossy();
        let numbered = (2..).map(|number| format!("{stem}-{number}.index.csv"));
        let mut paths = std::iter::once(format!("{stem}.index.csv"))
            .chain(numbered)
            .map(|name| dir.join(name));
        let replaced = origin_of(&out.into(), self.encryptor.parameters()).ok();
        let free = |path: &PathBuf| match (path.symlink_metadata(), replaced) {
            (Err(_), _) => true,
            (Ok(_), None) => false,
            (Ok(_), Some(origin)) => {
                Index::read(path).is_ok_and(|index| index.origin.samples == origin.samples)
            }
        };
        paths.find(free).context("there is no name for the index")
    }
}

/// Features and labels, ready to be encrypted part by part.
struct Prepared {
    table: Table,
    /// What all parts say of themselves.
    origin: Origin,
    notes: Vec<String>,
    labels: Option<(ClassLabels, LabelsAre)>,
    parts: Vec<Part>,
}

/// Samples that are encrypted, and later read, together.
struct Part {
    rows: Range<usize>,
    layout: Layout,
    level: usize,
    /// Ciphertexts of its labels.
    labels: usize,
}

impl Prepared {
    fn new(
        contributor: &Contributor,
        pipeline: &Pipeline,
        samples: &Pixels,
        training: Option<(&DataSet, LabelsAre)>,
        is_new: bool,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let step = progress.begin("computing features");
        let table = pipeline.apply(samples)?;
        step.finish();
        let features = pipeline.id().map(str::parse);
        let origin = Origin {
            key_set: contributor.plan.key_set,
            features: features
                .transpose()
                .context("features.json has an id that is none")?,
            samples: Some(Id::random().context("cannot name the samples")?),
        };
        let labels = training
            .map(|(data, labels_are)| Ok::<_, Error>((class_labels(data)?, labels_are)))
            .transpose()?;
        let (plan, parameters) = (&contributor.plan, contributor.encryptor.parameters());
        let judged = Judged {
            plan,
            parameters,
            pipeline,
            contributor: &contributor.name,
            is_new,
        };
        let notes = judged.check(samples, &table, labels.as_ref().map(|(labels, _)| labels))?;
        // What is not read part by part is one part.
        let rows = Features::new(table.values(), table.cols())?.rows();
        let of_part = match &labels {
            Some(_) => plan.training_spec()?.part_rows(parameters)?,
            None => None,
        };
        let of_part = of_part.unwrap_or(rows);
        let mut parts = Vec::new();
        for first in (0..rows).step_by(of_part) {
            let rows = first..(first + of_part).min(rows);
            let (layout, level) = match &labels {
                Some(_) => plan.training_shape(rows.len(), parameters)?,
                None => plan.sample_shape(rows.len(), parameters)?,
            };
            parts.push(Part {
                rows,
                layout,
                level,
                labels: match &labels {
                    Some((_, LabelsAre::Encrypted)) => plan.label_ciphertexts(&layout),
                    _ => 0,
                },
            });
        }
        Ok(Self {
            table,
            origin,
            notes,
            labels,
            parts,
        })
    }

    fn rows(&self) -> usize {
        self.parts.last().map_or(0, |part| part.rows.end)
    }

    fn ciphertexts(&self) -> usize {
        let of_part = |part: &Part| part.labels + part.layout.blocks();
        self.parts.iter().map(of_part).sum()
    }

    /// Hands over each part, encrypted.
    fn encrypt(
        &self,
        contributor: &Contributor,
        step: &dyn Step,
        mut each: impl FnMut(EncryptedMatrix, Option<Labels>) -> Result<()>,
    ) -> Result<()> {
        let features = Features::new(self.table.values(), self.table.cols())?;
        let (mut done, total) = (0, self.ciphertexts());
        for part in &self.parts {
            let (layout, level) = (part.layout, part.level);
            let labels = match &self.labels {
                None => None,
                Some((labels, labels_are)) => {
                    let labels = labels.part(part.rows.clone())?;
                    let mut advance = |p: Units| step.advance(done + p.done, total);
                    let shape = (layout, level);
                    Some(contributor.encrypt_labels(labels, *labels_are, shape, &mut advance)?)
                }
            };
            done += part.labels;
            let matrix = EncryptedMatrix::encrypt(
                &features.part(part.rows.clone()),
                layout,
                level,
                &contributor.encryptor,
                &mut |p| step.advance(done + p.done, total),
            )?;
            done += layout.blocks();
            each(matrix.with_origin(self.origin), labels)?;
        }
        Ok(())
    }
}

/// Names for a message, which should not become a page.
fn listed(names: &[String]) -> String {
    const MOST: usize = 12;
    match names.len() {
        0..=MOST => names.join(" and "),
        more => format!("{} and {} more", names[..MOST].join(", "), more - MOST),
    }
}

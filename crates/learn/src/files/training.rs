//! Training files: labelled samples of one contributor or several, which need not fit into memory.

use std::collections::HashMap;
use std::io::{Seek, SeekFrom};

use tapetum_ckks::Parameters;
use tapetum_ckks::wire::Bundle;

use super::objects::Objects;
use super::{DataFile, FileError, FileLimits};
use crate::bundle::Contribution;
use crate::error::{LearnError, Result};
use crate::labels::{EncryptedLabels, Labels};
use crate::matrix::EncryptedMatrix;
use crate::origin::Origin;
use crate::session::BatchSource;
use crate::task::LabelKind;
use crate::training_spec::TrainingSpec;

/// Whose samples they are where a file does not say.
const UNNAMED: &str = "unnamed";

/// Where each batch of the files begins: a matrix and its labels.
///
/// Contributions are in the order of their contributors' names, and of the checksums of all they
/// hold for the same name; each stays in one piece, and none may come twice. So it does not
/// matter in which order files are named or were appended to each other, and without one of them
/// all is as if it had never been there, bit for bit.
#[derive(Clone, Debug)]
pub struct TrainingFiles {
    spec: TrainingSpec,
    parameters: Parameters,
    files: Vec<DataFile>,
    batches: Vec<Batch>,
    origin: Origin,
}

/// A matrix and its labels.
#[derive(Clone, Debug)]
struct Batch {
    /// The index of its file.
    file: usize,
    begin: u64,
    contributor: String,
    origin: Origin,
    labels: LabelKind,
    /// Of matrix and labels.
    checksums: [[u8; 32]; 2],
    /// Of all batches of the contribution.
    contribution: [u8; 32],
}

impl TrainingFiles {
    /// Finds the batches of files. Only the front and the checksum of each object are read.
    ///
    /// # Errors
    /// [`FileError`] if a file is not a training file for these parameters, exceeds the limits, holds what
    /// another holds as well, or was made with other keys or features than the others.
    pub fn open(
        files: impl IntoIterator<Item = impl Into<DataFile>>,
        spec: &TrainingSpec,
        parameters: &Parameters,
        limits: FileLimits,
    ) -> Result<Self, FileError> {
        let files: Vec<DataFile> = files.into_iter().map(Into::into).collect();
        let mut batches = Vec::new();
        for (index, file) in files.iter().enumerate() {
            let objects = Objects::open(file, parameters, limits)?;
            find(index, objects, limits, &mut batches)?;
        }
        // Stable: the batches of a contribution stay in their order.
        batches.sort_by(|a, b| {
            (&a.contributor, a.contribution).cmp(&(&b.contributor, b.contribution))
        });
        let origin = together(&files, &batches)?;
        let found = Self {
            origin,
            spec: spec.clone(),
            parameters: parameters.clone(),
            files,
            batches,
        };
        found.nonempty()
    }

    /// The same without the samples of these contributors, as if they had never been there.
    ///
    /// # Errors
    /// [`FileError`] if a contributor has no samples, or nobody else has.
    pub fn without(mut self, names: &[String]) -> Result<Self, FileError> {
        let contributors = self.contributors();
        if let Some(name) = names.iter().find(|name| !contributors.contains(name)) {
            return Err(FileError::UnknownContributor {
                name: name.clone(),
                contributors,
            });
        }
        self.batches
            .retain(|batch| !names.contains(&batch.contributor));
        self.nonempty()
    }

    fn nonempty(self) -> Result<Self, FileError> {
        match self.batches.is_empty() {
            true => Err(FileError::NothingLeft),
            false => Ok(self),
        }
    }

    /// Whose samples they are, in order.
    pub fn contributors(&self) -> Vec<String> {
        let mut names: Vec<_> = self.batches.iter().map(|b| b.contributor.clone()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Whose keys and features all samples have, as far as they say it.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// A hash of the checksums of all objects.
    pub fn checksum(&self) -> [u8; 32] {
        checksum_of_all(&self.batches)
    }

    /// Checks all batches to the last residue, and that they can be trained on together. None is kept: one ciphertext
    /// at a time is in memory.
    ///
    /// # Errors
    /// [`LearnError`] if one cannot be used, or some labels are encrypted and some are not.
    pub fn check(&self) -> Result<DataSummary> {
        let labels = self.label_kind()?;
        let mut summary = DataSummary {
            samples: 0,
            batches: self.batches.len(),
            level: usize::MAX,
            labels,
            expanded_bytes: 0,
            largest_batch_bytes: 0,
        };
        for batch in &self.batches {
            if batch.labels != labels {
                return Err(LearnError::Malformed {
                    what: "a set of training files",
                    reason: "labels must be encrypted in all batches or in none",
                });
            }
            let file = &self.files[batch.file];
            let mut objects = Objects::open(file, &self.parameters, FileLimits::default())?;
            objects.go_to(batch.begin);
            let found = objects.next()?;
            let (layout, level) = objects.skim(&found, |front| front.matrix())?;
            let mut bytes = found.expanded;
            let found = objects.next()?;
            objects.skim(&found, |front| {
                self.spec.check_shapes(&layout, front.labels()?)
            })?;
            bytes += found.expanded;
            summary.samples += layout.rows();
            summary.level = summary.level.min(level);
            summary.expanded_bytes += bytes;
            summary.largest_batch_bytes = summary.largest_batch_bytes.max(bytes);
        }
        Ok(summary)
    }
}

/// What a set of training files holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataSummary {
    /// Samples of all batches.
    pub samples: usize,
    /// Batches of all contributions.
    pub batches: usize,
    /// The lowest level of features.
    pub level: usize,
    /// Whether the server sees the labels.
    pub labels: LabelKind,
    /// Bytes that all batches take in memory.
    pub expanded_bytes: u64,
    /// The most bytes that one of them takes there.
    pub largest_batch_bytes: u64,
}

impl BatchSource for TrainingFiles {
    fn batches(&self) -> usize {
        self.batches.len()
    }

    fn read(&self, batch: usize) -> Result<(EncryptedMatrix, Labels)> {
        let Some(batch) = self.batches.get(batch) else {
            return Err(LearnError::Empty("batches left"));
        };
        let file = &self.files[batch.file];
        let mut reader = file.open()?;
        let found = reader.seek(SeekFrom::Start(batch.begin));
        found.map_err(|error| file.unreadable(error))?;
        let mut next = || Bundle::read(&self.parameters, &mut reader);
        let mut read = || -> Result<_> {
            let matrix = EncryptedMatrix::from_bundle(next()?)?;
            let labels = Labels::from_bundle(next()?)?;
            self.spec.check_samples(&matrix, &labels)?;
            Ok((matrix, labels))
        };
        Ok(read().map_err(|error| file.unusable(error))?)
    }

    fn label_kind(&self) -> Result<LabelKind> {
        let first = self.batches.first();
        Ok(first.ok_or(LearnError::Empty("batches"))?.labels)
    }
}

/// Adds the batches of a file.
fn find(
    file: usize,
    mut objects: Objects<'_>,
    limits: FileLimits,
    batches: &mut Vec<Batch>,
) -> Result<(), FileError> {
    let mut contributor = UNNAMED.to_owned();
    let mut start = batches.len();
    while objects.more() {
        let object = objects.next()?;
        if object.kind == Contribution::KIND {
            let bundle = objects.read(&object)?;
            let contribution = Contribution::from_bundle(bundle);
            let contribution = contribution.map_err(|error| objects.file.unusable(error))?;
            contributor = contribution.name().to_owned();
            close_contribution(&mut batches[start..]);
            start = batches.len();
            if !objects.more() {
                return Err(FileError::NoSamples(objects.file.name.clone()));
            }
            continue;
        }
        if batches.len() == limits.batches {
            return Err(FileError::TooManyBatches {
                file: objects.file.name.clone(),
                allowed: limits.batches,
            });
        }
        if !objects.more() {
            // If it is not a matrix at all, that is what is wrong.
            let matrix = EncryptedMatrix::from_bundle(objects.read(&object)?);
            matrix.map_err(|error| objects.file.unusable(error))?;
            return Err(FileError::NoLabels(objects.file.name.clone()));
        }
        let labels = objects.next()?;
        let origin = match object.kind == EncryptedMatrix::KIND {
            true => EncryptedMatrix::origin_in(&object.metadata)
                .map_err(|error| objects.file.unusable(error))?,
            false => Origin::default(),
        };
        batches.push(Batch {
            file,
            origin,
            begin: object.begin,
            contributor: contributor.clone(),
            labels: match labels.kind == EncryptedLabels::KIND {
                true => LabelKind::Encrypted,
                false => LabelKind::Clear,
            },
            checksums: [object.checksum, labels.checksum],
            contribution: [0; 32],
        });
    }
    close_contribution(&mut batches[start..]);
    Ok(())
}

/// What all batches have in common, which is to be learned from together.
fn together(files: &[DataFile], batches: &[Batch]) -> Result<Origin, FileError> {
    let name = |batch: &Batch| &files[batch.file].name;
    let mut origin = Origin::default();
    let mut first: Option<&Batch> = None;
    for batch in batches {
        let than = first.map_or("", |first| name(first));
        let joined = origin.join(&batch.origin, than);
        origin = joined.map_err(|error| files[batch.file].unusable(error))?;
        // The first of those that say what they are of.
        first = first.or_else(|| (!batch.origin.is_unknown()).then_some(batch));
    }
    let mut seen = HashMap::with_capacity(batches.len());
    for batch in batches {
        if let Some(other) = seen.insert(batch.checksums, batch.file) {
            return Err(FileError::Repeated {
                file: name(batch).clone(),
                other: files[other].name.clone(),
            });
        }
    }
    Ok(origin)
}

/// A hash of the checksums of all objects of these batches.
fn checksum_of_all(batches: &[Batch]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for checksum in batches.iter().flat_map(|batch| batch.checksums) {
        hasher.update(&checksum);
    }
    *hasher.finalize().as_bytes()
}

/// Marks the batches of a contribution as such.
fn close_contribution(batches: &mut [Batch]) {
    let contribution = checksum_of_all(batches);
    for batch in batches {
        batch.contribution = contribution;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimator_config::EstimatorConfig;
    use crate::layout::SlotOrder;
    use tapetum_ckks::Preset;

    /// A contribution with a mini-batch for each of `numbers`. Opening looks at no contents.
    fn contribution(parameters: &Parameters, name: &str, numbers: &[u8]) -> Vec<u8> {
        let front = Contribution::new(name).unwrap();
        let mut bytes = front.to_bundle(parameters).unwrap().to_bytes();
        for number in numbers {
            for what in ["samples", "labels"] {
                let bundle = Bundle::new(parameters, what, vec![*number], vec![]).unwrap();
                bytes.extend(bundle.to_bytes());
            }
        }
        bytes
    }

    #[test]
    fn contributions_stay_whole_in_any_order() {
        let parameters = Parameters::preset(Preset::N12);
        let spec = TrainingSpec {
            learner: EstimatorConfig::LinearMeans,
            columns: 1,
            classes: 2,
            block_cols: 1,
            slot_order: SlotOrder::Rows,
            threshold: None,
            levels: 1,
        };
        let [anne, also_anne, bert] = [
            contribution(&parameters, "anne", &[3, 1, 2]),
            contribution(&parameters, "anne", &[6, 4]),
            contribution(&parameters, "bert", &[5, 0]),
        ];
        let dir = tempfile::tempdir().unwrap();
        let open = |files: &[&[&[u8]]]| {
            let paths: Vec<_> = files
                .iter()
                .enumerate()
                .map(|(i, parts)| {
                    let path = dir.path().join(format!("{i}.enc"));
                    std::fs::write(&path, parts.concat()).unwrap();
                    path
                })
                .collect();
            TrainingFiles::open(paths, &spec, &parameters, FileLimits::default())
        };
        let order = |batches: &TrainingFiles| -> Vec<_> {
            batches
                .batches
                .iter()
                .map(|batch| batch.checksums)
                .collect()
        };

        let once = open(&[&[&anne]]).unwrap();
        let both = open(&[&[&bert, &anne]]).unwrap();
        assert_eq!(order(&both)[..3], order(&once));
        assert_eq!(order(&both)[3..], order(&open(&[&[&bert]]).unwrap()));

        let all = open(&[&[&anne, &also_anne, &bert]]).unwrap();
        assert_eq!(all.contributors(), ["anne", "bert"]);
        let others: [&[&[&[u8]]]; 3] = [
            &[&[&anne], &[&also_anne], &[&bert]],
            &[&[&bert, &anne], &[&also_anne]],
            &[&[&also_anne], &[&anne, &bert]],
        ];
        for files in others {
            let other = open(files).unwrap();
            assert_eq!(order(&other), order(&all));
            assert_eq!(other.checksum(), all.checksum());
        }
        assert_ne!(both.checksum(), all.checksum());

        // Nothing counts twice, in whatever file it comes.
        let twice: [&[&[&[u8]]]; 3] = [
            &[&[&anne], &[&anne]],
            &[&[&anne, &bert, &anne]],
            &[&[&bert, &anne], &[&also_anne, &anne]],
        ];
        for files in twice {
            let error = open(files).unwrap_err();
            assert!(matches!(error, FileError::Repeated { .. }), "{error}");
        }
    }
}

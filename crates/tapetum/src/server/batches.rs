//! Encrypted samples of one contributor or several, in files that need not fit into memory.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use tapetum_ckks::Parameters;
use tapetum_ckks::wire::{Bundle, Header, inspect};
use tapetum_learn::{Contribution, EncryptedMatrix, Labels};

use super::refuse_secret_key;
use super::training_set::{contributor_from, labels_from, matrix_from};
use crate::error::{Context, Error, Result};
use crate::folders::files;

/// Most batches of all files.
const MAX_BATCHES: usize = 1 << 20;
/// Bytes of the checksum at the end of each object.
const CHECKSUM_LEN: u64 = 32;
/// Whose samples they are where a file does not say.
const UNNAMED: &str = "unnamed";

/// Where each batch of the files begins: a matrix and its labels.
///
/// Contributions are in the order of their contributors' names, and of the checksums of all they
/// hold for the same name; each stays in one piece, also one that comes twice. So it does not
/// matter in which order files are named or were appended to each other, and without one of them
/// all is as if it had never been there, bit for bit.
pub struct Batches {
    parameters: Parameters,
    classes: usize,
    batches: Vec<Batch>,
}

/// A matrix and its labels.
struct Batch {
    path: PathBuf,
    begin: u64,
    contributor: String,
    /// Of matrix and labels.
    checksums: [[u8; 32]; 2],
    /// Of all batches of the contribution.
    contribution: [u8; 32],
}

impl Batches {
    /// Finds the batches of files, but for those of the contributors `without`. Only the front and the
    /// checksum of each object are read.
    pub fn open(
        paths: &[PathBuf],
        without: &[String],
        parameters: &Parameters,
        classes: usize,
    ) -> Result<Self> {
        let mut batches = Vec::new();
        for path in paths {
            refuse_secret_key(path)?;
            find(path, parameters, &mut batches)?;
        }
        for name in without {
            if batches.iter().all(|batch| batch.contributor != *name) {
                let message = format!(
                    "--without {name}: there are samples of {} only",
                    names(&batches).join(", ")
                );
                return Err(Error::input(message));
            }
        }
        batches.retain(|batch| !without.contains(&batch.contributor));
        if batches.is_empty() {
            return Err(Error::input("no samples are left to train on".to_owned()));
        }
        // Stable: the batches of a contribution stay in their order.
        batches.sort_by(|a, b| {
            (&a.contributor, a.contribution).cmp(&(&b.contributor, b.contribution))
        });
        Ok(Self {
            parameters: parameters.clone(),
            classes,
            batches,
        })
    }

    /// The number of batches.
    pub fn len(&self) -> usize {
        self.batches.len()
    }

    /// Whose samples they are, in order.
    pub fn contributors(&self) -> Vec<String> {
        names(&self.batches)
    }

    /// A hash of the checksums of all objects.
    pub fn checksum(&self) -> [u8; 32] {
        checksum_of_all(&self.batches)
    }

    /// Reads one batch, and checks all of it.
    pub fn read(&self, batch: usize) -> Result<(EncryptedMatrix, Labels)> {
        let Batch { path, begin, .. } = &self.batches[batch];
        let unusable = || format!("cannot use {}", path.display());
        let mut file = files::open(path)?;
        file.seek(SeekFrom::Start(*begin)).with_context(unusable)?;
        let matrix = matrix_from(&mut file, path, &self.parameters)?;
        let labels = Bundle::read(&self.parameters, &mut file).with_context(unusable)?;
        let labels = labels_from(labels, path)?;
        if labels.classes() != self.classes {
            let message = format!(
                "{} has labels of {} classes, but the keys were made for {}",
                path.display(),
                labels.classes(),
                self.classes
            );
            return Err(Error::input(message));
        }
        Ok((matrix, labels))
    }

    /// Calls `each` with batches in this order, while the next one is being read: no more than two
    /// are in memory. `each` says whether to go on.
    pub fn stream(
        &self,
        order: impl Iterator<Item = usize> + Send,
        mut each: impl FnMut(&EncryptedMatrix, &Labels) -> Result<bool>,
    ) -> Result<()> {
        thread::scope(|scope| {
            // Without room in between, the reader waits with the batch that it has.
            let (send, receive) = sync_channel(0);
            scope.spawn(move || {
                for batch in order {
                    // Nobody waits any longer.
                    if send.send(self.read(batch)).is_err() {
                        return;
                    }
                }
            });
            let receive: Receiver<Result<_>> = receive;
            for batch in &receive {
                let (matrix, labels) = batch?;
                if !each(&matrix, &labels)? {
                    break;
                }
            }
            Ok(())
        })
    }
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

/// The contributors of these batches.
fn names(batches: &[Batch]) -> Vec<String> {
    let mut names: Vec<_> = batches.iter().map(|b| b.contributor.clone()).collect();
    names.sort();
    names.dedup();
    names
}

/// Adds the batches of a file.
fn find(path: &Path, parameters: &Parameters, batches: &mut Vec<Batch>) -> Result<()> {
    let mut objects = Objects {
        file: files::open(path)?,
        path,
        at: 0,
        bytes: files::size(path)?,
    };
    if objects.bytes == 0 {
        return Err(wrong(path, "is empty"));
    }
    let mut contributor = UNNAMED.to_owned();
    let mut start = batches.len();
    while objects.at < objects.bytes {
        let begin = objects.at;
        let object = objects.next()?;
        if object.is_contribution {
            contributor = contributor_from(&mut objects.read_at(begin)?, path, parameters)?;
            close_contribution(&mut batches[start..]);
            start = batches.len();
            continue;
        }
        if batches.len() == MAX_BATCHES {
            return Err(wrong(path, "has more batches than can be"));
        }
        if objects.at == objects.bytes {
            // If it is no matrix at all, that is what is wrong.
            matrix_from(&mut objects.read_at(begin)?, path, parameters)?;
            return Err(wrong(
                path,
                "holds samples without labels: training needs labels, so encrypt labelled data \
                 with --labels encrypted or --labels clear",
            ));
        }
        let labels = objects.next()?;
        batches.push(Batch {
            path: path.to_owned(),
            begin,
            contributor: contributor.clone(),
            checksums: [object.checksum, labels.checksum],
            contribution: [0; 32],
        });
    }
    close_contribution(&mut batches[start..]);
    Ok(())
}

/// The objects of a file, one after the other.
struct Objects<'a> {
    file: std::io::BufReader<File>,
    path: &'a Path,
    at: u64,
    bytes: u64,
}

struct Object {
    is_contribution: bool,
    checksum: [u8; 32],
}

impl Objects<'_> {
    fn next(&mut self) -> Result<Object> {
        let begin = self.at;
        let summary = inspect(self.read_at(begin)?).with_context(|| match begin {
            0 => format!("cannot use {}", self.path.display()),
            _ => format!("{} goes on where it should end", self.path.display()),
        })?;
        let end = begin
            .checked_add(summary.file_len)
            .filter(|&end| end <= self.bytes && summary.file_len >= CHECKSUM_LEN)
            .ok_or_else(|| wrong(self.path, "is truncated"))?;
        let mut checksum = [0; CHECKSUM_LEN as usize];
        let read = self.read_at(end - CHECKSUM_LEN)?.read_exact(&mut checksum);
        read.with_context(|| format!("cannot use {}", self.path.display()))?;
        self.at = end;
        Ok(Object {
            is_contribution: matches!(&summary.header, Header::Bundle(b) if b.kind == Contribution::KIND),
            checksum,
        })
    }

    fn read_at(&mut self, at: u64) -> Result<&mut std::io::BufReader<File>> {
        let found = self.file.seek(SeekFrom::Start(at));
        found.with_context(|| format!("cannot use {}", self.path.display()))?;
        Ok(&mut self.file)
    }
}

fn wrong(path: &Path, what: &str) -> Error {
    Error::input(format!("{} {what}", path.display()))
}

/// The checksum at the end of a file that is one object.
pub fn checksum_of(path: &Path) -> Result<[u8; 32]> {
    let attempt = || -> Result<[u8; 32]> {
        let mut file = File::open(path)?;
        if file.seek(SeekFrom::End(0))? < CHECKSUM_LEN {
            return Err(Error::input("it is too short"));
        }
        file.seek(SeekFrom::End(-(CHECKSUM_LEN as i64)))?;
        let mut checksum = [0; CHECKSUM_LEN as usize];
        file.read_exact(&mut checksum)?;
        Ok(checksum)
    };
    attempt().with_context(|| format!("cannot use {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let [anne, also_anne, bert] = [
            contribution(&parameters, "anne", &[3, 1, 2]),
            contribution(&parameters, "anne", &[3, 4]),
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
            Batches::open(&paths, &[], &parameters, 2).unwrap()
        };
        let order = |batches: &Batches| -> Vec<_> {
            batches
                .batches
                .iter()
                .map(|batch| batch.checksums)
                .collect()
        };

        let once = open(&[&[&anne]]);
        let twice = open(&[&[&bert, &anne, &anne]]);
        let [first, again, last] = [0..3, 3..6, 6..8].map(|range| order(&twice)[range].to_vec());
        assert_eq!(first, order(&once));
        assert_eq!(again, order(&once));
        assert_eq!(last, order(&open(&[&[&bert]])));

        let all = open(&[&[&anne, &also_anne, &bert, &anne]]);
        assert_eq!(all.contributors(), ["anne", "bert"]);
        let others: [&[&[&[u8]]]; 3] = [
            &[&[&anne], &[&anne], &[&also_anne], &[&bert]],
            &[&[&bert, &anne], &[&also_anne, &anne]],
            &[&[&also_anne], &[&anne, &bert], &[&anne]],
        ];
        for files in others {
            let other = open(files);
            assert_eq!(order(&other), order(&all));
            assert_eq!(other.checksum(), all.checksum());
        }
        assert_ne!(twice.checksum(), all.checksum());
    }
}

//! What is given to the server, in memory.

use tapetum_ckks::Parameters;
use tapetum_ckks::wire::Bundle;
use tapetum_learn::files::{FileError, samples_from, write_batch, write_contributor};
use tapetum_learn::{Contribution, EncryptedMatrix, Labels, LearnError, Origin};

use crate::error::{Context, Result};

/// What bytes in memory are called where a file would have a name.
const BYTES: &str = "this";

/// Encrypted samples with their labels, to train on.
#[derive(Debug)]
pub struct EncryptedDataSet {
    pub(crate) contributor: String,
    /// More than one where training reads its samples part by part.
    pub(crate) parts: Vec<(EncryptedMatrix, Labels)>,
    pub(crate) notes: Vec<String>,
}

impl EncryptedDataSet {
    /// Whose samples they are.
    pub fn contributor(&self) -> &str {
        &self.contributor
    }

    /// What there is to note of the samples and their features.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// As the file that `encrypt` writes.
    ///
    /// # Errors
    /// [`Error`](crate::Error) if the name of the contributor is not one.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let (first, _) = self.parts.first().context("there are no samples")?;
        write_contributor(&mut bytes, first.parameters(), &self.contributor)?;
        for (matrix, labels) in &self.parts {
            write_batch(&mut bytes, matrix, Some(labels))?;
        }
        Ok(bytes)
    }

    /// The number of parts, which can be added up on different machines.
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// One part alone as such a file, or nothing if there is none.
    ///
    /// # Errors
    /// As [`to_bytes`](Self::to_bytes).
    pub fn part_to_bytes(&self, part: usize) -> Result<Option<Vec<u8>>> {
        let Some((matrix, labels)) = self.parts.get(part) else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        write_contributor(&mut bytes, matrix.parameters(), &self.contributor)?;
        write_batch(&mut bytes, matrix, Some(labels))?;
        Ok(Some(bytes))
    }

    /// From such a file, with all of it in memory.
    ///
    /// # Errors
    /// [`Error`](crate::Error) if it is not one for these parameters; [`FileError::NoLabels`] is its cause where samples
    /// have no labels.
    pub fn from_bytes(mut bytes: &[u8], parameters: &Parameters) -> Result<Self> {
        let (mut contributor, mut parts) = (String::new(), Vec::new());
        while !bytes.is_empty() {
            let bundle = Bundle::read(parameters, &mut bytes)?;
            if bundle.kind() == Contribution::KIND && parts.is_empty() {
                Contribution::from_bundle(bundle)?
                    .name()
                    .clone_into(&mut contributor);
                continue;
            }
            let matrix = EncryptedMatrix::from_bundle(bundle)?;
            if bytes.is_empty() {
                return Err(LearnError::from(FileError::NoLabels(BYTES.to_owned())).into());
            }
            let labels = Labels::from_bundle(Bundle::read(parameters, &mut bytes)?)?;
            parts.push((matrix, labels));
        }
        if parts.is_empty() {
            return Err(LearnError::from(FileError::NoSamples(BYTES.to_owned())).into());
        }
        Ok(Self {
            contributor,
            parts,
            notes: Vec::new(),
        })
    }

    /// The number of samples.
    pub fn samples(&self) -> usize {
        self.parts.iter().map(|(matrix, _)| matrix.samples()).sum()
    }
}

/// Encrypted samples to be classified.
#[derive(Debug)]
pub struct EncryptedSamples(pub(crate) EncryptedMatrix);

impl EncryptedSamples {
    /// As the file that `encrypt` writes.
    ///
    /// # Errors
    /// [`Error`](crate::Error) if there are more than a file can have.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        write_batch(&mut bytes, &self.0, None)?;
        Ok(bytes)
    }

    /// From such a file. Labels, which classification has no use for, are left alone.
    ///
    /// # Errors
    /// [`Error`](crate::Error) if it is not one for these parameters.
    pub fn from_bytes(mut bytes: &[u8], parameters: &Parameters) -> Result<Self> {
        Ok(Self(samples_from(&mut bytes, parameters)?))
    }

    /// The matrix itself.
    pub fn matrix(&self) -> &EncryptedMatrix {
        &self.0
    }

    /// Whose keys and features they have.
    pub fn origin(&self) -> &Origin {
        self.0.origin()
    }

    /// The number of samples.
    pub fn samples(&self) -> usize {
        self.0.samples()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folders::{EVALUATION_KEYS, FEATURES, SECRET_KEY};
    use crate::owner::Directories;
    use crate::{Owner, Plan, Server, Silent};
    use tapetum_learn::EstimatorConfig;
    use tapetum_vision::{DataSet, Samples, Table};

    fn rows(count: usize) -> DataSet {
        let labels: Vec<_> = (0..count).map(|row| row % 2).collect();
        let values = labels.iter().enumerate();
        let values = values.flat_map(|(row, &label)| [label as f64, (row % 5) as f64]);
        let table = Table::new(2, values.collect()).unwrap();
        let names = ["no", "yes"].map(str::to_owned).to_vec();
        let sources = (0..count).map(|row| row.to_string()).collect();
        DataSet::new(Samples::Table(table), labels, names, sources).unwrap()
    }

    #[test]
    fn what_was_made_in_memory_goes_to_files_and_back() {
        let plan = Plan::for_table(EstimatorConfig::LinearMeans, 2, 30).unwrap();
        let mut owner = Owner::generate(&plan).unwrap();
        let (first, second) = (rows(20), rows(10));
        let data = owner.encrypt(&first, &Silent).unwrap();
        let more = owner.encrypt(&second, &Silent).unwrap();
        let samples = owner.encrypt_samples(second.samples(), &Silent).unwrap();
        let parameters = plan.parameters().unwrap();

        let read = |data: &EncryptedDataSet| {
            EncryptedDataSet::from_bytes(&data.to_bytes().unwrap(), &parameters).unwrap()
        };
        let (data, more) = (read(&data), read(&more));
        assert_eq!((data.contributor(), data.samples()), ("owner", 20));
        let bytes = samples.to_bytes().unwrap();
        assert!(EncryptedDataSet::from_bytes(&bytes, &parameters).is_err());
        assert!(EncryptedDataSet::from_bytes(&bytes[..0], &parameters).is_err());
        let samples = EncryptedSamples::from_bytes(&bytes, &parameters).unwrap();
        assert_eq!(samples.origin().key_set, owner.plan().key_set);

        let keys = owner.evaluation_keys(&Silent).unwrap();
        let temporary = tempfile::tempdir().unwrap();
        let [dir, server] = ["owner", "server"].map(|name| temporary.path().join(name));
        let directories = Directories {
            owner: &dir,
            contributor: None,
            server: Some(&server),
        };
        owner.write(&keys, directories, None).unwrap();
        assert!(dir.join(FEATURES).exists() && server.join(EVALUATION_KEYS).exists());
        assert!(!server.join(SECRET_KEY).exists() && !server.join(FEATURES).exists());
        // Keys are never replaced.
        assert!(owner.write(&keys, directories, None).is_err());

        let server = Server::open(&server, None, &Silent).unwrap();
        let model = server.fit_together(&[&data, &more], &Silent).unwrap();
        let scores = server.decision_function(&model, &samples, &Silent).unwrap();
        let found = Owner::open(&dir).unwrap().predict(&scores).unwrap();
        assert_eq!(found, second.labels());
        // Another owner under the same parameters.
        let stranger = Owner::generate(&plan).unwrap();
        assert!(stranger.decision_function(&scores).is_err());
    }
}
